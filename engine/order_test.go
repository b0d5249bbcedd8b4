package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sftui/dataset"
)

// The numbers of steps are those of transformers' Trainer.
func TestTotalSteps(t *testing.T) {
	for _, c := range []struct {
		n, micro, accumulation int
		epochs                 float64
		drop                   bool
		want                   int
	}{
		{200, 4, 2, 3, false, 75}, {201, 4, 2, 1, false, 26}, {10, 4, 2, 1, false, 2}, {10, 4, 2, 1, true, 1},
		{10, 4, 8, 3, false, 3}, {100, 8, 1, 0.5, false, 7}, {100, 8, 4, 2.3, false, 10},
	} {
		o, err := NewOrder(c.n, 42, "random", c.drop)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.TotalSteps(c.epochs, c.micro, c.accumulation); got != c.want {
			t.Errorf("%+v: %d steps", c, got)
		}
	}
}

// Whatever the changes of the batch size, each epoch's rows come once, in order.
func TestWindowsLoseNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(50)
		o, err := NewOrder(n, int64(r.IntN(1000)), "random", false)
		if err != nil {
			t.Fatal(err)
		}
		at := Position{}
		var got []int
		for at.Epoch < 3 {
			micro, accumulation := 1+r.IntN(9), 1+r.IntN(5)
			left := o.StepsLeft(at, 3, micro, accumulation)
			batches, next := o.Window(at, micro, accumulation)
			if after := o.StepsLeft(next, 3, micro, accumulation); after != left-1 {
				t.Fatalf("n %d at %+v by %d×%d: %d steps left, then %d", n, at, micro, accumulation, left, after)
			}
			for _, b := range batches {
				if len(b) == 0 || len(b) > micro {
					t.Fatalf("a micro-batch of %d where %d is asked", len(b), micro)
				}
				got = append(got, b...)
			}
			at = next
		}
		var want []int
		for e := range 3 {
			want = append(want, dataset.TorchPermutation(n, o.seed+int64(e))...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("n %d: got %v, want %v", n, got, want)
		}
	}
}

func TestStepsLeftIsTotalAtTheStart(t *testing.T) {
	for _, epochs := range []float64{0.4, 1, 1.5, 2.75, 3} {
		for _, size := range [][2]int{{1, 1}, {4, 2}, {3, 5}} {
			o, err := NewOrder(53, 1, "sequential", false)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := o.TotalSteps(epochs, size[0], size[1]), o.StepsLeft(Position{}, epochs, size[0], size[1]); a != b {
				t.Errorf("%v epochs by %v: %d in all, %d left", epochs, size, a, b)
			}
		}
	}
}

func TestSpikeDetector(t *testing.T) {
	var d spikeDetector
	for i := range 60 {
		if _, spike := d.add(2 + 0.05*float64(i%5)); spike {
			t.Fatalf("a usual loss is called a spike at %d", i)
		}
	}
	if usual, spike := d.add(4); !spike || usual < 2 || usual > 2.2 {
		t.Errorf("a loss of 4 among 2.1: usual %v, spike %v", usual, spike)
	}
	if _, spike := d.add(4.1); !spike {
		t.Error("the second spike is hidden by the first")
	}
	if len(d.recent) != spikeWindow {
		t.Errorf("%d losses are kept", len(d.recent))
	}
}

// TestSpikeWhileTheLossFalls checks that a leap shows before there are many losses and while they fall steeply, and
// that neither the fall nor the noise of small batches is one.
func TestSpikeWhileTheLossFalls(t *testing.T) {
	var falling spikeDetector
	leaps := map[int]float64{9: 60, 30: 12.4}
	for i := range 40 {
		loss, want := leaps[i]
		if !want {
			loss = 1 + 10*math.Exp(-float64(i)/8)
		}
		if usual, spike := falling.add(loss); spike != want {
			t.Errorf("step %d: loss %v, spike %v (usual %v)", i, loss, spike, usual)
		}
	}
	var noisy spikeDetector
	for i := range 200 {
		if usual, spike := noisy.add(1 + float64(i*7919%13)/6); spike {
			t.Errorf("noise at step %d is called a spike (usual %v)", i, usual)
		}
	}
}
