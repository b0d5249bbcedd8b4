package recipes

import "fmt"

// launchRules are about data loading and several devices, as transformers checks them.
func launchRules() []rule {
	return []rule{
		{"prefetch-without-workers", SeverityError, "dataloader_prefetch_factor dataloader_num_workers", func(r *Recipe) *clash {
			return when(r.DataloaderPrefetchFactor != nil && r.DataloaderNumWorkers == 0,
				"dataloader_prefetch_factor needs dataloader_num_workers above 0; transformers refuses it otherwise.",
				"dataloader_prefetch_factor 需要 dataloader_num_workers 大于 0，否则 transformers 会拒绝。", "dataloader_prefetch_factor", "null")
		}},
		{"persistent-without-workers", SeverityError, "dataloader_persistent_workers dataloader_num_workers", func(r *Recipe) *clash {
			return when(r.DataloaderPersistentWorkers && r.DataloaderNumWorkers == 0,
				"dataloader_persistent_workers needs dataloader_num_workers above 0; PyTorch refuses it otherwise.",
				"dataloader_persistent_workers 需要 dataloader_num_workers 大于 0，否则 PyTorch 会拒绝。", "dataloader_persistent_workers", "false")
		}},
		{"fsdp-with-deepspeed", SeverityError, "fsdp deepspeed", func(r *Recipe) *clash {
			return when(r.Fsdp != "" && len(r.Deepspeed) > 0,
				"fsdp and deepspeed both shard the model; transformers refuses the two together.",
				"fsdp 与 deepspeed 都会切分模型；transformers 拒绝同时使用。", "deepspeed", "null")
		}},
		{"fsdp-checkpointing-twice", SeverityError, "fsdp_config gradient_checkpointing", func(r *Recipe) *clash {
			on, _ := r.FsdpConfig["activation_checkpointing"].(bool)
			return when(on && r.Checkpointing(),
				"fsdp_config switches on FSDP's own activation checkpointing while gradient_checkpointing is on too; transformers refuses both.",
				"fsdp_config 启用了 FSDP 自己的激活检查点，而 gradient_checkpointing 也启用；transformers 会拒绝。", r.checkpointingSwitch(), "false")
		}},
		{"zero3-adapter-checkpointing", SeverityWarning, "deepspeed use_peft gradient_checkpointing_kwargs", func(r *Recipe) *clash {
			explicit, set := r.CheckpointingKwargs()["use_reentrant"].(bool)
			return when(r.zeroStage() == 3 && r.UsePeft && r.Checkpointing() && set && !explicit,
				"Under ZeRO-3 with an adapter TRL turns use_reentrant false into true.",
				"在 ZeRO-3 加适配器时，TRL 会把 use_reentrant 从 false 改为 true。", r.checkpointingKey(), edited(r.CheckpointingKwargs(), Object{"use_reentrant": true}))
		}},
		{"zero3-auto-batch", SeverityError, "auto_find_batch_size deepspeed", func(r *Recipe) *clash {
			return when(r.AutoFindBatchSize && r.zeroStage() == 3,
				"auto_find_batch_size does not work with ZeRO-3; transformers refuses it.",
				"auto_find_batch_size 不能与 ZeRO-3 同用，transformers 会拒绝。", "auto_find_batch_size", "false")
		}},
		{"auto-batch-changes-steps", SeverityWarning, "auto_find_batch_size gradient_accumulation_steps", func(r *Recipe) *clash {
			return when(r.AutoFindBatchSize,
				"auto_find_batch_size halves the batch when memory runs out without raising the accumulation, so the run silently trains with other steps; sftui forecasts the memory and lets you change both.",
				"auto_find_batch_size 在显存不足时把批大小减半却不增加累积，训练的步子悄悄改变；sftui 预测显存并让你同时调整二者。", "auto_find_batch_size", "false")
		}},
		{"sharded-best-model", SeverityError, "save_only_model load_best_model_at_end fsdp deepspeed", func(r *Recipe) *clash {
			return when(r.SaveOnlyModel && r.LoadBestModelAtEnd && (r.Fsdp != "" || len(r.Deepspeed) > 0),
				"save_only_model with load_best_model_at_end cannot restore a sharded model; transformers refuses it.",
				"切分模型时，save_only_model 加 load_best_model_at_end 无法恢复，transformers 会拒绝。", "save_only_model", "false")
		}},
		{"context-parallel-packing", SeverityError, "parallelism_config packing", func(r *Recipe) *clash {
			size, _ := asFloat(r.ParallelismConfig["cp_size"])
			return when(size > 1 && (r.Packing || r.EvalPacks()),
				"Context parallelism drops the mask that keeps packed rows apart; TRL refuses it with packing.",
				"上下文并行会丢掉隔开打包行的掩码，TRL 拒绝与 packing 同用。", "parallelism_config", unset(r.ParallelismConfig, "cp_size"))
		}},
		{"accumulation-twice", SeverityError, "accelerator_config gradient_accumulation_steps", func(r *Recipe) *clash {
			inner, _ := r.AcceleratorConfig["gradient_accumulation_kwargs"].(Object)
			n, ok := asFloat(inner["num_steps"])
			return when(ok && r.GradientAccumulationSteps > 1,
				fmt.Sprintf("accelerator_config sets num_steps %g and gradient_accumulation_steps is %d; transformers refuses the two together.", n, r.GradientAccumulationSteps),
				fmt.Sprintf("accelerator_config 设置了 num_steps %g，而 gradient_accumulation_steps 为 %d；transformers 会拒绝。", n, r.GradientAccumulationSteps), "accelerator_config", unset(r.AcceleratorConfig, "gradient_accumulation_kwargs"))
		}},
		{"hub-without-name", SeverityNote, "push_to_hub hub_model_id output_dir", func(r *Recipe) *clash {
			return when(r.PushToHub && r.HubModelID == "" && r.OutputDir == "",
				"push_to_hub has no name to push to: neither hub_model_id nor output_dir is set.",
				"push_to_hub 没有可推送的名称：hub_model_id 与 output_dir 都未设置。", "push_to_hub", "false")
		}},
	}
}

// zeroStage returns the stage a deepspeed mapping asks for, 0 when it does not say.
func (r *Recipe) zeroStage() int {
	zero, _ := r.Deepspeed["zero_optimization"].(Object)
	stage, _ := asFloat(zero["stage"])
	return int(stage)
}
