package ui

import (
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Whatever the data holds, a line of the row's text fits its place and carries
// no control character to the terminal.
func FuzzFlow(f *testing.F) {
	f.Add("hello\nworld", 30, 5, 1)
	f.Add("世界🚀\x1b[31m\t\x00é\u202e", 12, 3, 2)
	f.Add(strings.Repeat("x", 500), 40, 0, 0)
	th := newTheme(true)
	f.Fuzz(func(t *testing.T, text string, w, cut, stage int) {
		if w < 14 || w > 200 || len(text) > 4000 {
			return
		}
		v := &rowView{limit: 10}
		for i, r := range text {
			v.tokens = append(v.tokens, tokenView{id: int32(i), text: string(r), role: []string{"", "user", "assistant"}[i/7%3], trained: i/7%3 == 2, special: r == '<'})
		}
		v.from, v.to = 0, min(max(cut, 0), len(v.tokens))
		lines, done := newFlow(v, th, func(s string) string { return s }, stageTokens+min(max(stage, 0), 2), w).window(0, 1<<20)
		if !done {
			t.Fatal("the text does not end")
		}
		for _, l := range lines {
			if n := ansi.StringWidth(l); n > w {
				t.Fatalf("a line of %d cells in %d: %q", n, w, l)
			}
			for _, r := range ansi.Strip(l) {
				if unicode.IsControl(r) {
					t.Fatalf("control character %q in %q", r, l)
				}
			}
		}
	})
}

// Panes keep their size around any text.
func FuzzPane(f *testing.F) {
	f.Add("title", "line\x1b[0m", 20, 4)
	f.Add("世界", "e\u0301👩‍👩‍👧 x", 7, 3)
	th := newTheme(false)
	f.Fuzz(func(t *testing.T, title, line string, w, h int) {
		if w < 0 || w > 300 || h < 0 || h > 50 {
			return
		}
		out := th.pane(visible(title), []string{visible(line)}, w, h, true)
		if len(out) != h {
			t.Fatalf("%d lines, not %d", len(out), h)
		}
		for _, l := range out {
			if n := ansi.StringWidth(l); n != w {
				t.Fatalf("a line of %d cells in %d: %q", n, w, l)
			}
		}
		if v := visible(line); visible(v) != v {
			t.Fatalf("%q is shown as %q, and that as %q", line, v, visible(v))
		}
	})
}
