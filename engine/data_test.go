package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/recipes"
)

// A tokenizer folder gives its template and its end-of-sequence token, over
// eos_token; a template file gives the template alone.
func TestChatTemplatePath(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join("..", "dataset", "testdata", "tokenizer", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "tokenizer_config.json" {
			data = []byte(`{"eos_token": "<|im_end|>"}`)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "chat_template.jinja")
	if err := os.WriteFile(file, []byte("{{ messages[0].content }}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, eos string }{{dir, "<|im_end|>"}, {file, "<|endoftext|>"}} {
		r := recipes.Default()
		r.ChatTemplatePath, r.EosToken = c.path, "<|endoftext|>"
		o, err := DataOptions(r)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		if o.ChatTemplate != "{{ messages[0].content }}" || o.EOSToken != c.eos {
			t.Errorf("%s: template %q, eos %q, want %q", c.path, o.ChatTemplate, o.EOSToken, c.eos)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r := recipes.Default()
	r.ChatTemplatePath = dir
	if _, err := DataOptions(r); err == nil || !strings.Contains(err.Error(), "without a chat template") {
		t.Errorf("a tokenizer without a template gave %v", err)
	}
}

func TestSkipPrepareDataset(t *testing.T) {
	for value, want := range map[any]bool{true: true, false: false, nil: false} {
		r := recipes.Default()
		r.DatasetKwargs = recipes.Object{"skip_prepare_dataset": value}
		if o, err := DataOptions(r); err != nil || o.SkipPrepare != want {
			t.Errorf("skip_prepare_dataset: %v: %t (%v)", value, o.SkipPrepare, err)
		}
	}
}
