package ui

// The smallest terminal that the workbench draws in.
const (
	minWidth  = 60
	minHeight = 16
	// compactBelow is the width under which panes stand under each other.
	compactBelow = 100
)

// rect is a place on the screen in cells.
type rect struct{ x, y, w, h int }

// contains reports whether a cell lies in the rectangle.
func (r rect) contains(x, y int) bool {
	return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h
}

// frame is the screen: a line of facts, a line of pages, the page, a line of keys.
type frame struct {
	top, tabs, body, foot rect
	tooSmall, compact     bool
}

// layoutFrame divides a screen of w×h cells.
func layoutFrame(w, h int) frame {
	f := frame{tooSmall: w < minWidth || h < minHeight, compact: w < compactBelow}
	f.top = rect{0, 0, w, 1}
	f.tabs = rect{0, 1, w, 1}
	f.body = rect{0, 2, w, max(0, h-3)}
	f.foot = rect{0, h - 1, w, 1}
	return f
}

// columns divides r into a left part of the given share and the rest.
func (r rect) columns(share float64, least int) (left, right rect) {
	w := min(max(int(float64(r.w)*share), least), r.w)
	return rect{r.x, r.y, w, r.h}, rect{r.x + w, r.y, r.w - w, r.h}
}

// rows divides r into a top part of h cells and the rest.
func (r rect) rows(h int) (top, bottom rect) {
	h = min(max(h, 0), r.h)
	return rect{r.x, r.y, r.w, h}, rect{r.x, r.y + h, r.w, r.h - h}
}

// dataLayout is the Data page: list, detail and length histogram.
type dataLayout struct{ list, detail, histogram rect }

// layoutData divides the Data page. The histogram gives way first.
func layoutData(w, h int, histogram bool) dataLayout {
	r := rect{0, 0, w, h}
	var l dataLayout
	if w < compactBelow {
		if histogram {
			rest, strip := r.rows(h - 6)
			r, l.histogram = rest, strip
		}
		l.list, l.detail = r.rows(max(5, r.h*2/5))
		return l
	}
	if histogram && h >= 14 {
		strip := 6
		if h >= 40 {
			strip = 9
		}
		rest, below := r.rows(h - strip)
		r, l.histogram = rest, below
	}
	l.list, l.detail = r.columns(0.42, 46)
	return l
}

// recipeLayout is the Recipe page: options, explanation, conflicts.
type recipeLayout struct{ options, explain, conflicts, forecast rect }

// recipeColumn is how wide the options are in a page of w cells.
func recipeColumn(w int) int {
	if w < compactBelow {
		return w
	}
	left, _ := rect{0, 0, w, 1}.columns(0.46, 52)
	return left.w
}

// layoutRecipe divides the Recipe page; conflicts is how many lines they want,
// 0 when there are none, and the forecast needs a large terminal.
func layoutRecipe(w, h, conflicts int, forecast bool) recipeLayout {
	r := rect{0, 0, w, h}
	var l recipeLayout
	need := min(conflicts, max(4, h/3))
	if w < compactBelow {
		l.options, r = r.rows(max(6, (h-need)/2))
		l.explain, l.conflicts = r.rows(r.h - need)
		return l
	}
	left, right := r.columns(0.46, 52)
	l.options, l.conflicts = left.rows(left.h - need)
	l.explain = right
	if forecast && h >= 20 {
		l.explain, l.forecast = right.rows(right.h - 6)
	}
	return l
}

// trainLayout is the Train page: the main chart, small charts, live tuning, log.
type trainLayout struct {
	loss, tune, log rect
	strips          []rect
}

// layoutTrain divides the Train page. Zoomed, the main chart has it all.
func layoutTrain(w, h, strips int, tuning, zoom bool) trainLayout {
	r := rect{0, 0, w, h}
	var l trainLayout
	if zoom {
		l.loss, l.log = r.rows(h - 2)
		return l
	}
	logH := 2
	if h >= 30 {
		logH = min(8, h/6)
	}
	r, l.log = r.rows(h - logH)
	tuneH := 0
	if tuning {
		tuneH = min(9, r.h-6)
	}
	if w < compactBelow {
		// Small strips go two beside each other under the main chart.
		stripH := 4
		n := min(strips, 4)
		if tuning {
			n = min(n, 2)
		}
		rowsOfStrips := (n + 1) / 2
		l.loss, r = r.rows(r.h - rowsOfStrips*stripH - tuneH)
		l.tune, r = r.rows(tuneH)
		for i := range n {
			half := rect{r.x, r.y + i/2*stripH, r.w / 2, stripH}
			if i%2 == 1 {
				half.x, half.w = r.w/2, r.w-r.w/2
			}
			l.strips = append(l.strips, half)
		}
		return l
	}
	if strips == 0 { // nothing stands beside it
		l.loss, l.tune = r.rows(r.h - tuneH)
		return l
	}
	left, right := r.columns(0.64, 60)
	l.loss, l.tune = left.rows(left.h - tuneH)
	n := min(strips, max(1, right.h/5))
	for i := range n {
		var s rect
		s, right = right.rows(right.h / (n - i))
		l.strips = append(l.strips, s)
	}
	return l
}
