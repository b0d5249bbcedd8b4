package recipes

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// OldName is an option's name of an earlier release of TRL, transformers or
// open-r1 (or of its launcher) that recipes still carry.
type OldName struct {
	Name        string
	Replacement string // current key that means the same; "" when nothing takes its place
	English     string // what became of it
	Chinese     string

	toggle  bool                        // its value was true or false
	alters  bool                        // without it, what is trained is not what was meant
	convert func(*yaml.Node) *yaml.Node // value of the replacement; nil keeps the value, a nil result means "nothing to set"
}

// Kept reports whether the old name's value still has its effect.
func (o OldName) Kept() bool { return o.Replacement != "" }

// OldNames returns the table of renamed and removed options.
func OldNames() []OldName {
	same := func(name, replacement string) OldName {
		return OldName{Name: name, Replacement: replacement,
			English: fmt.Sprintf("%s is the old name of %s; its value is used for that.", name, replacement),
			Chinese: fmt.Sprintf("%s 是 %s 的旧名，其值照常生效。", name, replacement)}
	}
	gone := func(name, english, chinese string) OldName {
		return OldName{Name: name, English: name + " has no effect: " + english, Chinese: name + " 不起作用：" + chinese}
	}
	table := []OldName{
		same("torch_dtype", "dtype"),
		same("max_seq_length", "max_length"),
		same("evaluation_strategy", "eval_strategy"),
		same("per_gpu_train_batch_size", "per_device_train_batch_size"),
		same("per_gpu_eval_batch_size", "per_device_eval_batch_size"),
		same("no_cuda", "use_cpu"),
		same("push_to_hub_model_id", "hub_model_id"),
		same("push_to_hub_token", "hub_token"),
		same("use_liger", "use_liger_kernel"),
		same("torchdynamo", "torch_compile_backend"),
		same("peft_lora_r", "lora_r"),
		same("peft_lora_alpha", "lora_alpha"),
		same("preprocessing_num_workers", "dataset_num_proc"),
		same("xpu_backend", "ddp_backend"),
		same("dataset_split", "dataset_train_split"),
		{Name: "warmup_ratio", Replacement: "warmup_steps",
			English: "warmup_ratio was folded into warmup_steps, where a value below 1 is a share of all steps; it is used for that.",
			Chinese: "warmup_ratio 已并入 warmup_steps（小于 1 的值表示占总步数的比例），其值照常生效。"},
		whenTrue("group_by_length", "train_sampling_strategy", "group_by_length"),
		whenTrue("adafactor", "optim", "adafactor"),
		whenTrue("use_flash_attention_2", "attn_implementation", "flash_attention_2"),
		whenTrue("include_tokens_per_second", "include_num_input_tokens_seen", "all"),
		whenTrue("include_inputs_for_metrics", "include_for_metrics", "inputs"),
		{Name: "gradient_checkpointing_use_reentrant", Replacement: "gradient_checkpointing_kwargs", convert: reentrant,
			English: "gradient_checkpointing_use_reentrant is now the entry use_reentrant of gradient_checkpointing_kwargs; it is used for that.",
			Chinese: "gradient_checkpointing_use_reentrant 现为 gradient_checkpointing_kwargs 里的 use_reentrant，其值照常生效。"},
	}
	table = append(append(table, removedNames(gone)...), visionNames()...)
	switches := strings.Fields("overwrite_output_dir save_safetensors use_mps_device use_ipex jit_mode_eval tpu_metrics_debug split_batches use_auth_token vision_model single_gpu")
	for i := range table {
		table[i].toggle = slices.Contains(switches, table[i].Name)
	}
	return table
}

