package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// splitLines are the lines of at most n bytes of a text.
func splitLines(s string, n int) []string { return strings.Split(head(s, n), "\n") }

// templateDialog edits the formatting template: what TRL asks a Python
// function for, a text made of a row's columns. What it makes of the row under
// the cursor is shown while it is typed.
type templateDialog struct {
	in      *editor
	columns []string
	offered int // the column that tab has inserted, -1 for none
	trial   *trial
}

// editFormatting opens the editor.
func (p *dataPage) editFormatting() tea.Cmd {
	t := p.newTrial()
	if t.set == nil || p.a.recipe.r == nil {
		return p.a.say(inkDim, p.a.t("No data is open."))
	}
	text := t.set.options.Formatting
	d := &templateDialog{in: newEditor(text), columns: t.set.src.Columns(), offered: -1, trial: t}
	p.a.push(d)
	return d.try()
}

// try shows what the template makes of the row.
func (d *templateDialog) try() tea.Cmd {
	text := d.in.String()
	return d.trial.run(func(o *dataset.Options) { o.Formatting = text })
}

func (d *templateDialog) scroll(int) {}

// pasted takes a text with its lines.
func (d *templateDialog) pasted(s string) tea.Cmd {
	d.in.insert(strings.ReplaceAll(s, "\r\n", "\n"))
	return d.try()
}

func (d *templateDialog) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name != "tab" && name != "shift+tab" {
		d.offered = -1
	}
	switch name {
	case "esc":
		a.pop()
		return nil
	case "ctrl+s":
		a.pop()
		return a.data.setOption("formatting", strings.TrimRight(d.in.String(), "\n"))
	case "tab":
		d.offer(1)
	case "shift+tab":
		d.offer(-1)
	default:
		if !d.in.press(k) {
			return nil
		}
	}
	return d.try()
}

// offer inserts the next column at the cursor, in place of the one before.
func (d *templateDialog) offer(by int) {
	n := len(d.columns)
	if n == 0 {
		return
	}
	if d.offered >= 0 {
		d.in.erase(len([]rune(reference(d.columns[d.offered]))))
	} else if by < 0 {
		d.offered = 0
	}
	d.offered = (d.offered + by + n) % n
	d.in.insert(reference(d.columns[d.offered]))
}

// reference is how a template names a column.
func reference(column string) string { return "{{ " + column + " }}" }

func (d *templateDialog) view(a *app, w, h int) []string {
	th := a.th
	bw, bh := min(w-2, 150), h-2
	inner := bw - 4
	hint := ""
	if d.in.String() == "" && len(d.columns) > 0 {
		hint = th.paint(inkDim, a.tf("for example: %s", reference(visible(d.columns[0]))))
	}
	lines := []string{" " + fit(th.paint(inkDim, a.t("columns")+": "+visible(strings.Join(d.columns, ", "))), inner)}
	keys := " " + th.paint(inkKey, "ctrl+s") + " " + a.t("take it") + "   " + th.paint(inkKey, "tab") + " " + a.t("insert a column") + "   " +
		th.paint(inkKey, "esc") + " " + a.t("back") + "   " + th.paint(inkDim, a.t("empty: no template"))
	room := bh - 4
	if w >= compactBelow {
		left := (bw - 2) / 2
		text := th.pane(a.t("template"), pad(d.text(th, hint, left-4, room-2)), left, room, true)
		made := th.pane(a.tf("row %s becomes", count(d.trial.row)), pad(d.trial.lines(a, bw-2-left-4, room)), bw-2-left, room, false)
		lines = append(lines, beside(text, made)...)
	} else {
		top := max(4, room*2/5)
		lines = append(lines, th.pane(a.t("template"), pad(d.text(th, hint, bw-6, top-2)), bw-2, top, true)...)
		lines = append(lines, th.pane(a.tf("row %s becomes", count(d.trial.row)), pad(d.trial.lines(a, bw-6, room-top)), bw-2, room-top, false)...)
	}
	return th.pane(a.t("Formatting template: a text made of a row's columns"), append(lines, fit(keys, bw-2)), bw, bh, true)
}

// text is what has been typed, with a hint under it.
func (d *templateDialog) text(th *theme, hint string, w, h int) []string {
	lines := d.in.view(th, w, h)
	if hint != "" {
		lines = append(lines, "", hint)
	}
	return lines
}

// pad puts a blank before each line.
func pad(lines []string) []string {
	for i, l := range lines {
		lines[i] = " " + l
	}
	return lines
}

// setOption writes an option of the preparation into the recipe; an empty text
// takes it away.
func (p *dataPage) setOption(key, value string) tea.Cmd {
	old, _ := p.a.recipe.r.Get(key)
	if value == "" {
		value = "null"
	}
	cmd := p.a.recipe.set(key, value)
	if now, _ := p.a.recipe.r.Get(key); now == old {
		return cmd
	}
	if value == "null" {
		return tea.Batch(cmd, p.a.say(inkGood, p.a.tf("%s taken out of the recipe; u takes it back", key)))
	}
	return tea.Batch(cmd, p.a.say(inkGood, p.a.tf("%s set in the recipe; u takes it back", key)))
}
