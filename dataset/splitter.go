package dataset

import (
	"encoding/json"
	"strings"
)

// splitter cuts texts into words as a byte-level pre-tokenizer does.
type splitter int

const (
	// splitGPT2 is ByteLevel's own pattern:
	// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
	splitGPT2 splitter = iota
	// splitGPT2Digits is the same after every digit has been cut out alone.
	splitGPT2Digits
	// splitLlama3 and splitQwen2 are the patterns below.
	splitLlama3
	splitQwen2
)

const (
	patternHead   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|`
	patternTail   = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternLlama3 = patternHead + `\p{N}{1,3}` + patternTail
	patternQwen2  = patternHead + `\p{N}` + patternTail
)

// preTokenizer is an entry of tokenizer.json's pre_tokenizer.
type preTokenizer struct {
	Type             string
	PreTokenizers    []preTokenizer `json:"pretokenizers"`
	IndividualDigits bool           `json:"individual_digits"`
	AddPrefixSpace   *bool          `json:"add_prefix_space"`
	UseRegex         *bool          `json:"use_regex"`
	Pattern          struct{ Regex string }
	Behavior         string
	Invert           bool
}

// splitterOf recognizes a pre-tokenizer.
func splitterOf(raw json.RawMessage) (splitter, bool) {
	var p preTokenizer
	if isNull(raw) || json.Unmarshal(raw, &p) != nil {
		return 0, false
	}
	if p.byteLevel(true) {
		return splitGPT2, true
	}
	if p.Type != "Sequence" || len(p.PreTokenizers) != 2 {
		return 0, false
	}
	first, second := p.PreTokenizers[0], p.PreTokenizers[1]
	switch {
	case first.Type == "Digits" && first.IndividualDigits && second.byteLevel(true):
		return splitGPT2Digits, true
	case first.Type == "Split" && first.Behavior == "Isolated" && !first.Invert && second.byteLevel(false):
		switch first.Pattern.Regex {
		case patternLlama3:
			return splitLlama3, true
		case patternQwen2:
			return splitQwen2, true
		}
	}
	return 0, false
}

// byteLevel reports a ByteLevel step that adds no space and uses its pattern
// or not.
func (p preTokenizer) byteLevel(regex bool) bool {
	uses := p.UseRegex == nil || *p.UseRegex
	return p.Type == "ByteLevel" && p.AddPrefixSpace != nil && !*p.AddPrefixSpace && uses == regex
}

// next is the end of the word that begins at i; ok is false when a character
// makes it unsure.
func (s splitter) next(text string, i int) (end int, ok bool) {
	if s == splitLlama3 || s == splitQwen2 {
		return s.nextSplit(text, i)
	}
	if text[i] == '\'' {
		if n := contraction(text[i+1:], false); n > 0 {
			return i + 1 + n, true
		}
	}
	class, size := classAt(text, i)
	j := i + size
	if text[i] == ' ' && j < len(text) { // " ?": a space goes with what follows it
		class, size = classAt(text, j)
		if class == digit && s == splitGPT2Digits {
			return j, true
		}
		if class != letter && class != digit && class != other {
			class, size = blank, 0
		}
		j += size
	}
	switch class {
	case unsure:
		return 0, false
	case blank, newline:
		return s.spaces(text, i)
	case digit:
		if s == splitGPT2Digits {
			return j, true
		}
	}
	return run(text, j, class)
}

// nextSplit is next for the patterns of Llama 3 and Qwen 2.
func (s splitter) nextSplit(text string, i int) (end int, ok bool) {
	if text[i] == '\'' {
		if n := contraction(text[i+1:], true); n > 0 {
			return i + 1 + n, true
		}
	}
	class, size := classAt(text, i)
	j := i + size
	after, afterSize := unsure, 0
	if j < len(text) {
		after, afterSize = classAt(text, j)
		if after == unsure {
			return 0, false
		}
	}
	switch {
	case class == unsure:
		return 0, false
	case class == letter:
		return run(text, j, letter)
	case after == letter && (class == blank || class == other):
		return run(text, j+afterSize, letter)
	case class == digit:
		return s.digits(text, j)
	case class == other, text[i] == ' ' && after == other:
		return breaksAfter(text, j)
	}
	return s.spaces(text, i)
}

// digits ends a word of digits whose first one ends at j: Llama 3 takes up to
// three together.
func (s splitter) digits(text string, j int) (end int, ok bool) {
	if s != splitLlama3 {
		return j, true
	}
	for n := 1; n < 3 && j < len(text); n++ {
		c, size := classAt(text, j)
		if c == unsure {
			return 0, false
		}
		if c != digit {
			break
		}
		j += size
	}
	return j, true
}

// breaksAfter ends a word of signs that goes on at j: with the line breaks
// that follow it.
func breaksAfter(text string, j int) (end int, ok bool) {
	if j, ok = run(text, j, other); !ok {
		return 0, false
	}
	for j < len(text) && (text[j] == '\r' || text[j] == '\n') {
		j++
	}
	return j, true
}

// spaces ends a word of white space that begins at i: all of it at the end of
// the text, else all but the last character, which goes with what follows.
func (s splitter) spaces(text string, i int) (end int, ok bool) {
	e, lastBreak := i, -1
	for e < len(text) {
		class, _ := classAt(text, e)
		if class == unsure {
			return 0, false
		}
		if class != blank && class != newline {
			break
		}
		if class == newline {
			lastBreak = e
		}
		e++
	}
	switch {
	case lastBreak >= 0 && (s == splitLlama3 || s == splitQwen2): // \s*[\r\n]+
		return lastBreak + 1, true
	case e == len(text), e == i+1:
		return e, true
	case s == splitGPT2Digits && asciiClass(text[e]) == digit: // the digit is cut off first
		return e, true
	}
	return e - 1, true
}

// run goes on from j while characters have the given class.
func run(text string, j int, class runeClass) (end int, ok bool) {
	for j < len(text) {
		c, size := classAt(text, j)
		if c != class {
			return j, c != unsure
		}
		j += size
	}
	return j, true
}

// contraction is the length of what a word such as 's or 've has after its
// apostrophe, 0 for none.
func contraction(rest string, foldCase bool) int {
	for _, c := range [...]string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if strings.HasPrefix(rest, c) || foldCase && len(rest) >= len(c) && strings.EqualFold(rest[:len(c)], c) {
			return len(c)
		}
	}
	return 0
}
