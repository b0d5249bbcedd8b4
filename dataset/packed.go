package dataset

import (
	"context"
	"fmt"
	"slices"
)

// PackedWith are the sequences that raw row i goes into: one, or several where
// packing cuts long rows. Rows are packed a thousand at a time, so this
// prepares no more than the thousand that row i is packed with. Rows holds the
// raw rows of each sequence, SeqLengths their lengths where borders are kept.
func (p *Preparer) PackedWith(ctx context.Context, i int) ([]Example, error) {
	if !p.o.Packing {
		return nil, fmt.Errorf("packing is off: no row shares its sequence with others")
	}
	if p.o.LongRows == LongDrop {
		return nil, fmt.Errorf("with long_rows=drop the rows that are packed together are only known once the lengths of all are: PackedAmong takes them")
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

// PackedAmong are the sequences that raw row i goes into, given the untruncated
// lengths of all rows of the source in its order, as a scan knows them. It
// prepares only the rows of those sequences. A row that the preparation drops
// is in none, which is an error that says why.
func (p *Preparer) PackedAmong(ctx context.Context, i int, lengths []RowLength) ([]Example, error) {
	if !p.o.Packing {
		return nil, fmt.Errorf("packing is off: no row shares its sequence with others")
	}
	if i < 0 || i >= len(lengths) {
		return nil, fmt.Errorf("%s has no row %d", p.src.Name(), i)
	}
	outline := p.Outline(lengths)
	d := &prepared{rows: rowsOnDemand{p, ctx}, paddingFree: outline.data.paddingFree, packed: outline.data.packed, documents: outline.data.documents}
	for _, sequence := range outline.data.sequences {
		if slices.ContainsFunc(sequence, func(part piece) bool { return part.row == i }) {
			d.sequences = append(d.sequences, sequence)
		}
	}
	if len(d.sequences) == 0 {
		why := outline.rows.facts(i).dropped
		if lengths[i].Tokens > p.o.MaxLength && p.o.LongRows == LongDrop {
			why = fmt.Sprintf("it has %d tokens, more than max_length=%d, and long_rows=drop leaves such rows out", lengths[i].Tokens, p.o.MaxLength)
		}
		return nil, fmt.Errorf("row %d is in no sequence: %s", i, why)
	}
	found := make([]Example, len(d.sequences))
	for s := range found {
		var err error
		if found[s], err = d.At(s); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// rowsOnDemand are rows that are prepared when they are asked for.
type rowsOnDemand struct {
	p   *Preparer
	ctx context.Context
}

func (r rowsOnDemand) count() int { return r.p.src.Len() }

func (r rowsOnDemand) row(i int) (compactRow, error) {
	if err := r.ctx.Err(); err != nil {
		return compactRow{}, err
	}
	e, err := r.p.Row(i)
	return compact(e), err
}

func (r rowsOnDemand) facts(i int) rowFacts {
	row, err := r.row(i)
	if err != nil {
		return rowFacts{dropped: err.Error()}
	}
	return rowFacts{dropped: row.dropped, full: row.full, kept: len(row.ids)}
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
