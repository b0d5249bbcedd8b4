package dataset

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrAllDropped is what All's error wraps when no row is left.
var ErrAllDropped = errors.New("no row is left")

// progressEvery is how often All reports how far it is.
const progressEvery = 100 * time.Millisecond

// All prepares every row with the given number of workers (0: one a
// processor), then drops, packs and shuffles as the options say. It returns
// the prepared rows and, in the data's order, those that were dropped.
// progress, which may be nil, is called now and then, never twice at once.
// When every row was dropped the error wraps ErrAllDropped and the dropped
// rows are returned with it.
func (p *Preparer) All(ctx context.Context, workers int, progress func(done, total int)) (Dataset, []Example, error) {
	rows, err := p.prepareRows(ctx, workers, progress)
	if err != nil {
		return nil, nil, err
	}
	return p.arrange(memoryRows(rows))
}

// rowStore is where prepared rows are kept: in memory, or in a mapped file.
type rowStore interface {
	count() int
	facts(i int) rowFacts
	row(i int) (compactRow, error)
}

// rowFacts is what arranging the rows needs to know of one.
type rowFacts struct {
	dropped string
	full    int // tokens before truncation
	kept    int // tokens after it
}

// memoryRows are rows in memory.
type memoryRows []compactRow

func (m memoryRows) count() int                    { return len(m) }
func (m memoryRows) row(i int) (compactRow, error) { return m[i], nil }

func (m memoryRows) facts(i int) rowFacts {
	return rowFacts{dropped: m[i].dropped, full: m[i].full, kept: len(m[i].ids)}
}

// arrange drops, packs and shuffles prepared rows.
func (p *Preparer) arrange(rows rowStore) (Dataset, []Example, error) {
	var dropped []Example
	kept := make([]int, 0, rows.count())
	for i := range rows.count() {
		facts := rows.facts(i)
		if facts.dropped == "" {
			kept = append(kept, i)
			continue
		}
		dropped = append(dropped, Example{Row: i, Dropped: facts.dropped, FullLength: facts.full})
	}
	d := &prepared{rows: rows, paddingFree: p.o.paddingFree()}
	if len(kept) == 0 {
		return d, dropped, AllDropped(len(dropped), p.src.Name(), dropped[0].Dropped)
	}
	if p.o.Shuffle {
		kept = permuted(kept, p.o.Seed)
	}
	if p.o.Packing {
		d.pack(kept, p.o)
		return d, dropped, nil
	}
	for _, row := range kept {
		parts, err := p.parts(row, rows)
		if err != nil {
			return nil, nil, err
		}
		for _, part := range parts {
			d.sequences = append(d.sequences, []piece{part})
		}
	}
	return d, dropped, nil
}

// AllDropped is the error of a data set of which none of the rows is left, for
// the given reason of one of them.
func AllDropped(rows int, name, reason string) error {
	if rows == 1 {
		return fmt.Errorf("%w: the only row of %s was dropped; %s", ErrAllDropped, name, reason)
	}
	return fmt.Errorf("%w: all %d rows of %s were dropped; %s", ErrAllDropped, rows, name, reason)
}

