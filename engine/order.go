package engine

import (
	"fmt"
	"math"
	"slices"

	"sftui/dataset"
	"sftui/recipes"
)

// Position is how far training has come in the data: the epoch and the number
// of its items (prepared rows, or given batches when replaying) that are used
// up. Counting rows rather than batches is what lets the batch size change in
// the middle of an epoch without losing or repeating a row.
type Position struct {
	Epoch  int `json:"epoch"`
	Offset int `json:"offset"`
}

// Order is the order in which the items of a data set are trained on.
type Order struct {
	n        int
	seed     int64
	strategy string // train_sampling_strategy
	dropLast bool
	grouping grouping // of group_by_length

	epoch int // of perm, -1 for none
	perm  []int

	keep int           // how many epochs' orders are kept, 0 for the present one alone
	kept map[int][]int // by epoch
}

// grouping is what group_by_length needs to know.
type grouping struct {
	tokens func(item int) int
	batch  int  // rows of an optimizer step, or of an evaluation batch
	loader bool // the numbers come from the generator that data loaders draw from too

	// evaluations tells how many draw from it before an epoch begins, nil for none.
	evaluations func(epoch int) int
}

// NewOrder makes the order of n items. strategy is "random" (epoch e is
// torch.randperm of seed+e, as transformers with accelerate) or "sequential".
func NewOrder(n int, seed int64, strategy string, dropLast bool) (*Order, error) {
	switch strategy {
	case "random", "sequential":
	case "":
		strategy = "random"
	default:
		return nil, fmt.Errorf("train_sampling_strategy %q is not supported; use random, sequential or group_by_length", strategy)
	}
	return &Order{n: n, seed: seed, strategy: strategy, dropLast: dropLast, epoch: -1}, nil
}

// groupByLength is the strategy of the same name.
const groupByLength = "group_by_length"

// newGroupedOrder is transformers' LengthGroupedSampler: rows of like length
// come together, in blocks of fifty batches. tokens tells an item's length.
func newGroupedOrder(n int, seed int64, dropLast bool, g grouping) *Order {
	return &Order{n: n, seed: seed, strategy: groupByLength, dropLast: dropLast, grouping: g, epoch: -1}
}

// RecipeOrder is the order in which a run of the recipe trains on n prepared
// rows; tokens tells the length of each.
func RecipeOrder(r *recipes.Recipe, n int, tokens func(item int) int) (*Order, error) {
	if r.TrainSamplingStrategy != groupByLength {
		return NewOrder(n, dataSeed(r), r.TrainSamplingStrategy, r.DataloaderDropLast)
	}
	// The sampler has no generator of its own, so that seed counts and not data_seed.
	g := grouping{tokens: tokens, batch: r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps, loader: true}
	o := newGroupedOrder(n, int64(r.Seed), r.DataloaderDropLast, g)
	var err error
	o.grouping.evaluations, err = evaluationsBefore(r, o)
	return o, err
}

