package recipes

import (
	"testing"
)

// Each case is a recipe and what must be said of an option; "" for nothing.
func TestInEffect(t *testing.T) {
	cpu, gpu := Place{Cores: 4}, Place{GPU: true, Cores: 4}
	for _, c := range []struct {
		recipe string
		at     Place
		key    string
		want   string
	}{
		{"", cpu, "bf16", "false"},
		{"", gpu, "bf16", "true"},
		{"use_cpu: true", gpu, "bf16", "false"},
		{"device: cpu", gpu, "bf16", "false"},
		{"dtype: bfloat16", cpu, "bf16", "true"},
		{"fp16: true", gpu, "bf16", "false"},
		{"bf16: true", cpu, "bf16", ""},
		{"attn_implementation: flash_attention_2", cpu, "attn_implementation", "sdpa"},
		{"", gpu, "attn_implementation", "flash_attention_2"},
		{"bf16: false", gpu, "attn_implementation", "sdpa"},
		{"attn_implementation: eager", gpu, "attn_implementation", ""},
		{"activation_checkpointing: false", cpu, "gradient_checkpointing", "false"},
		{"", cpu, "gradient_checkpointing", ""},
		{"gradient_checkpointing: false", cpu, "activation_checkpointing", "false"},
		{"use_peft: true", cpu, "lora_target_modules", "[q_proj, v_proj]"},
		{"use_peft: true\nlora_target_modules: all-linear", cpu, "lora_target_modules", ""},
		{"max_length: null", cpu, "max_length", "null"},
		{"max_length: 100", cpu, "max_length", ""},
		{"packing: true", cpu, "padding_free", "true"},
		{"packing: true\npacking_strategy: wrapped", cpu, "padding_free", ""},
		{"packing: true\neval_strategy: epoch", cpu, "eval_packing", "true"},
		{"packing: true", cpu, "eval_packing", ""},
		{"", cpu, "dataset_num_proc", "4"},
		{"seed: 7", cpu, "data_seed", "7"},
		{"max_steps: 30", cpu, "num_train_epochs", "null"},
		{"max_steps: 30\nwarmup_steps: 0.05", cpu, "warmup_steps", "2"},
		{"warmup_steps: 0.05", cpu, "warmup_steps", "0.05"},
		{"warmup_steps: 5", cpu, "warmup_steps", ""},
		{"eval_strategy: steps\nlogging_steps: 25", cpu, "eval_steps", "25"},
		{"eval_strategy: steps\neval_steps: 0.1\nmax_steps: 95", cpu, "eval_steps", "10"},
		{"eval_strategy: epoch\neval_holdout: 0.1", cpu, "eval_dataset_name", "null"},
		{"", cpu, "eval_dataset_name", ""},
		{"load_best_model_at_end: true", cpu, "metric_for_best_model", "loss"},
		{"load_best_model_at_end: true", cpu, "greater_is_better", "false"},
		{"metric_for_best_model: eval_mean_token_accuracy", cpu, "greater_is_better", "true"},
		{"save_strategy: \"no\"", cpu, "save_total_limit", ""},
		{"save_strategy: epoch", cpu, "save_total_limit", "null"},
	} {
		r, err := Parse("recipe.yaml", []byte(c.recipe))
		if err != nil {
			t.Fatalf("%s: %v", c.recipe, err)
		}
		got := ""
		for _, e := range r.InEffect(c.at) {
			if e.English == "" || e.Chinese == "" {
				t.Errorf("%q: %s has no reason in both languages", c.recipe, e.Key)
			}
			if e.Key == c.key {
				got = e.Value
			}
		}
		if got != c.want {
			t.Errorf("%q: %s is %q in effect, want %q", c.recipe, c.key, got, c.want)
		}
	}
}