// parts are the rows that a prepared row becomes: itself, or several where
// long rows are split. Parts without loss are left out.
func (p *Preparer) parts(i int, rows rowStore) ([]piece, error) {
	whole := piece{row: i, to: rows.facts(i).kept}
	if !p.o.splits() || whole.to <= p.o.MaxLength {
		return []piece{whole}, nil
	}
	row, err := rows.row(i)
	if err != nil {
		return nil, err
	}
	var parts []piece
	for from := 0; from < whole.to; from += p.o.MaxLength {
		part := piece{row: i, from: from, to: min(from+p.o.MaxLength, whole.to)}
		if anyTrained(row.appendLabels(nil, part.from, part.to)) {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// permuted is values in the order of datasets' shuffle.
func permuted[T any](values []T, seed int64) []T {
	out := make([]T, len(values))
	for i, from := range NumpyPermutation(len(values), seed) {
		out[i] = values[from]
	}
	return out
}

// prepareRows prepares all rows in parallel. The error is the one of the
// first row that has one, as far as the workers got.
func (p *Preparer) prepareRows(ctx context.Context, workers int, progress func(done, total int)) ([]compactRow, error) {
	total := p.src.Len()
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	run := &rowRun{p: p, rows: make([]compactRow, total), progress: progress, failed: total}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	for range min(workers, total) {
		wait.Go(func() {
			if !run.worker(ctx) {
				cancel()
			}
		})
	}
	wait.Wait()
	if run.err != nil {
		return nil, run.err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", p.src.Name(), err)
	}
	if progress != nil {
		progress(total, total)
	}
	return run.rows, nil
}

// rowRun is the shared state of the workers of one All.
type rowRun struct {
	p        *Preparer
	rows     []compactRow
	next     atomic.Int64
	done     atomic.Int64
	progress func(done, total int)

	mu     sync.Mutex
	told   time.Time
	err    error
	failed int // row of err
}

// rowChunk is how many rows a worker takes at a time.
const rowChunk = 16

// worker prepares rows until there are none, ctx ends, or a row fails, which
// it answers with false.
func (r *rowRun) worker(ctx context.Context) bool {
	total := len(r.rows)
	for ctx.Err() == nil {
		from := int(r.next.Add(rowChunk)) - rowChunk
		if from >= total {
			return true
		}
		to := min(from+rowChunk, total)
		for i := from; i < to && ctx.Err() == nil; i++ {
			e, err := r.p.Row(i)
			if err != nil {
				r.fail(i, err)
				return false
			}
			r.rows[i] = compact(e)
		}
		r.report(int(r.done.Add(int64(to - from))))
	}
	return true
}

func (r *rowRun) fail(row int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if row < r.failed {
		r.failed, r.err = row, err
	}
}

func (r *rowRun) report(done int) {
	if r.progress == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.told) >= progressEvery {
		r.told = now
		r.progress(done, len(r.rows))
	}
}

// compactRow is a prepared row in little memory: labels that repeat the ids
// are kept as the runs of tokens with loss.
type compactRow struct {
	ids     []int32
	runs    []int32 // start, end, start, end, … of the tokens with loss; used when labels is nil
	labels  []int32 // labels of the row's own that differ from its ids
	lengths []int32
	dropped string
	full    int
}

func compact(e Example) compactRow {
	row := compactRow{dropped: e.Dropped, full: e.FullLength, lengths: e.SeqLengths}
	if e.Dropped != "" {
		return row
	}
	row.ids = fitted(e.InputIDs)
	open := false
	for i, label := range e.Labels {
		if label != IgnoreIndex && label != e.InputIDs[i] {
			row.runs, row.labels = nil, fitted(e.Labels)
			return row
		}
		if has := label != IgnoreIndex; has != open {
			row.runs, open = append(row.runs, int32(i)), has
		}
	}
	if open {
		row.runs = append(row.runs, int32(len(e.Labels)))
	}
	return row
}

// fitted is values without the memory that a truncated row still holds on to.
func fitted(values []int32) []int32 {
	if cap(values) > len(values)+len(values)/8 {
		return slices.Clone(values)
	}
	return values
}

// appendLabels appends the labels of the tokens from…to to labels.
func (row compactRow) appendLabels(labels []int32, from, to int) []int32 {
	if row.labels != nil {
		return append(labels, row.labels[from:to]...)
	}
	base := len(labels)
	for range to - from {
		labels = append(labels, IgnoreIndex)
	}
	for r := 0; r < len(row.runs); r += 2 {
		start, end := max(int(row.runs[r]), from), min(int(row.runs[r+1]), to)
		if start < end {
			copy(labels[base+start-from:], row.ids[start:end])
		}
	}
	return labels
}

// prepared is a Dataset: each sequence is the pieces it is made of.
type prepared struct {
	rows        rowStore
	sequences   [][]piece
	packed      bool // sequences hold several rows
	documents   bool // their borders are kept as SeqLengths
	paddingFree bool
}

// pack lays out the kept rows in sequences, and shuffles those again.
func (d *prepared) pack(kept []int, o Options) {
	lengths := make([]int, len(kept))
	for i, row := range kept {
		lengths[i] = d.rows.facts(row).kept
	}
	d.packed, d.documents = true, o.PackingStrategy != PackWrapped
	d.sequences = pack(lengths, o.MaxLength, o.PackingStrategy, o.DatasetNumProc)
	for _, sequence := range d.sequences {
		for i := range sequence {
			sequence[i].row = kept[sequence[i].row]
		}
	}
	if o.Shuffle {
		d.sequences = permuted(d.sequences, o.Seed)
	}
}

func (d *prepared) Len() int { return len(d.sequences) }

func (d *prepared) At(i int) (Example, error) {
	if i < 0 || i >= len(d.sequences) {
		return Example{}, fmt.Errorf("row %d is outside 0…%d of the prepared rows", i, len(d.sequences)-1)
	}
	var e Example
	for _, part := range d.sequences[i] {
		row, err := d.rows.row(part.row)
		if err != nil {
			return Example{}, err
		}
		e.InputIDs = append(e.InputIDs, row.ids[part.from:part.to]...)
		e.Labels = row.appendLabels(e.Labels, part.from, part.to)
		if d.packed {
			e.Rows = append(e.Rows, part.row)
		} else {
			e.Row, e.FullLength = part.row, row.full
			if part.length() == len(row.ids) {
				e.SeqLengths = row.lengths
			}
		}
		if d.documents {
			e.SeqLengths = append(e.SeqLengths, int32(part.length()))
		}
	}
	if d.packed {
		e.Row, e.FullLength = i, len(e.InputIDs)
	}
	if d.paddingFree {
		e.PositionIDs = positionIDs(len(e.InputIDs), e.SeqLengths)
	}
	return e, nil
}
