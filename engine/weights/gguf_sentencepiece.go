package weights

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"
)

// spaceMark stands for a space in SentencePiece vocabularies.
const spaceMark = "▁"

// readSentencePiece turns a SentencePiece BPE vocabulary, which has scores instead of merges, into merges: every way
// to join two tokens into a third, best score of the result first.
func (t *ggufTokenizer) readSentencePiece(g *GGUF) error {
	scores, _ := g.meta["tokenizer.ggml.scores"].([]float32)
	if len(scores) != len(t.tokens) {
		return fmt.Errorf("the tokenizer has %d tokens but %d scores", len(t.tokens), len(scores))
	}
	if t.special["unk"] == nil {
		zero := 0 // the format's default
		t.special["unk"] = &zero
	}
	prefix, ok := g.Bool("tokenizer.ggml.add_space_prefix")
	t.pre, t.addBOS = sentencePiece(prefix || !ok), true
	t.merges = scoredMerges(t.tokens, t.vocab, scores)
	return nil
}

func scoredMerges(tokens []string, vocab map[string]int, scores []float32) [][2]string {
	type scored struct {
		pair  [2]string
		score float32
	}
	var all []scored
	for id, token := range tokens {
		if known, ok := vocab[token]; !ok || known != id {
			continue
		}
		first := len(all)
		for cut := range token {
			left, right := token[:cut], token[cut:]
			if _, ok := vocab[left]; !ok || cut == 0 {
				continue
			}
			if _, ok := vocab[right]; ok {
				all = append(all, scored{[2]string{left, right}, scores[id]})
			}
		}
		slices.SortStableFunc(all[first:], func(a, b scored) int {
			return cmp.Or(cmp.Compare(vocab[a.pair[0]], vocab[b.pair[0]]), cmp.Compare(vocab[a.pair[1]], vocab[b.pair[1]]))
		})
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score),
			cmp.Compare(utf8.RuneCountInString(b.pair[0]), utf8.RuneCountInString(a.pair[0])),
			cmp.Compare(utf8.RuneCountInString(b.pair[1]), utf8.RuneCountInString(a.pair[1])))
	})
	merges := make([][2]string, len(all))
	for i, s := range all {
		merges[i] = s.pair
	}
	return merges
}

// sentencePiece marks spaces, falls back to bytes for unknown characters and undoes both when decoding.
func sentencePiece(prefixSpace bool) preTokenizer {
	replace := func(from, to string) any {
		return map[string]any{"type": "Replace", "pattern": map[string]any{"String": from}, "content": to}
	}
	normalizers := []any{replace(" ", spaceMark)}
	decoders := []any{replace(spaceMark, " "), map[string]any{"type": "ByteFallback"}, map[string]any{"type": "Fuse"}}
	if prefixSpace {
		normalizers = slices.Insert(normalizers, 0, any(map[string]any{"type": "Prepend", "prepend": spaceMark}))
		decoders = append(decoders, map[string]any{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return preTokenizer{
		sentencePiece: true,
		normalizer:    map[string]any{"type": "Sequence", "normalizers": normalizers},
		decoder:       map[string]any{"type": "Sequence", "decoders": decoders},
	}
}
