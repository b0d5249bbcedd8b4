package ui

import (
	"fmt"
	"math"
	"strings"

	"sftui/dataset"
	"sftui/ui/chart"
)

// view draws the Data page.
func (p *dataPage) view(w, h int) []string {
	if p.set == nil {
		return p.emptyView(w, h)
	}
	l := p.layout(w, h)
	if p.zoom {
		return p.detailPane(w, h)
	}
	list := p.listPane(l.list.w, l.list.h)
	detail := p.detailPane(l.detail.w, l.detail.h)
	strip := p.histogramPane(l.histogram.w, l.histogram.h)
	if w < compactBelow {
		return stack(list, detail, strip)
	}
	return stack(beside(list, detail), strip)
}

// emptyView tells what is being opened, what went wrong, or what to press.
func (p *dataPage) emptyView(w, h int) []string {
	a, th := p.a, p.a.th
	lines := []string{""}
	problem := p.err
	if problem == nil {
		problem = a.recipe.err // without a recipe there is no data to open
	}
	switch {
	case problem != nil:
		for _, l := range wrap("✗ "+visible2(problem.Error()), w-6) {
			lines = append(lines, " "+th.paint(inkError, l))
		}
		lines = append(lines, "")
		if p.err != nil && p.stuck != nil && p.stuck.cure != nil {
			for i, l := range wrap(p.stuck.cure.text(a), w-8) {
				lead := " " + th.paint(inkKey, "f") + "  "
				if i > 0 {
					lead = "    "
				}
				lines = append(lines, lead+th.paint(inkGood, l))
			}
		}
		lines = append(lines, " "+th.paint(inkKey, "o")+"  "+a.t("open another data set"), " "+th.paint(inkKey, "M")+"  "+a.t("choose another model"), " "+th.paint(inkKey, "O")+"  "+a.t("open another recipe"),
			" "+th.paint(inkKey, "3")+"  "+a.t("look at the recipe"))
		if p.stuck != nil && p.err != nil {
			lines = append(lines, " "+th.paint(inkKey, "m")+"  "+a.t("say which column is what"), " "+th.paint(inkKey, "t")+"  "+a.t("write a formatting template"),
				"", " "+th.paint(inkTitle, a.t("the first row")))
			for _, l := range p.stuck.first {
				lines = append(lines, " "+fit(visible(l), w-4))
			}
		}
	case p.busy != "":
		lines = append(lines, " "+th.paint(inkAccent, "● "+visible(p.busy)+" …"), "",
			" "+th.paint(inkDim, a.tf("data  %s", visible(p.dataSpec()))), " "+th.paint(inkDim, a.tf("model %s", visible(p.modelSpec()))))
	default:
		lines = append(lines, " "+a.t("No data is open."), "", " "+th.paint(inkKey, "o")+"  "+a.t("open a file, a folder or a hub id"))
	}
	return th.pane(a.t("Data"), lines, w, h, true)
}

// listPane is the list of rows.
func (p *dataPage) listPane(w, h int) []string {
	a, th := p.a, p.a.th
	title := a.plural(p.set.src.Len(), "%s row", "%s rows") + " · " + a.shapeText(p.set.shape)
	inner := w - 2
	lines := []string{th.paint(inkDim, fit(p.columns(inner).header(a), inner))}
	lines = append(lines, p.list.View(rowLines{p}, inner, p.listHeight(h))...)
	if p.rows() == 0 {
		lines = append(lines, " "+th.paint(inkDim, a.t("No row matches; / with nothing shows all.")))
	}
	lines = append(block(lines, inner, h-3), fit(p.listFoot(inner), inner))
	return th.pane(title, lines, w, h, true)
}

// listFoot is the search, or the order and filter of the list.
func (p *dataPage) listFoot(w int) string {
	a, th := p.a, p.a.th
	if p.search != nil {
		return " / " + p.search.view(th, w-4)
	}
	text := " " + a.tf("order: %s", p.sortName())
	if p.query != "" {
		text += "   " + a.tf("filter: %s (%s)", visible(p.query), count(len(p.order)))
		if n := p.set.src.Len(); p.scanned > 0 && p.scanned < n {
			text += " " + percent(int64(p.scanned), int64(n))
		}
	}
	return th.paint(inkDim, text)
}

// listColumns are the widths of the list's columns.
type listColumns struct{ row, tokens, trained, words int }

// columns fits the list into w cells.
func (p *dataPage) columns(w int) listColumns {
	c := listColumns{row: max(5, width(count(p.set.src.Len()))), tokens: 8, trained: 8}
	c.words = max(4, w-c.row-c.tokens-c.trained-6)
	return c
}

// header names the columns.
func (c listColumns) header(a *app) string {
	return " " + fitLeft(a.t("row"), c.row) + " " + fitLeft(a.t("tokens"), c.tokens) + " " + fitLeft(a.t("trained"), c.trained) + "   " + a.t("first words")
}

