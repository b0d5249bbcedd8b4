package dataset

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// splitterTokenizers are small tokenizers with each pre-tokenizer that the word
// cache knows.
func splitterTokenizers(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	data, err := os.ReadFile("testdata/tokenizer/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	quoted := func(pattern string) string {
		b, err := json.Marshal(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	split := func(pattern string) string {
		return `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ` + quoted(pattern) + `}, "behavior": "Isolated", "invert": false},
			{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}`
	}
	out := map[string]*Tokenizer{}
	for name, pre := range map[string]string{
		"gpt2":   `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}`,
		"digits": `{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]}`,
		"llama3": split(patternLlama3),
		"qwen2":  split(patternQwen2),
	} {
		var file map[string]json.RawMessage
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		file["pre_tokenizer"] = json.RawMessage(pre)
		if name == "qwen2" {
			file["normalizer"] = json.RawMessage(`{"type": "NFC"}`)
		}
		text, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		tok, err := OpenTokenizer(dir)
		if err != nil {
			t.Fatal(err)
		}
		if tok.words == nil {
			t.Fatalf("%s has no word cache", name)
		}
		t.Cleanup(func() { _ = tok.Close() })
		out[name] = tok
	}
	return out
}

// same fails when the word cache gives other ids than the native tokenizer;
// it reports whether the cache took the text on.
func same(t testing.TB, name string, tok *Tokenizer, text string) bool {
	t.Helper()
	got, ok := tok.words.cut(text)
	if !ok {
		return false
	}
	want, err := tok.run(text, false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want.ids) {
		t.Fatalf("%s: %q\n got %v\nwant %v", name, text, got, want.ids)
	}
	return true
}

// TestWordCacheClasses puts every character that the cache decides on between
// others, in one long text for each piece of the table.
func TestWordCacheClasses(t *testing.T) {
	for name, tok := range splitterTokenizers(t) {
		var b strings.Builder
		for r := rune(1); r < 0x20000; r++ {
			if class, _ := classAt(string(r)+" ", 0); class == unsure || r >= 0x4E00 && r < 0xFF00 && r%61 != 0 {
				continue // of the large scripts some are enough: they are one range each
			}
			s := string(r)
			b.WriteString("a" + s + "b " + s + " 1" + s + s + "2 " + s + "x." + s + "\n" + s + "  " + s + "'s" + s)
			if b.Len() > 2000 {
				if !same(t, name, tok, b.String()) {
					t.Fatalf("%s: a text of decided characters is left to the native tokenizer: %q", name, b.String()[:60])
				}
				b.Reset()
			}
		}
	}
}

func TestWordCacheRandomTexts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pieces := []string{" ", " ", "  ", "\n", "\r\n", "\t", "'", "'s", "'LL", "'Re", "a", "Zoë", "12", "3", "4567", ".", "...", "!?", "$x^2$", "日本", "слово", "—", "🙂", "<", "<|end|>", "<|start|>", "<|en", "|>", "é", "x'y", "don't", "_", "\\frac{1}{2}", " \n ", "\u00a0", "½", "\u0301"}
	for name, tok := range splitterTokenizers(t) {
		taken := 0
		for range 4000 {
			var b strings.Builder
			for range 1 + rng.IntN(14) {
				n := len(pieces)
				if rng.IntN(4) > 0 {
					n -= 3 // mostly without the undecided ones
				}
				b.WriteString(pieces[rng.IntN(n)])
			}
			if same(t, name, tok, b.String()) {
				taken++
			}
		}
		if taken < 2500 {
			t.Errorf("%s: the cache took %d of 4000 texts", name, taken)
		}
	}
}

// Tokens that strip white space around them, or other pre-tokenizers, are not
// for the cache.
func TestWordCacheDeclines(t *testing.T) {
	tok := splitterTokenizers(t)["gpt2"]
	native := func(text string) ([]int32, error) {
		enc, err := tok.run(text, false)
		return enc.ids, err
	}
	if newWordCache(tok.file, []addedToken{{Content: "<x>", LStrip: true}}, native) != nil {
		t.Error("a token that strips is accepted")
	}
	file := tok.file
	file.PreTokenizer = json.RawMessage(`{"type": "Whitespace"}`)
	if newWordCache(file, nil, native) != nil {
		t.Error("a word pre-tokenizer is accepted")
	}
	file = tok.file
	file.Normalizer = json.RawMessage(`{"type": "Lowercase"}`)
	if newWordCache(file, nil, native) != nil {
		t.Error("a normalizer is accepted")
	}
	wrong := func(text string) ([]int32, error) { return []int32{int32(len(text))}, nil }
	if newWordCache(tok.file, tok.added, wrong) != nil {
		t.Error("a cache that disagrees with the native tokenizer is accepted")
	}
}

// An audit that finds a difference ends the cache's use; the ids stay the
// native ones.
func TestWordCacheAudit(t *testing.T) {
	tok := splitterTokenizers(t)["gpt2"]
	const text = "hello world"
	want, err := tok.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	poisoned := map[string][]int32{"hello": {7}, " world": {7}}
	tok.words.known.Store(&poisoned)
	tok.words.count.Store(auditOne - 1)
	got, err := tok.Encode(text)
	if err != nil || !slices.Equal(got, want) || !tok.words.broken.Load() {
		t.Errorf("%v, want %v (%v)", got, want, err)
	}
	if got, _ := tok.Encode(text); !slices.Equal(got, want) {
		t.Error("the broken cache is still used")
	}
}

func TestWordCacheIsConcurrent(t *testing.T) {
	tok := splitterTokenizers(t)["llama3"]
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for range 300 {
				var b strings.Builder
				for range 30 {
					b.WriteString(" w" + strings.Repeat("xyz"[rng.IntN(3):][:1], rng.IntN(9)))
				}
				if !same(t, "llama3", tok, b.String()) {
					t.Error("left to the native tokenizer")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzWordCache(f *testing.F) {
	for _, s := range splitSamples {
		f.Add(s)
	}
	f.Add("<|end|><|start|> x<|end|")
	tokenizers := splitterTokenizers(f)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ToValidUTF8(text, "") != text || strings.Contains(text, "\x00") {
			return
		}
		for name, tok := range tokenizers {
			same(t, name, tok, text)
		}
	})
}
