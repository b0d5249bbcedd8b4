package dataset

import (
	"bytes"
	"strings"
)

// encoder turns texts into ids, and finds out where a completion begins
// without tokenizing its prompt a second time where that is sound.
type encoder struct {
	tok *Tokenizer
	// borders are added tokens at which a text may be cut: the ids of the two
	// parts, one after the other, are the ids of the whole.
	borders []string
}

func newEncoder(tok *Tokenizer) *encoder {
	return &encoder{tok: tok, borders: borderTokens(tok.added, tok.file.PreTokenizer, tok.file.Normalizer)}
}

// borderTokens are the added tokens that split a text before anything else
// looks at it and that no other added token can overlap. A pre-tokenizer that
// treats the very first piece of a text in its own way rules all of them out.
func borderTokens(added []addedToken, preTokenizer, normalizer []byte) []string {
	if bytes.Contains(preTokenizer, []byte(`"first"`)) || bytes.Contains(normalizer, []byte(`"Prepend"`)) {
		return nil // Metaspace's prepend_scheme, and its older form
	}
	var borders []string
	for _, token := range added {
		if token.LStrip || token.RStrip || token.SingleWord || token.Normalized || token.Content == "" {
			continue
		}
		alone := true
		for _, other := range added {
			if other.Content != token.Content && !other.Normalized && overlaps(other.Content, token.Content) {
				alone = false
				break
			}
		}
		if alone {
			borders = append(borders, token.Content)
		}
	}
	return borders
}

// overlaps says whether a text could have other over a place where token
// stands: other contains token, or a beginning of token ends other.
func overlaps(other, token string) bool {
	if strings.Contains(other, token) {
		return true
	}
	for n := 1; n < len(token) && n < len(other); n++ {
		if strings.HasSuffix(other, token[:n]) {
			return true
		}
	}
	return false
}

// cut is the end of the last border token of text that lies wholly within
// its first limit bytes; 0 when there is none.
func (e *encoder) cut(text string, limit int) int {
	best := 0
	for _, token := range e.borders {
		if at := strings.LastIndex(text[:limit], token); at >= 0 {
			best = max(best, at+len(token))
		}
	}
	return best
}

// pair encodes whole and says how many of its leading ids the ids of prompt
// share, and how many ids prompt has.
func (e *encoder) pair(prompt, whole string) (ids []int32, shared, promptLen int, err error) {
	at := e.cut(prompt, commonBytes(prompt, whole))
	if at == 0 {
		if ids, err = e.tok.Encode(whole); err != nil {
			return nil, 0, 0, err
		}
		shared, promptLen, err = e.shared(prompt, ids, false)
		return ids, shared, promptLen, err
	}
	if ids, err = e.tok.Encode(whole[:at]); err != nil {
		return nil, 0, 0, err
	}
	tail, err := e.tok.Encode(whole[at:])
	if err != nil {
		return nil, 0, 0, err
	}
	n := len(ids)
	shared, promptLen, err = e.shared(prompt[at:], tail, false)
	return append(ids, tail...), n + shared, n + promptLen, err
}

// shared is how many leading ids the ids of prompt and ids have in common,
// and how many prompt has, with or without the special tokens of a text.
func (e *encoder) shared(prompt string, ids []int32, special bool) (shared, promptLen int, err error) {
	if prompt == "" && !special {
		return 0, 0, nil
	}
	promptIDs, err := e.tok.encode(prompt, special)
	return commonPrefix(promptIDs, ids), len(promptIDs), err
}

// commonBytes is the length of the longest common prefix of a and b.
func commonBytes(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
