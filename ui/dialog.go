package ui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"sftui/ui/vlist"
)

// dialog is a box over the page that has all keys until it is closed.
type dialog interface {
	view(a *app, w, h int) []string
	press(a *app, k tea.KeyPressMsg) tea.Cmd
	scroll(d int)
}

// push opens a dialog; pop closes the topmost.
func (a *app) push(d dialog) { a.stack = append(a.stack, d) }

func (a *app) pop() {
	if n := len(a.stack); n > 0 {
		a.stack = a.stack[:n-1]
	}
}

// choice is one answer to a question.
type choice struct {
	key, text string
	do        func(a *app) tea.Cmd
}

// question is a dialog that asks for one of a few answers; esc is always no.
type question struct {
	title   string
	lines   []string
	choices []choice
}

func (q *question) scroll(int) {}

func (q *question) view(a *app, w, h int) []string {
	inner := min(w-8, 76)
	var lines []string
	for _, l := range q.lines {
		lines = append(lines, wrap(l, inner)...)
	}
	var row []string
	for _, c := range q.choices {
		row = append(row, a.th.paint(inkKey, c.key)+" "+c.text)
	}
	row = append(row, a.th.paint(inkKey, "esc")+" "+a.t("back"))
	keys := append([]string{""}, wrap(strings.Join(row, "   "), inner)...)
	if room := h - 2 - len(keys); len(lines) > room && room > 0 { // the keys are always there
		lines = append(lines[:room-1:room-1], a.th.paint(inkDim, "…"))
	}
	lines = append(lines, keys...)
	for i, l := range lines {
		lines[i] = " " + l
	}
	return a.th.pane(q.title, lines, inner+4, min(len(lines)+2, h), true)
}

func (q *question) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	for _, c := range q.choices {
		if name == c.key {
			a.pop()
			return c.do(a)
		}
	}
	if name == "esc" || name == "q" || name == "n" {
		a.pop()
	}
	return nil
}

// reader is a dialog that shows text, for help and logs.
type reader struct {
	title string
	lines func(a *app, w int) []string
	text  viewport.Model
	tail  bool // starts at the end
}

// newReader shows lines that are made for a width.
func newReader(title string, lines func(a *app, w int) []string) *reader {
	r := &reader{title: title, lines: lines, text: viewport.New()}
	r.text.KeyMap = readerKeys()
	return r
}

// readerKeys move through the text of a reader; any other key closes it.
func readerKeys() viewport.KeyMap {
	on := func(keys ...string) key.Binding { return key.NewBinding(key.WithKeys(keys...)) }
	return viewport.KeyMap{Down: on("j", "down"), Up: on("k", "up"), PageDown: on("pgdown", "space", "ctrl+f"), PageUp: on("pgup", "ctrl+b"),
		HalfPageDown: on("ctrl+d"), HalfPageUp: on("ctrl+u")}
}

func (r *reader) scroll(d int) {
	r.tail = false
	r.text.SetYOffset(r.text.YOffset() + d)
}

func (r *reader) view(a *app, w, h int) []string {
	bw, bh := min(w-2, 110), h-2
	lines := r.lines(a, bw-4)
	for i, l := range lines {
		lines[i] = " " + l
	}
	r.text.SetWidth(bw - 2)
	r.text.SetHeight(bh - 2)
	r.text.SetContentLines(lines)
	if r.tail {
		r.text.GotoBottom()
	}
	title := r.title
	if !r.text.AtTop() || !r.text.AtBottom() {
		title += "  " + a.th.paint(inkDim, a.tf("j k scroll · %d of %d", min(r.text.YOffset()+bh-2, len(lines)), len(lines)))
	}
	return a.th.pane(title, strings.Split(r.text.View(), "\n"), bw, bh, true)
}

func (r *reader) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	keys := r.text.KeyMap
	switch {
	case key.Matches(k, keys.Down, keys.Up, keys.PageDown, keys.PageUp, keys.HalfPageDown, keys.HalfPageUp):
		r.tail = false
		r.text, _ = r.text.Update(k)
	case k.String() == "g", k.String() == "home":
		r.scroll(-1 << 30)
	case k.String() == "G", k.String() == "end":
		r.tail = true
	default:
		a.pop()
	}
	return nil
}

