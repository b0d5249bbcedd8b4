package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cloneSource is a tokenizer folder with a chat template and tokens that the
// test tokenizer lacks.
func cloneSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join("testdata", "tokenizer", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	config := `{"eos_token": "<|turn_end|>", "pad_token": null,
		"chat_template": "{% for m in messages %}<|turn|>{{ m.content }}<|turn_end|>{% endfor %}",
		"added_tokens_decoder": {
			"700": {"content": "<think>", "special": false, "normalized": false, "lstrip": false, "rstrip": true, "single_word": false},
			"701": {"content": "<|turn|>", "special": true}, "702": {"content": "<|turn_end|>", "special": true},
			"703": {"content": "<extra_id_1>", "special": false, "normalized": true}}}`
	for name, text := range map[string]string{"tokenizer.json": string(data), "tokenizer_config.json": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOpenCloned holds added tokens to what TRL 1.16's clone_chat_template made
// of the same two folders.
func TestOpenCloned(t *testing.T) {
	source := cloneSource(t)
	c, err := OpenCloned(filepath.Join("testdata", "tokenizer"), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if c.Rows != 512 || c.Wanted != 4 || len(c.Added) != 39 {
		t.Fatalf("%d rows, %d tokens of the source, %d in all", c.Rows, c.Wanted, len(c.Added))
	}
	for token, want := range map[string]int32{"<think>": 473, "<|turn|>": 474, "<|turn_end|>": 475, "<extra_id_1>": 476, "<extra_id_0>": 477, "<extra_id_2>": 478, "<extra_id_35>": 511, "<|user|>": 472} {
		if id, ok := c.TokenID(token); !ok || id != want {
			t.Errorf("%s is %d (%v), TRL has %d", token, id, ok, want)
		}
	}
	if eos, id := c.EOS(); eos != "<|turn_end|>" || id != 475 || !c.IsSpecial(475) || c.IsSpecial(473) || c.IsSpecial(477) {
		t.Errorf("the end token is %q (%d)", eos, id)
	}
	ids, err := c.Encode("a <think>  b<|turn|>c <extra_id_0><extra_id_1> <extra_id_2><extra_id_99>")
	want := []int32{66, 222, 473, 67, 474, 68, 222, 477, 476, 222, 478, 29, 70, 89, 85, 83, 66, 64, 74, 69, 64, 26, 26, 31}
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v, want %v (%v)", ids, want, err)
	}
	if vocabulary(c.Tokenizer) != 512 || !strings.Contains(c.Note(), "<think>, <|turn|>, <|turn_end|>, <extra_id_1>, and 35 <extra_id_…>") {
		t.Errorf("vocabulary %d, note %q", vocabulary(c.Tokenizer), c.Note())
	}
	p, err := NewPreparer(jsonRows(t, chatRow), c.Tokenizer, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if e, err := p.Row(0); err != nil || e.InputIDs[0] != 474 || e.InputIDs[len(e.InputIDs)-1] != 475 || !slices.Contains(p.Shape().Notes, c.Note()) {
		t.Errorf("row %v (%v), notes %q", e.InputIDs, err, p.Shape().Notes)
	}
}

// TestOpenClonedTwice takes over from a tokenizer that already gave everything.
func TestOpenClonedTwice(t *testing.T) {
	source := cloneSource(t)
	first, err := OpenCloned(filepath.Join("testdata", "tokenizer"), source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), first.JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := OpenCloned(dir, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if len(again.Added) != 0 || again.Rows != first.Rows {
		t.Errorf("the second time adds %v up to %d rows", again.Added, again.Rows)
	}
}

// TestOpenClonedNoSource says which of the two folders is wrong.
func TestOpenClonedNoSource(t *testing.T) {
	_, err := OpenCloned(filepath.Join("testdata", "tokenizer"), t.TempDir())
	if err == nil || !strings.HasPrefix(err.Error(), "chat_template_path: ") {
		t.Errorf("got %v", err)
	}
}

// TestPaddingOfTokenizerFile gives a padding token that only tokenizer.json
// names an id behind all others, as transformers does.
func TestPaddingOfTokenizerFile(t *testing.T) {
	dir := cloneSource(t)
	if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(`{"eos_token": "<|turn_end|>"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	if pad, id := tok.PAD(); pad != "[PAD]" || id != 471 || !tok.IsSpecial(id) {
		t.Errorf("the padding token is %q (%d)", pad, id)
	}
}
