package recipes

import (
	"fmt"
	"slices"
	"strings"
)

// shardRules are about models that are divided among devices, as transformers and TRL check them.
func shardRules() []rule {
	return []rule{
		{"fsdp-option", SeverityError, "fsdp fsdp_config", func(r *Recipe) *clash {
			version, given := asFloat(r.fsdpSetting("version"))
			for word := range strings.FieldsSeq(strings.NewReplacer(",", " ", "true", "").Replace(strings.ToLower(r.Fsdp))) {
				switch {
				case !slices.Contains([]string{"full_shard", "shard_grad_op", "no_shard", "hybrid_shard", "hybrid_shard_zero2", "offload", "auto_wrap"}, word):
					return say(fmt.Sprintf("fsdp has the word %q, which transformers does not know.", shorten(word)),
						fmt.Sprintf("fsdp 中的 %q 是 transformers 不认识的词。", shorten(word)), "fsdp", "null")
				case (strings.HasPrefix(word, "hybrid") || word == "no_shard") && (!given || version == 2):
					return say(fmt.Sprintf("fsdp %s exists only with version 1 of FSDP, and version 2 is the default; transformers refuses it.", word),
						fmt.Sprintf("fsdp %s 仅用于第 1 版 FSDP，而默认是第 2 版；transformers 会拒绝。", word), "fsdp", "full_shard")
				}
			}
			return nil
		}},
		{"fsdp-wrap-policy", SeverityError, "fsdp_config fsdp", func(r *Recipe) *clash {
			policy, ok := r.fsdpSetting("auto_wrap_policy").(string)
			return when(r.Fsdp != "" && ok && !slices.Contains([]string{"TRANSFORMER_BASED_WRAP", "SIZE_BASED_WRAP", "NO_WRAP"}, policy),
				fmt.Sprintf("fsdp_config has auto_wrap_policy %q; transformers knows TRANSFORMER_BASED_WRAP, SIZE_BASED_WRAP and NO_WRAP.", shorten(policy)),
				fmt.Sprintf("fsdp_config 的 auto_wrap_policy 为 %q；transformers 只认识 TRANSFORMER_BASED_WRAP、SIZE_BASED_WRAP 与 NO_WRAP。", shorten(policy)), "fsdp_config", edited(r.FsdpConfig, nil, "auto_wrap_policy", "fsdp_auto_wrap_policy"))
		}},
		{"sharded-save-only", SeverityError, "save_only_model fsdp_config", func(r *Recipe) *clash {
			kind, _ := r.fsdpSetting("state_dict_type").(string)
			return when(r.SaveOnlyModel && r.Fsdp != "" && strings.Contains(strings.ToUpper(kind), "SHARDED"),
				"save_only_model cannot write FSDP's SHARDED_STATE_DICT; transformers refuses it.",
				"save_only_model 无法写出 FSDP 的 SHARDED_STATE_DICT，transformers 会拒绝。", "save_only_model", "false")
		}},
		{"zero3-selective", SeverityError, "gradient_checkpointing_kwargs use_peft deepspeed", func(r *Recipe) *clash {
			return when(r.selective() && r.UsePeft && r.Checkpointing() && r.zeroStage() == 3,
				"Selective checkpointing needs use_reentrant false and an adapter under ZeRO-3 needs it true; TRL refuses the three together.",
				"选择性检查点要求 use_reentrant 为 false，而 ZeRO-3 上的适配器要求 true；TRL 拒绝三者同用。", r.checkpointingKey(), unset(r.CheckpointingKwargs(), "selective"))
		}},
		{"sequence-parallel-loss", SeverityError, "parallelism_config loss_type label_smoothing_factor", func(r *Recipe) *clash {
			size, _ := asFloat(r.ParallelismConfig["sp_size"])
			return when(size > 1 && (r.LossType == "dft" || r.LabelSmoothingFactor > 0),
				"Sequence parallelism computes the plain loss only; TRL refuses it with loss_type dft or label_smoothing_factor.",
				"序列并行只计算普通损失；TRL 拒绝与 loss_type dft 或 label_smoothing_factor 同用。", "parallelism_config", unset(r.ParallelismConfig, "sp_size"))
		}},
		{"stream-dispatch", SeverityNote, "accelerator_config dataset_streaming", func(r *Recipe) *clash {
			on, _ := r.AcceleratorConfig["dispatch_batches"].(bool)
			return when(on && r.DatasetStreaming,
				"accelerator_config asks for dispatch_batches, which TRL switches off for a streamed data set.",
				"accelerator_config 启用了 dispatch_batches，而对流式数据集 TRL 会将其关闭。", "accelerator_config", unset(r.AcceleratorConfig, "dispatch_batches"))
		}},
	}
}

// fsdpSetting returns an entry of fsdp_config under its name with or without fsdp_ before it.
func (r *Recipe) fsdpSetting(name string) any {
	if v, ok := r.FsdpConfig[name]; ok {
		return v
	}
	return r.FsdpConfig["fsdp_"+name]
}