// rowLines are the rows for the list.
type rowLines struct{ p *dataPage }

func (r rowLines) Len() int { return r.p.rows() }

func (r rowLines) Line(i, w int, selected bool) string {
	p, th := r.p, r.p.a.th
	row := p.row(i)
	c := p.columns(w)
	tokens, trained := "…", "…"
	if l, ok := p.set.lengths.at(row); ok {
		tokens, trained = count(l.full), count(l.trained)
	} else if p.set.problems[row] != "" {
		tokens, trained = "–", "–"
	}
	text, seen := p.set.words[row]
	if !seen {
		text = "…"
	}
	if problem := p.set.problems[row]; problem != "" {
		text = problem
	}
	mark := p.mark(row)
	numbers := fitLeft(count(row), c.row) + " " + fitLeft(tokens, c.tokens) + " " + fitLeft(trained, c.trained)
	if selected {
		return th.paint(inkSelected, fit("▌"+numbers+" "+mark+" "+text, w))
	}
	markInk := inkWarn
	if mark == "✗" {
		markInk = inkError
	}
	return " " + numbers + " " + th.paint(markInk, mark) + " " + fit(text, w-width(numbers)-4)
}

// detailPane is the chosen row in one stage of its preparation.
func (p *dataPage) detailPane(w, h int) []string {
	a, th := p.a, p.a.th
	if p.rows() == 0 {
		return th.pane("", nil, w, h, false)
	}
	v := p.shown()
	if v == nil || w < 4 {
		return th.pane(a.tf("row %s", count(p.row(p.list.Cursor())))+" · "+a.t("reading …"), []string{" " + p.stageLine(w-4)}, w, h, false)
	}
	lines := []string{" " + p.stageLine(w-4)}
	inner := w - 4
	for _, l := range p.noteLines(v, inner, h/6) {
		lines = append(lines, " "+th.paint(inkDim, l))
	}
	room := h - 2 - len(lines)
	switch {
	case v.err != nil && v.borders != nil: // it can be trained on, only not shown
		for _, l := range wrap(visible2(v.err.Error()), inner) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
	case v.err != nil:
		for _, l := range wrap("✗ "+visible2(v.err.Error()), inner) {
			lines = append(lines, " "+th.paint(inkError, l))
		}
		for _, l := range v.text[stageRaw] {
			lines = append(lines, " "+fit(visible(l), inner))
		}
	case p.stage < stageTokens:
		lines = append(lines, p.textLines(v.text[p.stage], inner, room)...)
	case p.ids:
		p.top = min(p.top, max(0, len(v.tokens)-room))
		lines = append(lines, v.idTable(th, p.top, room, inner+1)...)
	default:
		lines = append(lines, p.flowLines(v, inner, room)...)
	}
	return th.pane(p.detailTitle(v), lines, w, h, false)
}

// detailTitle tells the row's lengths.
func (p *dataPage) detailTitle(v *rowView) string {
	a, th := p.a, p.a.th
	if v.borders != nil {
		return p.packedTitle(v)
	}
	if v.err != nil {
		return a.tf("row %s", count(v.row)) + " · " + th.paint(inkError, "✗ "+a.t("cannot be prepared"))
	}
	title := a.tf("row %s", count(v.row)) + " · " + a.plural(len(v.tokens), "%s token", "%s tokens") + " · "
	if v.dropped != "" {
		return title + th.paint(inkError, "✗ "+a.t("dropped"))
	}
	return title + a.tf("%s trained (%s)", count(v.trained), percent(int64(v.trained), int64(v.to-v.from)))
}

// stageLine shows all stages and where we are.
func (p *dataPage) stageLine(w int) string {
	a, th := p.a, p.a.th
	var parts []string
	for i, name := range stageNames[:p.stages()] {
		text := a.t(name)
		if i == p.stage {
			if text = th.paint(inkTab, text); th.bare {
				text = openMark + text
			}
		} else {
			text = th.paint(inkDim, text)
		}
		parts = append(parts, text)
	}
	line := strings.Join(parts, th.paint(inkDim, " › "))
	if width(line) > w {
		line = strings.Join(parts, th.paint(inkDim, "›"))
	}
	for first := 1; width(line) > w && first <= p.stage; first++ { // the open stage stays in sight
		line = th.paint(inkDim, "…›") + strings.Join(parts[first:], th.paint(inkDim, "›"))
	}
	if p.ids && p.stage >= stageTokens {
		line += th.paint(inkDim, "  "+a.t("(with ids)"))
	}
	return fit(line, w)
}

