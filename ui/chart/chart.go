package chart

import (
	"math"
	"sort"
	"strings"
	"unicode/utf8"
)

// Line is one series of a chart.
type Line struct {
	Series *Series
	// Mark, when set, draws each point as this rune instead of joining dots.
	Mark rune
}

// Event is something that happened at an X: a thin vertical rule with a label,
// or only a mark at the foot of the plot when the label is empty.
type Event struct {
	X     float64
	Label string
	Mark  rune // drawn at the foot; 0 for none
}

// Part says what a piece of the picture is, so that the caller can colour it.
type Part int

// The parts of a picture. Lines are PartLine + their index.
const (
	PartAxis Part = iota
	PartLabel
	PartEvent
	PartCursor
	PartLine
)

// Options is what a chart shows and how large.
type Options struct {
	Width, Height int // cells, axes included
	Lines         []Line
	Events        []Event
	XMin, XMax    float64 // visible range; both 0 for the range of the data
	LogY          bool
	Cursor        *float64 // X of the crosshair
	// Paint styles a piece of text; nil leaves it plain.
	Paint func(p Part, s string) string
	// FormatY writes a tick of the Y axis; nil uses FormatValue.
	FormatY func(v, step float64) string
	// NoAxes leaves only the dots, for small strips.
	NoAxes bool
}

// Smallest size at which axes are worth their room.
const (
	minAxisWidth  = 18
	minAxisHeight = 4
)

// picture is a chart while it is being drawn.
type picture struct {
	o          Options
	xmin, xmax float64
	ymin, ymax float64 // after the log, if there is one
	gutter     int     // cells left of the plot
	grid       *grid
	marks      map[int]mark // runes that replace a cell
}

// mark is a rune laid over a cell.
type mark struct {
	r rune
	p Part
}

// Render draws the chart as exactly Height lines of Width cells. Sizes too
// small to draw anything give blank lines.
func Render(o Options) []string {
	if o.Width <= 0 || o.Height <= 0 {
		return nil
	}
	if o.Paint == nil {
		o.Paint = func(_ Part, s string) string { return s }
	}
	if o.FormatY == nil {
		o.FormatY = FormatValue
	}
	if !o.NoAxes && (o.Width < minAxisWidth || o.Height < minAxisHeight) {
		o.NoAxes = true
	}
	p := &picture{o: o, marks: map[int]mark{}}
	if !p.ranges() {
		return blank(o.Width, o.Height)
	}
	var yTicks []float64
	plotH := o.Height
	if !o.NoAxes {
		plotH--
		yTicks = p.yTicks(plotH)
		p.gutter = p.gutterWidth(yTicks)
	}
	p.grid = newGrid(max(1, o.Width-p.gutter), plotH)
	for i, l := range o.Lines {
		p.draw(int16(i), l)
	}
	p.events()
	p.cursor()
	return p.compose(yTicks)
}

// blank is an empty picture.
func blank(w, h int) []string {
	lines := make([]string, h)
	for i := range lines {
		lines[i] = strings.Repeat(" ", w)
	}
	return lines
}

// ranges finds what is visible; false when there is nothing finite to draw.
func (p *picture) ranges() bool {
	p.xmin, p.xmax = p.o.XMin, p.o.XMax
	if p.xmin == 0 && p.xmax == 0 {
		first := true
		for _, l := range p.o.Lines {
			n := l.Series.Len()
			if n == 0 {
				continue
			}
			lo, _ := l.Series.At(0)
			hi, _ := l.Series.At(n - 1)
			if first {
				p.xmin, p.xmax, first = lo, hi, false
				continue
			}
			p.xmin, p.xmax = min(p.xmin, lo), max(p.xmax, hi)
		}
		if first {
			return false
		}
	}
	if p.xmax <= p.xmin {
		p.xmax = p.xmin + 1
	}
	found := false
	p.ymin, p.ymax = math.Inf(1), math.Inf(-1)
	for _, l := range p.o.Lines {
		lo, hi, ok := l.Series.Bounds(p.xmin, p.xmax)
		if !ok {
			continue
		}
		if p.o.LogY {
			if hi <= 0 {
				continue
			}
			if lo <= 0 {
				lo = smallestPositive(l.Series, p.xmin, p.xmax)
			}
			lo, hi = math.Log10(lo), math.Log10(hi)
		}
		p.ymin, p.ymax = min(p.ymin, lo), max(p.ymax, hi)
		found = true
	}
	if !found {
		return false
	}
	p.pad()
	return true
}

