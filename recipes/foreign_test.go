package recipes

import (
	"strings"
	"testing"
)

// TestOtherTrainers asks for one sentence that names the trainer, not one for each key.
func TestOtherTrainers(t *testing.T) {
	for yaml, says := range map[string]string{
		"seed: 1\nuse_vllm: true\nreward_funcs:\n- accuracy\n":                         "GRPO training, to which use_vllm belongs",
		"learning_rate: 5e-7\nbeta: 0.1\nloss_type: sigmoid\nmax_prompt_length: 512\n": "preference (DPO, KTO, GRPO …) training, to which beta belongs",
		"beta: 0.1\nprecompute_ref_log_probs: true\n":                                  "DPO training, to which precompute_ref_log_probs belongs",
		"do_eval: true\ndo_eval: true\nnum_generations: 8\n":                           "GRPO", // open-r1 has such a file: the key that is given twice is not the point
		"precompute_ref_log_probs: true\n":                                             "DPO",
		"center_rewards_coefficient: 0.1\n":                                            "reward",
	} {
		_, err := Parse("r.yaml", []byte(yaml))
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", yaml, err)
		}
	}
}

// TestVisionKeys loads what open-r1's branches for vision models add, and says what does not happen.
func TestVisionKeys(t *testing.T) {
	r := parse(t, "vision_model: true\nimage_resize:\n  factor: 28\nsingle_gpu: true\ndataset_configs: [a, b]\n")
	severities := map[string]Severity{}
	for _, n := range r.Notes() {
		severities[n.Key] = n.Severity
	}
	for key, want := range map[string]Severity{"vision_model": SeverityWarning, "image_resize": SeverityWarning, "single_gpu": SeverityNote, "dataset_configs": SeverityWarning} {
		if severities[key] != want {
			t.Errorf("%s: %q, want %q", key, severities[key], want)
		}
	}
	if n := parse(t, "vision_model: false\n").Notes(); len(n) != 1 || n[0].Severity != SeverityNote {
		t.Errorf("switched off: %+v", n)
	}
}

// TestTRLMixture reads TRL's own list of data sets.
func TestTRLMixture(t *testing.T) {
	for _, tt := range []struct{ name, yaml, key, want string }{
		{"one", "datasets:\n- path: a/b\n", "dataset_name", "a/b"},
		{"one with a subset", "datasets:\n- path: a/b\n  name: en\n  split: dev\n", "dataset_config", "en"},
		{"one with a split", "datasets:\n- path: a/b\n  name: en\n  split: dev\n", "dataset_train_split", "dev"},
		{"a file", "datasets:\n- {path: json, data_files: x.jsonl}\n", "dataset_name", "x.jsonl"},
		{"held out", "datasets:\n- path: a/b\ntest_split_size: 0.1\n", "eval_holdout", "0.1"},
		{"streamed", "datasets:\n- path: a/b\nstreaming: true\n", "dataset_streaming", "true"},
		{"wins", "dataset_name: c\ndatasets:\n- path: a/b\n", "dataset_name", "a/b"},
		{"several", "datasets:\n- path: a/b\n- path: c/d\n  name: en\ntest_split_size: 0.1\n", "dataset_mixture", "{datasets: [{id: a/b}, {id: c/d, config: en}], seed: 0, test_split_size: 0.1}"},
	} {
		r := parse(t, tt.yaml)
		got, from := r.Get(tt.key)
		if got != tt.want || from.Kind != OriginFile || from.Line == 0 {
			t.Errorf("%s: %s is %q (%v), want %q", tt.name, tt.key, got, from, tt.want)
		}
	}
	// TRL's fraction is a share of the mixture, open-r1's weight one of the data set: they are not exchanged.
	if _, err := Parse("r.yaml", []byte("datasets:\n- path: a\n  fraction: 0.5\n- path: b\n  fraction: 0.5\n")); err == nil || !strings.Contains(err.Error(), "fraction") {
		t.Errorf("fraction: %v", err)
	}
}

// TestPythonValues holds the reader to what TrlParser makes of odd spellings.
func TestPythonValues(t *testing.T) {
	for _, tt := range []struct{ yaml, key, want string }{
		{"packing: 1", "packing", "true"},
		{"packing: '0'", "packing", "false"},
		{"packing: T", "packing", "true"},
		{"gradient_checkpointing: null", "gradient_checkpointing", "false"},
		{"gradient_checkpointing:", "gradient_checkpointing", "false"},
		{"seed: 010", "seed", "8"},
		{"seed: '010'", "seed", "10"},
		{"include_num_input_tokens_seen: yes", "include_num_input_tokens_seen", "all"},
		{"fsdp: false", "fsdp", "null"},
		{"fsdp: ''", "fsdp", "null"},
		{"fsdp: full_shard auto_wrap", "fsdp", "full_shard auto_wrap"},
		{"lr_scheduler_kwargs: {a: .inf, b: -.inf}", "lr_scheduler_kwargs", "{a: .inf, b: -.inf}"},
		{"lr_scheduler_kwargs: {a: 010}", "lr_scheduler_kwargs", "{a: 8}"},
	} {
		if got, _ := parse(t, tt.yaml).Get(tt.key); got != tt.want {
			t.Errorf("%q: %s is %q, want %q", tt.yaml, tt.key, got, tt.want)
		}
	}
}