// textLines wraps the lines of a stage; only what is visible is wrapped.
func (p *dataPage) textLines(text []string, w, h int) []string {
	var out []string
	p.top = max(0, p.top)
	skip := p.top
	for _, l := range text {
		for _, piece := range wrapHanging(l, w) {
			if skip > 0 {
				skip--
				continue
			}
			out = append(out, " "+piece)
			if len(out) >= h {
				return out
			}
		}
	}
	if len(out) == 0 && p.top > 0 { // scrolled beyond the end
		p.top = max(0, p.top-skip-h)
		if p.top == 0 && skip == 0 {
			return out
		}
		return p.textLines(text, w, h)
	}
	return out
}

// wrapVisible breaks one line of data into pieces of w cells; an empty line stays.
func wrapVisible(s string, w int) []string {
	s = visible(s)
	if s == "" {
		return []string{""}
	}
	return wrap(s, w)
}

// wrapHanging is wrapVisible for a line that is set in: what follows is set in too.
func wrapHanging(s string, w int) []string {
	text := strings.TrimLeft(s, " ")
	in := min(len(s)-len(text), w/4)
	pieces := wrapVisible(text, w-in)
	for i, piece := range pieces {
		pieces[i] = strings.Repeat(" ", in) + piece
	}
	return pieces
}

// noteLines say what the open stage did, in at most h lines; the raw stage says
// what shape the rows have and why.
func (p *dataPage) noteLines(v *rowView, w, h int) []string {
	a := p.a
	note := a.noteText(v.notes[p.stage])
	if p.stage == stageRaw && p.set.rating != "" {
		note = a.shapeText(p.set.shape) + ": " + a.noteText(p.set.why) + ". " + a.noteText(p.set.rating)
	}
	if note == "" || h < 1 || v.borders != nil {
		return nil
	}
	lines := wrap(visible(note), w)
	if len(lines) > h {
		lines = append(lines[:h-1], fit(strings.Join(lines[h-1:], " "), w))
	}
	return lines
}

// flowLines are the tokens as running text.
func (p *dataPage) flowLines(v *rowView, w, h int) []string {
	if f := p.flow; f == nil || f.v != v || f.width != w || f.stage != p.stage || f.th != p.a.th {
		p.flow = newFlow(v, p.a.th, p.a.t, p.stage, w)
		if v.focus > 0 && p.top == 0 {
			p.top = p.flow.seek(v.focus)
		}
	}
	lines, done := p.flow.window(p.top, h)
	if done && len(lines) < h && p.top > 0 {
		p.top = max(0, len(p.flow.lines)-h)
		lines, _ = p.flow.window(p.top, h)
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = " " + l
	}
	if len(v.tokens) == 0 {
		out = append(out, " "+p.a.th.paint(inkDim, p.a.t("This row has no tokens.")))
	}
	return out
}

// histogramPane is the strip of lengths of all rows.
func (p *dataPage) histogramPane(w, h int) []string {
	if h < 4 || p.set == nil {
		return block(nil, w, h)
	}
	a, th, l := p.a, p.a.th, p.set.lengths
	title := a.t("length in tokens") + " · " + p.scanState()
	e := p.set.strip.estimate
	if l.known == 0 || len(e.Quantiles) < 4 {
		return th.pane(title, nil, w, h, false)
	}
	if !p.set.strip.fair() {
		return th.pane(title, []string{" " + th.paint(inkDim, a.t("The random rows for a first estimate are being prepared."))}, w, h, false)
	}
	inner := w - 4
	plot := min(max(inner/3, 24), 80)
	stats := p.lengthStats(inner-plot-3, h-2)
	lo, hi := shortest, p.set.strip.longest()
	rows := chart.Columns(p.set.strip.columns(plot), plot, h-3)
	axis := logAxis(plot, lo, hi, p.set.maxLength)
	lines := make([]string, 0, h-2)
	for i, r := range append(rows, axis) {
		line := " " + th.paint(inkSmooth, r)
		if i == len(rows) {
			line = " " + th.paint(inkDim, r)
		}
		if i < len(stats) {
			line += "   " + stats[i]
		}
		lines = append(lines, line)
	}
	return th.pane(title, lines, w, h, false)
}

