package cmd

import (
	"slices"
	"strings"
	"testing"
)

// TestTRLCommandLines reads options in the forms that TRL's command line takes.
func TestTRLCommandLines(t *testing.T) {
	f := flagSet{values: []string{"recipe", "data"}, switches: []string{"json"}, options: true}
	for _, tt := range []struct{ args, want string }{
		{"--learning_rate 1e-5 max_steps=3", "learning_rate=1e-5 max_steps=3"},
		{"--learning-rate=1e-5", "learning_rate=1e-5"},
		{"--packing --json", "packing=true"},
		{"--packing --seed 3", "packing=true seed=3"},
		{"--packing false", "packing=false"},
		{"--packing max_length=64", "packing=true max_length=64"},
		{"--no_gradient_checkpointing --seed 1", "gradient_checkpointing=false seed=1"},
		{"--no-gradient-checkpointing", "gradient_checkpointing=false"},
		{"--report_to wandb tensorboard --seed 1", "report_to=[wandb, tensorboard] seed=1"},
		{"--report_to wandb", "report_to=wandb"},
		{"--lora_target_modules q_proj v_proj max_steps=3", "lora_target_modules=[q_proj, v_proj] max_steps=3"},
		{"--max_steps -1", "max_steps=-1"},
		{"--torch_dtype bfloat16 --warmup_ratio 0.1", "torch_dtype=bfloat16 warmup_ratio=0.1"},
		{"--overwrite_output_dir --seed 1", "overwrite_output_dir=true seed=1"},
		{"--logging_dir logs", "logging_dir=logs"},
	} {
		a, err := f.parse(strings.Fields(tt.args))
		if got := strings.Join(a.overrides, " "); err != nil || got != tt.want || len(a.rest) > 0 {
			t.Errorf("%s: %q, rest %v, %v; want %q", tt.args, got, a.rest, err, tt.want)
		}
	}
	if a, err := f.parse([]string{"--config", "r.yaml"}); err != nil || a.values["recipe"] != "r.yaml" {
		t.Errorf("--config: %v %v", a.values, err)
	}
	for args, says := range map[string]string{
		"--learnin_rate 1": `"learning_rate"`, "--max_steps": "needs a value", "--no_max_steps": "no_max_steps", "--report_to": "needs a value", "--report_to --seed 1": "needs a value",
	} {
		if _, err := f.parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", args, err, says)
		}
	}
	if _, err := (flagSet{switches: []string{"json"}}).parse([]string{"--packing"}); err == nil || slices.Contains(strings.Fields(err.Error()), "needs") {
		t.Errorf("an option where none is taken: %v", err)
	}
}
