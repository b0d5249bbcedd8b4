package dataset

import (
	"context"
	"fmt"
	"slices"
)

// StagePacked is the stage after truncated when rows are packed.
const StagePacked = "packed"

// PackedWith are the sequences that raw row i goes into: one, or several where
// packing cuts long rows. Rows are packed a thousand at a time, so this
// prepares no more than the thousand that row i is packed with. Rows holds the
// raw rows of each sequence, SeqLengths their lengths where borders are kept.
func (p *Preparer) PackedWith(ctx context.Context, i int) ([]Example, error) {
	if !p.o.Packing {
		return nil, fmt.Errorf("packing is off: no row shares its sequence with others")
	}
	if p.o.LongRows == LongDrop {
		return nil, fmt.Errorf("with long_rows=drop the rows that are packed together are only known once all are prepared")
	}
	batch := p.packBatchOf(i)
	if batch == nil {
		return nil, fmt.Errorf("%s has no row %d", p.src.Name(), i)
	}
	rows := make(memoryRows, len(batch))
	for k, row := range batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := p.Row(row)
		if err != nil {
			return nil, err
		}
		rows[k] = compact(e)
	}
	o := p.o
	o.Shuffle, o.DatasetNumProc = false, 1 // both are settled in the batch
	d := &prepared{rows: rows, paddingFree: o.paddingFree()}
	d.pack(identity(len(batch)), o)
	var found []Example
	at := slices.Index(batch, i)
	for s, sequence := range d.sequences {
		if !slices.ContainsFunc(sequence, func(part piece) bool { return part.row == at }) {
			continue
		}
		e, err := d.At(s)
		if err != nil {
			return nil, err
		}
		for k, row := range e.Rows {
			e.Rows[k] = batch[row]
		}
		found = append(found, e)
	}
	return found, nil
}

// packBatchOf are the raw rows that row i is packed together with, in the
// order in which they are packed; nil when there is no such row.
func (p *Preparer) packBatchOf(i int) []int {
	n := p.src.Len()
	if i < 0 || i >= n {
		return nil
	}
	order := identity(n)
	if p.o.Shuffle {
		order = permuted(order, p.o.Seed)
	}
	at := slices.Index(order, i)
	for _, share := range split(n, p.o.DatasetNumProc) {
		if at < share[1] {
			from := share[0] + (at-share[0])/packBatch*packBatch
			return order[from:min(from+packBatch, share[1])]
		}
	}
	return nil
}
