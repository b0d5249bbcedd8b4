package dataset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func openTestTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := OpenTokenizer("testdata/tokenizer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	return tok
}

// TestTokenizerEqualsTransformers compares ids, character offsets and decoded
// text with transformers 5.23 on a small byte-level tokenizer whose file asks
// for truncation and padding (ignored by call) and whose configuration adds
// tokens that the file lacks.
func TestTokenizerEqualsTransformers(t *testing.T) {
	tok := openTestTokenizer(t)
	var cases []struct {
		Text    string
		IDs     []int32
		Offsets [][2]int
		Decoded string
	}
	data, err := os.ReadFile("testdata/tokenizer/encoded.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 10 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		ids, offsets, err := tok.EncodeOffsets(c.Text, false)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, c.IDs) || !slices.Equal(offsets, c.Offsets) {
			t.Errorf("%q\n got %v %v\nwant %v %v", c.Text, ids, offsets, c.IDs, c.Offsets)
		}
		plain, err := tok.Encode(c.Text)
		if err != nil || !slices.Equal(plain, c.IDs) {
			t.Errorf("%q without offsets: %v (%v)", c.Text, plain, err)
		}
		if got := tok.Decode(ids); got != c.Decoded {
			t.Errorf("%q decodes to %q, want %q", c.Text, got, c.Decoded)
		}
	}
}

func TestTokenizerFacts(t *testing.T) {
	tok := openTestTokenizer(t)
	for _, want := range []struct {
		name  string
		get   func() (string, int32)
		token string
		id    int32
	}{{"eos", tok.EOS, "<|end|>", 0}, {"bos", tok.BOS, "<|start|>", 1}, {"pad", tok.PAD, "<|pad|>", 471}} {
		if token, id := want.get(); token != want.token || id != want.id {
			t.Errorf("%s is %q %d, want %q %d", want.name, token, id, want.token, want.id)
		}
	}
	if n := tok.VocabSize(); n != 473 {
		t.Errorf("%d tokens, want 473", n)
	}
	if id, ok := tok.TokenID("<|user|>"); !ok || id != 472 || tok.Piece(id) != "<|user|>" || !tok.IsSpecial(id) {
		t.Error("<|user|> is", id, ok)
	}
	if id, ok := tok.TokenID("<tool>"); !ok || id != 470 || tok.IsSpecial(id) {
		t.Error("<tool> is", id, ok)
	}
	if tok.Piece(-1) != "" || tok.Piece(1<<30) != "" {
		t.Error("unknown ids have a piece")
	}
	if !strings.HasPrefix(tok.ChatTemplate(), "{% for m") || tok.NamedChatTemplates()["tool_use"] != "T" {
		t.Error("templates", tok.ChatTemplate(), tok.NamedChatTemplates())
	}
	if got := tok.Decode([]int32{-5, 1 << 20, 0}); got != "<|end|>" {
		t.Errorf("ids out of range decode to %q", got)
	}
}

func TestTokenizerRefusesBadText(t *testing.T) {
	tok := openTestTokenizer(t)
	if _, err := tok.Encode("a\xffb"); err == nil || !strings.Contains(err.Error(), "UTF-8 at byte 1") {
		t.Errorf("invalid UTF-8: %v", err)
	}
	if err := tok.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Encode("a"); err == nil {
		t.Error("a closed tokenizer encodes")
	}
	if tok.Decode([]int32{1}) != "" || tok.VocabSize() != 0 || tok.Close() != nil {
		t.Error("a closed tokenizer answers")
	}
}

