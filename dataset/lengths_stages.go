package dataset

import (
	"context"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// sampleRound is how many random rows are taken before the clock is looked at
// for the first time; later rounds are four times larger each. The rows of a
// round are read in file order, which costs a pass over the file however many
// they are, and a round cut short would favour the front of the file.
const sampleRound = 256

// sample prepares random rows, in rounds, for SampleTime.
func (s *Scan) sample(ctx context.Context) error {
	s.mu.Lock()
	n, left := len(s.lengths), len(s.lengths)-s.known
	s.mu.Unlock()
	if left < n/2 { // a continued scan: what is known says more
		return nil
	}
	end := time.Now().Add(s.opts.SampleTime)
	rng := rand.New(rand.NewPCG(s.opts.Seed, 0x5f7a))
	order := sampleOrder(rng, n)
	for size := sampleRound; len(order) > 0 && time.Now().Before(end); size *= 4 {
		round := slices.Clone(order[:min(size, len(order))])
		order = order[len(round):]
		sort.Ints(round)
		limited, cancel := context.WithDeadline(ctx, end.Add(s.opts.SampleTime))
		err := s.prepare(limited, round, 8)
		cutShort := limited.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cutShort {
			return nil //nolint:nilerr // very long rows: the round is no fair sample, its rows are known all the same
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.sampled = append(s.sampled, round...)
		s.mu.Unlock()
	}
	return nil
}

// sampleOrder draws up to 20,000 different rows of n.
func sampleOrder(rng *rand.Rand, n int) []int {
	const most = 20_000
	if n <= 4*most {
		return rng.Perm(n)[:min(n, most)]
	}
	seen := make(map[int]bool, most)
	out := make([]int, 0, most)
	for len(out) < most {
		if i := rng.IntN(n); !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

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
		sort.Ints(piece)
		if err := s.prepare(ctx, piece, 4); err != nil {
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
	for from := 0; from < len(s.lengths); from += piece {
		to := min(from+piece, len(s.lengths))
		var rows, reached []int
		s.mu.Lock()
		for i := from; i < to; i++ {
			if s.lengths[i].Tokens < 0 {
				rows = append(rows, i)
			}
			reached = append(reached, i)
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
	errs := make([]error, s.opts.Workers)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil {
				to := int(next.Add(int64(batch)))
				from := to - batch
				if from >= len(rows) {
					return
				}
				for _, i := range rows[from:min(to, len(rows))] {
					if errs[w] = ctx.Err(); errs[w] != nil {
						return
					}
					if errs[w] = s.prepareRow(i); errs[w] != nil {
						return
					}
				}
			}
		})
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
	have := s.lengths[i].Tokens >= 0
	s.mu.Unlock()
	if have {
		return nil
	}
	ex, err := s.prep.Row(i)
	r := RowLength{Row: i, First: -1, Last: -1}
	message := ""
	if err != nil {
		r.Failed, message = true, err.Error()
		ex = Example{Row: i, Dropped: message}
	} else {
		r = lengthOf(i, ex, s.opts.EOS)
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