// removedNames are the options that nothing took the place of.
func removedNames(gone func(name, english, chinese string) OldName) []OldName {
	return []OldName{
		gone("overwrite_output_dir", "transformers 5 removed it; output_dir or --run names the run's folder, and without them each run gets a new one.",
			"transformers 5 已删除；由 output_dir 或 --run 指定运行文件夹，否则每次新建。"),
		gone("num_of_sequences", "it sized a buffer of TRL's old packing; packing_strategy decides now.",
			"它只控制 TRL 旧打包方式的缓冲大小，现由 packing_strategy 决定。"),
		gone("chars_per_token", "it was a guess for TRL's old packing; lengths are counted in real tokens now.",
			"它是 TRL 旧打包方式的估计值，现在按真实词元计数。"),
		gone("dataset_batch_size", "it sized the chunks of tokenization and never changed the result.",
			"它只影响分词时的分块大小，不影响结果。"),
		gone("logging_dir", "metrics go into the run's own folder (metrics.jsonl).", "指标写入该次运行的文件夹（metrics.jsonl）。"),
		gone("save_safetensors", "weights are always saved as safetensors.", "权重总是以 safetensors 保存。"),
		gone("use_mps_device", "the device is chosen by device.", "设备由 device 选择。"),
		gone("fp16_opt_level", "it belonged to NVIDIA Apex, which transformers no longer drives.", "它属于 NVIDIA Apex，transformers 已不再使用。"),
		gone("fp16_backend", "mixed precision has one implementation now.", "混合精度现在只有一种实现。"),
		gone("half_precision_backend", "mixed precision has one implementation now.", "混合精度现在只有一种实现。"),
		gone("use_ipex", "it switched on Intel's PyTorch extension; sftui runs on XLA.", "它启用 Intel 的 PyTorch 扩展，而 sftui 运行在 XLA 上。"),
		gone("jit_mode_eval", "it traced the model with PyTorch for evaluation; sftui always compiles.", "它让 PyTorch 在评估时编译模型；sftui 总是编译。"),
		gone("ray_scope", "it steered hyper-parameter search with Ray, which sftui has not.", "它用于 Ray 超参搜索，sftui 没有此功能。"),
		gone("past_index", "it belonged to models with recurrent memory.", "它用于带循环记忆的模型。"),
		gone("mp_parameters", "it belonged to SageMaker's launcher.", "它属于 SageMaker 启动器。"),
		gone("tpu_num_cores", "it belonged to the old TPU launcher.", "它属于旧的 TPU 启动器。"),
		gone("tpu_metrics_debug", "debug: tpu_metrics_debug took its place, which sftui has no use for.", "已改为 debug: tpu_metrics_debug，而 sftui 用不到。"),
		gone("sharded_ddp", "fairscale's sharding was replaced by fsdp.", "fairscale 的切分已由 fsdp 取代。"),
		gone("fsdp_min_num_params", "it moved into fsdp_config; sftui does not shard with FSDP.", "已移入 fsdp_config；sftui 不使用 FSDP 切分。"),
		gone("fsdp_transformer_layer_cls_to_wrap", "it moved into fsdp_config; sftui does not shard with FSDP.", "已移入 fsdp_config；sftui 不使用 FSDP 切分。"),
		gone("split_batches", "it moved into accelerator_config; one device never splits a batch.", "已移入 accelerator_config；单设备不会拆分批次。"),
		gone("dispatch_batches", "it moved into accelerator_config; one process reads the data.", "已移入 accelerator_config；数据由单个进程读取。"),
		gone("push_to_hub_organization", "write the organization into hub_model_id.", "请把组织名写进 hub_model_id。"),
		gone("use_auth_token", "the hub's token is read from the environment (HF_TOKEN).", "hub 令牌从环境变量 HF_TOKEN 读取。"),
		gone("accelerate_config", "it tells `trl sft` how to launch processes; sftui starts its own.", "它告诉 `trl sft` 如何启动进程；sftui 自行启动。"),
		gone("num_processes", "it tells `trl sft` how many processes to launch; sftui runs one process a run.", "它指定 `trl sft` 的进程数；sftui 每次运行只用一个进程。"),
		gone("num_machines", "it tells `trl sft` how many machines take part; sftui trains on one.", "它指定 `trl sft` 的机器数；sftui 在单机上训练。"),
		gone("env", "`trl sft` would set these environment variables; set them in your shell.", "`trl sft` 会设置这些环境变量；请在 shell 中设置。"),
	}
}

// whenTrue is an old switch that became one value of a newer option.
func whenTrue(name, replacement, value string) OldName {
	return OldName{Name: name, Replacement: replacement,
		English: fmt.Sprintf("%s: true is now %s: %s; it is used for that.", name, replacement, value),
		Chinese: fmt.Sprintf("%s: true 现在写作 %s: %s，其值照常生效。", name, replacement, value),
		convert: func(n *yaml.Node) *yaml.Node {
			if on, err := decodeBool(resolve(n)); err == nil {
				if on == true {
					return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: n.Line}
				}
				return nil
			}
			return n // not a switch: let the replacement complain about what was found
		}}
}

// reentrant turns the old switch into its place in the new mapping.
func reentrant(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Content: []*yaml.Node{scalar("!!str", "use_reentrant"), n}}
}

// oldName looks a key up among the renamed and removed ones.
func oldName(key string) (OldName, bool) {
	for _, o := range OldNames() {
		if o.Name == key {
			return o, true
		}
	}
	return OldName{}, false
}

// UnknownKey is the sentence for a key that no option has.
func UnknownKey(key string) string {
	message := fmt.Sprintf("unknown key %q", shorten(key))
	if ours, tool, ok := peerKey(key); ok {
		return fmt.Sprintf("%s: that is %s's name; the nearest option here is %q", message, tool, ours)
	}
	near := nearest(key, Keys(), 3)
	if len(near) == 0 {
		var old []string
		for _, o := range OldNames() {
			old = append(old, o.Name)
		}
		near = nearest(key, old, 3)
	}
	if len(near) == 0 { // a part of a name, as in batch_size
		near = having(key, Keys(), 4)
	}
	if len(near) == 0 {
		return message + "; `sftui options` lists every option"
	}
	for i, k := range near {
		near[i] = fmt.Sprintf("%q", k)
	}
	return message + "; did you mean " + strings.Join(near, " or ") + "?"
}
