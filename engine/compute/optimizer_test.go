package compute

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
)

// optimizerAnswers is testdata/optimizers.json: what torch's, transformers' and bitsandbytes' optimizers (the 8-bit ones
// with the nearest code, as on a GPU; its CPU build merges the smallest codes) made of a matrix with weight decay and a vector without, in six steps of made-up gradients.
type optimizerAnswers struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	WeightDecay  float64 `json:"weight_decay"`
	Cases        []struct {
		Name, Optim, Args string
		Matrix, Vector    []struct {
			Norm   float64
			Values []float64
		}
	}
}

func madeUp(n int, f func(i float64) float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(f(float64(i)))
	}
	return values
}

// TestOptimizersEqualTheirs compares every optimizer's steps with the original's.
func TestOptimizersEqualTheirs(t *testing.T) {
	var want optimizerAnswers
	readJSON(t, "testdata/optimizers.json", &want)
	dev := openDevice(t)
	seen := map[string]bool{}
	for _, c := range want.Cases {
		seen[c.Optim] = true
		t.Run(c.Name, func(t *testing.T) {
			s := &Session{dev: dev, cfg: Config{Optimizer: OptimizerConfig{
				Name: c.Optim, Args: c.Args, Beta1: want.Beta1, Beta2: want.Beta2, Epsilon: want.Epsilon, WeightDecay: want.WeightDecay,
			}}}
			var err error
			if s.rule, err = s.cfg.Optimizer.rule(); err != nil {
				t.Fatal(err)
			}
			defer s.programs.finalize()
			matrix := &weight{name: "matrix", shape: []int{61, 83}, trainable: true, decay: true}
			vector := &weight{name: "vector", shape: []int{83}, trainable: true}
			s.groups = [][]*weight{{matrix, vector}}
			for _, w := range s.groups[0] {
				upload(t, s, w, &w.value, func(i float64) float64 { return math.Sin(0.1 * i) })
			}
			// A value on the border of two codes may go either way.
			tolerance := 2e-6
			if strings.Contains(c.Optim, "8bit") {
				tolerance = 2e-4
			}
			for step := range c.Matrix {
				for _, w := range s.groups[0] {
					upload(t, s, w, &w.grad, func(i float64) float64 {
						return math.Sin(0.37*i+float64(step)) * math.Exp(-math.Mod(i, 97)/12) * 0.01
					})
				}
				if _, err := s.Step(want.LearningRate, 0, 1); err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("step %d: ", step+1)
				compareValues(t, what+"matrix", bufferValues(t, matrix), c.Matrix[step].Values, 701, tolerance)
				compareValues(t, what+"vector", bufferValues(t, vector), c.Vector[step].Values, 17, tolerance)
				relative(t, what+"norm", bufferNorm(t, matrix, matrix.value), c.Matrix[step].Norm, tolerance)
			}
		})
	}
	for _, name := range OptimizerNames() {
		if c := (OptimizerConfig{Name: name}); !seen[c.family()] {
			t.Errorf("no case for optim %s", name)
		}
	}
}

func upload(t *testing.T, s *Session, w *weight, into *compute.Buffer, f func(i float64) float64) {
	t.Helper()
	var err error
	if *into, err = s.uploadFloat(madeUp(w.elements(), f), w.shape...); err != nil {
		t.Fatal(err)
	}
}

func compareValues(t *testing.T, what string, got []float32, want []float64, stride int, tolerance float64) {
	t.Helper()
	for i, w := range want {
		near(t, fmt.Sprintf("%s value %d", what, i*stride), float64(got[i*stride]), w, tolerance)
	}
}
