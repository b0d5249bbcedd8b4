package recipes

import (
	"fmt"
	"slices"
	"strings"
)

// scheduleRules are about the learning rate, its warmup and what the optimizer makes of it.
func scheduleRules() []rule {
	return []rule{
		{"learning-rate-zero", SeverityWarning, "learning_rate", func(r *Recipe) *clash {
			return when(r.LearningRate == 0, "learning_rate 0 changes no weight.", "learning_rate 为 0，权重不会改变。", "learning_rate", "2.0e-05")
		}},
		{"learning-rate-high", SeverityWarning, "learning_rate", func(r *Recipe) *clash {
			limit, usual := 5e-4, "2.0e-05"
			if r.UsePeft {
				limit, usual = 2e-3, "2.0e-04"
			}
			return when(r.LearningRate > limit,
				fmt.Sprintf("learning_rate %g is above %g, where fine-tuning usually destroys what the model knew; %s is usual here.", r.LearningRate, limit, usual),
				fmt.Sprintf("learning_rate %g 高于 %g，微调通常会毁掉模型原有的能力；此处常用 %s。", r.LearningRate, limit, usual), "learning_rate", usual)
		}},
		{"constant-without-warmup", SeverityWarning, "lr_scheduler_type warmup_steps", func(r *Recipe) *clash {
			return when(r.LrSchedulerType == "constant" && r.WarmupSteps > 0,
				"lr_scheduler_type constant ignores warmup_steps; constant_with_warmup has one.",
				"lr_scheduler_type constant 会忽略 warmup_steps；constant_with_warmup 才有预热。", "lr_scheduler_type", "constant_with_warmup")
		}},
		{"warmup-never-ends", SeverityWarning, "warmup_steps max_steps", func(r *Recipe) *clash {
			return when(r.MaxSteps > 0 && r.WarmupSteps >= 1 && r.WarmupSteps >= float64(r.MaxSteps),
				fmt.Sprintf("warmup_steps %g is not shorter than the run of %d steps, so the learning rate never reaches its value.", r.WarmupSteps, r.MaxSteps),
				fmt.Sprintf("warmup_steps %g 不短于总步数 %d，学习率始终达不到设定值。", r.WarmupSteps, r.MaxSteps), "warmup_steps", "0.03")
		}},
		{"warmup-fraction", SeverityWarning, "warmup_steps", func(r *Recipe) *clash {
			return when(r.WarmupSteps > 1 && r.WarmupSteps != float64(int(r.WarmupSteps)),
				fmt.Sprintf("warmup_steps %g is neither a share below 1 nor a whole number of steps.", r.WarmupSteps),
				fmt.Sprintf("warmup_steps %g 既不是小于 1 的比例，也不是整数步数。", r.WarmupSteps), "warmup_steps", fmt.Sprint(int(r.WarmupSteps)))
		}},
		{"adam-beta-one", SeverityError, "adam_beta1 adam_beta2", func(r *Recipe) *clash {
			key := "adam_beta1"
			if r.AdamBeta2 >= 1 {
				key = "adam_beta2"
			}
			usual := map[string]string{"adam_beta1": "0.9", "adam_beta2": "0.999"}[key]
			return when(r.AdamBeta1 >= 1 || r.AdamBeta2 >= 1, key+" must be below 1: at 1 Adam's average never forgets its start at zero.",
				key+" 必须小于 1：等于 1 时 Adam 的平均永远停在零。", key, usual)
		}},
		{"strong-decay", SeverityNote, "weight_decay", func(r *Recipe) *clash {
			return when(r.WeightDecay > 0.3,
				fmt.Sprintf("weight_decay %g pulls every weight towards zero by %g a step; 0 to 0.1 is usual in fine-tuning.", r.WeightDecay, r.WeightDecay*r.LearningRate),
				fmt.Sprintf("weight_decay %g 每步把权重向零拉 %g；微调常用 0 到 0.1。", r.WeightDecay, r.WeightDecay*r.LearningRate), "weight_decay", "0.01")
		}},
	}
}