func TestTokenizerIsConcurrent(t *testing.T) {
	tok := openTestTokenizer(t)
	want, err := tok.Encode("The quick brown fox 123")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				got, err := tok.Encode("The quick brown fox 123")
				if err != nil || !slices.Equal(got, want) {
					t.Error(got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestTokenizerFolders(t *testing.T) {
	file, err := os.ReadFile("testdata/tokenizer/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	folder := func(t *testing.T, files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			p := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	t.Run("old style", func(t *testing.T) {
		tok, err := OpenTokenizer(folder(t, map[string]string{
			"tokenizer.json": string(file), "tokenizer_config.json": `{"eos_token": "ignored", "chat_template": "one"}`,
			"special_tokens_map.json": `{"eos_token": {"content": "<|start|>", "lstrip": false}, "pad_token": null}`,
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tok.Close() }()
		if eos, id := tok.EOS(); eos != "<|start|>" || id != 1 {
			t.Error("eos", eos, id)
		}
		if pad, id := tok.PAD(); pad != "" || id != -1 {
			t.Error("pad", pad, id)
		}
		if tok.ChatTemplate() != "one" || tok.NamedChatTemplates() != nil {
			t.Error("template", tok.ChatTemplate(), tok.NamedChatTemplates())
		}
	})
	t.Run("template files", func(t *testing.T) {
		tok, err := OpenTokenizer(folder(t, map[string]string{
			"tokenizer.json": string(file), "tokenizer_config.json": `{"chat_template": "config"}`,
			"chat_template.jinja": "file", "additional_chat_templates/rag.jinja": "rag",
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tok.Close() }()
		if tok.ChatTemplate() != "file" || tok.NamedChatTemplates()["rag"] != "rag" {
			t.Error(tok.ChatTemplate(), tok.NamedChatTemplates())
		}
	})
	t.Run("tokens by role", func(t *testing.T) { testTokenRoles(t, folder(t, map[string]string{"tokenizer.json": string(file)})) })
	bad := map[string]struct {
		files map[string]string
		want  string
	}{
		"empty folder":      {nil, "has no tokenizer.json"},
		"sentencepiece":     {map[string]string{"tokenizer.model": "x"}, "save_pretrained"},
		"not JSON":          {map[string]string{"tokenizer.json": "{"}, "is not a tokenizer file"},
		"no model":          {map[string]string{"tokenizer.json": "{}"}, `no "model"`},
		"unknown model":     {map[string]string{"tokenizer.json": `{"model": {"type": "X"}}`}, "cannot be loaded"},
		"bad configuration": {map[string]string{"tokenizer.json": string(file), "tokenizer_config.json": "["}, "is not a JSON object"},
		"bad template":      {map[string]string{"tokenizer.json": string(file), "tokenizer_config.json": `{"chat_template": 7}`}, "chat_template"},
		"bad added tokens":  {map[string]string{"tokenizer.json": string(file), "tokenizer_config.json": `{"added_tokens_decoder": {"x": {}}}`}, "not a token id"},
	}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			tok, err := OpenTokenizer(folder(t, c.files))
			if err == nil {
				_ = tok.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
	if _, err := OpenTokenizer(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "is not a model folder") {
		t.Errorf("missing folder: %v", err)
	}
}

// testTokenRoles compares entries of tokenizer_config.json that name special
// tokens with what transformers 5.23 makes of them, for the folder dir.
func testTokenRoles(t *testing.T, dir string) {
	const more = `"added_tokens_decoder": {"481": {"content": "<tool>", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": false}}, "additional_special_tokens": ["<|user|>"], "bos_token": "<|start|>", "eos_token": "<|end|>"`
	for _, c := range []struct {
		config, text string
		ids          []int32
		roles        map[string]string
	}{
		{`"split_special_tokens": true, "pad_token": "<|pad|>"`, "a<|end|>b", []int32{66, 29, 93, 262, 69, 93, 31, 67}, nil},
		{`"pad_token": "<|pad|>", "zebra_token": "<zebra>", "audio_token": "<audio>", "add_bos_token": true, "extra_special_tokens": {"thing_token": "<thing>", "boi": "<boi>"}`,
			"a<zebra><audio><thing><boi><|user|>b", []int32{66, 472, 473, 474, 475, 476, 67},
			map[string]string{"zebra_token": "<zebra>", "audio_token": "<audio>", "thing_token": "<thing>", "boi": "<boi>"}},
		{`"sep_token": null`, "a", []int32{66}, map[string]string{"pad_token": "[PAD]"}},
		{`"pad_token": null`, "a", []int32{66}, map[string]string{"pad_token": ""}},
	} {
		if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte("{"+c.config+", "+more+"}"), 0o644); err != nil {
			t.Fatal(err)
		}
		tok, err := OpenTokenizer(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tok.Close() }()
		if ids, err := tok.Encode(c.text); err != nil || !slices.Equal(ids, c.ids) {
			t.Errorf("{%s}: %q is %v (%v), want %v", c.config, c.text, ids, err, c.ids)
		}
		for role, want := range c.roles {
			if got := tok.SpecialTokens()[role]; got != want {
				t.Errorf("{%s}: %s is %q, want %q", c.config, role, got, want)
			}
		}
	}
}

// TestTokenizerNote says it where transformers would rebuild a Llama tokenizer.
func TestTokenizerNote(t *testing.T) {
	file, err := os.ReadFile("testdata/tokenizer/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(file, &parts); err != nil {
		t.Fatal(err)
	}
	parts["normalizer"] = json.RawMessage(`{"type": "Prepend", "prepend": "▁"}`)
	changed, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	prepend := string(changed)
	for _, c := range []struct {
		tokenizer, config, model string
		want                     bool
	}{
		{prepend, `{"tokenizer_class": "LlamaTokenizerFast"}`, `{"model_type": "llama"}`, true},
		{prepend, `{"tokenizer_class": "LlamaTokenizer", "legacy": true}`, `{"model_type": "llama"}`, false},
		{prepend, `{"tokenizer_class": "LlamaTokenizer"}`, `{"model_type": "mistral"}`, false},
		{string(file), `{"tokenizer_class": "LlamaTokenizer"}`, `{"model_type": "llama"}`, false},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"tokenizer.json": c.tokenizer, "tokenizer_config.json": c.config, "config.json": c.model} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		tok, err := OpenTokenizer(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Note(); (got != "") != c.want {
			t.Errorf("%s %s: note %q", c.config, c.model, got)
		}
		_ = tok.Close()
	}
}
