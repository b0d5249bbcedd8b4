package ui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
)

// editor is a text of several lines that is being typed: a text area of Bubbles
// that wears the theme. Long lines are wrapped.
type editor struct {
	in         textarea.Model
	was, shown string // what it began with, as it was and as it is shown
}

// newEditor starts with a text, the cursor at its end.
func newEditor(text string) *editor {
	e := &editor{in: textarea.New(), was: text}
	e.in.Prompt, e.in.ShowLineNumbers = "", false
	e.in.MaxHeight, e.in.MaxWidth = 0, 0
	// The terminal pastes and copies; the clipboard of this machine may be the wrong one.
	e.in.KeyMap.Paste, e.in.KeyMap.CopySelection = key.Binding{}, key.Binding{}
	e.in.SetStyles(textarea.Styles{}) // the theme's come with the first picture; these do not blink
	e.in.Focus()
	e.in.SetWidth(80)
	e.in.SetValue(editable(text))
	e.in.MoveToEnd()
	e.shown = e.in.Value()
	return e
}

// editable is a text as it can be shown while it is edited.
func editable(s string) string {
	return visible2(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\t", "    "))
}

// String is what has been typed; a text that nobody has touched comes back as it was.
func (e *editor) String() string {
	if v := e.in.Value(); v != e.shown {
		return v
	}
	return e.was
}

// press edits; it reports whether the key was one for editing.
func (e *editor) press(k tea.KeyPressMsg) bool {
	text, line, column := e.in.Value(), e.in.Line(), e.in.Column()
	k.Text = typable(k.Text)
	e.in, _ = e.in.Update(k) // its cursor does not blink, so it asks for nothing
	return e.in.Value() != text || e.in.Line() != line || e.in.Column() != column
}

// insert puts a text of any number of lines at the cursor.
func (e *editor) insert(text string) { e.in.InsertString(typable(text)) }

// erase takes n runes before the cursor away.
func (e *editor) erase(n int) {
	for range n {
		e.in, _ = e.in.Update(tea.KeyPressMsg{Code: tea.KeyBackspace})
	}
}

// view draws the text in w×h cells; the line of the cursor is always shown.
func (e *editor) view(t *theme, w, h int) []string {
	e.in.SetStyles(t.area)
	if e.in.Width() != w {
		e.in.SetWidth(w)
	}
	if e.in.Height() != h {
		e.in.SetHeight(h)
	}
	lines := strings.Split(e.in.View(), "\n")
	for i, l := range lines {
		lines[i] = markCursor(t, inkPlain, l)
	}
	return block(lines, w, h)
}