// schedulerKwargsRules are about the settings of the course and what it follows.
func schedulerKwargsRules() []rule {
	return []rule{
		{"min-lr-missing", SeverityError, "lr_scheduler_kwargs lr_scheduler_type", func(r *Recipe) *clash {
			_, a := r.LrSchedulerKwargs["min_lr"]
			_, b := r.LrSchedulerKwargs["min_lr_rate"]
			return when(r.hasMinLR() && a == b,
				fmt.Sprintf("lr_scheduler_type %s needs exactly one of min_lr and min_lr_rate in lr_scheduler_kwargs.", r.LrSchedulerType),
				fmt.Sprintf("lr_scheduler_type %s 需要在 lr_scheduler_kwargs 中恰好给出 min_lr 与 min_lr_rate 之一。", r.LrSchedulerType), "lr_scheduler_kwargs", edited(r.LrSchedulerKwargs, Object{"min_lr_rate": 0.1}, "min_lr"))
		}},
		{"min-lr-high", SeverityWarning, "lr_scheduler_kwargs learning_rate", func(r *Recipe) *clash {
			v, ok := asFloat(r.LrSchedulerKwargs["min_lr"])
			return when(r.hasMinLR() && ok && v >= r.LearningRate && r.LearningRate > 0,
				fmt.Sprintf("min_lr %g is not below learning_rate %g, so the learning rate rises instead of falling.", v, r.LearningRate),
				fmt.Sprintf("min_lr %g 不低于 learning_rate %g，学习率会上升而不是下降。", v, r.LearningRate), "lr_scheduler_kwargs", edited(r.LrSchedulerKwargs, Object{"min_lr_rate": 0.1}, "min_lr"))
		}},
		{"decay-steps-missing", SeverityError, "lr_scheduler_kwargs lr_scheduler_type", func(r *Recipe) *clash {
			_, ok := r.LrSchedulerKwargs["num_decay_steps"]
			return when(r.LrSchedulerType == "warmup_stable_decay" && !ok,
				"lr_scheduler_type warmup_stable_decay needs num_decay_steps in lr_scheduler_kwargs.",
				"lr_scheduler_type warmup_stable_decay 需要在 lr_scheduler_kwargs 中给出 num_decay_steps。", "lr_scheduler_kwargs", edited(r.LrSchedulerKwargs, Object{"num_decay_steps": int64(100)}))
		}},
		{"lr-end-high", SeverityError, "lr_scheduler_kwargs learning_rate", func(r *Recipe) *clash {
			end, given := asFloat(r.LrSchedulerKwargs["lr_end"])
			if !given {
				end = 1e-7 // transformers' own
			}
			fix := Fix{"lr_scheduler_kwargs", unset(r.LrSchedulerKwargs, "lr_end")}
			if !given {
				fix = Fix{"learning_rate", "2.0e-05"}
			}
			return when(r.LrSchedulerType == "polynomial" && r.LearningRate > 0 && end >= r.LearningRate,
				fmt.Sprintf("lr_scheduler_type polynomial falls to lr_end %g, which is not below learning_rate %g; transformers refuses it.", end, r.LearningRate),
				fmt.Sprintf("lr_scheduler_type polynomial 降到 lr_end %g，它不低于 learning_rate %g；transformers 会拒绝。", end, r.LearningRate), fix.Key, fix.Value)
		}},
		{"decay-shape", SeverityError, "lr_scheduler_kwargs", func(r *Recipe) *clash {
			for _, k := range []string{"warmup_type", "decay_type"} {
				v, given := r.LrSchedulerKwargs[k]
				if r.LrSchedulerType == "warmup_stable_decay" && given && v != "linear" && v != "cosine" && v != "1-sqrt" {
					return say(fmt.Sprintf("lr_scheduler_kwargs has %s %v; transformers knows linear, cosine and 1-sqrt.", k, v),
						fmt.Sprintf("lr_scheduler_kwargs 的 %s 为 %v；transformers 只认识 linear、cosine 与 1-sqrt。", k, v), "lr_scheduler_kwargs", unset(r.LrSchedulerKwargs, k))
				}
			}
			return nil
		}},
		{"scheduler-settings", SeverityError, "lr_scheduler_kwargs lr_scheduler_type", unknownSchedulerKwargs},
		{"adaptive-schedule-without-eval", SeverityError, "lr_scheduler_type eval_strategy", func(r *Recipe) *clash {
			fix := Fix{"eval_strategy", r.evaluating()}
			if !r.canEvaluate() {
				fix = Fix{"lr_scheduler_type", "cosine"}
			}
			return when((r.LrSchedulerType == "reduce_lr_on_plateau" || r.LrSchedulerType == "greedy") && r.EvalStrategy == "no",
				fmt.Sprintf("lr_scheduler_type %s follows the evaluation loss, but eval_strategy is no.", r.LrSchedulerType),
				fmt.Sprintf("lr_scheduler_type %s 依据评估损失调整，而 eval_strategy 为 no。", r.LrSchedulerType), fix.Key, fix.Value)
		}},
	}
}

