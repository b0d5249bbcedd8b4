package ui

import (
	"context"
	"errors"
	"math"
	"runtime"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// stripInfo is what the scan of lengths says of all rows, worked out away from
// the screen.
type stripInfo struct {
	progress dataset.ScanProgress
	estimate dataset.LengthEstimate // p50, p90, p95, p99
	cuts     []dataset.CutReport    // at max_length, and at lengths that keep 90%, 95% and 99%
	classes  []float64              // rows by length, on a logarithmic scale from shortest to longest
}

// shortest is where the scale of lengths begins.
const shortest = 8.0

// longest is where it ends.
func (s *stripInfo) longest() float64 { return math.Max(float64(s.estimate.Max)*1.02, 16) }

// columns counts the rows in w equal parts of the scale.
func (s *stripInfo) columns(w int) []float64 {
	out := make([]float64, w)
	for k, rows := range s.classes {
		out[(2*k+1)*w/(2*len(s.classes))] += rows
	}
	return out
}

// fair is false while the rows that are known are those that happened to come
// first: the longest, or what an earlier scan has left.
func (s *stripInfo) fair() bool {
	g := s.progress
	return g.Sampled > 0 || 2*g.Rows >= g.Total || g.Stage == dataset.StageDone
}

// openScan opens the scan of all rows' lengths. It prepares without a
// max_length, so that one scan answers for every max_length, also the one that
// is tried next; what it found is kept on the disk, with the ids, which
// training reads from there.
func (a *app) openScan(gen int, set *dataSet) tea.Cmd {
	ctx, cache, notes := a.ctx, a.opt.CacheDir, a.opt.Notes
	workers := max(1, runtime.NumCPU()-1)
	return set.using(func() tea.Msg {
		p, err := dataset.NewPreparer(set.src, set.tok, set.options)
		if err != nil {
			return scanOpenedMsg{gen: gen, err: err}
		}
		whole, err := p.Whole()
		if err != nil {
			return scanOpenedMsg{gen: gen, err: err}
		}
		o := whole.ScanOptions(cache)
		o.Workers = workers
		if notes != nil {
			o.Notes = notes(whole)
		}
		scan, err := dataset.NewScan(ctx, whole.Source(), whole, o)
		return scanOpenedMsg{gen: gen, scan: scan, err: err}
	})
}

// scanOpenedMsg is a scan that is ready to run.
type scanOpenedMsg struct {
	gen  int
	scan *dataset.Scan
	err  error
}

func (m scanOpenedMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen || p.set == nil {
		return nil
	}
	if m.err != nil {
		return a.fail(m.err)
	}
	p.set.scan = m.scan
	return tea.Batch(p.runScan(), a.pollScan(m.gen, p.set, make([]bool, p.set.src.Len()), 0))
}

// runScan starts the scan, or goes on with it. While a run is live on this
// machine it waits: the cores belong to the training.
func (p *dataPage) runScan() tea.Cmd {
	if p.set == nil || p.set.scan == nil || p.scanning {
		return nil
	}
	if _, alive := p.a.train.live(); alive {
		return nil
	}
	ctx, cancel := context.WithCancel(p.a.ctx)
	p.scanning, p.stopScan = true, cancel
	scan, gen := p.set.scan, p.gen
	return p.set.using(func() tea.Msg {
		defer cancel()
		err := scan.Run(ctx)
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return scanOverMsg{gen: gen, err: err}
	})
}

// yieldCores stops the scan while a run is live; it goes on when the run is over.
func (p *dataPage) yieldCores() {
	if _, alive := p.a.train.live(); alive && p.scanning {
		p.stopScan()
	}
}

// scanOverMsg tells that the scan has stopped, because it is done or was asked to.
type scanOverMsg struct {
	gen int
	err error
}

func (m scanOverMsg) apply(a *app) tea.Cmd {
	p := a.data
	p.scanning = false
	if m.gen != p.gen {
		return p.runScan() // other data was opened meanwhile
	}
	if m.err != nil {
		return a.fail(m.err)
	}
	return tea.Batch(a.findings.restart(), a.forecastSoon())
}

// How often the scan is asked what it knows.
const (
	scanSoon  = 300 * time.Millisecond
	scanLater = time.Second
)

// lengthsMsg are rows whose length is known now.
type lengthsMsg struct {
	gen   int
	seen  []seenRow
	strip stripInfo
	next  tea.Cmd
}

func (m lengthsMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen || p.set == nil {
		return nil
	}
	for _, s := range m.seen {
		if _, known := p.set.lengths.at(s.row); !known {
			p.set.lengths.put(s.row, s.length)
		}
		if s.problem != "" {
			p.set.problems[s.row] = s.problem
		}
	}
	p.set.strip = m.strip
	return m.next
}

// pollScan gathers what the scan has found since the last time.
func (a *app) pollScan(gen int, set *dataSet, have []bool, wait time.Duration) tea.Cmd {
	ctx, scan := a.ctx, set.scan
	limit, mode, o := set.maxLength, set.options.TruncationMode, set.options
	return func() tea.Msg {
		if !sleep(ctx, wait) {
			return nil
		}
		// The progress is read first: what comes in meanwhile waits for the next time.
		m := lengthsMsg{gen: gen, strip: stripInfo{progress: scan.Progress()}}
		for i := range have {
			if have[i] {
				continue
			}
			if r, ok := scan.Length(i); ok {
				have[i] = true
				m.seen = append(m.seen, seenRow{row: i, length: cutLength(r, o)})
			}
		}
		for row, problem := range scan.Failures() {
			m.seen = append(m.seen, seenRow{row: row, length: rowLength{full: -1}, problem: set.shortly(row, problem)})
		}
		m.strip.fill(scan, limit, mode)
		if m.strip.progress.Stage != dataset.StageDone {
			next := scanSoon
			if m.strip.progress.Elapsed > 20*time.Second {
				next = scanLater
			}
			m.next = a.pollScan(gen, set, have, next)
		}
		return m
	}
}

// fill works the statistics out.
func (s *stripInfo) fill(scan *dataset.Scan, limit int, mode string) {
	s.estimate = scan.Estimate(0.5, 0.9, 0.95, 0.99)
	s.classes = scan.Classes(4096, shortest, s.longest())
	if limit <= 0 || len(s.estimate.Quantiles) < 4 {
		return
	}
	s.cuts = append(s.cuts, scan.Cut(limit, mode))
	for _, q := range s.estimate.Quantiles[1:] {
		if up := roundUp(q.Tokens); up > limit && up != s.cuts[len(s.cuts)-1].MaxLength {
			s.cuts = append(s.cuts, scan.Cut(up, mode))
		}
	}
}

// roundUp is the next multiple of 64: a max_length that somebody would choose.
func roundUp(n int) int { return (n + 63) / 64 * 64 }

// cutLength is what a max_length leaves of a row. Which tokens between the
// first and the last trained one carry loss is not kept by the scan; the count
// of a cut row is a lower bound until the row is looked at.
func cutLength(r dataset.RowLength, o dataset.Options) rowLength {
	limit, mode := o.MaxLength, o.TruncationMode
	l := rowLength{full: r.Tokens, kept: r.Tokens, trained: r.Trained, dropped: r.Dropped}
	if r.Failed {
		l.full = -1
		return l
	}
	if limit <= 0 || r.Tokens <= limit || keepsLongRows(o) {
		return l
	}
	if o.LongRows == dataset.LongDrop {
		l.kept, l.trained, l.dropped = 0, 0, true
		return l
	}
	l.kept = limit
	from, to := 0, limit
	if mode == dataset.KeepEnd {
		from, to = r.Tokens-limit, r.Tokens
	}
	if r.First < 0 || r.First >= to || r.Last < from {
		l.trained, l.dropped = 0, true
		return l
	}
	lost := max(0, r.Last+1-to) + max(0, from-r.First)
	l.trained = max(1, r.Trained-lost)
	return l
}
