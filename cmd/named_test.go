package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A word that is no command opens what lies at that path.
func TestAFileAloneIsOpened(t *testing.T) {
	t.Chdir(t.TempDir())
	for path, want := range map[string]string{
		"r.yaml": "recipe", "R.YML": "recipe", "d.jsonl": "data", "d.csv.gz": "data", "d.parquet": "data", "m.gguf": "model",
		"model/config.json": "model", "lora/adapter_config.json": "model", "run/run.json": "run", "trl/trainer_state.json": "run", "folder/a.jsonl": "data",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		word := path
		if dir := filepath.Dir(path); dir != "." {
			word = dir
		}
		if got := named(word); got != want {
			t.Errorf("%s is opened as %q, want %q", word, got, want)
		}
	}
	for word, want := range map[string]string{"*.jsonl": "data", "sftui:sample": "data", "*.none": "", "missing.jsonl": "", "trian": ""} {
		if got := named(word); got != want {
			t.Errorf("%s is opened as %q, want %q", word, got, want)
		}
	}

	both := arguments{values: map[string]string{}, rest: []string{"r.yaml", "d.jsonl"}}
	if err := both.take(); err != nil || both.values["recipe"] != "r.yaml" || both.values["data"] != "d.jsonl" {
		t.Errorf("a recipe and data: %v, %v", both.values, err)
	}
	twice := arguments{values: map[string]string{"data": "x.jsonl"}, rest: []string{"d.jsonl"}}
	if err := twice.take(); err == nil || err.Error() != "x.jsonl and d.jsonl are both given as data: name one of them" {
		t.Errorf("data twice: %v", err)
	}

	for word, want := range map[string]string{
		"trian": `no command "trian"`, "missing.jsonl": "no file or folder missing.jsonl here", "missing.yaml": "no recipe file missing.yaml here",
		"learning_rate=1": "sftui open learning_rate=1", "d.jsonl": "the workbench needs a terminal",
	} {
		var problems bytes.Buffer
		if status := dispatch(context.Background(), []string{word}, streams{err: &problems}); status != exitFailure || !strings.Contains(problems.String(), want) {
			t.Errorf("sftui %s: status %d, %s", word, status, problems.String())
		}
	}
}
