package ui

import (
	"math"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// limitDialog sets max_length and shows what each value would cut: the one that
// is typed, and those that keep most rows whole.
type limitDialog struct {
	p    *dataPage
	set  *dataSet
	in   *field
	gen  int  // of what is typed
	at   int  // the suggestion that was taken over, -1 for none
	new  bool // nothing was typed yet: the first character replaces what is there
	bad  bool // what is typed is no length
	cuts []dataset.CutReport
	// tokens is how many tokens all rows have together, an estimate while the
	// scan goes on.
	tokens float64
	names  []string // what each suggestion keeps, beside it
}

// openLimit opens the dialog on the present max_length.
func (p *dataPage) openLimit() tea.Cmd {
	if p.a.recipe.r == nil {
		return p.a.say(inkDim, p.a.t("No recipe is open."))
	}
	now := ""
	if n := p.a.recipe.r.MaxLength; n != nil {
		now = strconv.Itoa(*n)
	}
	d := &limitDialog{p: p, set: p.set, in: newField(now), at: -1, new: true}
	p.a.push(d)
	return d.work()
}

// limitCutsMsg is what the lengths of a limitDialog would cut.
type limitCutsMsg struct {
	d      *limitDialog
	gen    int
	cuts   []dataset.CutReport
	tokens float64
	names  []string
}

func (m limitCutsMsg) apply(*app) tea.Cmd {
	if m.gen == m.d.gen {
		m.d.cuts, m.d.tokens, m.d.names = m.cuts, m.tokens, m.names
	}
	return nil
}

// typed is the length that is typed, 0 for none; bad when it is no number.
func (d *limitDialog) typed() (n int, bad bool) {
	text := strings.NewReplacer(",", "", " ", "").Replace(d.in.String())
	if text == "" || text == "none" || text == "null" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err != nil || n < 1
}

// work asks the scan what the lengths would cut.
func (d *limitDialog) work() tea.Cmd {
	d.gen++
	var n int
	n, d.bad = d.typed()
	if d.set == nil || d.set.scan == nil || d.set != d.p.set {
		return nil
	}
	m := limitCutsMsg{d: d, gen: d.gen}
	set, longest := d.set, d.p.a.t("the longest row")
	return set.using(func() tea.Msg {
		mode := set.options.TruncationMode
		m.cuts, m.names = []dataset.CutReport{set.scan.Cut(n, mode)}, []string{""}
		e := set.scan.Estimate(0.5, 0.9, 0.95, 0.99)
		m.tokens = e.Tokens
		suggest := func(tokens int, name string) {
			last, up := len(m.cuts)-1, roundUp(tokens)
			if last > 0 && m.cuts[last].MaxLength == up {
				m.names[last] += " " + name
				return
			}
			m.cuts, m.names = append(m.cuts, set.scan.Cut(up, mode)), append(m.names, name)
		}
		for i, q := range e.Quantiles {
			suggest(q.Tokens, []string{"p50", "p90", "p95", "p99"}[i])
		}
		suggest(e.Max, longest)
		return m
	})
}

func (d *limitDialog) scroll(int) {}

func (d *limitDialog) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		a.pop()
		return nil
	case "up", "shift+tab":
		d.choose(-1)
	case "down", "tab":
		d.choose(1)
	case "enter":
		n, bad := d.typed()
		if bad {
			return nil
		}
		a.pop()
		if n == 0 {
			return a.data.setOption("max_length", "")
		}
		return a.data.setLimit(strconv.Itoa(n))
	default:
		if d.new && k.Text != "" {
			d.in = newField("")
		}
		d.new = false
		if !d.in.press(k) {
			return nil
		}
		d.at = -1
	}
	return d.work()
}

// choose takes another suggestion over.
func (d *limitDialog) choose(by int) {
	if n := len(d.cuts) - 1; n > 0 {
		if d.at < 0 && by < 0 {
			d.at = 0
		}
		d.at = ((d.at+by)%n + n) % n
		d.in, d.new = newField(strconv.Itoa(d.cuts[d.at+1].MaxLength)), true
	}
}