// hasMinLR reports whether the schedule ends above zero and must be told where.
func (r *Recipe) hasMinLR() bool {
	return r.LrSchedulerType == "cosine_with_min_lr" || r.LrSchedulerType == "cosine_warmup_with_min_lr"
}

// schedulerKwargs are the settings each of transformers' schedules accepts; it
// stops at any other. Schedules that are absent ignore them.
func schedulerKwargs(schedule string) (allowed string, checked bool) {
	allowed, checked = map[string]string{
		"linear":                    "",
		"cosine":                    "num_cycles",
		"cosine_with_restarts":      "num_cycles",
		"polynomial":                "lr_end power",
		"inverse_sqrt":              "timescale",
		"cosine_with_min_lr":        "num_cycles min_lr min_lr_rate",
		"cosine_warmup_with_min_lr": "num_cycles min_lr min_lr_rate warmup_lr_rate",
		"warmup_stable_decay":       "num_decay_steps num_stable_steps warmup_type decay_type min_lr_ratio num_cycles",
		"reduce_lr_on_plateau":      "mode factor patience threshold threshold_mode cooldown min_lr eps",
		"greedy":                    "mode factor patience threshold threshold_mode cooldown warmup min_lr max_lr eps verbose smooth window_size reset_start",
	}[schedule]
	return allowed, checked
}

// unknownSchedulerKwargs finds settings that the schedule does not take.
func unknownSchedulerKwargs(r *Recipe) *clash {
	allowed, checked := schedulerKwargs(r.LrSchedulerType)
	if !checked {
		return nil
	}
	names := strings.Fields(allowed)
	for _, k := range sortedKeys(r.LrSchedulerKwargs) {
		if slices.Contains(names, k) || k == "last_epoch" {
			continue
		}
		takes, takesChinese := "takes none", "不接受任何设置"
		if len(names) > 0 {
			takes, takesChinese = "takes "+strings.Join(names, ", "), "接受 "+strings.Join(names, "、")
		}
		return say(fmt.Sprintf("lr_scheduler_kwargs has %q, which lr_scheduler_type %s does not take (it %s); transformers stops there.", k, r.LrSchedulerType, takes),
			fmt.Sprintf("lr_scheduler_kwargs 含有 %q，而 lr_scheduler_type %s 不接受它（%s）；transformers 会因此停止。", k, r.LrSchedulerType, takesChinese), "lr_scheduler_kwargs", only(r.LrSchedulerKwargs, append(names, "last_epoch")...))
	}
	return nil
}

// asFloat reads a number out of an Object.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	}
	return 0, false
}
