package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkModel makes a folder with the dataset package's small tokenizer; there are no weights.
func checkModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join("..", "dataset", "testdata", "tokenizer", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheckCommand(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	model, dir := checkModel(t), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var rows strings.Builder
	for _, n := range []string{"one", "two", "six", "ten", "red", "tan", "sun", "sea", "oak", "elm", "ant", "bee"} {
		rows.WriteString(`{"prompt": "say ` + n + `\n", "completion": "` + n + `"}` + "\n")
	}
	clean := write("clean.jsonl", rows.String())
	empty := write("empty.jsonl", rows.String()+`{"prompt": "say\n", "completion": ""}`+"\n")
	recipe := write("r.yaml", "model_name_or_path: "+model+"\ndataset_name: "+clean+"\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 2\nbf16: false\n")
	tests := []struct {
		args   []string
		status int
		ids    []string
		err    string
	}{
		{[]string{"--recipe", recipe, "--json"}, exitDone, nil, ""},
		{[]string{"--recipe", recipe, "--json", "--data", empty}, exitWarning, []string{"empty-answer"}, ""},
		{[]string{"--recipe", recipe, "--json", "--data", empty, "--fail-on", "error"}, exitDone, []string{"empty-answer"}, ""},
		{[]string{"--recipe", recipe, "--json", "use_cache=true"}, exitFailure, []string{"cache-with-checkpointing"}, ""},
		{[]string{"--recipe", recipe, "--json", "--data", filepath.Join(dir, "none.jsonl")}, exitFailure, []string{"data-unusable"}, ""},
		{[]string{"--recipe", recipe, "use_cach=true"}, exitFailure, nil, `"use_cache"`},
		{[]string{"--recipe", filepath.Join(dir, "none.yaml")}, exitFailure, nil, "does not exist"},
		{[]string{"--fail-on", "never"}, exitFailure, nil, "--fail-on"},
		{[]string{"--lang", "fr"}, exitFailure, nil, "--lang"},
		{[]string{"extra"}, exitFailure, nil, "extra"},
	}
	for _, tt := range tests {
		status, out, errText := runCommand(checkCommand(), tt.args...)
		if status != tt.status || !strings.Contains(errText, tt.err) {
			t.Errorf("%v: status %d, want %d\n%s\n%s", tt.args, status, tt.status, out, errText)
			continue
		}
		if tt.err != "" {
			continue
		}
		var got struct {
			Findings []struct {
				ID       string
				Severity string
				Rows     []int
				Count    int
				Message  string
				Fix      map[string]string
			}
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %v in %s", tt.args, err, out)
		}
		for _, id := range tt.ids {
			found := false
			for _, f := range got.Findings {
				found = found || f.ID == id && f.Message != ""
			}
			if !found {
				t.Errorf("%v: no %s in %s", tt.args, id, out)
			}
		}
	}
}
