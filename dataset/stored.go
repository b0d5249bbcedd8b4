package dataset

import (
	"context"
	"fmt"
	"sync"
)

// storeFrom is the size of a data set in bytes from which AllStored keeps the
// prepared rows on the disk instead of in memory.
const storeFrom = 32 << 20

// Whole is p without all that cuts, packs or orders rows: what a length scan
// prepares, so that one scan, and the ids it keeps, serve every max_length.
func (p *Preparer) Whole() (*Preparer, error) {
	o := p.o
	o.MaxLength, o.Packing, o.PaddingFree, o.Shuffle = 0, false, false, false
	o.LongRows, o.TruncationMode, o.PackingStrategy = "", "", ""
	return NewPreparer(ProjectFor(p.src, p.shape, o), p.tok, o)
}

// AllStored is All for data sets of any size: a large one's ids are kept in a
// mapped file under cacheDir (the usual cache when empty), continuing what a
// length scan has already prepared, and rows are read from there, so that
// memory does not grow with the data. Small ones go through All. Close the
// Dataset when it is an io.Closer.
func (p *Preparer) AllStored(ctx context.Context, cacheDir string, workers int, progress func(done, total int)) (Dataset, []Example, error) {
	if !p.large() {
		return p.All(ctx, workers, progress)
	}
	return p.stored(ctx, cacheDir, workers, progress)
}

func (p *Preparer) stored(ctx context.Context, cacheDir string, workers int, progress func(done, total int)) (Dataset, []Example, error) {
	if cacheDir == "" {
		var err error
		if cacheDir, err = CacheDir(); err != nil {
			return p.All(ctx, workers, progress)
		}
	}
	whole, err := p.Whole()
	if err != nil {
		return nil, nil, err
	}
	o := whole.ScanOptions(cacheDir)
	o.Workers, o.Straight = workers, true
	if progress != nil {
		o.Report = func(g ScanProgress) { progress(g.Rows, g.Total) }
	}
	scan, err := NewScan(ctx, whole.src, whole, o)
	if err != nil {
		return nil, nil, err
	}
	if err := scan.Run(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("preparing %s: %w", p.src.Name(), ctx.Err())
		}
		return nil, nil, err
	}
	return p.fromScan(scan)
}

// large estimates from the first rows whether the data set is worth a file.
func (p *Preparer) large() bool {
	n := p.src.Len()
	sum, seen := int64(0), int64(0)
	for i := 0; i < n; i += max(1, n/100) {
		if size := p.src.ByteSize(i); size > 0 {
			sum += size
			seen++
		}
	}
	return seen > 0 && sum/seen*int64(n) >= storeFrom
}

// fromScan arranges the rows that a finished scan has kept.
func (p *Preparer) fromScan(scan *Scan) (Dataset, []Example, error) {
	if err := p.firstFailure(scan); err != nil {
		return nil, nil, err
	}
	mapped, err := OpenMapped(scan.PreparedFile())
	if err != nil {
		return nil, nil, err
	}
	rows := &storedRows{p: p, mapped: mapped, lengths: make([]RowLength, scan.Len())}
	for i := range rows.lengths {
		rows.lengths[i], _ = scan.Length(i)
	}
	data, dropped, err := p.arrange(rows)
	if err != nil {
		_ = mapped.Close()
		return data, dropped, err
	}
	return &storedDataset{Dataset: data, rows: rows}, dropped, nil
}

// storedDataset is a Dataset over a mapped file.
type storedDataset struct {
	Dataset
	rows *storedRows
}

// Close unmaps the file.
func (d *storedDataset) Close() error { return d.rows.mapped.Close() }

// storedRows are untruncated rows in a mapped file; max_length is applied when
// a row is read.
type storedRows struct {
	p       *Preparer
	mapped  *Mapped
	lengths []RowLength

	mu   sync.Mutex
	last struct { // pieces of one row are asked for one after the other
		i   int
		row compactRow
		ok  bool
	}
}

func (s *storedRows) count() int { return len(s.lengths) }

// facts follows limit by lengths alone.
func (s *storedRows) facts(i int) rowFacts {
	f, dropped := s.p.o.lengthFacts(s.lengths[i])
	if dropped && f.dropped == "" {
		f.dropped = s.reason(i)
	}
	return f
}

// lengthFacts is what limit makes of a row, by its lengths: it is dropped when
// no token with loss is among those that stay.
func (o Options) lengthFacts(r RowLength) (f rowFacts, dropped bool) {
	f = rowFacts{full: r.Tokens, kept: r.Tokens}
	if r.Dropped {
		f.dropped = "the row is left out"
		return f, true
	}
	if o.MaxLength == 0 || o.SkipPrepare {
		return f, false
	}
	long := r.Tokens > o.MaxLength
	if long && o.LongRows == LongDrop {
		return f, true
	}
	if o.Packing {
		return f, false
	}
	from, to := 0, r.Tokens
	if long && !o.splits() {
		f.kept = o.MaxLength
		if from, to = 0, o.MaxLength; o.TruncationMode == KeepEnd {
			from, to = r.Tokens-o.MaxLength, r.Tokens
		}
	}
	return f, r.First < 0 || o.TruncationMode != KeepEnd && r.First >= to || o.TruncationMode == KeepEnd && r.Last < from
}

// reason asks the row itself why it is left out.
func (s *storedRows) reason(i int) string {
	row, err := s.row(i)
	if err != nil {
		return err.Error()
	}
	return row.dropped
}

func (s *storedRows) row(i int) (compactRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.ok && s.last.i == i {
		return s.last.row, nil
	}
	ex, err := s.mapped.At(i)
	if err != nil {
		return compactRow{}, err
	}
	w := &work{ids: ex.InputIDs, labels: ex.Labels, example: ex}
	w.example.FullLength = len(ex.InputIDs)
	if ex.Dropped == "" {
		s.p.limit(w)
	}
	s.last.i, s.last.row, s.last.ok = i, compact(w.example), true
	return s.last.row, nil
}