// evaluationsBefore counts the evaluations that a run of the recipe makes
// before an epoch begins, live changes aside. It is nil where there are none.
func evaluationsBefore(r *recipes.Recipe, o *Order) (func(epoch int) int, error) {
	if r.EvalStrategy == "no" && !r.EvalOnStart {
		return nil, nil
	}
	perEpoch := o.StepsFrom(0, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
	total := r.MaxSteps
	if total <= 0 {
		total = o.TotalSteps(r.NumTrainEpochs, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
	}
	c, err := newCadence(r, total)
	return func(epoch int) int {
		n := 0
		if r.EvalOnStart {
			n++
		}
		for step := 1; step <= min(total, epoch*perEpoch); step++ {
			if c.evaluates(step, step%perEpoch == 0, step == total, float64(step)/float64(perEpoch)) {
				n++
			}
		}
		return n
	}, err
}

// evalOrder is the order in which a recipe's evaluation visits its rows.
// dataloader_drop_last leaves out the rows of a last, smaller batch here too,
// as in transformers.
func evalOrder(r *recipes.Recipe, n int, tokens func(item int) int) *Order {
	if r.TrainSamplingStrategy == groupByLength {
		return newGroupedOrder(n, dataSeed(r), r.DataloaderDropLast, grouping{tokens: tokens, batch: r.PerDeviceEvalBatchSize})
	}
	return &Order{n: n, strategy: "sequential", dropLast: r.DataloaderDropLast, epoch: -1}
}

// grouped is an epoch's order by length. The generator goes on from epoch to
// epoch.
func (o *Order) grouped(epoch int) []int {
	stream := dataset.NewTorchStream(o.seed)
	var perm []int
	evaluated := 0
	for e := range epoch + 1 {
		if o.grouping.evaluations != nil {
			for n := o.grouping.evaluations(e); evaluated < n; evaluated++ {
				stream.Skip()
			}
		}
		if o.grouping.loader {
			stream.Skip()
		}
		perm = stream.Permutation(o.n)
	}
	size := o.grouping.batch * max(1, min(o.n/(o.grouping.batch*4), 50))
	longest, at := -1, 0
	for start := 0; start < o.n; start += size {
		block := perm[start:min(start+size, o.n)]
		slices.SortStableFunc(block, func(a, b int) int { return o.grouping.tokens(b) - o.grouping.tokens(a) })
		if n := o.grouping.tokens(block[0]); n > longest {
			longest, at = n, start
		}
	}
	if o.n > 0 {
		perm[0], perm[at] = perm[at], perm[0] // the longest row first, so that memory runs out at once if at all
	}
	return perm
}

// clone returns an order for another goroutine; both share what is never written.
func (o *Order) clone() *Order {
	c := *o
	c.keep, c.kept = 0, nil
	return &c
}

// Epoch returns the items of an epoch in order. The slice is the order's own.
func (o *Order) Epoch(epoch int) []int {
	if o.epoch == epoch {
		return o.perm
	}
	if perm, ok := o.kept[epoch]; ok {
		o.perm, o.epoch = perm, epoch
		return perm
	}
	switch {
	case o.strategy == groupByLength:
		o.perm = o.grouped(epoch)
	case o.strategy != "sequential":
		o.perm = dataset.TorchPermutation(o.n, o.seed+int64(epoch))
	default:
		if o.perm == nil {
			o.perm = make([]int, o.n)
			for i := range o.perm {
				o.perm[i] = i
			}
		}
	}
	o.epoch = epoch
	if o.keep > 0 && o.strategy == groupByLength { // the others are quick to make again
		if o.kept == nil || len(o.kept) >= o.keep {
			o.kept = map[int][]int{}
		}
		o.kept[epoch] = o.perm
	}
	return o.perm
}

// usable is the number of items of an epoch that batches of micro items use.
func (o *Order) usable(from, micro int) int {
	if o.dropLast {
		return o.n - (o.n-from)%micro
	}
	return o.n
}

// Window returns the micro-batches of the next optimizer step as item numbers,
// and the position after it. A window ends with its epoch, so the last one of
// an epoch may have fewer micro-batches and its last micro-batch fewer items,
// as in transformers.
func (o *Order) Window(at Position, micro, accumulation int) (batches [][]int, next Position) {
	at = o.normalize(at, micro)
	items := o.Epoch(at.Epoch)
	end := o.usable(at.Offset, micro)
	i := at.Offset
	for len(batches) < accumulation && i < end {
		j := min(i+micro, end)
		batches = append(batches, items[i:j:j])
		i = j
	}
	return batches, o.normalize(Position{Epoch: at.Epoch, Offset: i}, micro)
}

// normalize moves a position at the end of an epoch to the start of the next.
func (o *Order) normalize(at Position, micro int) Position {
	if at.Offset >= o.usable(min(at.Offset, o.n), micro) {
		return Position{Epoch: at.Epoch + 1}
	}
	return at
}

// StepsFrom is the number of optimizer steps left in an epoch from an offset.
func (o *Order) StepsFrom(offset, micro, accumulation int) int {
	left := o.usable(offset, micro) - offset
	batches := (left + micro - 1) / micro
	return (batches + accumulation - 1) / accumulation
}

// TotalSteps is the number of optimizer steps of a run of so many epochs
// (possibly a fraction), from its start.
func (o *Order) TotalSteps(epochs float64, micro, accumulation int) int {
	return int(math.Ceil(epochs * float64(max(1, o.StepsFrom(0, micro, accumulation)))))
}

// StepsLeft is the number of optimizer steps that a run of so many epochs
// still has from a position, with batches of a new size.
func (o *Order) StepsLeft(at Position, epochs float64, micro, accumulation int) int {
	at = o.normalize(at, micro)
	perEpoch := o.StepsFrom(0, micro, accumulation)
	whole := int(math.Floor(epochs))
	steps := 0
	if at.Epoch < whole {
		steps = o.StepsFrom(at.Offset, micro, accumulation) + (whole-at.Epoch-1)*perEpoch
		at = Position{Epoch: whole}
	}
	if part := epochs - float64(whole); part > 0 && at.Epoch == whole {
		// The rows that the last, partial epoch has left, in steps.
		last := int(math.Ceil(part * float64(perEpoch)))
		used := (at.Offset + micro*accumulation - 1) / (micro * accumulation)
		steps += max(0, last-used)
	}
	return steps
}

// EpochAt is the fractional epoch after a position was reached in the epoch of
// the window before it, counted in micro-batches as transformers does.
func (o *Order) EpochAt(window, next Position, micro int) float64 {
	if next.Epoch > window.Epoch {
		return float64(next.Epoch)
	}
	done := (next.Offset + micro - 1) / micro
	all := (o.usable(0, micro) + micro - 1) / micro
	return float64(next.Epoch) + float64(done)/float64(max(1, all))
}
