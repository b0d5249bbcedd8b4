package compute

import (
	"math"
	"testing"
)

// TestNEFTuneNoise holds the noise to transformers': uniform within ±alpha/√(length of the padded rows · hidden size),
// new in each pass, and absent outside of training.
func TestNEFTuneNoise(t *testing.T) {
	const alpha = 5.0
	s := openSession(t, Config{ModelDir: tinyModel(t, nil), NEFTuneAlpha: alpha, Seed: 3})
	lengths := []int{40, 61, 17}
	b := unevenBatch(41, lengths...)
	l, err := s.layOut(b)
	if err != nil {
		t.Fatal(err)
	}
	hidden := s.model.Config.HiddenSize
	embed := func(training bool) []float32 {
		s.passes++
		p, err := s.begin(l, training)
		if err != nil {
			t.Fatal(err)
		}
		defer p.free()
		x, err := s.embedIDs(p)
		if err != nil {
			t.Fatal(err)
		}
		defer free(x)
		values, err := download(x, l.shape.Positions()*hidden)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	plain, again, noisy, other := embed(false), embed(false), embed(true), embed(true)
	magnitude := alpha / math.Sqrt(float64(61*hidden))
	var sum, squares, largest, n float64
	same := 0
	for i := range plain {
		if plain[i] != again[i] {
			t.Fatal("there is noise outside of training")
		}
		d := float64(noisy[i]) - float64(plain[i])
		sum, squares, largest, n = sum+d, squares+d*d, max(largest, math.Abs(d)), n+1
		if noisy[i] == other[i] {
			same++
		}
	}
	if largest > magnitude*(1+1e-5) || largest < 0.99*magnitude {
		t.Errorf("the largest noise is %g, want close below %g", largest, magnitude)
	}
	// Six standard errors of the mean and of the variance of a uniform distribution.
	if mean := sum / n; math.Abs(mean) > 6*magnitude/math.Sqrt(3*n) {
		t.Errorf("the mean of %g values is %g", n, mean)
	}
	if got, want := squares/n, magnitude*magnitude/3; math.Abs(got-want) > 6*want*math.Sqrt(0.8/n) {
		t.Errorf("the variance is %g, want %g", got, want)
	}
	if float64(same) > 0.01*n {
		t.Errorf("%d of %g values are the same in two passes", same, n)
	}
}
