package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/daulet/tokenizers"
)

// loadVocab reads the vocabulary out of tokenizer.json once; it is only
// needed to spell tokens, never to encode.
func (t *Tokenizer) loadVocab() {
	t.vocabOnce.Do(func() {
		var model struct {
			Vocab json.RawMessage `json:"vocab"`
		}
		t.vocab = map[string]int32{}
		if json.Unmarshal(t.file.Model, &model) == nil {
			var pairs [][2]json.RawMessage // Unigram: [piece, score]
			if json.Unmarshal(model.Vocab, &t.vocab) != nil && json.Unmarshal(model.Vocab, &pairs) == nil {
				t.vocab = make(map[string]int32, len(pairs))
				for i, p := range pairs {
					var piece string
					if json.Unmarshal(p[0], &piece) == nil {
						t.vocab[piece] = int32(i)
					}
				}
			}
		}
		size := int32(0)
		for _, id := range t.vocab {
			size = max(size, id+1)
		}
		for _, a := range t.file.AddedTokens {
			size = max(size, a.ID+1)
		}
		t.pieces = make([]string, size)
		for piece, id := range t.vocab {
			if id >= 0 {
				t.pieces[id] = piece
			}
		}
		for _, a := range t.file.AddedTokens {
			if a.ID >= 0 {
				t.pieces[a.ID] = a.Content
			}
		}
	})
}

// nulStandIn lets texts with U+0000 through the binding, whose strings end at
// the first zero byte: the character is exchanged for another control
// character before encoding and its id exchanged back after. That is exact
// for a vocabulary in which neither character is part of a longer token and
// neither is special to the pre-tokenizer.
type nulStandIn struct {
	ok      bool
	r       rune  // the stand-in, a control character
	id, nul int32 // ids of the stand-in and of U+0000; both -1 where they have none and fare alike
}

// findStandIn looks for a control character with the same role as U+0000.
func findStandIn(t *Tokenizer) nulStandIn {
	if !strings.Contains(string(t.file.PreTokenizer), `"ByteLevel"`) {
		return plainStandIn(t)
	}
	if !isNull(t.file.Normalizer) {
		return nulStandIn{}
	}
	t.loadVocab()
	nul, ok := t.vocab[string(byteLevelRune(0))]
	if !ok {
		return nulStandIn{}
	}
	for b := byte(1); b < 32; b++ {
		if b >= 9 && b <= 13 || b >= 28 { // white space of one kind or another
			continue
		}
		id, ok := t.vocab[string(byteLevelRune(b))]
		if ok && aloneInVocab(t.pieces, byteLevelRune(0)) && aloneInVocab(t.pieces, byteLevelRune(b)) {
			return nulStandIn{ok: true, r: rune(b), id: id, nul: nul}
		}
	}
	return nulStandIn{}
}

// plainStandIn is the stand-in for a vocabulary of characters. U+0001 fares as
// U+0000 does where no piece has either: both are unknown, or a byte each, and
// the normalizers that clean a text drop both. Those that follow a table of
// SentencePiece's keep the one and drop the other.
func plainStandIn(t *Tokenizer) nulStandIn {
	const r = '\x01'
	for _, table := range []string{`"Precompiled"`, `"Nmt"`, `"ByteLevel"`} {
		if strings.Contains(string(t.file.Normalizer), table) {
			return nulStandIn{}
		}
	}
	t.loadVocab()
	for _, piece := range t.pieces {
		if strings.ContainsAny(piece, "\x00\x01") {
			return nulStandIn{}
		}
	}
	var model struct {
		ByteFallback bool `json:"byte_fallback"`
	}
	if json.Unmarshal(t.file.Model, &model) != nil {
		return nulStandIn{}
	}
	nul, hasNul := t.vocab["<0x00>"]
	one, hasOne := t.vocab["<0x01>"]
	switch {
	case !model.ByteFallback || !hasNul && !hasOne:
		return nulStandIn{ok: true, r: r, id: -1, nul: -1}
	case hasNul && hasOne:
		return nulStandIn{ok: true, r: r, id: one, nul: nul}
	}
	return nulStandIn{}
}

func aloneInVocab(pieces []string, r rune) bool {
	return !slices.ContainsFunc(pieces, func(p string) bool {
		return len(p) > utf8.RuneLen(r) && strings.ContainsRune(p, r)
	})
}

// byteLevelRune is the character by which a byte-level vocabulary writes b;
// only for control characters, which come first in its table.
func byteLevelRune(b byte) rune { return 0x100 + rune(b) }

// hide replaces U+0000; restore says whether ids must be exchanged back.
func (n nulStandIn) hide(text string) (out string, restore bool, err error) {
	at := strings.IndexByte(text, 0)
	if at < 0 {
		return text, false, nil
	}
	if !n.ok || n.id != n.nul && strings.ContainsRune(text, n.r) {
		return "", false, fmt.Errorf("the text has the character U+0000 (binary data?) at byte %d, which this tokenizer cannot take; remove it from the data", at)
	}
	return strings.ReplaceAll(text, "\x00", string(n.r)), true, nil
}

func (n nulStandIn) restore(ids []int32) {
	for i, id := range ids {
		if id == n.id {
			ids[i] = n.nul
		}
	}
}

// decode is the backend's decode for ids whose text has U+0000 in it.
func (n nulStandIn) decode(backend *tokenizers.Tokenizer, ids []uint32) string {
	if !n.ok {
		return ""
	}
	var b strings.Builder
	for start := 0; start <= len(ids); {
		end := start
		for end < len(ids) && int32(ids[end]) != n.nul {
			end++
		}
		b.WriteString(backend.Decode(ids[start:end], false))
		if end < len(ids) {
			b.WriteByte(0)
		}
		start = end + 1
	}
	return b.String()
}
