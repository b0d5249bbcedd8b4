package report

import (
	"encoding/json"
	"math"
	"strconv"

	"sftui/engine/run"
)

// maxBuckets bounds what a curve holds: two points a bucket are more than a
// screen is wide, however many steps a run has.
const maxBuckets = 2000

// curve is a series by step that keeps the lowest and the highest value of
// each span of steps, so that no spike is lost. Spans double whenever there
// are too many, so its size does not grow with the run.
type curve struct {
	width   int // steps a bucket, a power of two; 0 before the first value
	buckets []bucket
	finite  bool // a finite value was seen
	nonzero bool // a value other than 0 was seen
}

// bucket is the lowest and the highest value of a span of steps. A finite
// bucket has low and high; gap says that it had a value that was not finite.
type bucket struct {
	index     int // step / width
	finite    bool
	gap       bool
	low, high point
	gapAt     int // a step of a value that was not finite
	sum       float64
	count     int // finite values
}

type point struct {
	step  int
	value float64
}

// add puts a value in. Steps come in order; one that does not is put with the
// newest.
func (c *curve) add(step int, value float64) {
	c.width = max(c.width, 1)
	b := bucket{index: step / c.width}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		b.gap, b.gapAt = true, step
		c.nonzero = true
	} else {
		b.finite, b.low, b.sum, b.count = true, point{step, value}, value, 1
		b.high = b.low
		c.finite = true
		c.nonzero = c.nonzero || value != 0
	}
	if c.put(b); len(c.buckets) > maxBuckets {
		c.double()
	}
}

// put appends a bucket, or merges it into the newest of the same span.
func (c *curve) put(b bucket) {
	if len(c.buckets) == 0 || b.index > c.buckets[len(c.buckets)-1].index {
		c.buckets = append(c.buckets, b)
		return
	}
	last := &c.buckets[len(c.buckets)-1]
	if b.gap {
		last.gap, last.gapAt = true, b.gapAt
	}
	last.sum, last.count = last.sum+b.sum, last.count+b.count
	switch {
	case !b.finite:
	case !last.finite:
		last.finite, last.low, last.high = true, b.low, b.high
	default:
		if b.low.value < last.low.value {
			last.low = b.low
		}
		if b.high.value > last.high.value {
			last.high = b.high
		}
	}
}

// double makes every span twice as wide.
func (c *curve) double() {
	old := c.buckets
	c.buckets = make([]bucket, 0, maxBuckets+1)
	c.width *= 2
	for _, b := range old {
		b.index /= 2
		c.put(b)
	}
}

// points are the curve's points in order of step; NaN marks a gap.
func (c *curve) points() []point {
	out := make([]point, 0, 2*len(c.buckets))
	for _, b := range c.buckets {
		if b.finite {
			first, second := b.low, b.high
			if second.step < first.step {
				first, second = second, first
			}
			out = append(out, first)
			if second != first {
				out = append(out, second)
			}
		}
		if b.gap {
			out = append(out, point{max(b.gapAt, lastStep(out)), math.NaN()})
		}
	}
	return out
}

func lastStep(p []point) int {
	if len(p) == 0 {
		return 0
	}
	return p[len(p)-1].step
}

// means are the mean values of the spans, each at its middle step.
func (c *curve) means() []point {
	out := make([]point, 0, len(c.buckets))
	for _, b := range c.buckets {
		p := point{b.index*c.width + c.width/2, math.NaN()}
		if b.finite {
			p.value = b.sum / float64(b.count)
		}
		out = append(out, p)
	}
	return out
}

// plotted is a curve as the page's script takes it.
type plotted struct {
	X     []int         `json:"x"`
	Y     []plainNumber `json:"y"`
	Width int           `json:"w"`
	Means *plotted      `json:"means,omitempty"` // where a span is more than one step
}

func plot(points []point, width int) *plotted {
	p := &plotted{X: make([]int, len(points)), Y: make([]plainNumber, len(points)), Width: width}
	for i, at := range points {
		p.X[i], p.Y[i] = at.step, plainNumber(at.value)
	}
	return p
}

// MarshalJSON writes {"x": steps, "y": values with null for gaps, "w": steps a
// span}, and the spans' means where a span is more than one step.
func (c *curve) MarshalJSON() ([]byte, error) {
	w := plot(c.points(), c.width)
	if c.width > 1 {
		w.Means = plot(c.means(), c.width)
	}
	return json.Marshal(w)
}

// plainNumber is written with seven digits, which no plot can show more of,
// and as null when it is not finite.
type plainNumber float64

// MarshalJSON writes the number.
func (n plainNumber) MarshalJSON() ([]byte, error) {
	if !run.Number(n).Finite() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 7, 64), nil
}

// smoother is an exponential moving average corrected for its start, as the
// workbench draws it. Values that are not finite leave it as it is.
type smoother struct {
	sum, weight float64
}

// smoothing is the weight of the past in the smoothed loss.
const smoothing = 0.9

func (s *smoother) next(y float64) float64 {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return math.NaN()
	}
	s.sum = smoothing*s.sum + (1-smoothing)*y
	s.weight = smoothing*s.weight + 1 - smoothing
	return s.sum / s.weight
}
