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

// Worst finds the heaviest micro-batch at a batch size; limit cuts rows to so
// many tokens, 0 for not at all.
func (f *Forecaster) Worst(micro, limit int) (Worst, error) {
	data := f.feed
	config := f.config
	if limit > 0 {
		data = &cappedFeed{feed: f.feed, limit: limit}
		config.MaxLength = limit
	}
	shapeOf := func(b compute.Batch) compute.Shape { return compute.ShapeOf(b, config.MaxLength) }
	b, shape, err := worstBatch(data, f.order.clone(), shapeOf, 0, f.epochs, micro)
	if err != nil {
		return Worst{}, err
	}
	w := Worst{Rows: flatten(b.Rows), Positions: shape.Positions(), Shape: shape.String(), shape: shape}
	for i, ids := range b.InputIDs {
		n := len(ids)
		if b.AttentionMask != nil {
			n = 0
			for _, m := range b.AttentionMask[i] {
				n += int(m)
			}
		}
		w.Tokens += n
		w.Longest = max(w.Longest, n)
	}
	return w, nil
}

// cappedFeed is a feed whose rows are cut to a length.
type cappedFeed struct {
	feed
	limit int
}

func (c *cappedFeed) Tokens(item int) int { return min(c.feed.Tokens(item), c.limit) }

func (c *cappedFeed) Batch(items []int) (compute.Batch, error) {
	b, err := c.feed.Batch(items)
	if err != nil {
		return b, err
	}
	cut := func(rows [][]int32) [][]int32 {
		if rows == nil {
			return nil
		}
		out := make([][]int32, len(rows))
		for i, r := range rows {
			out[i] = r[:min(len(r), c.limit)]
		}
		return out
	}
	b.InputIDs, b.Labels, b.AttentionMask, b.PositionIDs = cut(b.InputIDs), cut(b.Labels), cut(b.AttentionMask), cut(b.PositionIDs)
	return b, nil
}

// worstEpochs bounds how many epochs of the order are searched for the
// heaviest micro-batch; later ones are drawn the same way.
const worstEpochs = 8

// worstBatch finds the micro-batch with the most computed positions of the
// epochs to come, at a batch size.
func worstBatch(f feed, o *Order, shapeOf func(compute.Batch) compute.Shape, fromEpoch int, epochs, micro int) (compute.Batch, compute.Shape, error) {
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
	var worst compute.Batch
	var shape compute.Shape
	for _, items := range [][]int{byLongest, bySum} {
		b, err := f.Batch(items)
		if err != nil {
			return worst, shape, err
		}
		if s := shapeOf(b); s.Positions() > shape.Positions() {
			worst, shape = b, s
		}
	}
	return worst, shape, nil
}
