package chart

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// series makes a series with X = 0, 1, 2 …
func series(values ...float64) *Series {
	s := &Series{}
	for i, v := range values {
		s.Append(float64(i), v)
	}
	return s
}

// dots counts the lit dots of a picture.
func dots(lines []string) int {
	n := 0
	for _, l := range lines {
		for _, r := range l {
			if r > 0x2800 && r <= 0x28ff {
				for b := r - 0x2800; b > 0; b &= b - 1 {
					n++
				}
			}
		}
	}
	return n
}

func TestRenderFillsItsRectangle(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	cases := map[string]*Series{
		"nothing": {}, "one point": series(3), "constant": series(2, 2, 2, 2),
		"only NaN": series(nan, nan), "infinities": series(1, inf, 2, -inf, 3),
		"huge": series(-1e308, 1e308), "tiny": series(1e-300, 2e-300), "zero": series(0, 0),
	}
	for name, s := range cases {
		for _, size := range [][2]int{{1, 1}, {2, 3}, {17, 4}, {18, 4}, {40, 10}, {200, 50}} {
			for _, log := range []bool{false, true} {
				lines := Render(Options{Width: size[0], Height: size[1], Lines: []Line{{Series: s}}, LogY: log})
				if len(lines) != size[1] {
					t.Fatalf("%s %v: %d lines", name, size, len(lines))
				}
				for _, l := range lines {
					if n := utf8.RuneCountInString(l); n != size[0] {
						t.Fatalf("%s %v log=%v: width %d: %q", name, size, log, n, l)
					}
				}
			}
		}
	}
}

func TestSpikeOfOnePointSurvives(t *testing.T) {
	s := &Series{}
	for i := range 100_000 {
		y := 1.0
		if i == 61_234 {
			y = 50
		}
		s.Append(float64(i), y)
	}
	lines := Render(Options{Width: 60, Height: 10, NoAxes: true, Lines: []Line{{Series: s}}})
	// Its bounds are rounded up by at most a sixteenth, so it reaches the second line.
	if top := dots(lines[:2]); top == 0 {
		t.Fatalf("the spike is not at the top:\n%s", strings.Join(lines, "\n"))
	}
}

func TestNaNIsAGapNotABridge(t *testing.T) {
	with := Render(Options{Width: 20, Height: 5, NoAxes: true, Lines: []Line{{Series: series(1, math.NaN(), 1, 2)}}})
	without := Render(Options{Width: 20, Height: 5, NoAxes: true, Lines: []Line{{Series: series(1, 1, 1, 2)}}})
	if dots(with) >= dots(without) {
		t.Fatalf("the gap was drawn over:\n%s", strings.Join(with, "\n"))
	}
	bounds := series(1, math.Inf(1), 2)
	if lo, hi, ok := bounds.Bounds(0, 2); !ok || lo != 1 || hi != 2 {
		t.Fatalf("infinity entered the bounds: %v %v %v", lo, hi, ok)
	}
}

func TestSpanEqualsDirectSummary(t *testing.T) {
	s := &Series{}
	for i := range 3000 {
		y := math.Sin(float64(i)) * float64(i%97)
		if i%501 == 7 {
			y = math.NaN()
		}
		s.Append(float64(i), y)
	}
	for _, r := range [][2]int{{0, 3000}, {1, 2}, {7, 8}, {200, 900}, {255, 257}, {256, 512}, {508, 510}, {2990, 3000}} {
		want := emptySpan()
		for i := r[0]; i < r[1]; i++ {
			want.add(s.y[i])
		}
		if got := s.span(r[0], r[1]); got != want {
			t.Errorf("span%v = %+v, want %+v", r, got, want)
		}
	}
}

