package recipes

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// parse reads YAML that must be good.
func parse(t *testing.T, yaml string) *Recipe {
	t.Helper()
	r, err := Parse("r.yaml", []byte(yaml))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return r
}

func TestParseValues(t *testing.T) {
	tests := []struct{ name, yaml, key, want string }{
		{"scientific without dot", "learning_rate: 1e-5", "learning_rate", "1.0e-05"},
		{"scientific quoted", `learning_rate: "1e-5"`, "learning_rate", "1.0e-05"},
		{"yes", "packing: yes", "packing", "true"},
		{"off", "bf16: off", "bf16", "false"},
		{"quoted bool", `packing: "true"`, "packing", "true"},
		{"unquoted no as strategy", "eval_strategy: no", "eval_strategy", "no"},
		{"false as strategy", "eval_strategy: false", "eval_strategy", "no"},
		{"whole float as int", "max_steps: 1e3", "max_steps", "1000"},
		{"underscores", "max_steps: 1_000", "max_steps", "1000"},
		{"quoted int", `max_steps: "7"`, "max_steps", "7"},
		{"null", "max_length: null", "max_length", "null"},
		{"None", "max_length: None", "max_length", "null"},
		{"text as list", "lora_target_modules: all-linear", "lora_target_modules", "[all-linear]"},
		{"comma list", "lora_target_modules: q_proj, v_proj", "lora_target_modules", "[q_proj, v_proj]"},
		{"pattern stays whole", `lora_target_modules: '.*\.(q|v)_proj'`, "lora_target_modules", `[.*\.(q|v)_proj]`},
		{"mapping", "lr_scheduler_kwargs:\n  min_lr_rate: 0.1", "lr_scheduler_kwargs", "{min_lr_rate: 0.1}"},
		{"json mapping", `lr_scheduler_kwargs: '{"min_lr": 1e-6}'`, "lr_scheduler_kwargs", "{min_lr: 1.0e-06}"},
		{"auto", "pad_to_multiple_of: auto", "pad_to_multiple_of", "auto"},
		{"multiple", "pad_to_multiple_of: 8", "pad_to_multiple_of", "8"},
		{"number as text", "run_name: 12", "run_name", "12"},
		{"file for mapping", "deepspeed: ds.json", "deepspeed", "ds.json"},
		{"dtype short", "dtype: bf16", "dtype", "bfloat16"},
		{"anchor", "learning_rate: &lr 1e-4\nadam_epsilon: *lr", "adam_epsilon", "0.0001"},
		{"merge", "x: &b\n  max_steps: 5\n  seed: 1\n<<: *b\nseed: 2", "max_steps", "5"},
		{"merge loses to own", "x: &b\n  max_steps: 5\n  seed: 1\n<<: *b\nseed: 2", "seed", "2"},
		{"crlf", "max_steps: 3\r\nseed: 4\r\n", "seed", "4"},
		{"byte order mark", "\xef\xbb\xbfmax_steps: 3\n", "max_steps", "3"},
		{"old name", "max_seq_length: 77", "max_length", "77"},
		{"warmup ratio", "warmup_ratio: 0.03", "warmup_steps", "0.03"},
		{"group by length", "group_by_length: true", "train_sampling_strategy", "group_by_length"},
		{"group by length off", "group_by_length: false", "train_sampling_strategy", "random"},
		{"reentrant", "gradient_checkpointing_use_reentrant: false", "gradient_checkpointing_kwargs", "{use_reentrant: false}"},
		{"columns", "columns: {prompt: q, completion: a}", "columns", "{completion: a, prompt: q}"},
		{"report to", "report_to:\n- wandb", "report_to", "[wandb]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := parse(t, tt.yaml).Get(tt.key); got != tt.want {
				t.Errorf("%s = %q, want %q", tt.key, got, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, yaml string
		line       int
		parts      []string // all must be in the sentence
	}{
		{"unknown key", "seed: 1\nlearnin_rate: 1", 2, []string{"r.yaml line 2", `"learnin_rate"`, `"learning_rate"`}},
		{"hyphens", "learning-rate: 1", 1, []string{`"learning_rate"`}},
		{"peer's name", "micro_batch_size: 1", 1, []string{"axolotl", `"per_device_train_batch_size"`}},
		{"word for number", "learning_rate: fast", 1, []string{"learning_rate must be a number", `"fast"`}},
		{"number for switch", "packing: 2", 1, []string{"packing must be true or false", "number 2"}},
		{"list for number", "max_steps: [1, 2]", 1, []string{"whole number", "a list of 2"}},
		{"fraction for whole", "max_steps: 1.5", 1, []string{"whole number", "1.5"}},
		{"mapping for text", "run_name: {a: b}", 1, []string{"a text", "a mapping was found"}},
		{"null without None", "seed: null", 1, []string{"seed", "empty (null)"}},
		{"too small", "per_device_train_batch_size: 0", 1, []string{"at least 1", "0"}},
		{"too large", "lora_dropout: 1.5", 1, []string{"at most 1"}},
		{"not a number", "learning_rate: .nan", 1, []string{"must be a number"}},
		{"bad choice", "packing_strategy: bdf", 1, []string{"one of bfd", `did you mean "bfd"`}},
		{"tab", "lr_scheduler_kwargs:\n\tmin_lr: 1", 2, []string{"tab"}},
		{"twice", "seed: 1\nmax_steps: 2\nseed: 3", 3, []string{"seed is given twice", "line 1"}},
		{"list at top", "- a\n- b", 1, []string{"key: value", "list of 2"}},
		{"two documents", "seed: 1\n---\nseed: 2", 2, []string{"second document"}},
		{"broken", "a: [1", 1, []string{"not valid YAML"}},
		{"mixture key", "dataset_mixture:\n  datasets:\n  - id: a\n    wieght: 0.5", 1, []string{`"wieght"`, "line 4", `"weight"`}},
		{"accelerate", "distributed_type: FSDP", 0, []string{"accelerate"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("r.yaml", []byte(tt.yaml))
			if err == nil {
				t.Fatal("no error")
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T", err)
			}
			if e.Line != tt.line {
				t.Errorf("line %d, want %d: %v", e.Line, tt.line, err)
			}
			for _, p := range tt.parts {
				if !strings.Contains(err.Error(), p) {
					t.Errorf("%q lacks %q", err, p)
				}
			}
			if strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// mustFlow parses one YAML value.
func mustFlow(t *testing.T, text string) *yaml.Node {
	t.Helper()
	n, err := flowNode(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAliasBombs checks that aliases cannot multiply into more than a recipe holds.
func TestAliasBombs(t *testing.T) {
	var list, merge strings.Builder
	list.WriteString("run_name: &a0 x\n")
	merge.WriteString("x0: &m0 {seed: 1}\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&list, "x%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1)
		fmt.Fprintf(&merge, "x%d: &m%d {<<: [*m%d, *m%d, *m%d]}\n", i, i, i-1, i-1, i-1)
	}
	list.WriteString("lr_scheduler_kwargs: {a: *a29}\n")
	merge.WriteString("<<: *m29\n")
	for _, text := range []string{list.String(), merge.String(), "lr_scheduler_kwargs: &a {b: *a}", "x: &x {<<: *x}\n<<: *x"} {
		if _, err := Parse("bomb.yaml", []byte(text)); err == nil {
			t.Errorf("no error for %.60q", text)
		}
	}
}
