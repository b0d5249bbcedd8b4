package jinja

import (
	"strings"
	"unicode"
)

func wordwrapFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens")
	if err != nil {
		return nil, err
	}
	width, err := intArgument(vals[0], given[0], 79)
	if err != nil {
		return nil, err
	}
	if width <= 0 {
		return nil, fail(kindValue, "invalid width %d (must be > 0)", width)
	}
	sep := "\n"
	if vals[2] != nil {
		var ok bool
		if sep, ok = text(vals[2]); !ok {
			return nil, fail(kindAttribute, "'%s' object has no attribute 'join'", typeName(vals[2]))
		}
	}
	s, ok := text(v)
	if u, isUndefined := v.(*undefined); isUndefined {
		return nil, u.err()
	}
	if !ok {
		return nil, fail(kindAttribute, "'%s' object has no attribute 'splitlines'", typeName(v))
	}
	w := wrapper{width: int(min(width, maxPad)), long: !given[1] || truth(vals[1]), hyphens: !given[3] || truth(vals[3])}
	var paragraphs []string
	for _, line := range splitLines(s, false) {
		paragraphs = append(paragraphs, strings.Join(w.wrap(line), sep))
	}
	out := strings.Join(paragraphs, sep)
	return out, e.hold(len(out))
}

// wrapper breaks a paragraph into lines as Python's textwrap does.
type wrapper struct {
	width         int
	long, hyphens bool
}

// wrapSpace tells the white space that textwrap breaks at.
func wrapSpace(r rune) bool {
	return r == ' ' || r >= '\t' && r <= '\r'
}

func (w wrapper) wrap(line string) []string {
	chunks := w.chunks([]rune(line))
	var lines []string
	for len(chunks) > 0 {
		if len(lines) > 0 && blank(chunks[0]) {
			chunks = chunks[1:]
			if len(chunks) == 0 {
				break
			}
		}
		var current []string
		length := 0
		for len(chunks) > 0 && length+runeCount(chunks[0]) <= w.width {
			current = append(current, chunks[0])
			length += runeCount(chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && runeCount(chunks[0]) > w.width {
			if w.long {
				room := w.width - length
				cut := w.breakAt([]rune(chunks[0]), room)
				rs := []rune(chunks[0])
				current = append(current, string(rs[:cut]))
				chunks[0] = string(rs[cut:])
			} else if len(current) == 0 {
				current = append(current, chunks[0])
				chunks = chunks[1:]
			}
		}
		if len(current) > 0 && blank(current[len(current)-1]) {
			current = current[:len(current)-1]
		}
		if len(current) > 0 {
			lines = append(lines, strings.Join(current, ""))
		}
	}
	return lines
}

// breakAt is where a word too long for a line is cut: after a hyphen if one
// lies in the room left, which may be none.
func (w wrapper) breakAt(word []rune, room int) int {
	if !w.hyphens || len(word) <= room {
		return min(room, len(word))
	}
	for i := min(room, len(word)) - 1; i > 0; i-- {
		if word[i] != '-' {
			continue
		}
		for _, r := range word[:i] {
			if r != '-' {
				return i + 1
			}
		}
		break
	}
	return min(room, len(word))
}

func blank(s string) bool { return trimLeft(s, isSpace) == "" }

// chunks cuts a line into white space and words, and words after hyphens
// between letters and around dashes.
func (w wrapper) chunks(rs []rune) []string {
	var out []string
	add := func(from, to int) {
		if to > from {
			out = append(out, string(rs[from:to]))
		}
	}
	for i := 0; i < len(rs); {
		j := i
		if wrapSpace(rs[i]) {
			for j < len(rs) && wrapSpace(rs[j]) {
				j++
			}
			add(i, j)
			i = j
			continue
		}
		if w.hyphens {
			j = wordEnd(rs, i)
		} else {
			for j < len(rs) && !wrapSpace(rs[j]) {
				j++
			}
		}
		add(i, j)
		i = j
	}
	return out
}

// wordEnd finds where the chunk that begins at i ends.
func wordEnd(rs []rune, i int) int {
	letter := func(k int) bool {
		return k >= 0 && k < len(rs) && (rs[k] == '_' || unicode.IsLetter(rs[k]))
	}
	word := func(k int) bool {
		return k >= 0 && k < len(rs) && (rs[k] == '_' || unicode.IsLetter(rs[k]) || unicode.IsNumber(rs[k]))
	}
	punct := func(k int) bool {
		return k >= 0 && k < len(rs) && (word(k) || strings.ContainsRune(`!"'&.,?`, rs[k]))
	}
	dashes := func(k int) int {
		n := 0
		for k+n < len(rs) && rs[k+n] == '-' {
			n++
		}
		return n
	}
	if n := dashes(i); n >= 2 && punct(i-1) && word(i+n) {
		return i + n
	}
	for j := i + 1; j <= len(rs); j++ {
		if j == len(rs) || wrapSpace(rs[j]) {
			return j
		}
		if rs[j] == '-' {
			before := letter(j-1) && letter(j-2) || punct(j-1) && j >= 2 && rs[j-2] == '-' && letter(j-3)
			after := letter(j+1) && (letter(j+2) || j+2 < len(rs) && rs[j+2] == '-' && letter(j+3))
			if before && after {
				return j + 1
			}
			if n := dashes(j); n >= 2 && punct(j-1) && word(j+n) {
				return j
			}
		}
	}
	return len(rs)
}
