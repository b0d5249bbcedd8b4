package chart

// Smoother is the exponential moving average of Series.Smooth one value at a
// time, so that a live curve need not be computed anew for each point.
type Smoother struct {
	Weight           float64 // share of the past, in [0, 1)
	mean, correction float64
}

// Next takes a value and returns the average; a value that is not finite is
// returned as it is and leaves the average alone.
func (s *Smoother) Next(y float64) float64 {
	if !finite(y) {
		return y
	}
	w := min(max(s.Weight, 0), 0.999)
	s.mean = w*s.mean + (1-w)*y
	s.correction = w*s.correction + (1 - w)
	return s.mean / s.correction
}
