package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/recipes"
)

// TestDrifts changes one thing at a time after a run and asks what is named.
func TestDrifts(t *testing.T) {
	tests := []struct {
		name, option, what, says string
		change                   func(t *testing.T, f *fixture)
	}{
		{"nothing", "", "", "", func(*testing.T, *fixture) {}},
		{"a row more", "", "data", "24 now", func(t *testing.T, f *fixture) { f.write(t, 24) }},
		{"other words", "", "data", "other tokens", func(t *testing.T, f *fixture) {
			text, err := os.ReadFile(f.data)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.data, []byte(strings.Replace(string(text), "w3", "w4", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"other words to evaluate", "", "data", "the evaluation data changed", func(t *testing.T, f *fixture) {
			if err := os.WriteFile(f.data+".eval.jsonl", []byte(`{"text": "w3 w4"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"no evaluation any more", "eval_strategy=no", "", "", func(*testing.T, *fixture) {}},
		{"the model", "", "model", "model's files", func(t *testing.T, f *fixture) {
			writeJSON(t, filepath.Join(f.model, "config.json"), map[string]any{"architectures": []string{"LlamaForCausalLM"}, "x": 1})
		}},
		{"an option", "learning_rate=0.5", "recipe", "learning_rate", func(*testing.T, *fixture) {}},
		{"an option that is free", "logging_steps=7", "", "", func(*testing.T, *fixture) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, 23)
			fake := newFake()
			if err := os.WriteFile(f.data+".eval.jsonl", []byte(`{"text": "w5 w6"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			options := []string{"max_steps=2", "save_strategy=steps", "save_steps=2", "eval_strategy=epoch", "eval_dataset_name=" + f.data + ".eval.jsonl"}
			res, err := train(t, f, fake, nil, options...)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, &f)
			if tt.option != "" {
				options = append(options, tt.option)
			}
			for _, dir := range []string{res.Dir, filepath.Join(res.Dir, "checkpoint-2")} {
				list, err := Drifts(context.Background(), f.recipe(t, options...), fake.host(f.model), dir)
				if err != nil {
					t.Fatal(err)
				}
				if tt.what == "" {
					if len(list) > 0 {
						t.Errorf("false alarm: %+v", list)
					}
					continue
				}
				if len(list) != 1 || list[0].What != tt.what || !strings.Contains(list[0].Why.Error(), tt.says) {
					t.Errorf("%+v, want %s: %s", list, tt.what, tt.says)
				}
			}
		})
	}
	if _, err := Drifts(context.Background(), recipes.Default(), newFake().host(""), t.TempDir()); err == nil {
		t.Error("a folder that is no run gave no error")
	}
}

// A run whose checkpoints are all damaged says which file it could not read.
func TestDriftsOfDamagedRun(t *testing.T) {
	f := newFixture(t, 23)
	fake := newFake()
	options := []string{"max_steps=2", "save_strategy=steps", "save_steps=2"}
	res, err := train(t, f, fake, nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(res.Dir, "checkpoint-2", stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Drifts(context.Background(), f.recipe(t, options...), fake.host(f.model), res.Dir)
	if err == nil || !strings.Contains(err.Error(), "no checkpoint to resume from") || !strings.Contains(err.Error(), stateFile) {
		t.Errorf("got %v", err)
	}
}
