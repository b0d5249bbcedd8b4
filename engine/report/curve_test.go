package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCurveKeepsSpikes puts millions of steps with a few spikes and gaps in.
func TestCurveKeepsSpikes(t *testing.T) {
	const steps = 3_000_000
	spikes := map[int]float64{17: 50, 1_234_567: 99, 2_999_999: -7, 1_500_000: 42}
	gaps := []int{100, 2_000_001}
	var c curve
	random := rand.New(rand.NewPCG(1, 2))
	for step := 1; step <= steps; step++ {
		value := 1 + random.Float64()
		if spike, ok := spikes[step]; ok {
			value = spike
		}
		if slices.Contains(gaps, step) {
			value = math.NaN()
		}
		c.add(step, value)
		if len(c.buckets) > maxBuckets {
			t.Fatalf("%d buckets at step %d", len(c.buckets), step)
		}
	}
	points := c.points()
	found, missing, last := 0, 0, 0
	for _, p := range points {
		if p.step < last {
			t.Fatalf("step %d after %d", p.step, last)
		}
		last = p.step
		if math.IsNaN(p.value) {
			missing++
		} else if spikes[p.step] == p.value {
			found++
		} else if p.value < 1 || p.value > 2 {
			t.Errorf("step %d has %v, which never was", p.step, p.value)
		}
	}
	if found != len(spikes) || missing != len(gaps) || len(points) < maxBuckets {
		t.Errorf("%d spikes and %d gaps in %d points", found, missing, len(points))
	}
}

func TestCurveMeans(t *testing.T) {
	var c curve
	for step := range 8 * maxBuckets {
		c.add(step, float64(step))
	}
	c.add(8*maxBuckets, math.Inf(1))
	means := c.means()
	if c.width < 8 || len(means) > maxBuckets+1 {
		t.Fatalf("%d means of %d steps", len(means), c.width)
	}
	for i, p := range means[:len(means)-1] {
		if want := float64(i*c.width) + float64(c.width-1)/2; p.value != want || p.step != i*c.width+c.width/2 {
			t.Fatalf("mean %d is %+v, want %v", i, p, want)
		}
	}
	if last := means[len(means)-1]; !math.IsNaN(last.value) {
		t.Errorf("the mean of nothing finite is %v", last.value)
	}
}

func TestCurveIsExactWhileSmall(t *testing.T) {
	var c curve
	for step := 1; step <= maxBuckets; step++ {
		c.add(step, float64(step*step))
	}
	points := c.points()
	if len(points) != maxBuckets || c.width != 1 {
		t.Fatalf("%d points of %d steps", len(points), c.width)
	}
	for i, p := range points {
		if p.step != i+1 || p.value != float64((i+1)*(i+1)) {
			t.Fatalf("point %d is %+v", i, p)
		}
	}
}

func FuzzCurve(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 255, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		var c curve
		low, high, step := math.Inf(1), math.Inf(-1), 0
		for _, b := range data {
			step += int(b) * 700
			value := float64(b)
			if b%16 == 15 {
				value = math.NaN()
			} else {
				low, high = min(low, value), max(high, value)
			}
			c.add(step, value)
		}
		gotLow, gotHigh, last := math.Inf(1), math.Inf(-1), 0
		for _, p := range c.points() {
			if p.step < last || p.step > step {
				t.Fatalf("step %d after %d, of %d", p.step, last, step)
			}
			last = p.step
			if !math.IsNaN(p.value) {
				gotLow, gotHigh = min(gotLow, p.value), max(gotHigh, p.value)
			}
		}
		if gotLow != low || gotHigh != high || len(c.buckets) > maxBuckets {
			t.Errorf("from %v to %v, want %v to %v", gotLow, gotHigh, low, high)
		}
	})
}

func TestSmootherStartsAtTheFirstValue(t *testing.T) {
	var s smoother
	if first := s.next(4); math.Abs(first-4) > 1e-12 {
		t.Errorf("first is %v", first)
	}
	if gap := s.next(math.NaN()); !math.IsNaN(gap) {
		t.Errorf("a gap is %v", gap)
	}
	// (0.1·8 + 0.9·0.1·4) / (0.1 + 0.9·0.1)
	if second := s.next(8); math.Abs(second-1.16/0.19) > 1e-12 {
		t.Errorf("second is %v", second)
	}
}
