package ui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// field is one line of text that is being typed: a text input of Bubbles that
// wears the theme and never draws what would move the terminal's cursor; that
// one stands where the next character goes (markCursor).
type field struct {
	in         textinput.Model
	ready      bool
	was, shown string // what it began with, as it was and as it is shown
}

// newField starts with a text, the cursor behind it.
func newField(s string) *field {
	f := &field{in: textinput.New(), ready: true, was: s}
	f.in.Prompt = ""
	f.in.KeyMap.Paste = key.Binding{}  // the terminal pastes; the clipboard of this machine may be the wrong one
	f.in.SetStyles(textinput.Styles{}) // the theme's come with the first picture; these do not blink
	f.in.Focus()
	f.in.SetValue(visible(s))
	f.in.CursorEnd()
	f.shown = f.in.Value()
	return f
}

// begin makes the zero field usable.
func (f *field) begin() {
	if !f.ready {
		*f = *newField("")
	}
}

// String is what has been typed; a text that nobody has touched comes back as
// it was, with what cannot be shown in one line.
func (f *field) String() string {
	if v := f.in.Value(); v != f.shown {
		return v
	}
	return f.was
}

// press edits; it reports whether the key was one for editing.
func (f *field) press(k tea.KeyPressMsg) bool {
	f.begin()
	text, at := f.in.Value(), f.in.Position()
	k.Text = typable(k.Text)
	f.in, _ = f.in.Update(k) // its cursor does not blink, so it asks for nothing
	return f.in.Value() != text || f.in.Position() != at
}

// typable leaves out what would reorder or hide the text behind it; line breaks
// and tabs are for the input to decide on.
func typable(s string) string {
	return strings.Map(func(r rune) rune {
		if isBidi(r) {
			return -1
		}
		return r
	}, s)
}

// view draws the field in w cells; a long text scrolls so that the cursor stays
// visible.
func (f *field) view(t *theme, w int) string {
	f.begin()
	f.in.SetStyles(t.input)
	if room := max(w-1, 1); f.in.Width() != room { // the cursor behind the text takes a cell
		f.in.SetWidth(room)
		f.in.SetCursor(f.in.Position())
	}
	return fit(markCursor(t, inkInput, f.in.View()), w)
}
