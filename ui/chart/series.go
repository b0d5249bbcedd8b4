// Package chart draws time series of any length as braille dots. Each dot
// column shows the lowest and the highest value that fall into it, so a spike
// of one step in a million stays visible. It knows nothing of sftui and emits
// no colours itself: the caller paints.
package chart

import (
	"math"
	"sort"
)

// blockSize is how many points share one cached summary. A chart of n points
// then looks at about n/blockSize summaries plus two partial blocks a column.
const blockSize = 32

// span summarizes a run of points.
type span struct {
	min, max    float64 // of the finite values; min > max when there are none
	first, last float64 // first and last finite value
	gapBefore   bool    // a value that is not finite precedes the first finite one
	gapAfter    bool    // … or follows the last finite one
}

// emptySpan is the summary of no points.
func emptySpan() span { return span{min: math.Inf(1), max: math.Inf(-1)} }

// empty reports whether the span holds no finite value.
func (s *span) empty() bool { return s.min > s.max }

// add takes one more value into the span.
func (s *span) add(y float64) {
	if !finite(y) {
		if s.empty() {
			s.gapBefore = true
		}
		s.gapAfter = true
		return
	}
	if s.empty() {
		s.first = y
	}
	s.last = y
	s.gapAfter = false
	s.min = min(s.min, y)
	s.max = max(s.max, y)
}

// join appends the summary of the points that follow.
func (s *span) join(o *span) {
	if o.empty() {
		if o.gapBefore || o.gapAfter {
			if s.empty() {
				s.gapBefore = true
			}
			s.gapAfter = true
		}
		return
	}
	if s.empty() {
		gap := s.gapBefore || s.gapAfter
		*s = *o
		s.gapBefore = s.gapBefore || gap
		return
	}
	s.min = min(s.min, o.min)
	s.max = max(s.max, o.max)
	s.last = o.last
	s.gapAfter = o.gapAfter
}

// Series is a line that only grows. X must not decrease; a point whose X is
// smaller than the last one's is put at the last X. NaN and infinite values
// are kept as gaps. The zero Series is empty and ready.
type Series struct {
	x, y   []float64
	blocks []span // summary of each full block
	open   span   // summary of the block that is being filled
}

// Append adds a point.
func (s *Series) Append(x, y float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	if n := len(s.x); n > 0 && x < s.x[n-1] {
		x = s.x[n-1]
	}
	if len(s.x)%blockSize == 0 {
		s.open = emptySpan()
	}
	s.x = append(s.x, x)
	s.y = append(s.y, y)
	s.open.add(y)
	if len(s.x)%blockSize == 0 {
		s.blocks = append(s.blocks, s.open)
	}
}

// Reset removes all points.
func (s *Series) Reset() { *s = Series{} }

// Len is the number of points, gaps included.
func (s *Series) Len() int { return len(s.x) }

// At returns point i.
func (s *Series) At(i int) (x, y float64) { return s.x[i], s.y[i] }

// Last returns the newest point.
func (s *Series) Last() (x, y float64, ok bool) {
	if len(s.x) == 0 {
		return 0, 0, false
	}
	n := len(s.x) - 1
	return s.x[n], s.y[n], true
}

// Index returns the first point whose X is at least x; Len when there is none.
func (s *Series) Index(x float64) int { return sort.SearchFloat64s(s.x, x) }

// Nearest returns the point whose X is closest to x, -1 when there are no points.
func (s *Series) Nearest(x float64) int {
	n := len(s.x)
	if n == 0 {
		return -1
	}
	i := s.Index(x)
	if i == n || (i > 0 && x-s.x[i-1] < s.x[i]-x) {
		i--
	}
	return i
}

// Bounds returns the smallest and largest finite value of the points with
// lo <= X <= hi; ok is false when there are none.
func (s *Series) Bounds(lo, hi float64) (ymin, ymax float64, ok bool) {
	sp := s.span(s.Index(lo), s.upper(hi))
	return sp.min, sp.max, !sp.empty()
}

// Smooth returns an exponential moving average of the series, corrected for
// its start as Adam corrects its moments, so that the first values are not
// pulled to zero. weight is the share of the past, in [0, 1). Gaps stay gaps
// and do not move the average.
func (s *Series) Smooth(weight float64) *Series {
	out := &Series{x: make([]float64, 0, len(s.x)), y: make([]float64, 0, len(s.y))}
	average := Smoother{Weight: weight}
	for i, y := range s.y {
		out.Append(s.x[i], average.Next(y))
	}
	return out
}

// upper returns the index after the last point with X <= x.
func (s *Series) upper(x float64) int {
	return sort.Search(len(s.x), func(i int) bool { return s.x[i] > x })
}

// span summarizes points [from, to).
func (s *Series) span(from, to int) span {
	out := emptySpan()
	for from < to {
		if from%blockSize == 0 && from+blockSize <= to {
			out.join(&s.blocks[from/blockSize])
			from += blockSize
			continue
		}
		end := min(to, from-from%blockSize+blockSize)
		for ; from < end; from++ {
			out.add(s.y[from])
		}
	}
	return out
}

// finite reports whether y can be drawn.
func finite(y float64) bool { return !math.IsNaN(y) && !math.IsInf(y, 0) }
