package recipes

import (
	"fmt"
	"slices"
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
		{"loss-not-supported", SeverityError, "loss_type", func(r *Recipe) *clash {
			return when(r.LossType == "dft",
				"loss_type dft is not supported by sftui; nll is the usual loss.",
				"sftui 不支持 loss_type dft；nll 是通常的损失。", "loss_type", "nll")
		}},
		{"optimizer-not-supported", SeverityError, "optim", func(r *Recipe) *clash {
			return when(!slices.Contains(Optimizers(), r.Optim),
				fmt.Sprintf("optim %s is not supported by sftui; adamw_torch is, and adamw_bnb_8bit and adafactor need less memory.", r.Optim),
				fmt.Sprintf("sftui 不支持 optim %s；支持 adamw_torch，而 adamw_bnb_8bit 与 adafactor 更省显存。", r.Optim), "optim", "adamw_torch")
		}},
		{"optimizer-args-unread", SeverityWarning, "optim_args optim", func(r *Recipe) *clash {
			return when(r.OptimArgs != "" && slices.Contains(Optimizers(), r.Optim) && !slices.Contains([]string{"sgd", "adagrad", "rmsprop", "ademamix", "paged_ademamix_32bit"}, r.Optim),
				fmt.Sprintf("optim %s does not read optim_args; adam_beta1, adam_beta2, adam_epsilon and weight_decay set it.", r.Optim),
				fmt.Sprintf("optim %s 不读取 optim_args；请用 adam_beta1、adam_beta2、adam_epsilon 与 weight_decay 设置。", r.Optim), "optim_args", "null")
		}},
		{"schedule-not-supported", SeverityError, "lr_scheduler_type", func(r *Recipe) *clash {
			return when(r.LrSchedulerType == "reduce_lr_on_plateau" || r.LrSchedulerType == "greedy",
				fmt.Sprintf("lr_scheduler_type %s is not supported by sftui; cosine falls gently by itself.", r.LrSchedulerType),
				fmt.Sprintf("sftui 不支持 lr_scheduler_type %s；cosine 会自行平缓下降。", r.LrSchedulerType), "lr_scheduler_type", "cosine")
		}},
		{"sampling-not-supported", SeverityError, "train_sampling_strategy", func(r *Recipe) *clash {
			return when(r.TrainSamplingStrategy != "random" && r.TrainSamplingStrategy != "sequential",
				fmt.Sprintf("train_sampling_strategy %s is not supported by sftui, which lays rows end to end and has no padding to save.", r.TrainSamplingStrategy),
				fmt.Sprintf("sftui 不支持 train_sampling_strategy %s；它让各行首尾相接，没有填充可省。", r.TrainSamplingStrategy), "train_sampling_strategy", "random")
		}},
		{"mixture-not-supported", SeverityError, "dataset_mixture dataset_name", func(r *Recipe) *clash {
			return when(r.DatasetMixture != nil && r.DatasetName == "",
				"dataset_mixture is not supported by sftui; join the files and name them in dataset_name as a file, a folder or a pattern.",
				"sftui 不支持 dataset_mixture；请合并文件，并在 dataset_name 中以文件、文件夹或通配符指定。", "dataset_name", firstOfMixture(r))
		}},
		{"resume-in-recipe", SeverityWarning, "resume_from_checkpoint", func(r *Recipe) *clash {
			return when(r.ResumeFromCheckpoint != "",
				"resume_from_checkpoint is not read by sftui; `sftui train --resume --run DIR` goes on with a run.",
				"sftui 不读取 resume_from_checkpoint；请用 `sftui train --resume --run DIR` 续训。", "resume_from_checkpoint", "null")
		}},
	}
}

// firstOfMixture names the mixture's first data set, as a stand-in for all.
func firstOfMixture(r *Recipe) string {
	if r.DatasetMixture == nil || len(r.DatasetMixture.Datasets) == 0 {
		return "sftui:sample"
	}
	return r.DatasetMixture.Datasets[0].ID
}
