package recipes

import (
	"fmt"
	"slices"
	"strings"
)

// Optimizers lists the values of optim that sftui trains with.
func Optimizers() []string {
	return []string{
		"adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "adafactor", "ademamix",
		"paged_ademamix_32bit", "sgd", "adagrad", "rmsprop", "lion_32bit", "lion_8bit", "paged_lion_32bit", "paged_lion_8bit",
	}
}

// ourRules are the values that the engine refuses although TRL takes them. They
// mirror engine/compute (optim), engine's schedules and its row order; widen
// them there and here together.
func ourRules() []rule {
	return []rule{
		{"optimizer-not-supported", SeverityError, "optim", func(r *Recipe) *clash {
			return when(!slices.Contains(Optimizers(), r.Optim),
				fmt.Sprintf("optim %s is not supported by sftui; adamw_torch is, and adamw_bnb_8bit and adafactor need less memory.", r.Optim),
				fmt.Sprintf("sftui 不支持 optim %s；支持 adamw_torch，而 adamw_bnb_8bit 与 adafactor 更省显存。", r.Optim), "optim", "adamw_torch")
		}},
		{"optimizer-args-unread", SeverityWarning, "optim_args optim", func(r *Recipe) *clash {
			return when(r.OptimArgs != "" && slices.Contains(Optimizers(), r.Optim) && optimizerSettings(r.Optim) == nil,
				fmt.Sprintf("optim %s does not read optim_args; adam_beta1, adam_beta2, adam_epsilon and weight_decay set it.", r.Optim),
				fmt.Sprintf("optim %s 不读取 optim_args；请用 adam_beta1、adam_beta2、adam_epsilon 与 weight_decay 设置。", r.Optim), "optim_args", "null")
		}},
		{"optimizer-args", SeverityError, "optim_args optim", optimizerArgs},
		{"sampling-not-supported", SeverityError, "train_sampling_strategy", func(r *Recipe) *clash {
			return when(r.TrainSamplingStrategy == "batch_rebalance",
				fmt.Sprintf("train_sampling_strategy %s is not supported by sftui: it balances the work of several devices, and training runs on one.", r.TrainSamplingStrategy),
				fmt.Sprintf("sftui 不支持 train_sampling_strategy %s：它平衡多个设备的工作量，而训练在单设备上进行。", r.TrainSamplingStrategy), "train_sampling_strategy", "random")
		}},
		{"optimizer-settings-unused", SeverityNote, "optim_target_modules optim", func(r *Recipe) *clash {
			return when(len(r.OptimTargetModules) > 0 && !strings.Contains(r.Optim, "galore") && !strings.Contains(r.Optim, "apollo"),
				fmt.Sprintf("optim_target_modules is for the galore and apollo optimizers; optim is %s.", r.Optim),
				fmt.Sprintf("optim_target_modules 用于 galore 与 apollo 优化器，而 optim 为 %s。", r.Optim), "optim_target_modules", "null")
		}},
	}
}
