package recipes

import "fmt"

// stepRules are about how long the run is and how often things happen in it.
func stepRules() []rule {
	return []rule{
		{"nothing-to-do", SeverityError, "num_train_epochs max_steps", func(r *Recipe) *clash {
			return when(r.NumTrainEpochs == 0 && r.MaxSteps < 0,
				"num_train_epochs 0 without max_steps is a run of no steps.",
				"num_train_epochs 为 0 且没有设置 max_steps，运行不含任何训练步。", "num_train_epochs", "3")
		}},
		{"max-steps-zero", SeverityError, "max_steps", func(r *Recipe) *clash {
			return when(r.MaxSteps == 0,
				"max_steps 0 is not the same as unset: transformers then makes one step with a learning rate of 0 and ends. Leave it at -1, and num_train_epochs decides.",
				"max_steps 为 0 不等于未设置：transformers 会以学习率 0 走一步后结束。请保持 -1，由 num_train_epochs 决定长度。", "max_steps", "-1")
		}},
		{"max-steps-wins", SeverityNote, "max_steps num_train_epochs", func(r *Recipe) *clash {
			return when(r.MaxSteps > 0 && r.IsSet("num_train_epochs"),
				fmt.Sprintf("max_steps %d decides the length; num_train_epochs %g is not used.", r.MaxSteps, r.NumTrainEpochs),
				fmt.Sprintf("由 max_steps %d 决定长度；num_train_epochs %g 不起作用。", r.MaxSteps, r.NumTrainEpochs), "max_steps", "-1")
		}},
		{"logging-steps-zero", SeverityError, "logging_steps logging_strategy", func(r *Recipe) *clash {
			return when(r.LoggingStrategy == "steps" && r.LoggingSteps == 0,
				"logging_strategy steps needs logging_steps above 0.",
				"logging_strategy 为 steps 时 logging_steps 必须大于 0。", "logging_steps", "10")
		}},
		{"save-steps-zero", SeverityError, "save_steps save_strategy", func(r *Recipe) *clash {
			return when(r.SaveStrategy == "steps" && r.SaveSteps == 0,
				"save_strategy steps needs save_steps above 0.",
				"save_strategy 为 steps 时 save_steps 必须大于 0。", "save_steps", "500")
		}},
		{"logging-steps-fraction", SeverityError, "logging_steps", func(r *Recipe) *clash {
			return wholeSteps("logging_steps", r.LoggingStrategy == "steps", r.LoggingSteps)
		}},
		{"eval-steps-fraction", SeverityError, "eval_steps", func(r *Recipe) *clash {
			return wholeSteps("eval_steps", r.EvalStrategy == "steps", r.EvalEvery())
		}},
		{"save-steps-fraction", SeverityError, "save_steps", func(r *Recipe) *clash {
			return wholeSteps("save_steps", r.SaveStrategy == "steps", r.SaveSteps)
		}},
		{"save-after-the-end", SeverityNote, "save_steps max_steps", func(r *Recipe) *clash {
			return when(r.SaveStrategy == "steps" && r.MaxSteps > 0 && r.SaveSteps > float64(r.MaxSteps) && r.IsSet("save_steps"),
				fmt.Sprintf("save_steps %g is beyond the last step %d: there is no checkpoint to resume from until the end.", r.SaveSteps, r.MaxSteps),
				fmt.Sprintf("save_steps %g 超过最后一步 %d：结束前没有可供续训的检查点。", r.SaveSteps, r.MaxSteps), "save_steps", fmt.Sprint(max(1, r.MaxSteps/2)))
		}},
		{"checkpoint-without-optimizer", SeverityWarning, "save_only_model", func(r *Recipe) *clash {
			return when(r.SaveOnlyModel && r.SaveStrategy != "no",
				"save_only_model leaves out the optimizer and the position in the data, so a stopped run cannot be resumed exactly.",
				"save_only_model 不保存优化器与数据位置，中断的运行无法精确续训。", "save_only_model", "false")
		}},
		{"one-checkpoint-and-best", SeverityNote, "save_total_limit load_best_model_at_end", func(r *Recipe) *clash {
			return when(r.SaveTotalLimit != nil && *r.SaveTotalLimit == 1 && r.LoadBestModelAtEnd,
				"With load_best_model_at_end two checkpoints may be kept although save_total_limit is 1: the best and the last.",
				"启用 load_best_model_at_end 时，即使 save_total_limit 为 1 也可能保留两个检查点：最佳与最新。", "save_total_limit", "2")
		}},
		{"data-not-skipped", SeverityWarning, "ignore_data_skip", func(r *Recipe) *clash {
			return when(r.IgnoreDataSkip,
				"ignore_data_skip begins the data anew after a resume, so rows are seen twice; sftui finds its place at no cost.",
				"ignore_data_skip 在续训后从头读取数据，有些行会重复；sftui 定位数据没有代价。", "ignore_data_skip", "false")
		}},
		{"no-averaging", SeverityNote, "average_tokens_across_devices", func(r *Recipe) *clash {
			return when(!r.AverageTokensAcrossDevices,
				"average_tokens_across_devices off weighs devices rather than tokens; with one device, as in sftui, there is no difference.",
				"关闭 average_tokens_across_devices 会按设备而非词元加权；sftui 只用一个设备，没有差别。", "average_tokens_across_devices", "true")
		}},
		{"clipping-off", SeverityNote, "max_grad_norm", func(r *Recipe) *clash {
			return when(r.MaxGradNorm == 0,
				"max_grad_norm 0 switches clipping off, so one odd batch can throw the weights far.",
				"max_grad_norm 为 0 即关闭裁剪，一个异常批次就可能让权重大幅偏离。", "max_grad_norm", "1.0")
		}},
	}
}

// wholeSteps checks that a number of steps above 1 is whole.
func wholeSteps(key string, active bool, v float64) *clash {
	return when(active && v > 1 && v != float64(int64(v)),
		fmt.Sprintf("%s %g must be a whole number of steps, or a share of the run below 1.", key, v),
		fmt.Sprintf("%s %g 必须是整数步数，或小于 1 的比例。", key, v), key, fmt.Sprint(int64(v)))
}
