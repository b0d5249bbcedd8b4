package compute

// fused is what cuDNN wants to know of a layout's sequences, in the order in which they lie. Of packed rows it reads both
// tables and the values flat, so that a row is no more than the most positions that a sequence may have.
type fused struct {
	lengths []int32 // [rows·documents], 0 where there is no sequence
	offsets []int32 // [rows·(documents+1)], where each begins, the number of positions where there is none; nil when a row is a sequence
}

// documentCost is what one more sequence a row costs a position beside its matrix products: cuDNN clears and adds up
// gradients of queries for documents times as many positions as there are. By bytes against operations on an H200.
const documentCost = 1.0 / 96

// fusedShape is chooseShape for cuDNN's attention, whose time does not depend on how long rows are. The shape has no
// documents where XLA has to compute attention after all.
func fusedShape(lengths []int, maxLength int, how attention) Shape {
	longest, total := 0, 0
	for _, n := range lengths {
		longest = max(longest, n)
		total += n
	}
	single := Shape{Rows: bucketRows(len(lengths)), Length: bucketLengths(longest, maxLength)[0], Documents: 1}
	if how == rowAttention {
		masked := chooseShape(lengths, maxLength)
		if single.Positions() > masked.Positions()*5/4 {
			return masked
		}
		return single
	}
	best, bestCost := single, float64(single.Positions())
	// Sequences lie end to end, wherever rows end, so that rows need only hold the longest: the more rows, the less cuDNN
	// clears and adds up for each sequence.
	positions := bucketTotal(total)
	for rows := 1; positions%(32*rows) == 0 && positions/rows >= longest; rows *= 2 {
		s := Shape{Rows: rows, Length: positions / rows}
		s.Documents = max(2, bucketDocuments((len(lengths)+rows-1)/rows))
		if cost := float64(positions) * (1 + documentCost*float64(s.Documents)); cost < bestCost {
			best, bestCost = s, cost
		}
	}
	return best
}

// bucketDocuments rounds a number of sequences up to 2, 3, 4, 6, 8, 12, 16 …
func bucketDocuments(n int) int {
	for power := 2; ; power *= 2 {
		for _, bucket := range []int{power, power + power/2} {
			if n <= bucket {
				return bucket
			}
		}
	}
}

// fuse lists the sequences, of the given lengths, for cuDNN; nil where XLA computes attention.
func fuse(shape Shape, lengths []int, places []placement) *fused {
	switch shape.Documents {
	case 0:
		return nil
	case 1:
		f := &fused{lengths: make([]int32, shape.Rows)}
		for i, p := range places {
			f.lengths[p.row] = int32(lengths[i])
		}
		return f
	}
	f := &fused{
		lengths: make([]int32, shape.Rows*shape.Documents),
		offsets: make([]int32, shape.Rows*(shape.Documents+1)),
	}
	for i := range f.offsets {
		f.offsets[i] = int32(shape.Positions())
	}
	for i, p := range places {
		f.lengths[i] = int32(lengths[i])
		f.offsets[i] = int32(p.row*shape.Length + p.offset)
	}
	return f
}