// picker is a dialog that narrows a list by what is typed: the command palette
// and every other choice among many.
type picker struct {
	title string
	items []pick
	in    field
	list  vlist.List
	shown []int
	free  func(a *app, text string) tea.Cmd // what enter does with a text that matches nothing
	// freeHint says so; without it that it is opened.
	freeHint string
	paths    *paths // completes what is typed to files; nil where it is no path
}

// pick is one line of a picker.
type pick struct {
	text, note string
	do         func(a *app) tea.Cmd
	always     bool // stays whatever is typed: it was made from what is typed
}

// filter keeps the items in which every word of the text occurs.
func (p *picker) filter() {
	words := strings.Fields(strings.ToLower(p.in.String()))
	p.shown = p.shown[:0]
	for i, it := range p.items {
		hay := strings.ToLower(it.text + " " + it.note)
		ok := true
		for _, w := range words {
			if it.always {
				break
			}
			ok = ok && strings.Contains(hay, w)
		}
		if ok {
			p.shown = append(p.shown, i)
		}
	}
	p.list.Select(p.list.Cursor(), len(p.shown))
}

func (p *picker) scroll(d int) { p.list.Scroll(d, len(p.shown)) }

func (p *picker) view(a *app, w, h int) []string {
	bw := min(w-4, 90)
	bh := min(h-4, max(8, len(p.items)+4))
	lines := []string{" " + a.th.paint(inkKey, "›") + " " + p.in.view(a.th, bw-6), ""}
	src := pickLines{p, a}
	lines = append(lines, p.list.View(src, bw-2, bh-4)...)
	if len(p.shown) == 0 {
		msg := a.t("Nothing matches.")
		if p.free != nil {
			msg = a.t("enter opens what you typed.")
			if p.freeHint != "" {
				msg = p.freeHint
			}
		}
		lines = append(lines, " "+a.th.paint(inkDim, msg))
	}
	if p.paths != nil {
		if state := p.paths.state(a, p.in.String()); state != "" {
			lines[1] = " " + a.th.paint(inkDim, state)
		}
	}
	return a.th.pane(p.title, lines, bw, bh, true)
}

// pickLines is the list of a picker.
type pickLines struct {
	p *picker
	a *app
}

func (l pickLines) Len() int { return len(l.p.shown) }

func (l pickLines) Line(i, w int, selected bool) string {
	it := l.p.items[l.p.shown[i]]
	note := visible(it.note)
	// A name is never cut for the sake of its note.
	room := max(w/3, w-width(note)-4, min(width(visible(it.text)), w*2/3))
	note = fitLeft(note, max(0, min(width(note), w-room-4)))
	text := visible(it.text)
	if l.p.paths != nil && width(text) > room {
		text = ansi.TruncateLeft(text, width(text)-room+1, "…") // of a path the end tells which it is
	}
	if selected {
		return l.a.th.paint(inkSelected, fit("▌"+fit(text, room)+"  "+note, w))
	}
	return fit(" "+fit(text, room)+"  "+l.a.th.paint(inkDim, note), w)
}

func (p *picker) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		a.pop()
	case "up", "ctrl+p":
		p.list.Move(-1, len(p.shown))
	case "down", "ctrl+n":
		p.list.Move(1, len(p.shown))
	case "pgdown":
		p.list.Page(1, len(p.shown))
	case "pgup":
		p.list.Page(-1, len(p.shown))
	case "tab": // take the chosen text on and go on typing
		if len(p.shown) > 0 {
			p.in = *newField(p.items[p.shown[p.list.Cursor()]].text)
			p.list.Home()
			p.filter()
			return p.complete(a)
		}
	case "enter":
		a.pop()
		if len(p.shown) > 0 {
			return p.items[p.shown[p.list.Cursor()]].do(a)
		}
		if p.free != nil && p.in.String() != "" {
			return p.free(a, p.in.String())
		}
	default:
		if p.in.press(k) {
			p.list.Home()
			p.filter()
			return p.complete(a)
		}
	}
	return nil
}

// ask opens a picker.
func (a *app) ask(p *picker) {
	p.filter()
	a.push(p)
}
