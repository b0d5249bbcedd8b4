package dataset

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// wordCache speeds up encoding without deciding any id itself. A byte-level
// BPE encodes each word that its pre-tokenizer cuts out on its own, and texts
// repeat their words; so the words are cut here and the native tokenizer is
// asked once for each. It is used only where that is exact: for the
// pre-tokenizers that splitter knows, for texts of characters whose class has
// never changed between Unicode versions, and for tokens that are added
// without stripping. Now and then a whole text is encoded natively as well;
// should the two ever differ, the cache is given up for good.
type wordCache struct {
	split  splitter
	native func(text string) ([]int32, error)
	passes []addedSet // added tokens: those matched before normalization, then the others

	known  atomic.Pointer[map[string][]int32] // never written to
	mu     sync.Mutex
	fresh  map[string][]int32 // words since known was made
	count  atomic.Uint64      // texts encoded
	broken atomic.Bool
}

const (
	maxWord  = 48      // bytes; longer words are seldom met again
	maxWords = 1 << 18 // words kept
	auditOne = 1 << 10 // one text in so many is checked against the native tokenizer
)

// newWordCache returns nil when the tokenizer is not one it is exact for.
func newWordCache(file tokenizerFile, added []addedToken, native func(string) ([]int32, error)) *wordCache {
	split, ok := splitterOf(file.PreTokenizer)
	if !ok || !plainModel(file) {
		return nil
	}
	w := &wordCache{split: split, native: native, fresh: map[string][]int32{}, passes: make([]addedSet, 2)}
	for _, a := range added {
		if a.LStrip || a.RStrip || a.SingleWord || a.Content == "" {
			return nil
		}
		pass := &w.passes[0]
		if a.Normalized {
			pass = &w.passes[1]
		}
		pass.add(a)
	}
	w.known.Store(&map[string][]int32{})
	for _, text := range splitSamples {
		if !w.agrees(text) {
			return nil
		}
	}
	return w
}

// splitSamples are checked when a tokenizer is opened.
var splitSamples = []string{
	"It's Peter's, they'LL say we've  42 apples\tand\n\n  3,141.59 $x^2$...\r\nEnd  ", "  \n \n\tx  y\n", "Größe naïve Ωmega слово 日本語テスト 한국어 “quoted” — 100% 🙂!\n\n\n",
}

// plainModel reports whether each word is encoded on its own and nothing is
// added around the text or changed in it beforehand.
func plainModel(file tokenizerFile) bool {
	var model struct {
		Type                    string
		Dropout                 *float64
		ContinuingSubwordPrefix string `json:"continuing_subword_prefix"`
		EndOfWordSuffix         string `json:"end_of_word_suffix"`
	}
	if json.Unmarshal(file.Model, &model) != nil || model.Type != "BPE" || model.Dropout != nil && *model.Dropout != 0 ||
		model.ContinuingSubwordPrefix != "" || model.EndOfWordSuffix != "" {
		return false
	}
	var normalizer struct{ Type string }
	// NFC leaves every text alone that the splitter accepts.
	return isNull(file.Normalizer) || json.Unmarshal(file.Normalizer, &normalizer) == nil && normalizer.Type == "NFC"
}

// agrees compares the cache's ids of text with the native ones.
func (w *wordCache) agrees(text string) bool {
	want, err := w.native(text)
	if err != nil {
		return false
	}
	got, ok := w.cut(text)
	return !ok || slices.Equal(got, want)
}

// encode returns the ids of text; ok is false when the native tokenizer has
// to do it.
func (w *wordCache) encode(text string) (ids []int32, ok bool) {
	if w == nil || w.broken.Load() {
		return nil, false
	}
	ids, ok = w.cut(text)
	if ok && w.count.Add(1)%auditOne == 0 {
		if want, err := w.native(text); err != nil || !slices.Equal(ids, want) {
			w.broken.Store(true)
			return nil, false
		}
	}
	return ids, ok
}

// cut splits text at added tokens and words, and joins their ids.
func (w *wordCache) cut(text string) ([]int32, bool) {
	return w.pass(make([]int32, 0, len(text)/3+8), text, 0)
}

func (w *wordCache) pass(out []int32, text string, pass int) ([]int32, bool) {
	if pass == len(w.passes) {
		return w.words(out, text)
	}
	set := &w.passes[pass]
	from := 0
	for at := 0; ; {
		start, end, id := set.find(text, at)
		if start < 0 {
			break
		}
		var ok bool
		if out, ok = w.pass(out, text[from:start], pass+1); !ok {
			return nil, false
		}
		out = append(out, id)
		from, at = end, end
	}
	return w.pass(out, text[from:], pass+1)
}

// words appends the ids of a text without added tokens.
func (w *wordCache) words(out []int32, text string) ([]int32, bool) {
	known := *w.known.Load()
	for i := 0; i < len(text); {
		j, ok := w.split.next(text, i)
		if !ok {
			return nil, false
		}
		word := text[i:j]
		ids, hit := known[word]
		if !hit {
			if ids, ok = w.learn(word); !ok {
				return nil, false
			}
		}
		out = append(out, ids...)
		i = j
	}
	return out, true
}