// pad gives a flat line some height and others a little room.
func (p *picture) pad() {
	d := p.ymax - p.ymin
	if d <= math.Max(math.Abs(p.ymin), math.Abs(p.ymax))*1e-9 {
		d = 0 // what is left of rounding is no difference
	}
	switch {
	case d <= 0 || !finite(d):
		room := math.Abs(p.ymax) * 0.1
		if room == 0 || !finite(room) {
			room = 1
		}
		if !finite(d) { // bounds so far apart that their difference overflows
			p.ymin, p.ymax = p.ymin/4, p.ymax/4
			return
		}
		p.ymin, p.ymax = p.ymin-room, p.ymax+room
	default:
		// Bounds on a coarse grid stay where they are while a curve grows, so
		// that a live picture changes in few cells.
		p.ymin, p.ymax = p.ymin-d*0.02, p.ymax+d*0.02
		if g := niceStep(d / 16); g > 0 {
			lo, hi := math.Floor(p.ymin/g)*g, math.Ceil(p.ymax/g)*g
			if finite(lo) && finite(hi) && lo < hi {
				p.ymin, p.ymax = lo, hi
			}
		}
	}
}

// smallestPositive is the log axis' lower end for data that touches zero.
func smallestPositive(s *Series, lo, hi float64) float64 {
	least := math.Inf(1)
	for i, end := s.Index(lo), s.upper(hi); i < end; i++ {
		if y := s.y[i]; y > 0 && y < least {
			least = y
		}
	}
	return least
}

// yTicks are the values that a plot of h cells is labelled with: at least two
// where a finer step gives them, because one says nothing of the scale.
func (p *picture) yTicks(h int) []float64 {
	n := max(2, h/3)
	t := ticks(p.ymin, p.ymax, n)
	for finer := n + 1; len(t) < 2 && finer <= n+8; finer++ {
		t = ticks(p.ymin, p.ymax, finer)
	}
	return t
}

// label writes a tick of the Y axis.
func (p *picture) label(v float64, all []float64) string {
	if p.o.LogY {
		y := math.Pow(10, v)
		return p.o.FormatY(y, y/10)
	}
	step := 0.0
	if len(all) > 1 {
		step = all[1] - all[0]
	}
	return p.o.FormatY(v, step)
}

// gutterWidth is the room that the labels of the Y axis need.
func (p *picture) gutterWidth(yTicks []float64) int {
	w := 3
	for _, v := range yTicks {
		w = max(w, len([]rune(p.label(v, yTicks))))
	}
	return min(w+1, p.o.Width/2)
}

// dotX is the dot column of x; dotY the dot row of an already scaled y.
func (p *picture) dotX(x float64) int {
	f := min(max((x-p.xmin)/(p.xmax-p.xmin), 0), 1)
	return int(math.Round(f * float64(p.grid.w*2-1)))
}

func (p *picture) dotY(y float64) int {
	if p.o.LogY {
		if y <= 0 {
			return p.grid.h*4 - 1
		}
		y = math.Log10(y)
	}
	f := (y - p.ymin) / (p.ymax - p.ymin)
	if !finite(f) { // the bounds span more than a float64 can subtract
		f = 0.5
	}
	f = min(max(f, -1), 2) // outside, but never so far that an int overflows
	return int(math.Round((1 - f) * float64(p.grid.h*4-1)))
}

