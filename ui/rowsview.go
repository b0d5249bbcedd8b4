package ui

import (
	"math"
	"strings"
)

// view draws the dialog: the rows and the chosen one's tokens beside or under
// each other.
func (d *rowsDialog) view(a *app, w, h int) []string {
	th := a.th
	bw, bh := min(w, 170), min(h-2, 60)
	inner := bw - 2
	keys := " " + th.paint(inkKey, "j k") + " " + a.t("row") + "   " + th.paint(inkKey, "J K") + " " + a.t("scroll") + "   " +
		th.paint(inkKey, "tab") + " " + a.t("stage") + "   " + th.paint(inkKey, "enter") + " " + a.t("open in Data") + "   " + th.paint(inkKey, "esc") + " " + a.t("back")
	var lines []string
	if bw >= compactBelow-2 {
		left := inner * 2 / 5
		room := bh - 3
		list := block(d.listLines(a, left-1, room), left, room)
		text := block(d.textLines(a, inner-left-2, room), inner-left-2, room)
		for i := range text {
			text[i] = th.paint(inkBorder, "│") + fit(" "+text[i], inner-left-1)
		}
		lines = beside(list, text)
	} else {
		room := bh - 3
		listH := min(len(d.rows), max(3, room/3))
		lines = append(lines, block(d.listLines(a, inner-1, listH), inner, listH)...)
		lines = append(lines, th.paint(inkBorder, strings.Repeat("─", inner)))
		for _, l := range d.textLines(a, inner-2, room-listH-1) {
			lines = append(lines, " "+l)
		}
	}
	lines = append(block(lines, inner, bh-3), fit(keys, inner))
	return th.pane(d.title, lines, bw, bh, true)
}

// listLines are the rows with their losses, and bars that show which stand out.
func (d *rowsDialog) listLines(a *app, w, h int) []string {
	return d.list.View(judgedLines{d, a}, w, h)
}

// judgedLines are the rows for the list.
type judgedLines struct {
	d *rowsDialog
	a *app
}

func (l judgedLines) Len() int { return len(l.d.rows) }

func (l judgedLines) Line(i, w int, selected bool) string {
	d, a := l.d, l.a
	r := d.rows[i]
	words := ""
	if v := d.views[r.row]; v != nil {
		words = v.words
		if v.err != nil {
			words = "✗ " + visible(v.err.Error())
		}
	}
	loss := "–"
	if r.known {
		loss = value(r.loss)
	}
	head := fitLeft(count(r.row), 9) + " " + fitLeft(loss, 8) + "  "
	text := fit(head+words, w-1)
	if selected {
		return a.th.paint(inkSelected, "▌"+text)
	}
	if len(d.rows) > 1 && r.known && (i == 0 || math.IsNaN(r.loss)) {
		return " " + a.th.paint(inkWarn, text)
	}
	return " " + text
}

// textLines are the chosen row's tokens with their mask.
func (d *rowsDialog) textLines(a *app, w, h int) []string {
	th := a.th
	d.textH = h - 2
	v := d.chosen()
	switch {
	case d.err != nil:
		var lines []string
		for _, l := range wrap("✗ "+visible2(d.err.Error()), w) {
			lines = append(lines, th.paint(inkError, l))
		}
		return lines
	case v == nil:
		return []string{th.paint(inkDim, a.t("reading the row …"))}
	case v.err != nil:
		var lines []string
		for _, l := range wrap("✗ "+visible2(v.err.Error()), w) {
			lines = append(lines, th.paint(inkError, l))
		}
		return lines
	}
	head := a.tf("row %s · %s tokens · %s trained (%s)", count(v.row), count(len(v.tokens)), count(v.trained), percent(int64(v.trained), int64(v.to-v.from)))
	lines := []string{th.paint(inkTitle, fit(head, w)), th.paint(inkDim, a.tf("stage: %s", a.t(stageNames[d.stage])))}
	if f := d.flow; f == nil || f.v != v || f.width != max(w, 12) || f.stage != d.stage || f.th != th {
		d.flow = newFlow(v, th, a.t, d.stage, w)
	}
	text, done := d.flow.window(d.top, h-2)
	if done && len(text) < h-2 && d.top > 0 {
		d.top = max(0, len(d.flow.lines)-(h-2))
		text, _ = d.flow.window(d.top, h-2)
	}
	return append(lines, text...)
}