// learn looks word up among the new ones and asks the native tokenizer last.
func (w *wordCache) learn(word string) ([]int32, bool) {
	if len(word) <= maxWord {
		w.mu.Lock()
		ids, hit := w.fresh[word]
		w.mu.Unlock()
		if hit {
			return ids, true
		}
	}
	ids, err := w.native(word)
	if err != nil {
		return nil, false
	}
	if len(word) <= maxWord {
		w.keep(word, ids)
	}
	return ids, true
}

// keep adds a word; when there are many new ones they join the known ones,
// which can then be read without a lock.
func (w *wordCache) keep(word string, ids []int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := *w.known.Load()
	if len(known)+len(w.fresh) >= maxWords {
		return
	}
	w.fresh[string([]byte(word))] = slices.Clip(ids) // a copy: word is a piece of a whole text
	if len(w.fresh) < 256+len(known)/4 {
		return
	}
	merged := make(map[string][]int32, len(known)+len(w.fresh))
	for k, v := range known {
		merged[k] = v
	}
	for k, v := range w.fresh {
		merged[k] = v
	}
	w.known.Store(&merged)
	w.fresh = map[string][]int32{}
}

// addedSet finds added tokens in a text: the leftmost one, the longest of
// those that begin there.
type addedSet struct {
	first   [256]bool // first bytes of the tokens
	tokens  []addedToken
	byBytes [256][]int // tokens by first byte, longest first
}

func (s *addedSet) add(a addedToken) {
	s.tokens = append(s.tokens, a)
	b := a.Content[0]
	s.first[b] = true
	s.byBytes[b] = append(s.byBytes[b], len(s.tokens)-1)
	slices.SortStableFunc(s.byBytes[b], func(x, y int) int { return len(s.tokens[y].Content) - len(s.tokens[x].Content) })
}

// find returns the first token in text from position at on; start is -1 when
// there is none.
func (s *addedSet) find(text string, at int) (start, end int, id int32) {
	if len(s.tokens) == 0 {
		return -1, 0, 0
	}
	for i := at; i < len(text); i++ {
		if !s.first[text[i]] {
			continue
		}
		for _, k := range s.byBytes[text[i]] {
			content := s.tokens[k].Content
			if len(text)-i >= len(content) && text[i:i+len(content)] == content {
				return i, i + len(content), s.tokens[k].ID
			}
		}
	}
	return -1, 0, 0
}

// runeClass is what a pre-tokenizer's pattern asks of a character.
type runeClass uint8

const (
	unsure  runeClass = iota // not one to decide on here
	letter                   // \p{L}
	digit                    // \p{N}
	blank                    // \s, other than a line break
	newline                  // \r or \n
	other                    // none of these
)

// stableRanges are characters outside ASCII whose class all Unicode versions
// of the last fifteen years agree on, and that normalization leaves alone.
var stableRanges = []struct {
	from, to rune
	class    runeClass
}{
	{0xA1, 0xA9, other}, {0xAA, 0xAA, letter}, {0xAB, 0xB1, other}, {0xB4, 0xB4, other}, {0xB5, 0xB5, letter}, {0xB6, 0xB8, other},
	{0xBA, 0xBA, letter}, {0xBB, 0xBB, other}, {0xBF, 0xBF, other}, {0xC0, 0xD6, letter}, {0xD7, 0xD7, other}, {0xD8, 0xF6, letter},
	{0xF7, 0xF7, other}, {0xF8, 0x17E, letter}, {0x180, 0x1BA, letter}, {0x391, 0x3A1, letter}, {0x3A3, 0x3E1, letter},
	{0x400, 0x481, letter}, {0x48A, 0x4FF, letter}, {0x200D, 0x200D, other}, {0x2010, 0x2027, other}, {0x2030, 0x203E, other},
	{0x20A0, 0x20B5, other}, {0x2122, 0x2122, other}, {0x2190, 0x22FF, other}, {0x2500, 0x26FF, other}, {0x3001, 0x3003, other},
	{0x3008, 0x3011, other}, {0x3041, 0x3096, letter}, {0x30A1, 0x30FA, letter}, {0x30FC, 0x30FE, letter}, {0x4E00, 0x9FA5, letter},
	{0xAC00, 0xD7A3, letter}, {0xFE0F, 0xFE0F, other}, {0xFF01, 0xFF0F, other}, {0xFF1A, 0xFF20, other}, {0xFF21, 0xFF3A, letter},
	{0xFF41, 0xFF5A, letter}, {0x1F300, 0x1F64F, other}, {0x1F680, 0x1F6C5, other},
}

// asciiClass classifies a byte below 0x80.
func asciiClass(c byte) runeClass {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return letter
	case c >= '0' && c <= '9':
		return digit
	case c == ' ' || c == '\t':
		return blank
	case c == '\n' || c == '\r':
		return newline
	case c > ' ' && c < 0x7F:
		return other
	}
	return unsure
}

// classAt is the class of the character at text[i:] and its size in bytes.
func classAt(text string, i int) (runeClass, int) {
	if c := text[i]; c < utf8.RuneSelf {
		return asciiClass(c), 1
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	lo, hi := 0, len(stableRanges)
	for lo < hi {
		mid := (lo + hi) / 2
		if stableRanges[mid].to < r {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(stableRanges) && stableRanges[lo].from <= r && size > 1 {
		return stableRanges[lo].class, size
	}
	return unsure, size
}
