package recipes

import "fmt"

// memoryRules are about checkpointing, caches, kernels and batches.
func memoryRules() []rule {
	return append(checkpointingRules(), []rule{
		{"liger-custom-model", SeverityWarning, "use_liger_kernel trust_remote_code", func(r *Recipe) *clash {
			return when(r.UseLigerKernel && r.TrustRemoteCode,
				"use_liger_kernel patches the model classes that transformers ships; a model with its own code is left unpatched, or broken.",
				"use_liger_kernel 只改写 transformers 自带的模型类；自带代码的模型不会被改写，甚至会出错。", "use_liger_kernel", "false")
		}},
		{"liger-fused-loss", SeverityError, "liger_kernel_config use_liger_kernel", func(r *Recipe) *clash {
			on, _ := r.LigerKernelConfig["fused_linear_cross_entropy"].(bool)
			return when(r.UseLigerKernel && on,
				"TRL refuses liger_kernel_config with fused_linear_cross_entropy, because it replaces the forward pass that TRL has replaced itself.",
				"TRL 拒绝 liger_kernel_config 中的 fused_linear_cross_entropy，因为它会替换 TRL 自己已改写的前向。", "liger_kernel_config", unset(r.LigerKernelConfig, "fused_linear_cross_entropy"))
		}},
		{"liger-old", SeverityNote, "use_liger_kernel", func(r *Recipe) *clash {
			return when(r.UseLigerKernel,
				"use_liger_kernel is on its way out of TRL, which computes its loss without the full logits by itself, as sftui does.",
				"TRL 将移除 use_liger_kernel：TRL 与 sftui 一样，本身就不必保留完整 logits 来计算损失。", "use_liger_kernel", "false")
		}},
		{"liger-config-unused", SeverityNote, "liger_kernel_config use_liger_kernel", func(r *Recipe) *clash {
			return when(len(r.LigerKernelConfig) > 0 && !r.UseLigerKernel,
				"liger_kernel_config is given, but use_liger_kernel is off.",
				"给出了 liger_kernel_config，但 use_liger_kernel 未启用。", "liger_kernel_config", "null")
		}},
		{"one-row-steps", SeverityWarning, "per_device_train_batch_size gradient_accumulation_steps", func(r *Recipe) *clash {
			return when(r.PerDeviceTrainBatchSize*r.GradientAccumulationSteps == 1 && !r.Packing,
				"per_device_train_batch_size 1 and gradient_accumulation_steps 1 make each step follow one single row, which is very noisy; 8 to 32 rows are usual, and accumulation costs no memory.",
				"批大小与梯度累积步数都为 1 时，每步只依据一行数据，噪声很大；常用 8 到 32 行，而梯度累积不占显存。", "gradient_accumulation_steps", "8")
		}},
		{"huge-steps", SeverityWarning, "per_device_train_batch_size gradient_accumulation_steps", func(r *Recipe) *clash {
			rows := r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps
			fix := Fix{"gradient_accumulation_steps", fmt.Sprint(max(1, 256/max(1, r.PerDeviceTrainBatchSize)))}
			if r.PerDeviceTrainBatchSize > 2048 {
				fix = Fix{"per_device_train_batch_size", fmt.Sprint(max(1, 256/max(1, r.GradientAccumulationSteps)))}
			}
			return when(rows > 2048,
				fmt.Sprintf("Each step takes %d rows (%d × %d), so a data set of usual size gives only a handful of steps.", rows, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps),
				fmt.Sprintf("每步用 %d 行（%d × %d），普通大小的数据集只有寥寥数步。", rows, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps), fix.Key, fix.Value)
		}},
		{"batch-on-one-side", SeverityNote, "per_device_train_batch_size gradient_accumulation_steps gradient_checkpointing", func(r *Recipe) *clash {
			return when(r.PerDeviceTrainBatchSize >= 32 && r.GradientAccumulationSteps == 1 && !r.Checkpointing(),
				fmt.Sprintf("%d rows at once without checkpointing is what usually runs out of memory; checkpointing, or half the batch with twice the accumulation, gives the same steps in less.", r.PerDeviceTrainBatchSize),
				fmt.Sprintf("一次 %d 行且不用激活检查点最容易显存不足；启用激活检查点，或批大小减半、梯度累积加倍，每步训练不变而更省显存。", r.PerDeviceTrainBatchSize), r.checkpointingSwitch(), "true")
		}},
		{"offloading-without-checkpointing", SeverityNote, "activation_offloading gradient_checkpointing", func(r *Recipe) *clash {
			return when(r.ActivationOffloading && !r.Checkpointing(),
				"activation_offloading moves every activation to main memory when checkpointing is off, which is very slow.",
				"未启用激活检查点时，activation_offloading 会把所有激活值搬到内存，非常慢。", r.checkpointingSwitch(), "true")
		}},
	}...)
}