func TestSmoothStartsAtTheFirstValue(t *testing.T) {
	out := series(4, 4, math.NaN(), 4).Smooth(0.9)
	for i, want := range []float64{4, 4, math.NaN(), 4} {
		_, got := out.At(i)
		if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-12 {
			t.Errorf("point %d: %v, want %v", i, got, want)
		}
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, c := range [][3]float64{{0, 1, 4}, {1.9, 2.9, 3}, {-5, 5, 5}, {0, 1e6, 6}, {1e-6, 3e-6, 4}} {
		got := ticks(c[0], c[1], int(c[2]))
		if len(got) == 0 || len(got) > int(c[2])+1 {
			t.Errorf("ticks%v = %v", c, got)
		}
		for _, v := range got {
			if v < c[0]-1e-9 || v > c[1]*(1+1e-9) {
				t.Errorf("ticks%v: %v is outside", c, v)
			}
		}
	}
	if ticks(1, 1, 5) != nil || ticks(0, math.NaN(), 5) != nil {
		t.Error("an empty range has ticks")
	}
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		v, step float64
		want    string
	}{{0, 1, "0"}, {2.5, 0.5, "2.5"}, {12000, 1000, "12k"}, {1.5e6, 5e5, "1.5M"}, {2e-5, 1e-5, "2e-5"}, {1.23e-5, 1e-6, "1.2e-5"}, {100, 50, "100"}} {
		if got := FormatValue(c.v, c.step); got != c.want {
			t.Errorf("FormatValue(%v, %v) = %q, want %q", c.v, c.step, got, c.want)
		}
	}
}

