package dataset

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestPairEqualsEncodingTwice checks that cutting a text at a special token
// changes neither the ids nor where prompt and whole part.
func TestPairEqualsEncodingTwice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"<|im_start|>", "<|im_end|>", "<|im_start", "|>", "<", "user\n", "assistant\n", " The answer", " is", "12", "ö", "☀️", "\n\n", "  ", "the end", "<|unk|>", "<|im_end|><|im_end|>"}
	text := func() string {
		var b strings.Builder
		for range random.IntN(8) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		return b.String()
	}
	tok := smallTokenizer(t)
	e := newEncoder(tok)
	if len(e.borders) == 0 {
		t.Fatal("no token to cut at was found")
	}
	for range 3000 {
		prompt := text()
		whole := prompt + text()
		if random.IntN(4) == 0 { // a template may write the prompt differently alone
			whole = prompt[:random.IntN(len(prompt)+1)] + text()
			whole = strings.ToValidUTF8(whole, "")
		}
		ids, shared, promptLen, err := e.pair(prompt, whole)
		if err != nil {
			t.Fatal(err)
		}
		wantIDs, err := tok.Encode(whole)
		if err != nil {
			t.Fatal(err)
		}
		promptIDs, err := tok.Encode(prompt)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, wantIDs) || shared != commonPrefix(promptIDs, wantIDs) || promptLen != len(promptIDs) {
			t.Fatalf("prompt %q, whole %q:\n got %v, %d of %d\nwant %v, %d of %d", prompt, whole, ids, shared, promptLen,
				wantIDs, commonPrefix(promptIDs, wantIDs), len(promptIDs))
		}
	}
}

func TestBorderTokensLeaveOutWhatMayOverlap(t *testing.T) {
	plain := func(contents ...string) []addedToken {
		var added []addedToken
		for _, content := range contents {
			added = append(added, addedToken{Content: content})
		}
		return added
	}
	cases := []struct {
		name         string
		added        []addedToken
		preTokenizer string
		want         []string
	}{
		{"apart", plain("<a>", "<b>"), "", []string{"<a>", "<b>"}},
		{"one within another", plain("<a>", "x<a>y"), "", []string{"x<a>y"}},
		{"one ends as another begins", plain("ab", "xa"), "", []string{"xa"}},
		{"strips white space", []addedToken{{Content: "<a>", RStrip: true}, {Content: "<b>"}}, "", []string{"<b>"}},
		{"the first piece is special", plain("<a>"), `{"type":"Metaspace","prepend_scheme":"first"}`, nil},
	}
	for _, c := range cases {
		if got := borderTokens(c.added, []byte(c.preTokenizer), nil); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSpanMask(t *testing.T) {
	offsets := [][2]int{{0, 3}, {3, 5}, {5, 5}, {5, 6}, {5, 6}, {6, 9}} // 5…6 is one character in two tokens
	cases := []struct {
		name  string
		spans [][2]int
		want  []int32
	}{
		{"inside a token", [][2]int{{1, 2}}, []int32{1, 1, 1, 1, 1, 1}}, // ends in token 0, which transformers takes for none
		{"two tokens", [][2]int{{3, 6}}, []int32{0, 1, 1, 1, 0, 0}},
		{"to the end", [][2]int{{5, 9}}, []int32{0, 0, 0, 1, 1, 1}},
		{"past the end", [][2]int{{6, 12}}, []int32{0, 0, 0, 0, 0, 1}},
		{"outside stops all", [][2]int{{20, 22}, {3, 5}}, []int32{0, 0, 0, 0, 0, 0}},
		{"two spans", [][2]int{{3, 5}, {6, 9}}, []int32{0, 1, 0, 0, 0, 1}},
	}
	for _, c := range cases {
		if got := spanMask(c.spans, offsets); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCollatePadsToAMultiple(t *testing.T) {
	examples := []Example{{Row: 3, InputIDs: []int32{1, 2, 3}, Labels: []int32{1, 2, 3}}, {Row: 9, InputIDs: []int32{4, 5}, Labels: []int32{-100, 5}}}
	b := Collate(examples, 0, Options{PadToMultipleOf: 4})
	if !slices.Equal(b.InputIDs[1], []int32{4, 5, 0, 0}) || !slices.Equal(b.Labels[1], []int32{-100, 5, -100, -100}) || !slices.Equal(b.AttentionMask[0], []int32{1, 1, 1, 0}) {
		t.Errorf("padded: %+v", b)
	}
	b = Collate(examples, 0, Options{PadToMultipleOf: 4, PaddingFree: true})
	if !slices.Equal(b.PositionIDs[0], []int32{0, 1, 2, 0, 1, 0, 0, 0}) || !slices.Equal(b.Labels[0], []int32{-100, 2, 3, -100, 5, -100, -100, -100}) || b.AttentionMask != nil {
		t.Errorf("padding-free: %+v", b)
	}
	if !slices.Equal(b.Rows[0], []int{3, 9}) {
		t.Errorf("rows %v", b.Rows)
	}
}
