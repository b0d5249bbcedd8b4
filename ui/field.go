package ui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// field is one line of text that is being typed.
type field struct {
	text []rune
	at   int // cursor, in runes
}

// newField starts with a text, the cursor behind it.
func newField(s string) *field { return &field{text: []rune(s), at: len([]rune(s))} }

// String is what has been typed.
func (f *field) String() string { return string(f.text) }

// press edits; it reports whether the key was one for editing.
func (f *field) press(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		f.at = max(0, f.at-1)
	case "right", "ctrl+f":
		f.at = min(len(f.text), f.at+1)
	case "home", "ctrl+a":
		f.at = 0
	case "end", "ctrl+e":
		f.at = len(f.text)
	case "backspace", "ctrl+h":
		f.remove(f.at-1, f.at)
	case "delete", "ctrl+d":
		f.remove(f.at, f.at+1)
	case "ctrl+u":
		f.remove(0, f.at)
	case "ctrl+k":
		f.remove(f.at, len(f.text))
	case "ctrl+w", "alt+backspace":
		i := f.at
		for i > 0 && unicode.IsSpace(f.text[i-1]) {
			i--
		}
		for i > 0 && !unicode.IsSpace(f.text[i-1]) {
			i--
		}
		f.remove(i, f.at)
	default:
		if k.Text == "" {
			return false
		}
		in := []rune(k.Text)
		f.text = append(f.text[:f.at:f.at], append(in, f.text[f.at:]...)...)
		f.at += len(in)
	}
	return true
}

// remove cuts runes [from, to) and puts the cursor there.
func (f *field) remove(from, to int) {
	from, to = max(from, 0), min(to, len(f.text))
	if from >= to {
		return
	}
	f.text = append(f.text[:from:from], f.text[to:]...)
	f.at = from
}

// view draws the field in w cells with a block as cursor; a long text scrolls
// so that the cursor stays visible.
func (f *field) view(t *theme, w int) string {
	before, after := visible(string(f.text[:f.at])), visible(string(f.text[f.at:]))
	for width(before) > w-2 && before != "" {
		_, before, _ = cutFirst(before)
	}
	line := t.paint(inkInput, before) + t.paint(inkSelected, cursorCell(after))
	if _, rest, ok := cutFirst(after); ok {
		line += t.paint(inkInput, rest)
	}
	return fit(line, w)
}

// cursorCell is what stands under the cursor.
func cursorCell(after string) string {
	if first, _, ok := cutFirst(after); ok {
		return first
	}
	return "▏"
}

// cutFirst splits off the first rune.
func cutFirst(s string) (first, rest string, ok bool) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:], true
		}
	}
	return s, "", strings.TrimSpace(s) != "" || s != ""
}
