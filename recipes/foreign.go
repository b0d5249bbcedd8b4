package recipes

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// preference stands for the trainers that share some of their keys.
const preference = "preference (DPO, KTO, GRPO …)"

// otherTrainers are keys that only the recipes of other trainers have.
func otherTrainers() map[string]string {
	out := map[string]string{}
	for trainer, keys := range map[string]string{
		"GRPO":           "reward_funcs reward_weights num_generations use_vllm max_completion_length log_completions scale_rewards num_iterations epsilon_high mask_truncated_completions steps_per_generation vllm_mode vllm_device vllm_server_host vllm_server_base_url vllm_gpu_memory_utilization use_liger_loss num_generations_eval generation_batch_size importance_sampling_level repetition_penalty max_tool_calling_iterations",
		"DPO":            "precompute_ref_log_probs ref_adapter_name reference_free rpo_alpha f_divergence_type ld_alpha discopop_tau precompute_ref_batch_size loss_weights use_weighting",
		"KTO":            "desirable_weight undesirable_weight",
		"reward":         "center_rewards_coefficient",
		"PPO":            "whiten_rewards num_ppo_epochs reward_model_path vf_coef",
		"distillation":   "teacher_model_name_or_path lmbda seq_kd",
		"classification": "problem_type num_labels",
		preference:       "beta max_prompt_length disable_dropout sync_ref_model ref_model_mixup_alpha ref_model_sync_steps simpo_gamma cpo_alpha",
	} {
		for key := range strings.FieldsSeq(keys) {
			out[key] = trainer
		}
	}
	return out
}

// otherTrainer recognizes a recipe that is not for supervised fine-tuning. A
// key of one trainer tells more than one that several share.
func otherTrainer(name string, root *yaml.Node) *Error {
	var k *yaml.Node
	trainer := ""
	others := otherTrainers()
	for i := 0; i+1 < len(root.Content); i += 2 {
		if t, ok := others[root.Content[i].Value]; ok && (trainer == "" || trainer == preference && t != preference) {
			trainer, k = t, root.Content[i]
		}
	}
	if trainer != "" {
		return &Error{File: name, Line: k.Line, Key: k.Value,
			Message: fmt.Sprintf("this is a recipe for %s training, to which %s belongs; sftui does supervised fine-tuning (SFT) only", trainer, k.Value)}
	}
	return nil
}

// visionNames are keys of open-r1's branches for vision-language models and agents.
func visionNames() []OldName {
	const ours, oursChinese = " sftui trains on text only.", "sftui 只训练文本。"
	return []OldName{
		{Name: "vision_model", alters: true, English: "vision_model asks for a model that reads images as well;" + ours, Chinese: "vision_model 要求能读图像的模型；" + oursChinese},
		{Name: "image_resize", alters: true, English: "image_resize sizes the images for a vision-language model;" + ours, Chinese: "image_resize 设置视觉语言模型的图像尺寸；" + oursChinese},
		{Name: "single_gpu", English: "single_gpu kept open-r1's agent script on one GPU; sftui trains on one device anyway.", Chinese: "single_gpu 让 open-r1 的智能体脚本只用一张卡；sftui 本来就在单设备上训练。"},
		{Name: "dataset_configs", alters: true, English: "dataset_configs named several subsets of one data set; sftui reads one, which dataset_config names.", Chinese: "dataset_configs 列出一个数据集的多个子集；sftui 只读一个，由 dataset_config 指定。"},
		{Name: "dataset_prompt_column", alters: true, English: "dataset_prompt_column belongs to GRPO; columns (prompt: NAME) says which column is the prompt.", Chinese: "dataset_prompt_column 属于 GRPO；请用 columns（prompt: 列名）指定提示列。"},
	}
}

// fromTRLMixture turns TRL's own way of naming data sets, the top-level keys
// datasets, streaming and test_split_size, into the options that mean the same:
// dataset_name for a single data set, dataset_mixture for several.
func (r *Recipe) fromTRLMixture(pairs []pair) []pair {
	var list, split, streaming *pair
	for i := range pairs {
		switch pairs[i].key.Value {
		case "datasets":
			list = &pairs[i]
		case "test_split_size":
			split = &pairs[i]
		case "streaming":
			streaming = &pairs[i]
		}
	}
	if list == nil || resolve(list.value).Kind != yaml.SequenceNode || len(resolve(list.value).Content) == 0 {
		return pairs
	}
	var out []pair
	for _, p := range pairs {
		switch p.key.Value {
		case "datasets", "test_split_size", "streaming":
		case "dataset_name", "dataset_config", "dataset_mixture": // TRL reads datasets where both are given
			r.addNote(Note{Key: p.key.Value, Line: p.key.Line, English: p.key.Value + " is ignored because datasets is given too, as in TRL.",
				Chinese: "已给出 datasets，因此与 TRL 一样忽略 " + p.key.Value + "。"})
		default:
			out = append(out, p)
		}
	}
	add := func(key string, at, value *yaml.Node) {
		k := scalar("!!str", key)
		k.Line = at.Line
		out = append(out, pair{key: k, value: value})
	}
	r.addNote(Note{Key: "datasets", Line: list.key.Line, English: "datasets is TRL's list of data sets; it is read as dataset_name where it has one entry and as dataset_mixture where it has several.",
		Chinese: "datasets 是 TRL 的数据集列表：只有一项时按 dataset_name 读取，多项时按 dataset_mixture 读取。"})
	if streaming != nil {
		add("dataset_streaming", streaming.key, streaming.value)
	}
	if one := singleDataset(resolve(list.value).Content); one != nil {
		for _, key := range sortedKeys(one) {
			add(key, list.key, one[key])
		}
		if split != nil && !isNull(resolve(split.value)) {
			add("eval_holdout", split.key, split.value)
		}
		return out
	}
	mixture := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: list.key.Line}
	entries := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: list.key.Line}
	for _, c := range resolve(list.value).Content {
		entries.Content = append(entries.Content, openR1Names(resolve(c)))
	}
	mixture.Content = append(mixture.Content, scalar("!!str", "datasets"), entries)
	if split != nil {
		mixture.Content = append(mixture.Content, scalar("!!str", "test_split_size"), split.value)
	}
	add("dataset_mixture", list.key, mixture)
	return out
}

// singleDataset are the options that mean the same as a list of one plain data
// set, nil for any other list.
func singleDataset(list []*yaml.Node) map[string]*yaml.Node {
	if len(list) != 1 || resolve(list[0]).Kind != yaml.MappingNode {
		return nil
	}
	names := map[string]string{"path": "dataset_name", "id": "dataset_name", "name": "dataset_config", "config": "dataset_config", "split": "dataset_train_split", "data_files": "dataset_name"}
	out := map[string]*yaml.Node{}
	n := resolve(list[0])
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, known := names[n.Content[i].Value]
		value := resolve(n.Content[i+1])
		if !known || value.Kind != yaml.ScalarNode {
			return nil
		}
		if _, given := out[key]; given && n.Content[i].Value != "data_files" || isNull(value) {
			continue // datasets' path is then the name of a loader, such as json
		}
		out[key] = value
	}
	return out
}

// openR1Names writes one entry of TRL's list with the keys of open-r1's.
func openR1Names(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return n
	}
	names := map[string]string{"path": "id", "name": "config"}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: n.Tag, Line: n.Line}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := *n.Content[i]
		if name, ok := names[k.Value]; ok {
			k.Value = name
		}
		out.Content = append(out.Content, &k, n.Content[i+1])
	}
	return out
}
