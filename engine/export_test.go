package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/engine/compute"
)

// TestExportTokens checks which tokens a run's models are told to name.
func TestExportTokens(t *testing.T) {
	f := newFixture(t, 4)
	clone := filepath.Join(t.TempDir(), "clone")
	if err := os.CopyFS(clone, os.DirFS(f.model)); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(clone, "tokenizer_config.json"), map[string]any{"eos_token": "w3", "chat_template": "{{ messages }}"})
	tok, err := dataset.OpenTokenizer(f.model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	own, w1, w2, w3 := compute.Token{Text: "<eos>", ID: 1}, compute.Token{Text: "w1", ID: 3}, compute.Token{Text: "w2", ID: 4}, compute.Token{Text: "w3", ID: 5}
	for _, c := range []struct {
		options []string
		want    compute.SpecialTokens
	}{
		{nil, compute.SpecialTokens{EOS: own, PAD: own}},
		{[]string{"eos_token=w1"}, compute.SpecialTokens{EOS: w1, PAD: w1, Chosen: true}},
		{[]string{"eos_token=w1", "pad_token=w2"}, compute.SpecialTokens{EOS: w1, PAD: w2, Chosen: true}},
		{[]string{"chat_template_path=" + clone, "eos_token=w1"}, compute.SpecialTokens{EOS: w3, PAD: w3, Chosen: true, Cloned: true}},
	} {
		o, err := exportOptions(f.recipe(t, c.options...), tok)
		if err != nil {
			t.Fatal(err)
		}
		if *o.Tokens != c.want {
			t.Errorf("%q: %+v, want %+v", c.options, *o.Tokens, c.want)
		}
	}
	if _, err := exportOptions(f.recipe(t, "eos_token=nowhere"), tok); err == nil || !strings.Contains(err.Error(), `eos_token "nowhere"`) {
		t.Errorf("a token that is not in the vocabulary: %v", err)
	}
}

// TestAdapterNamesItsBase checks that an adapter names its base model by something that PEFT can load: not a GGUF file
// and not a path that only a shell would expand.
func TestAdapterNamesItsBase(t *testing.T) {
	f := newFixture(t, 4)
	tok, err := dataset.OpenTokenizer(f.model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	for name, want := range map[string]string{"owner/model": "owner/model", "./here": "./here", "/models/Tiny.GGUF": "", "~/models/tiny": ""} {
		o, err := exportOptions(f.recipe(t, "model_name_or_path="+name), tok)
		if err != nil {
			t.Fatal(err)
		}
		if o.BaseModel != want {
			t.Errorf("the base model of %s is %q, want %q", name, o.BaseModel, want)
		}
	}
}