// checkpointingRules are the clashes of activation checkpointing.
func checkpointingRules() []rule {
	return []rule{
		{"cache-with-checkpointing", SeverityError, "use_cache gradient_checkpointing use_peft", func(r *Recipe) *clash {
			inKwargs, _ := r.ModelInitKwargs["use_cache"].(bool)
			tail, tailChinese := ".", "。"
			if r.UsePeft {
				tail = "; with an adapter of the prefix kind the lost cache is where the adapter lives, and training fails in ways that do not name the cause."
				tailChinese = "；对前缀类适配器而言，缓存正是适配器所在，训练会以看不出原因的方式失败。"
			}
			fix := Fix{"use_cache", "false"}
			if inKwargs {
				fix = Fix{"model_init_kwargs", unset(r.ModelInitKwargs, "use_cache")}
			}
			return when((r.UseCache || inKwargs) && r.Checkpointing(),
				"use_cache cannot be combined with gradient_checkpointing, because recomputing a layer would fill the key-value cache twice"+tail,
				"use_cache 不能与 gradient_checkpointing 同用，因为重算一层会把键值缓存写两次"+tailChinese, fix.Key, fix.Value)
		}},
		{"cache-in-training", SeverityNote, "use_cache", func(r *Recipe) *clash {
			return when(r.UseCache && !r.Checkpointing(),
				"use_cache only costs memory during training; generation for samples uses a cache in any case.",
				"训练时 use_cache 只会占用显存；生成样例总会使用缓存。", "use_cache", "false")
		}},
		{"reentrant-with-peft", SeverityWarning, "gradient_checkpointing_kwargs use_peft", func(r *Recipe) *clash {
			return when(r.Checkpointing() && r.reentrant() && r.UsePeft && r.zeroStage() != 3, // where TRL needs it so
				"use_reentrant true with an adapter: the frozen embeddings give inputs without gradients, and reentrant checkpointing then trains nothing unless they are patched.",
				"适配器加 use_reentrant true：冻结的词向量输入没有梯度，可重入检查点会什么都训练不到，除非打补丁。", r.checkpointingKey(), edited(r.CheckpointingKwargs(), Object{"use_reentrant": false}))
		}},
		{"reentrant", SeverityNote, "gradient_checkpointing_kwargs", func(r *Recipe) *clash {
			return when(r.Checkpointing() && r.reentrant() && !r.UsePeft,
				"use_reentrant chooses between two implementations in PyTorch, the older of which this is; sftui has one, with the same result, so it has no effect here.",
				"use_reentrant 在 PyTorch 的两种实现间选择，这是较旧的一种；sftui 只有一种实现，结果相同，此处不起作用。", r.checkpointingKey(), edited(r.CheckpointingKwargs(), Object{"use_reentrant": false}))
		}},
		{"reentrant-with-unused-parameters", SeverityError, "gradient_checkpointing_kwargs ddp_find_unused_parameters", func(r *Recipe) *clash {
			return when(r.Checkpointing() && r.reentrant() && r.DdpFindUnusedParameters != nil && *r.DdpFindUnusedParameters,
				"use_reentrant true and ddp_find_unused_parameters true fail together: the parameters are marked ready twice.",
				"use_reentrant true 与 ddp_find_unused_parameters true 会一起失败：参数被标记两次就绪。", "ddp_find_unused_parameters", "false")
		}},
		{"selective-without-checkpointing", SeverityError, "gradient_checkpointing_kwargs gradient_checkpointing", func(r *Recipe) *clash {
			return when(r.selective() && !r.Checkpointing(),
				"gradient_checkpointing_kwargs asks for selective checkpointing, but gradient_checkpointing is off.",
				"gradient_checkpointing_kwargs 要求选择性检查点，但 gradient_checkpointing 未启用。", r.checkpointingSwitch(), "true")
		}},
		{"selective-reentrant", SeverityError, "gradient_checkpointing_kwargs", func(r *Recipe) *clash {
			return when(r.selective() && r.reentrant(),
				"selective checkpointing needs use_reentrant false.",
				"选择性检查点要求 use_reentrant 为 false。", r.checkpointingKey(), edited(r.CheckpointingKwargs(), Object{"use_reentrant": false}))
		}},
		{"checkpointing-settings-unused", SeverityNote, "gradient_checkpointing_kwargs gradient_checkpointing", func(r *Recipe) *clash {
			return when(len(r.CheckpointingKwargs()) > 0 && !r.Checkpointing() && !r.selective(),
				"gradient_checkpointing_kwargs is given, but gradient_checkpointing is off.",
				"给出了 gradient_checkpointing_kwargs，但 gradient_checkpointing 未启用。", r.checkpointingKey(), "null")
		}},
		{"two-checkpointing-names", SeverityWarning, "activation_checkpointing gradient_checkpointing", func(r *Recipe) *clash {
			return when(r.ActivationCheckpointing != nil && r.IsSet("gradient_checkpointing") && *r.ActivationCheckpointing != r.GradientCheckpointing,
				fmt.Sprintf("activation_checkpointing and gradient_checkpointing are two names of one thing and disagree; activation_checkpointing (%t) wins.", r.Checkpointing()),
				fmt.Sprintf("activation_checkpointing 与 gradient_checkpointing 是同一选项的两个名字而取值不同；以 activation_checkpointing（%t）为准。", r.Checkpointing()),
				"gradient_checkpointing", fmt.Sprint(r.Checkpointing()))
		}},
	}
}

// checkpointingKey is the option that CheckpointingKwargs come from.
func (r *Recipe) checkpointingKey() string {
	if r.ActivationCheckpointingKwargs != nil {
		return "activation_checkpointing_kwargs"
	}
	return "gradient_checkpointing_kwargs"
}

// checkpointingSwitch is the option that decides on checkpointing.
func (r *Recipe) checkpointingSwitch() string {
	if r.ActivationCheckpointing != nil {
		return "activation_checkpointing"
	}
	return "gradient_checkpointing"
}

// reentrant reports whether PyTorch's older checkpointing is asked for.
func (r *Recipe) reentrant() bool {
	on, _ := r.CheckpointingKwargs()["use_reentrant"].(bool)
	return on
}

// selective reports whether TRL's selective checkpointing is asked for.
func (r *Recipe) selective() bool {
	on, _ := r.CheckpointingKwargs()["selective"].(bool)
	return on
}
