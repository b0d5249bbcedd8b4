package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNulInPlainVocabulary encodes U+0000 with vocabularies of characters as
// Python's tokenizers does: unknown, or the byte's own piece.
func TestNulInPlainVocabulary(t *testing.T) {
	const words = `{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
		"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2},"unk_token":"<unk>"}}`
	const bytes = `{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,
		"model":{"type":"BPE","vocab":{"<unk>":0,"a":1,"b":2,"<0x00>":3,"<0x01>":4},"merges":[],"unk_token":"<unk>","byte_fallback":true}}`
	const table = `{"version":"1.0","added_tokens":[],"normalizer":{"type":"Nmt"},"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
		"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2},"unk_token":"<unk>"}}`
	for _, c := range []struct {
		name, file, text string
		want             []int32 // nil where the text is refused
	}{
		{"unknown", words, "a\x00b", []int32{1, 0, 2}},
		{"unknown beside the stand-in", words, "a \x00 \x01", []int32{1, 0, 0}},
		{"a byte", bytes, "a\x00b", []int32{1, 3, 2}},
		{"both bytes", bytes, "\x00\x01", nil},
		{"SentencePiece's table", table, "a\x00", nil},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(c.file), 0o644); err != nil {
			t.Fatal(err)
		}
		tok, err := OpenTokenizer(dir)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Encode(c.text)
		if (err != nil) != (c.want == nil) || !slices.Equal(ids, c.want) {
			t.Errorf("%s: ids %v, want %v (%v)", c.name, ids, c.want, err)
		}
		if err := tok.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