func (d *limitDialog) view(a *app, w, h int) []string {
	th := a.th
	bw := min(w-2, 100)
	inner := bw - 4
	lines := []string{" " + th.paint(inkKey, "›") + " " + d.in.view(th, inner-2), ""}
	say := func(i ink, text string) {
		for _, l := range wrap(text, inner) {
			lines = append(lines, " "+th.paint(i, l))
		}
	}
	switch {
	case d.bad:
		say(inkError, "✗ "+a.t("a whole number of tokens, at least 1, or nothing for no limit"))
	case len(d.cuts) == 0:
		say(inkDim, a.t("What it would cut is known once the scan of lengths has begun."))
	default:
		lines = append(lines, d.table(a, inner)...)
		lines = append(lines, "")
		say(inkDim, d.policy(a))
	}
	lines = append(lines, "", " "+th.paint(inkKey, "↑ ↓")+" "+a.t("choose")+"   "+th.paint(inkKey, "enter")+" "+a.t("take it")+"   "+th.paint(inkKey, "esc")+" "+a.t("back"))
	return th.pane(a.t("max_length: what it cuts"), lines, bw, min(len(lines)+2, h), true)
}

// table is a line for what is typed and one for each suggestion.
func (d *limitDialog) table(a *app, w int) []string {
	out := []string{" " + a.th.paint(inkDim, cutsHeader(a, w-1))}
	for i, c := range d.cuts {
		line := " " + cutsLine(c, d.tokens, d.names[i], w-1)
		switch {
		case i == 0 && c.MaxLength == 0:
			line = fit(" "+a.t("none: every row is kept whole"), w)
			out = append(out, a.th.paint(inkAccent, line))
		case i == 0:
			out = append(out, a.th.paint(inkAccent, line))
		default:
			out = append(out, line)
		}
	}
	return out
}

// policy says what becomes of the rows that are longer.
func (d *limitDialog) policy(a *app) string {
	switch o := d.set.options; {
	case keepsLongRows(o):
		return a.t("Rows that are longer are split, so nothing is lost; c chooses something else.")
	case o.LongRows == dataset.LongDrop:
		return a.t("Rows that are longer are dropped whole, as long_rows asks; c chooses something else.")
	}
	return a.t("Rows that are longer are cut, as TRL does; c chooses to drop or to split them.")
}

// cutsHeader names the columns of cutsLine.
func cutsHeader(a *app, w int) string {
	return cutsColumns([]string{"max_length", a.t("rows longer"), a.t("tokens beyond"), a.t("answers lost"), a.t("ends lost")}, "", w)
}

// cutsLine is what a max_length would cut of rows with so many tokens together.
func cutsLine(c dataset.CutReport, tokens float64, name string, w int) string {
	whole := func(v float64) string { return count(int64(math.Round(v))) }
	share := ""
	if tokens > 0 && c.Tokens > 0 {
		share = " " + percent(int64(math.Round(c.Tokens)), int64(math.Round(tokens)))
	}
	rows := whole(c.Rows)
	if c.Rows > 0 {
		rows += " " + shareOf(c.Share)
	}
	return cutsColumns([]string{count(c.MaxLength), rows, whole(c.Tokens) + share, whole(c.AnswersLost), whole(c.EOSLost)}, name, w)
}

// shareOf writes a share of 0 to 1 as percent.
func shareOf(v float64) string { return percent(int64(math.Round(v*1e6)), 1e6) }

// cutsColumns lays the columns out in w cells: fewer where there is no room.
func cutsColumns(cells []string, name string, w int) string {
	line := ""
	for i, size := range []int{10, 14, 18, 13, 10} {
		if width(line)+size+1 > w {
			break
		}
		if i > 0 {
			line += " "
		}
		line += fitLeft(cells[i], size)
	}
	if room := w - width(line) - 2; name != "" && room >= width(name) {
		line += "  " + name
	}
	return fit(line, w)
}