func TestMarksEventsAndCursor(t *testing.T) {
	x := 2.0
	lines := Render(Options{Width: 40, Height: 8, Cursor: &x,
		Lines:  []Line{{Series: series(1, 2, 3, 2, 1)}, {Series: series(2, 2, 2, 2, 2), Mark: '◆'}},
		Events: []Event{{X: 3, Label: "4×8"}}})
	all := strings.Join(lines, "\n")
	for _, want := range []string{"◆", "┊4×8", "│"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

func TestXAtFindsTheColumn(t *testing.T) {
	o := Options{Width: 60, Height: 10, Lines: []Line{{Series: series(make([]float64, 101)...)}}}
	if _, ok := XAt(o, 0); ok {
		t.Error("the gutter has an X")
	}
	last, ok := XAt(o, 59)
	if !ok || last < 97 {
		t.Errorf("right edge = %v %v", last, ok)
	}
}

func TestColumnsAndGauge(t *testing.T) {
	rows := Columns([]float64{0, 1, 4, math.NaN(), 8}, 5, 2)
	if rows[1][0:1] != " " || !strings.HasSuffix(rows[0], "█") || strings.Contains(rows[1][:1], "▁") {
		t.Errorf("columns: %q", rows)
	}
	tail := Columns([]float64{1e6, 1}, 2, 1)[0]
	if []rune(tail)[1] != '▁' {
		t.Errorf("the thin tail vanished: %q", tail)
	}
	for share, want := range map[float64]string{0: "░░░░", 0.5: "██░░", 1: "████", 7: "████", math.Inf(1): "░░░░"} {
		if got := Gauge(share, 4); got != want {
			t.Errorf("Gauge(%v) = %q, want %q", share, got, want)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add(10, 5, 0.0, 1.0, math.NaN(), 3.0, false)
	f.Add(1, 1, math.Inf(1), -1.0, 0.0, 1e308, true)
	f.Add(300, 80, -1e308, 1e308, 5.0, 1e-300, true)
	f.Fuzz(func(t *testing.T, w, h int, a, b, c, x float64, log bool) {
		if w > 300 || h > 80 {
			return
		}
		s := &Series{}
		for i, v := range []float64{a, b, c, a} {
			s.Append(x*float64(i), v)
		}
		lines := Render(Options{Width: w, Height: h, LogY: log, Cursor: &x, XMin: a, XMax: b,
			Lines: []Line{{Series: s}, {Series: s, Mark: '◆'}}, Events: []Event{{X: x, Label: "e"}}})
		if w > 0 && h > 0 && len(lines) != h {
			t.Fatalf("%d lines, want %d", len(lines), h)
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) != w {
				t.Fatalf("width of %q", l)
			}
		}
	})
}

func BenchmarkRenderMillion(b *testing.B) {
	s := &Series{}
	for i := range 1_000_000 {
		s.Append(float64(i), 2+math.Sin(float64(i)/1e4)+math.Sin(float64(i*i))*0.3)
	}
	b.ResetTimer()
	for range b.N {
		Render(Options{Width: 100, Height: 20, Lines: []Line{{Series: s}}})
	}
}

func BenchmarkAppend(b *testing.B) {
	s := &Series{}
	for i := range b.N {
		s.Append(float64(i), 1)
	}
}

// One point is seen, and its axes are labelled; so are two points so close
// that they differ by rounding alone.
func TestRenderFewPoints(t *testing.T) {
	for _, values := range [][]float64{{3.487}, {3.487, math.Nextafter(3.487, 4)}} {
		s := &Series{}
		for i, v := range values {
			s.Append(float64(i+1), v)
		}
		lines := Render(Options{Width: 60, Height: 9, Lines: []Line{{Series: s}}})
		picture := strings.Join(lines, "\n")
		if labels := strings.Count(picture, "3."); labels < 2 || strings.Contains(picture, "3.4870000") {
			t.Errorf("the Y axis of %v has %d labels:\n%s", values, labels, picture)
		}
		if len(values) == 1 && !strings.Contains(picture, "•") {
			t.Errorf("the point is not to be seen:\n%s", picture)
		}
		if axis := lines[len(lines)-1]; !strings.Contains(axis, "1 ") || strings.Contains(axis, ".") {
			t.Errorf("the X axis is %q", axis)
		}
	}
}

// The end of a growing range stays where it is for many steps, and never falls
// short of the data nor far beyond it.
func TestRoof(t *testing.T) {
	moves, last := 0, 0.0
	for hi := 2.0; hi <= 1000; hi++ {
		roof := Roof(1, hi)
		if roof < hi || roof > hi+max(1, (hi-1)*0.16) {
			t.Fatalf("the roof of 1 to %v is %v", hi, roof)
		}
		if roof != last {
			moves, last = moves+1, roof
		}
	}
	if moves > 120 {
		t.Errorf("1000 steps move it %d times", moves)
	}
	if r := Roof(math.NaN(), 3); r != 3 {
		t.Errorf("without a beginning it is %v", r)
	}
}

// The label of an event at the right edge stands before its rule.
func TestLabelAtTheRightEdge(t *testing.T) {
	s := &Series{}
	for i := range 50 {
		s.Append(float64(i), float64(i))
	}
	lines := Render(Options{Width: 40, Height: 8, Lines: []Line{{Series: s}}, Events: []Event{{X: 49, Label: "8×1"}, {X: 10, Label: "spike"}}})
	if top := lines[0]; !strings.Contains(top, "8×1") || !strings.Contains(top, "┊spike") {
		t.Errorf("the labels are missing:\n%s", strings.Join(lines, "\n"))
	}
}

// A stretch of few blanks is painted with what stands around it, a long one is
// not: either costs the fewer bytes. Nothing on the screen moves for it.
func TestShortGapsArePaintedInOneStretch(t *testing.T) {
	for _, c := range []struct {
		apart   float64 // columns between two points that stand alone
		painted int
	}{{bridge + 1, 1}, {bridge + 2, 2}} {
		nan := math.NaN()
		s := &Series{}
		for _, p := range [][2]float64{{0, 1}, {1, nan}, {2 * c.apart, 1}, {2*c.apart + 1, nan}, {79, nan}} {
			s.Append(p[0], p[1])
		}
		o := Options{Width: 40, Height: 1, NoAxes: true, XMin: 0, XMax: 79, Lines: []Line{{Series: s}}}
		plain := Render(o)[0]
		var runs []string
		o.Paint = func(_ Part, s string) string {
			runs = append(runs, s)
			return "<" + s + ">"
		}
		got := Render(o)[0]
		if bare := strings.NewReplacer("<", "", ">", "").Replace(got); bare != plain || dots([]string{plain}) != 2 {
			t.Errorf("%g columns apart: painted %q, plain %q", c.apart, got, plain)
		}
		if len(runs) != c.painted {
			t.Errorf("%g columns apart: %d stretches are painted, not %d: %q", c.apart, len(runs), c.painted, got)
		}
		for _, r := range runs {
			if strings.TrimSpace(r) != r {
				t.Errorf("%g columns apart: blanks at an end are painted: %q", c.apart, got)
			}
		}
	}
}
