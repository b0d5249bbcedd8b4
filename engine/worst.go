package engine

import (
	"sftui/engine/compute"
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

// Worst finds the heaviest micro-batch at a batch size.
func (f *Forecaster) Worst(micro int) (Worst, error) {
	heaviest, err := worstBatch(f.feed, f.order.clone(), f.fused.ShapesOf(f.config, f.model), 0, f.epochs, micro)
	if err != nil {
		return Worst{}, err
	}
	shape := heaviest.shape
	w := Worst{Rows: flatten(heaviest.batch.Rows), Positions: shape.Positions(), Shape: shape.String(), shape: shape}
	for _, item := range heaviest.items {
		n := f.feed.Tokens(item)
		w.Tokens += n
		w.Longest = max(w.Longest, n)
	}
	return w, nil
}

// heaviest is a micro-batch, the items that it is made of and its shape.
type heaviest struct {
	items []int
	batch compute.Batch
	shape compute.Shape
}

// worstEpochs bounds how many epochs of the order are searched for the
// heaviest micro-batch; later ones are drawn the same way.
const worstEpochs = 8

// worstBatch finds the micro-batch with the most computed positions of the
// epochs to come, at a batch size.
func worstBatch(f feed, o *Order, shapeOf func(compute.Batch) compute.Shape, fromEpoch int, epochs, micro int) (heaviest, error) {
	var byLongest, bySum []int
	longest, sum := -1, -1
	for e := fromEpoch; e < fromEpoch+min(max(1, epochs), worstEpochs); e++ {
		items := o.Epoch(e)
		for i := 0; i < len(items); i += micro {
			part := items[i:min(i+micro, len(items))]
			most, all := 0, 0
			for _, item := range part {
				n := f.Tokens(item)
				most, all = max(most, n), all+n
			}
			if padded := most * len(part); padded > longest {
				longest, byLongest = padded, append([]int(nil), part...)
			}
			if all > sum {
				sum, bySum = all, append([]int(nil), part...)
			}
		}
	}
	var worst heaviest
	for _, items := range [][]int{byLongest, bySum} {
		b, err := f.Batch(items)
		if err != nil {
			return worst, err
		}
		if s := shapeOf(b); s.Positions() > worst.shape.Positions() {
			worst = heaviest{items, b, s}
		}
	}
	return worst, nil
}
