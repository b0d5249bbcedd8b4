package dataset

import (
	"context"
	"math/rand/v2"
	"slices"
	"sort"
	"sync/atomic"
	"time"
)

// sampleRound is how many random rows are taken before the clock is looked at
// for the first time; later rounds are four times larger each. The rows of a
// round are read in file order, which costs a pass over the file however many
// they are, and a round cut short would favour the front of the file.
const sampleRound = 256

// An estimate from a part of a first round has at least this many rows, from
// this many runs, and the source at least twice as many runs.
const (
	fewestSampled = 64
	fewestRuns    = 8
)

// runsOf gives the first rows of the runs of a source that can only be read
// cheaply from a run's beginning on, and the number of rows; nil where every row
// is as near as the next. A parquet file without page index is such a source:
// its row groups are the runs.
func runsOf(src Source) []int {
	switch s := src.(type) {
	case *parquetSource:
		if s.indexed {
			return nil
		}
		runs := make([]int, 0, len(s.firsts))
		for k, first := range s.firsts {
			if k+1 == len(s.firsts) || first < s.firsts[k+1] {
				runs = append(runs, int(first))
			}
		}
		return runs
	case *concat:
		return s.runs()
	}
	return nil
}

// runs are the runs of all parts; nil where a part has none.
func (c *concat) runs() []int {
	var all []int
	before := 0
	for k := range c.paths {
		part, err := c.part(k)
		if err != nil {
			return nil
		}
		runs := runsOf(part)
		if runs == nil {
			return nil
		}
		for _, first := range runs[:len(runs)-1] {
			all = append(all, before+first)
		}
		before += part.Len()
	}
	return append(all, before)
}

// storagePlaces says where the rows of src lie: rows with neighbouring places
// lie beside each other in a file. It is nil where they lie in their own order.
func storagePlaces(src Source) []int {
	switch s := src.(type) {
	case *selection:
		inner := storagePlaces(s.Source)
		places := slices.Clone(s.rows)
		for i, row := range places {
			if inner != nil {
				places[i] = inner[row]
			}
		}
		return places
	case *projection:
		return storagePlaces(s.Source)
	case *concatenation:
		return s.places()
	}
	return nil
}

// places puts the rows of a later part behind all of an earlier one, however
// few of its file's rows that has; nil where every part has its own order.
func (c *concatenation) places() []int {
	places := make([]int, 0, c.Len())
	before, own := 0, true
	for _, part := range c.parts {
		inner := storagePlaces(part)
		last := before
		for i := range part.Len() {
			place := before + i
			if inner != nil {
				place = before + inner[i]
			}
			last = max(last, place+1)
			places = append(places, place)
		}
		before, own = last, own && inner == nil
	}
	if own {
		return nil
	}
	return places
}

// inFileOrder sorts rows so that files are read from their beginnings to their ends.
func (s *Scan) inFileOrder(rows []int) {
	if s.places == nil {
		sort.Ints(rows)
		return
	}
	sort.Slice(rows, func(a, b int) bool { return s.places[rows[a]] < s.places[rows[b]] })
}

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
	runs := runsOf(s.src)
	if len(runs) > 2*fewestRuns && n > 4*sampleRound {
		round := drawByRun(rng, runs, sampleRound)
		if done, err := s.sampleRuns(ctx, end.Add(s.opts.SampleTime), round); !done || err != nil {
			return err
		}
		order = slices.DeleteFunc(order, func(row int) bool { return s.isKnown(row) })
	}
	for size := s.roundSize(runs); len(order) > 0 && time.Now().Before(end); size *= 4 {
		round := slices.Clone(order[:min(size, len(order))])
		order = order[len(round):]
		s.inFileOrder(round)
		limited, cancel := context.WithDeadline(ctx, end.Add(s.opts.SampleTime))
		err := s.prepareSorted(limited, round, runs)
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

// roundSize is how many rows the first round by rows takes: few where each row
// is read by itself, more where a round is a pass over the file.
func (s *Scan) roundSize(runs []int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.sampled) > 0:
		return 4 * sampleRound
	case runs == nil:
		return fewestSampled
	}
	return sampleRound
}