// lengthStats are the quantiles and what max_length cuts, in h lines of w
// cells: a table where there is room for one.
func (p *dataPage) lengthStats(w, h int) []string {
	a, e := p.a, p.set.strip.estimate
	q := e.Quantiles
	first := a.tf("p50 %s   p90 %s   p95 %s   p99 %s   max %s (row %s)", quantile(q[0]), quantile(q[1]), quantile(q[2]), quantile(q[3]), count(e.Max), count(e.MaxRow))
	if width(first) > w { // errors and large numbers make it long: the outliers are what people look for
		first = a.tf("p50 %s   p95 %s   p99 %s   max %s (row %s)", quantile(q[0]), quantile(q[2]), quantile(q[3]), count(e.Max), count(e.MaxRow))
	}
	cuts := p.set.strip.cuts
	if len(cuts) < 2 || w < 72 {
		var lines []string
		for _, line := range []string{first, p.limitLine(), p.lossLine()} {
			lines = append(lines, wrap(line, max(w, 10))...)
		}
		return lines
	}
	lines := []string{first, a.th.paint(inkDim, cutsHeader(a, w))}
	for i, c := range cuts {
		if len(lines) == h-1 && h > 4 { // the last line is for what becomes of the long rows
			break
		}
		name := ""
		if i == 0 {
			name = "◂ " + a.t("now")
		}
		lines = append(lines, cutsLine(c, e.Tokens, name, w))
	}
	if p.set.options.LongRows == dataset.LongDrop || keepsLongRows(p.set.options) {
		lines = append(lines[:min(len(lines), h-1)], p.lossLine())
	}
	return lines
}

// scanState says how much of the data the statistics stand on.
func (p *dataPage) scanState() string {
	a, g := p.a, p.set.strip.progress
	n := p.set.src.Len()
	if _, alive := a.train.live(); alive && g.Stage != dataset.StageDone {
		return a.t("waits while a run is live")
	}
	switch {
	case g.Rows == 0:
		return a.t("scanning")
	case !p.set.strip.fair():
		return a.tf("%s of %s rows", count(g.Rows), count(n))
	case g.Stage == dataset.StageDone:
		return a.plural(n, "exact, %s row", "exact, %s rows")
	case g.ETA > 0:
		return a.tf("%s of %s rows · %s left", count(g.Rows), count(n), span(g.ETA))
	}
	return a.tf("estimate from %s of %s rows", count(g.Rows), count(n))
}

// quantile is a length, with its error while it is an estimate: half the range
// in which the true one lies with 95% confidence, or where it begins when the
// sample does not tell where it ends.
func quantile(q dataset.Quantile) string {
	if q.Open {
		return "≥" + count(q.Low)
	}
	if q.Low == q.High || q.Tokens == 0 {
		return count(q.Tokens)
	}
	return fmt.Sprintf("%s ±%.0f%%", count(q.Tokens), math.Ceil(float64(q.High-q.Low)/2/float64(q.Tokens)*100))
}

// limitLine says what max_length keeps whole, and what other values would.
func (p *dataPage) limitLine() string {
	cuts := p.set.strip.cuts
	if p.set.maxLength == 0 || len(cuts) == 0 {
		return p.a.t("max_length: none, every row is kept whole")
	}
	text := p.a.tf("max_length %s keeps %.0f%% of rows whole", count(cuts[0].MaxLength), math.Floor(100-cuts[0].Share*100))
	for _, c := range cuts[1:] {
		text += fmt.Sprintf(" · %s: %.0f%%", count(c.MaxLength), math.Floor(100-c.Share*100))
	}
	return text
}

// lossLine says what max_length takes away that was to be learned.
func (p *dataPage) lossLine() string {
	cuts := p.set.strip.cuts
	if len(cuts) == 0 || cuts[0].Rows == 0 {
		return ""
	}
	c := cuts[0]
	switch {
	case keepsLongRows(p.set.options):
		return p.a.plural(int(c.Rows+.5), "%s long row is split, nothing is lost", "%s long rows are split, nothing is lost")
	case p.set.options.LongRows == dataset.LongDrop:
		return p.a.plural(int(c.Rows+.5), "%s long row is dropped", "%s long rows are dropped")
	}
	a := p.a
	text := a.t("cut:") + " " + a.plural(int(c.Tokens), "%s token", "%s tokens")
	if n := int(c.AnswersLost); n > 0 {
		text += ", " + a.plural(n, "%s whole answer", "%s whole answers")
	}
	if n := int(c.EOSLost); n > 0 {
		text += ", " + a.plural(n, "%s end token", "%s end tokens")
	}
	return text
}

// logAxis labels the histogram's scale and marks max_length.
func logAxis(w int, lo, hi float64, limit int) string {
	cells := []rune(strings.Repeat(" ", w))
	at := func(v float64) int { return int(math.Log(v/lo) / math.Log(hi/lo) * float64(w)) }
	mark := -2
	if x := at(float64(limit)); limit > 0 && x >= 0 && x < w {
		cells[x], mark = '▲', x
	}
	free := 0
	for v := 8.0; v <= hi; v *= 4 {
		text := []rune(chart.FormatValue(v, v))
		if v >= 1024 {
			text = []rune(fmt.Sprintf("%.0fk", v/1024))
		}
		x := at(v)
		if x < free || x+len(text) > w || mark >= x-1 && mark <= x+len(text) {
			continue
		}
		copy(cells[x:], text)
		free = x + len(text) + 1
	}
	return string(cells)
}