// draw lays one line onto the grid.
func (p *picture) draw(owner int16, l Line) {
	s := l.Series
	from, to := s.Index(p.xmin), s.upper(p.xmax)
	if l.Mark != 0 {
		p.drawMarks(owner, l, from, to)
		return
	}
	if to-from == 1 && from == 0 && s.Len() == 1 { // a lone dot would be overlooked
		p.drawMarks(owner, Line{Series: s, Mark: '•'}, from, to)
		return
	}
	columns := p.grid.w * 2
	scale := (p.xmax - p.xmin) / float64(columns-1)
	prevX, prevY, joined := 0, 0, false
	if from > 0 && from < to && finite(s.y[from-1]) && finite(s.y[from]) { // the line comes in from the left
		share := (p.xmin - s.x[from-1]) / (s.x[from] - s.x[from-1])
		prevY, joined = p.dotY(s.y[from-1]+(s.y[from]-s.y[from-1])*share), true
	}
	for i := from; i < to; {
		x := p.dotX(s.x[i])
		end := i + 1
		if end < to && p.dotX(s.x[end]) == x {
			edge := p.xmin + (float64(x)+0.5)*scale
			end = min(max(s.Index(edge), end), to)
		}
		sp := s.span(i, end)
		i = end
		if sp.empty() {
			joined = false
			continue
		}
		if joined && !sp.gapBefore {
			p.grid.line(prevX, prevY, x, p.dotY(sp.first), owner)
		}
		p.grid.column(x, p.dotY(sp.min), p.dotY(sp.max), owner)
		prevX, prevY, joined = x, p.dotY(sp.last), !sp.gapAfter
	}
}

// drawMarks lays the points of a sparse series as runes.
func (p *picture) drawMarks(owner int16, l Line, from, to int) {
	for i := from; i < to; i++ {
		if !finite(l.Series.y[i]) {
			continue
		}
		x, y := p.dotX(l.Series.x[i])/2, p.dotY(l.Series.y[i])/4
		if y >= 0 && y < p.grid.h {
			p.marks[y*p.grid.w+x] = mark{l.Mark, PartLine + Part(owner)}
		}
	}
}

// events draws a rule with its label for each event that has one, and only a
// mark at the foot for one without.
func (p *picture) events() {
	var list []Event
	for _, e := range p.o.Events {
		if e.X >= p.xmin && e.X <= p.xmax {
			list = append(list, e)
		}
	}
	if !sort.SliceIsSorted(list, func(i, j int) bool { return list[i].X < list[j].X }) {
		sort.SliceStable(list, func(i, j int) bool { return list[i].X < list[j].X })
	}
	labelEnd := -1
	for _, e := range list {
		x := p.dotX(e.X) / 2
		foot := (p.grid.h-1)*p.grid.w + x
		if e.Label != "" {
			p.rule(x)
			n := utf8.RuneCountInString(e.Label)
			at := x + 1
			if at+n > p.grid.w { // at the right edge the label stands before its rule
				at = x - n
			}
			if at > labelEnd && at >= 0 {
				for k, c := range []rune(e.Label) {
					p.marks[at+k] = mark{c, PartEvent}
				}
				labelEnd = max(at+n, x)
			}
		}
		if e.Mark != 0 {
			p.marks[foot] = mark{e.Mark, PartEvent}
		} else if e.Label == "" {
			p.marks[foot] = mark{'┊', PartEvent}
		}
	}
}

// rule draws a thin line through the empty cells of a column.
func (p *picture) rule(x int) {
	for y := range p.grid.h {
		i := y*p.grid.w + x
		if _, taken := p.marks[i]; !taken && p.grid.bits[i] == 0 {
			p.marks[i] = mark{'┊', PartEvent}
		}
	}
}

// cursor draws the crosshair.
func (p *picture) cursor() {
	if p.o.Cursor == nil || *p.o.Cursor < p.xmin || *p.o.Cursor > p.xmax {
		return
	}
	x := p.dotX(*p.o.Cursor) / 2
	for y := range p.grid.h {
		if i := y*p.grid.w + x; p.grid.bits[i] == 0 {
			p.marks[i] = mark{'│', PartCursor}
		}
	}
}

