package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sftui/engine/compute"
)

// lengthFeed serves rows of given lengths.
type lengthFeed []int

func (f lengthFeed) Len() int                { return len(f) }
func (f lengthFeed) Tokens(i int) int        { return f[i] }
func (f lengthFeed) Fixed() bool             { return false }
func (f lengthFeed) Where(_, _ []int) string { return "" }
func (f lengthFeed) Batch(items []int) (b compute.Batch, err error) {
	for _, i := range items {
		b.InputIDs = append(b.InputIDs, make([]int32, f[i]))
		b.Rows = append(b.Rows, []int{i})
	}
	return b, nil
}

// random are lengths of a kind: even ones, a few long ones among short ones, a
// long tail.
func random(seed uint64, n, most int) lengthFeed {
	r := rand.New(rand.NewPCG(seed, 1))
	f := make(lengthFeed, n)
	for i := range f {
		switch seed % 3 {
		case 0:
			f[i] = 1 + r.IntN(most)
		case 1:
			f[i] = min(most, 20+int(r.ExpFloat64()*float64(most)/10))
		default:
			f[i] = 50 + r.IntN(100)
			if r.IntN(40) == 0 {
				f[i] = most
			}
		}
	}
	return f
}

// The heaviest micro-batch is the one that needs most of all that are trained
// on, by laying out every one; also from the middle of an epoch on, where the
// rows are cut into batches otherwise, and where max_steps ends the run early.
func TestHeaviestMicroBatch(t *testing.T) {
	_, m := described(t, smolLM2)
	const maxLength = 2048
	shapeOf := compute.Fused{}.ShapesOf(compute.Config{MaxLength: maxLength}, m)
	weigh := func(s compute.Shape) int64 {
		return Estimate(m, compute.Config{MaxLength: maxLength}, s, Target{}).Total()
	}
	seeds := uint64(12)
	if testing.Short() { // one of each kind
		seeds = 3
	}
	for seed := range seeds {
		f := random(seed, 300, maxLength)
		for _, a := range []ahead{
			{Position{}, 1000, 4, 2}, {Position{}, 1000, 8, 1}, {Position{Epoch: 1, Offset: 7}, 1000, 4, 1}, {Position{}, 3, 2, 2},
			{Position{Offset: 250}, 20, 4, 2}, {Position{}, 1000, 16, 1},
		} {
			o, err := NewOrder(len(f), int64(seed), "random", seed%2 == 0)
			if err != nil {
				t.Fatal(err)
			}
			list, err := candidates(f, o.clone(), shapeOf, a)
			if err != nil {
				t.Fatal(err)
			}
			got := heaviestOf(list, weigh)
			most, shape := int64(0), compute.Shape{}
			for at, step := a.from, 0; step < a.steps && at.Epoch < a.from.Epoch+worstEpochs; step++ {
				w, err := collect(f, o, at, a.micro, a.accumulation)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range w.batches {
					if n := weigh(shapeOf(b)); n > most {
						most, shape = n, shapeOf(b)
					}
				}
				at = w.next
			}
			if weigh(got.shape) != most {
				t.Errorf("seed %d, %+v: found %v of %d bytes, the heaviest is %v of %d", seed, a, got.shape, weigh(got.shape), shape, most)
			}
		}
	}
}

// Where drop_last leaves nothing to train on, that is said.
func TestNoMicroBatchAtAll(t *testing.T) {
	o, err := NewOrder(3, 0, "random", true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = candidates(make(lengthFeed, 3), o, func(compute.Batch) compute.Shape { return compute.Shape{} }, ahead{steps: 5, micro: 4, accumulation: 1})
	if want := "3 prepared rows do not fill one batch of per_device_train_batch_size 4, and dataloader_drop_last drops what does not: lower per_device_train_batch_size or set dataloader_drop_last to false"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
}
