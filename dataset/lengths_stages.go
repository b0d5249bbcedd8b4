package dataset

import (
	"context"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// largest prepares the rows with most bytes: one in 400, at least 100.
func (s *Scan) largest(ctx context.Context) error {
	s.setStage(StageLargest)
	s.mu.Lock()
	left := len(s.lengths) - s.known
	s.mu.Unlock()
	if left < len(s.lengths)/2 {
		return nil
	}
	sizes, ok, err := MeasureBytes(ctx, s.src, s.opts.Workers)
	if err != nil || !ok {
		return err
	}
	rows := make([]int, len(sizes))
	for i := range rows {
		rows[i] = i
	}
	sort.Slice(rows, func(a, b int) bool { return sizes[rows[a]] > sizes[rows[b]] })
	rows = rows[:min(len(rows), max(100, len(rows)/400), 2000)]
	// The very largest come first; within a part, file order makes reading cheap.
	top := min(64, len(rows))
	for _, piece := range [][]int{rows[:top], rows[top:]} {
		s.inFileOrder(piece)
		if err := s.prepareSorted(ctx, piece, runsOf(s.src)); err != nil {
			return err
		}
		s.cover(piece)
	}
	return nil
}

// all prepares every row that is not known yet, in file order.
func (s *Scan) all(ctx context.Context) error {
	s.mu.Lock()
	s.stage, s.allStarted, s.allKnown = StageAll, time.Now(), s.known
	s.mu.Unlock()
	const piece = 4096
	order := identity(len(s.lengths))
	s.inFileOrder(order)
	for len(order) > 0 {
		reached := order[:min(piece, len(order))]
		order = order[len(reached):]
		var rows []int
		s.mu.Lock()
		for _, i := range reached {
			if s.lengths[i].Tokens < 0 || s.noted != nil && !s.noted[i] {
				rows = append(rows, i)
			}
		}
		s.mu.Unlock()
		if err := s.prepare(ctx, rows, 32); err != nil {
			return err
		}
		s.cover(reached)
	}
	return nil
}

func (s *Scan) cover(rows []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.covered[r] = true
	}
}

// prepare runs the preparer over rows on all workers, batch rows at a time.
func (s *Scan) prepare(ctx context.Context, rows []int, batch int) error {
	var next atomic.Int64
	return s.onWorkers(func() error {
		for {
			to := int(next.Add(int64(batch)))
			from := to - batch
			if from >= len(rows) {
				return nil
			}
			for _, i := range rows[from:min(to, len(rows))] {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := s.prepareRow(i); err != nil {
					return err
				}
			}
		}
	})
}

// onWorkers calls do once on each worker and returns the first error.
func (s *Scan) onWorkers(do func() error) error {
	errs := make([]error, s.opts.Workers)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() { errs[w] = do() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// prepareRow prepares row i and keeps its length. A row that fails is a
// result, not an end of the scan.
func (s *Scan) prepareRow(i int) error {
	s.mu.Lock()
	known, noted := s.lengths[i].Tokens >= 0, s.noted == nil || s.noted[i]
	s.mu.Unlock()
	switch {
	case known && noted:
		return nil
	case known:
		return s.noteRow(i)
	}
	ex, err := s.prep.Row(i)
	if !noted {
		if err := s.note(i, ex, err); err != nil {
			return err
		}
	}
	r := RowLength{Row: i, First: -1, Last: -1, End: -1}
	message := ""
	if err != nil {
		r.Failed, message = true, err.Error()
		ex = Example{Row: i, Dropped: message}
	} else {
		r = lengthOf(i, ex, s.opts.Ends)
	}
	if s.store != nil {
		if err := s.store.add(r, ex); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(r, message)
	return nil
}