// compose turns the grid into lines of text.
func (p *picture) compose(yTicks []float64) []string {
	lines := make([]string, 0, p.o.Height)
	labels := map[int]string{}
	for _, v := range yTicks {
		f := (v - p.ymin) / (p.ymax - p.ymin)
		row := int(math.Round((1-f)*float64(p.grid.h*4-1))) / 4
		if row >= 0 && row < p.grid.h {
			labels[row] = p.label(v, yTicks)
		}
	}
	for y := range p.grid.h {
		var b strings.Builder
		if p.gutter > 0 {
			text := labels[y]
			if r := []rune(text); len(r) > p.gutter-1 {
				text = string(r[:p.gutter-1])
			}
			pad := p.gutter - 1 - len([]rune(text))
			b.WriteString(p.o.Paint(PartLabel, strings.Repeat(" ", pad)+text))
			b.WriteByte(' ')
		}
		p.composeRow(&b, y)
		lines = append(lines, b.String())
	}
	if !p.o.NoAxes {
		lines = append(lines, p.xAxis())
	}
	return lines
}

// bridge is how many blanks between two cells of a part are painted with them:
// more escape sequences would be more bytes than so many blanks.
const bridge = 12

// composeRow writes one row of cells, joining neighbours of the same part so
// that few escape sequences are needed.
func (p *picture) composeRow(b *strings.Builder, y int) {
	var run []rune
	blanks := 0 // behind the run
	part := Part(-1)
	flush := func() {
		if len(run) > 0 {
			b.WriteString(p.o.Paint(part, string(run)))
		}
		b.WriteString(strings.Repeat(" ", blanks))
		run, blanks = run[:0], 0
	}
	for x := range p.grid.w {
		i := y*p.grid.w + x
		r, next := ' ', Part(-1)
		if bits := p.grid.bits[i]; bits != 0 {
			r, next = rune(0x2800)+rune(bits), PartLine+Part(p.grid.owner[i])
		}
		if m, ok := p.marks[i]; ok {
			r, next = m.r, m.p
		}
		switch {
		case next < 0:
			blanks++
			continue
		case next != part || blanks > bridge:
			flush()
			part = next
		}
		for ; blanks > 0; blanks-- {
			run = append(run, ' ')
		}
		run = append(run, r)
	}
	flush()
}

// xAxis writes the labels of the X axis.
func (p *picture) xAxis() string {
	cells := []rune(strings.Repeat(" ", p.grid.w))
	all := ticks(p.xmin, p.xmax, max(1, p.grid.w/14))
	free := 0
	for _, v := range all {
		if v != math.Trunc(v) {
			continue // X counts steps
		}
		step := 1.0
		if len(all) > 1 {
			step = max(step, all[1]-all[0])
		}
		text := []rune(FormatValue(v, step))
		at := p.dotX(v)/2 - len(text)/2
		at = min(max(at, 0), p.grid.w-len(text))
		if at < free || at < 0 {
			continue
		}
		copy(cells[at:], text)
		free = at + len(text) + 1
	}
	return strings.Repeat(" ", p.gutter) + p.o.Paint(PartLabel, string(cells))
}

// XAt returns the X value under column col of a chart drawn with these options
// (0 is the leftmost cell), for mouse clicks; ok is false outside the plot.
func XAt(o Options, col int) (x float64, ok bool) {
	p := &picture{o: o}
	if o.FormatY == nil {
		p.o.FormatY = FormatValue
	}
	if !p.ranges() {
		return 0, false
	}
	if !o.NoAxes && o.Width >= minAxisWidth && o.Height >= minAxisHeight {
		p.gutter = p.gutterWidth(p.yTicks(o.Height - 1))
	}
	w := max(1, o.Width-p.gutter)
	col -= p.gutter
	if col < 0 || col >= w {
		return 0, false
	}
	return p.xmin + (p.xmax-p.xmin)*(float64(col)+0.5)/float64(w), true
}
