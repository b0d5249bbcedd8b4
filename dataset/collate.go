package dataset

// Batch is what the model gets: rows of equal length, padded on the right.
// AttentionMask is nil in a padding-free batch, PositionIDs in any other.
type Batch struct {
	Rows          [][]int // raw rows behind each row of the batch
	InputIDs      [][]int32
	Labels        [][]int32
	AttentionMask [][]int32
	PositionIDs   [][]int32
}

// Collate makes a batch of examples as TRL's DataCollatorForLanguageModeling
// does: padded to the longest of them (and to a multiple of PadToMultipleOf)
// with the id pad, or, padding-free, laid end to end in one row whose position
// ids restart with each document and whose documents' first labels are masked.
func Collate(ex []Example, pad int32, o Options) Batch {
	o = o.normalized()
	if o.paddingFree() {
		return collateFlat(ex, pad, o.PadToMultipleOf)
	}
	width := 0
	for _, e := range ex {
		width = max(width, len(e.InputIDs))
	}
	width = roundUp(width, o.PadToMultipleOf)
	var b Batch
	for _, e := range ex {
		b.Rows = append(b.Rows, e.rawRows())
		b.InputIDs = append(b.InputIDs, padded(e.InputIDs, width, pad))
		b.Labels = append(b.Labels, padded(e.Labels, width, IgnoreIndex))
		mask := make([]int32, width)
		for i := range e.InputIDs {
			mask[i] = 1
		}
		b.AttentionMask = append(b.AttentionMask, mask)
	}
	return b
}

// collateFlat lays the examples end to end in one row.
func collateFlat(ex []Example, pad int32, multiple int) Batch {
	var rows []int
	var ids, labels, positions []int32
	for _, e := range ex {
		rows = append(rows, e.rawRows()...)
		ids = append(ids, e.InputIDs...)
		labels = append(labels, e.Labels...)
		positions = append(positions, positionIDs(len(e.InputIDs), e.SeqLengths)...)
	}
	width := roundUp(len(ids), multiple)
	ids, labels, positions = padded(ids, width, pad), padded(labels, width, IgnoreIndex), padded(positions, width, 0)
	for i, position := range positions {
		if position == 0 {
			labels[i] = IgnoreIndex
		}
	}
	return Batch{Rows: [][]int{rows}, InputIDs: [][]int32{ids}, Labels: [][]int32{labels}, PositionIDs: [][]int32{positions}}
}

// rawRows are the raw rows an example was made of.
func (e Example) rawRows() []int {
	if len(e.Rows) > 0 {
		return e.Rows
	}
	return []int{e.Row}
}

// positionIDs count from 0 in each of the documents whose lengths are given,
// or through the whole row of n tokens when there are none.
func positionIDs(n int, lengths []int32) []int32 {
	if len(lengths) == 0 {
		lengths = []int32{int32(n)}
	}
	positions := make([]int32, 0, n)
	for _, length := range lengths {
		for i := range length {
			positions = append(positions, i)
		}
	}
	return positions
}

// padded is a copy of values with fill up to width.
func padded(values []int32, width int, fill int32) []int32 {
	out := make([]int32, width)
	for i := copy(out, values); i < width; i++ {
		out[i] = fill
	}
	return out
}

// roundUp is n or the next multiple of multiple; 0 leaves n.
func roundUp(n, multiple int) int {
	if multiple <= 0 || n%multiple == 0 {
		return n
	}
	return n + multiple - n%multiple
}
