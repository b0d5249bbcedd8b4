package engine

import (
	"slices"
	"sort"
)

// spikeDetector finds a loss far above the recent ones.
type spikeDetector struct {
	recent []float64 // the last losses, oldest first
}

const (
	spikeWindow = 50  // losses it compares with
	spikeAfter  = 20  // losses it must have seen
	spikeSpread = 6   // in units of the median deviation
	spikeShare  = 1.3 // and at least so many times the median

	leapWindow = 8   // losses that a leap is seen against: few, so that one shows early and while the loss falls
	leapAfter  = 5   // losses of those it needs
	leapSpread = 2   // in units of their range, above the highest
	leapShare  = 1.5 // and at least so many times the highest
)

// add takes in a loss and returns the usual loss before it and whether this
// one is a spike. The median and the median deviation keep one spike from
// hiding the next.
func (d *spikeDetector) add(loss float64) (usual float64, spike bool) {
	if len(d.recent) >= spikeAfter {
		usual = median(d.recent)
		deviations := make([]float64, len(d.recent))
		for i, v := range d.recent {
			deviations[i] = max(v-usual, usual-v)
		}
		spike = loss > usual+spikeSpread*median(deviations) && loss > spikeShare*usual
	}
	if last := d.recent[max(0, len(d.recent)-leapWindow):]; !spike && len(last) >= leapAfter {
		highest := slices.Max(last)
		if loss > highest+leapSpread*(highest-slices.Min(last)) && loss > leapShare*highest {
			usual, spike = median(last), true
		}
	}
	d.recent = append(d.recent, loss)
	if len(d.recent) > spikeWindow {
		d.recent = append([]float64(nil), d.recent[len(d.recent)-spikeWindow:]...)
	}
	return usual, spike
}

func median(values []float64) float64 {
	s := append([]float64(nil), values...)
	sort.Float64s(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
