package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// editor is a text of several lines that is being typed.
type editor struct {
	lines []*field
	at    int // line of the cursor
	top   int // first line that is shown
}

// newEditor starts with a text, the cursor at its end.
func newEditor(text string) *editor {
	e := &editor{}
	for _, l := range strings.Split(text, "\n") {
		e.lines = append(e.lines, newField(l))
	}
	e.at = len(e.lines) - 1
	return e
}

// String is what has been typed.
func (e *editor) String() string {
	lines := make([]string, len(e.lines))
	for i, l := range e.lines {
		lines[i] = l.String()
	}
	return strings.Join(lines, "\n")
}

// press edits; it reports whether the key was one for editing.
func (e *editor) press(k tea.KeyPressMsg) bool {
	line := e.lines[e.at]
	switch name := k.String(); {
	case name == "enter":
		e.insert("\n")
	case name == "up":
		e.jump(e.at - 1)
	case name == "down":
		e.jump(e.at + 1)
	case (name == "backspace" || name == "ctrl+h") && line.at == 0 && e.at > 0:
		e.join(e.at - 1)
	case (name == "delete" || name == "ctrl+d") && line.at == len(line.text) && e.at+1 < len(e.lines):
		e.join(e.at)
	default:
		return line.press(k)
	}
	return true
}

// jump goes to a line and keeps the column where there is one.
func (e *editor) jump(to int) {
	to = min(max(to, 0), len(e.lines)-1)
	e.lines[to].at = min(e.lines[e.at].at, len(e.lines[to].text))
	e.at = to
}

// join makes one line of line i and the next; the cursor stands between them.
func (e *editor) join(i int) {
	a, b := e.lines[i], e.lines[i+1]
	a.at = len(a.text)
	a.text = append(a.text[:len(a.text):len(a.text)], b.text...)
	e.lines = append(e.lines[:i+1], e.lines[i+2:]...)
	e.at = i
}

// insert puts a text of any number of lines at the cursor.
func (e *editor) insert(text string) {
	for n, piece := range strings.Split(text, "\n") {
		line := e.lines[e.at]
		if n > 0 {
			rest := newField(string(line.text[line.at:]))
			rest.at = 0
			line.text = line.text[:line.at]
			e.at++
			e.lines = append(e.lines[:e.at], append([]*field{rest}, e.lines[e.at:]...)...)
			line = rest
		}
		line.press(tea.KeyPressMsg{Text: piece, Code: tea.KeyExtended})
	}
}

// erase takes n runes before the cursor away.
func (e *editor) erase(n int) {
	line := e.lines[e.at]
	line.remove(line.at-n, line.at)
}

// view draws the text in w×h cells; the line of the cursor is always shown.
func (e *editor) view(t *theme, w, h int) []string {
	e.top = min(max(e.top, e.at-h+1), e.at)
	out := make([]string, 0, h)
	for i := e.top; i < min(e.top+h, len(e.lines)); i++ {
		l := e.lines[i]
		if i == e.at {
			out = append(out, l.view(t, w))
			continue
		}
		out = append(out, fit(visible(l.String()), w))
	}
	return out
}