func (s *Scan) isKnown(row int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lengths[row].Tokens >= 0
}

// drawByRun draws about want rows, from each run as many as its share of all
// rows asks for, what is left of a row by lot; the runs come in random order,
// the rows of one in the file's.
func drawByRun(rng *rand.Rand, runs []int, want int) [][]int {
	total := runs[len(runs)-1]
	var out [][]int
	for _, k := range rng.Perm(len(runs) - 1) {
		first, rows := runs[k], runs[k+1]-runs[k]
		share := float64(want) * float64(rows) / float64(total)
		draw := int(share)
		if rng.Float64() < share-float64(draw) {
			draw++
		}
		draw = min(draw, rows)
		seen := make(map[int]bool, draw)
		drawn := make([]int, 0, draw)
		for len(drawn) < draw {
			if row := first + rng.IntN(rows); !seen[row] {
				seen[row] = true
				drawn = append(drawn, row)
			}
		}
		sort.Ints(drawn)
		out = append(out, drawn)
	}
	return out
}

// sampleRuns prepares a first round run by run, one run a worker, and publishes
// the finished runs at the front of the order as it goes: a fair sample, in two
// stages, long before all of the file has been read. done is false when the time
// was up before; it is not up while nothing has been published, because without
// a sample the longest rows, which come next, would pass for all.
func (s *Scan) sampleRuns(ctx context.Context, deadline time.Time, round [][]int) (done bool, err error) {
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.runs = len(round)
	s.mu.Unlock()
	enough := func() {
		s.mu.Lock()
		published := s.drawnRuns > 0
		s.mu.Unlock()
		if published && !time.Now().Before(deadline) {
			cancel()
		}
	}
	defer time.AfterFunc(time.Until(deadline), enough).Stop()
	finished := make([]bool, len(round))
	err = s.prepareRuns(limited, round, func(k int) {
		s.publish(round, finished, k)
		enough()
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if limited.Err() != nil {
		return false, nil // very long rows: what has been published stays a fair sample
	}
	return err == nil, err
}

// prepareSorted prepares rows that stand in the file's order, those of one run
// by one worker, so that no two wait for the same reader.
func (s *Scan) prepareSorted(ctx context.Context, rows, runs []int) error {
	if runs == nil {
		return s.prepare(ctx, rows, 8)
	}
	var pieces [][]int
	for k := 1; k < len(runs); k++ {
		if end := sort.SearchInts(rows, runs[k]); end > 0 {
			pieces = append(pieces, rows[:end])
			rows = rows[end:]
		}
	}
	return s.prepareRuns(ctx, pieces, func(int) {})
}

// prepareRuns prepares lists of rows, one list a worker, and tells done of each
// that is finished.
func (s *Scan) prepareRuns(ctx context.Context, pieces [][]int, done func(k int)) error {
	var next atomic.Int64
	return s.onWorkers(func() error {
		for {
			k := int(next.Add(1)) - 1
			if k >= len(pieces) {
				return nil
			}
			for _, row := range pieces[k] {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := s.prepareRow(row); err != nil {
					return err
				}
			}
			done(k)
		}
	})
}

// publish books that run k of the round is finished. Only what stands in front
// of every unfinished run counts: the others finish the later the longer their
// rows are.
func (s *Scan) publish(round [][]int, finished []bool, k int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	finished[k] = true
	front, rows := 0, 0
	for front < len(round) && finished[front] {
		rows += len(round[front])
		front++
	}
	if front < fewestRuns || rows < fewestSampled {
		return
	}
	for ; s.drawnRuns < front; s.drawnRuns++ {
		s.sampled = append(s.sampled, round[s.drawnRuns]...)
		for range round[s.drawnRuns] {
			s.runOf = append(s.runOf, int32(s.drawnRuns))
		}
	}
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
