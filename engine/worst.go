package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sftui/engine/compute"
	"sftui/recipes"
)

// Worst is the heaviest micro-batch of a run.
type Worst struct {
	Rows      []int  `json:"rows"`      // of the data set
	Tokens    int    `json:"tokens"`    // in its rows together
	Longest   int    `json:"longest"`   // tokens of its longest row
	Positions int    `json:"positions"` // computed
	Shape     string `json:"shape"`
	shape     compute.Shape
}

// candidates are the micro-batches of a run of the recipe of which one is the heaviest.
func (f *Forecaster) candidates(r *recipes.Recipe) ([]heaviest, error) {
	a := ahead{steps: recipeSteps(r, f.order), micro: r.PerDeviceTrainBatchSize, accumulation: r.GradientAccumulationSteps}
	return candidates(f.feed, f.order.clone(), f.on.Fused.ShapesOf(f.config, f.model), a)
}

// worst is the one of them that needs the most memory.
func (f *Forecaster) worst(r *recipes.Recipe, list []heaviest) Worst {
	h := heaviestOf(list, func(s compute.Shape) int64 { return f.estimate(r, s).Total() })
	w := Worst{Rows: flatten(h.batch.Rows), Positions: h.shape.Positions(), Shape: h.shape.String(), shape: h.shape}
	for _, item := range h.items {
		n := f.feed.Tokens(item)
		w.Tokens += n
		w.Longest = max(w.Longest, n)
	}
	return w
}

// recipeSteps is the number of optimizer steps of a run of the recipe.
func recipeSteps(r *recipes.Recipe, o *Order) int {
	if r.MaxSteps > 0 {
		return r.MaxSteps
	}
	return o.TotalSteps(r.NumTrainEpochs, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
}

// heaviest is a micro-batch, the items that it is made of and its shape.
type heaviest struct {
	items []int
	batch compute.Batch
	shape compute.Shape
}

// ahead is what a run still trains on: so many optimizer steps from a position on.
type ahead struct {
	from                Position
	steps               int
	micro, accumulation int
}

const (
	// worstEpochs bounds how many epochs of the order are searched for the
	// heaviest micro-batch; later ones are drawn the same way.
	worstEpochs = 8
	// Of each list so many micro-batches are laid out, and so many rows at the most.
	shortlistBatches = 64
	shortlistRows    = 4096
)

// candidates are those micro-batches of the steps ahead that may need the most
// memory: the ones with the most tokens, and the ones that would be largest with
// every row as long as their longest. What a batch needs is known only when it
// is laid out, which is too much work for all of them.
func candidates(f feed, o *Order, shapeOf func(compute.Batch) compute.Shape, a ahead) ([]heaviest, error) {
	keep := max(1, min(shortlistBatches, shortlistRows/a.micro))
	padded, full := shortlist{keep: keep}, shortlist{keep: keep}
	at, steps := o.normalize(a.from, a.micro), max(1, a.steps)
	for range worstEpochs {
		items, end := o.Epoch(at.Epoch), o.usable(at.Offset, a.micro)
		if inEpoch := o.StepsFrom(at.Offset, a.micro, a.accumulation); steps < inEpoch {
			end = at.Offset + steps*a.micro*a.accumulation
		} else if inEpoch == 0 {
			return nil, droppedAll(o.n, a.micro)
		}
		for i := at.Offset; i < end; i += a.micro {
			part := items[i:min(i+a.micro, end)]
			most, all := 0, 0
			for _, item := range part {
				n := f.Tokens(item)
				most, all = max(most, n), all+n
			}
			padded.add(most*len(part), part)
			full.add(all, part)
		}
		steps -= o.StepsFrom(at.Offset, a.micro, a.accumulation)
		if steps <= 0 {
			break
		}
		at = Position{Epoch: at.Epoch + 1}
	}
	var list []heaviest
	for _, items := range slices.Concat(padded.best(), full.best()) {
		b, err := f.Batch(items)
		if err != nil {
			return nil, err
		}
		list = append(list, heaviest{items, b, shapeOf(b)})
	}
	return list, nil
}

// droppedAll is the error where dataloader_drop_last leaves nothing to train on.
func droppedAll(rows, micro int) error {
	return fmt.Errorf("%d prepared rows do not fill one batch of %s %d, and dataloader_drop_last drops what does not: lower %s or set dataloader_drop_last to false",
		rows, keyMicroBatch, micro, keyMicroBatch)
}

// heaviestOf is the candidate that weighs most.
func heaviestOf(list []heaviest, weigh func(compute.Shape) int64) (worst heaviest) {
	most := int64(math.MinInt64)
	for _, h := range list {
		if w := weigh(h.shape); w > most {
			worst, most = h, w
		}
	}
	return worst
}

// shortlist keeps the micro-batches with the highest scores.
type shortlist struct {
	keep  int
	list  []scored
	floor int // score of the last one that was kept
}

type scored struct {
	score int
	items []int
}

func (s *shortlist) add(score int, items []int) {
	if len(s.list) >= s.keep && score <= s.floor {
		return
	}
	s.list = append(s.list, scored{score, items})
	if len(s.list) >= 4*s.keep {
		s.cut()
	}
}

func (s *shortlist) cut() {
	slices.SortStableFunc(s.list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	s.list = s.list[:min(s.keep, len(s.list))]
	if n := len(s.list); n > 0 {
		s.floor = s.list[n-1].score
	}
}

func (s *shortlist) best() (list [][]int) {
	s.cut()
	for _, c := range s.list {
		list = append(list, c.items)
	}
	return list
}
