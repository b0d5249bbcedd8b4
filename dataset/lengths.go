package dataset

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// RowPreparer prepares one row at a time; Fingerprint identifies everything
// that its results depend on besides the rows themselves. Both may be called
// from several goroutines at once.
type RowPreparer interface {
	Row(i int) (Example, error)
	Fingerprint() string
}

// RowLength is what a scan keeps of a prepared row. Give the scan a preparer
// that does not truncate: then one scan answers for every max_length.
type RowLength struct {
	Row     int
	Tokens  int  // tokens before truncation
	Trained int  // tokens that carry loss
	First   int  // first token with loss, -1 when there is none
	Last    int  // last token with loss, -1 when there is none
	End     int  // the end token that is trained: one of ScanOptions.Ends among the last three tokens with loss, -1 when there is none
	Merged  bool // prompt and completion share a token at their border
	Dropped bool // the preparation drops the row
	Failed  bool // the preparation fails on the row
}

// Stages of a scan, in order.
const (
	StageSample  = "sample"  // random rows, for an estimate at once
	StageLargest = "largest" // the rows with most bytes, for the outliers
	StageAll     = "all"     // every row
	StageDone    = "done"
)

// ScanProgress is what a scan reports as it goes.
type ScanProgress struct {
	Stage       string
	Rows, Total int   // rows whose length is known, of all
	Tokens      int64 // tokens of those rows
	Sampled     int   // random rows that stand for those not reached yet: an estimate stands on them, 0 when there are none
	Elapsed     time.Duration
	ETA         time.Duration // until every row is known; 0 while it cannot be told
}

// ScanOptions says how a scan runs; the zero value uses all cores, samples for
// five seconds and keeps nothing.
type ScanOptions struct {
	Workers    int
	SampleTime time.Duration
	Seed       uint64
	Ends       []int32 // ids that end a turn or a text, for RowLength.End
	CacheDir   string  // where results are kept and continued; "" keeps nothing
	StoreIDs   bool    // keep the prepared ids there too, for training
	VocabSize  int     // decides the width of kept ids; 0 when unknown
	Straight   bool    // every row in file order, without a sample and the largest first
	Notes      Noter   // looks at every row; nil for nobody
	// Content is the data's Fingerprint; found out when empty.
	Content string
	Report  func(ScanProgress) // called from one goroutine, about five times a second
}

// Scan finds the token length of every row of a source: roughly at once, the
// outliers within a minute, all of them in the background. Its methods may be
// called while Run goes on.
type Scan struct {
	src    Source
	prep   RowPreparer
	opts   ScanOptions
	places []int // where rows lie in their files; nil for their own order

	mu        sync.Mutex
	lengths   []RowLength // by row; Tokens -1 where not known yet
	known     int
	tokens    int64
	sampled   []int   // rows of finished sample rounds, in the order drawn
	runOf     []int32 // the runs that the first of them come from; empty where rows were drawn by themselves
	runs      int     // of the source, where the sample goes by runs
	drawnRuns int     // of them in sampled
	covered   []bool  // rows that the stages after the sample have reached
	noted     []bool  // rows that Notes has looked at; nil without
	stage     string
	failures  map[int]string
	store     *lengthStore
	started   time.Time

	allStarted time.Time // when the stage of all rows began
	allKnown   int       // and how many were known then
}

// maxFailures is how many failing rows keep their message.
const maxFailures = 1000

// NewScan prepares a scan of src; results that an earlier scan left in
// CacheDir are there at once.
func NewScan(ctx context.Context, src Source, prep RowPreparer, o ScanOptions) (*Scan, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.SampleTime <= 0 {
		o.SampleTime = 5 * time.Second
	}
	n := src.Len()
	s := &Scan{src: src, prep: prep, opts: o, places: storagePlaces(src), stage: StageSample, failures: map[int]string{},
		lengths: make([]RowLength, n), covered: make([]bool, n)}
	for i := range s.lengths {
		s.lengths[i] = RowLength{Row: i, Tokens: -1}
	}
	if o.Notes != nil {
		s.noted = make([]bool, n)
	}
	if o.CacheDir == "" {
		return s, nil
	}
	if o.Content == "" {
		content, err := Fingerprint(ctx, src)
		if err != nil {
			return nil, err
		}
		s.opts.Content = content
	}
	store, err := openLengthStore(s.opts, prep.Fingerprint(), n)
	if err != nil {
		return nil, err
	}
	s.store = store
	s.found(store.rows)
	s.foundNotes()
	return s, nil
}

// found books rows that the cache has.
func (s *Scan) found(rows []RowLength) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.take(r, "")
		s.covered[r.Row] = true
	}
	if s.known == len(s.lengths) {
		s.stage = StageDone
	}
}

// foundNotes takes the notes that the cache has.
func (s *Scan) foundNotes() {
	if s.opts.Notes == nil {
		return
	}
	s.store.notes.load(len(s.lengths), func(row int, note []byte) {
		if !s.noted[row] {
			s.noted[row] = s.opts.Notes.Noted(row, note)
		}
	})
}

// Complete says whether every row is known, has its note, and has its ids in
// PreparedFile where these are kept: Run would do nothing.
func (s *Scan) Complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.complete()
}

func (s *Scan) complete() bool {
	if s.known < len(s.lengths) || slices.Contains(s.noted, false) {
		return false
	}
	return s.store == nil || s.store.whole()
}

// openStore makes the cache ready for writing; done says that it has all rows.
func (s *Scan) openStore(ctx context.Context) (done bool, err error) {
	if err := s.store.acquire(ctx, s.found); err != nil {
		return false, err
	}
	s.mu.Lock()
	if s.opts.StoreIDs {
		s.forget()
	}
	s.foundNotes()
	done = s.complete()
	s.mu.Unlock()
	if done {
		s.setStage(StageDone)
		s.store.release()
		return true, nil
	}
	if err := s.store.begin(); err != nil {
		s.store.release()
		return false, err
	}
	return false, nil
}

// forget drops lengths whose ids the cache has lost, so that they are prepared
// again; the caller holds s.mu.
func (s *Scan) forget() {
	kept := make([]bool, len(s.lengths))
	for _, r := range s.store.rows {
		kept[r.Row] = true
	}
	for i, r := range s.lengths {
		if r.Tokens >= 0 && !kept[i] {
			s.lengths[i] = RowLength{Row: i, Tokens: -1}
			s.known--
			s.tokens -= int64(r.Tokens)
			s.covered[i] = false
		}
	}
}

// closeStore ends writing after a run that ended with err.
func (s *Scan) closeStore(err error) error {
	s.mu.Lock()
	whole := s.known == len(s.lengths)
	s.mu.Unlock()
	if endErr := s.store.end(whole && err == nil); err == nil {
		err = endErr
	}
	s.store.release()
	return err
}

// Run scans until every row is known or ctx ends; it can be run again, and
// with a cache a later Scan goes on where this one stopped.
func (s *Scan) Run(ctx context.Context) (err error) {
	s.mu.Lock()
	s.started = time.Now()
	s.mu.Unlock()
	stopReports := s.reports()
	defer stopReports()
	if s.store != nil {
		done, err := s.openStore(ctx)
		if done || err != nil {
			return err
		}
		defer func() { err = s.closeStore(err) }()
	}
	stages := []func(context.Context) error{s.sample, s.largest, s.all}
	if s.opts.Straight {
		stages = stages[2:]
	}
	for _, stage := range stages {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	s.setStage(StageDone)
	return nil
}

func (s *Scan) setStage(stage string) {
	s.mu.Lock()
	s.stage = stage
	s.mu.Unlock()
}

// reports calls Report from a goroutine until the returned function is called.
func (s *Scan) reports() (stop func()) {
	if s.opts.Report == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.opts.Report(s.Progress())
			case <-quit:
				s.opts.Report(s.Progress())
				return
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// Progress says how far the scan is.
func (s *Scan) Progress() ScanProgress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := ScanProgress{Stage: s.stage, Rows: s.known, Total: len(s.lengths), Tokens: s.tokens}
	for _, r := range s.sampled {
		if !s.covered[r] {
			p.Sampled++
		}
	}
	if !s.started.IsZero() {
		p.Elapsed = time.Since(s.started)
	}
	if fresh := s.known - s.allKnown; s.stage == StageAll && fresh > 0 {
		p.ETA = time.Duration(float64(time.Since(s.allStarted)) / float64(fresh) * float64(p.Total-p.Rows))
	}
	return p
}

// take books r; the caller holds s.mu or is alone.
func (s *Scan) take(r RowLength, message string) {
	if s.lengths[r.Row].Tokens >= 0 {
		return
	}
	s.lengths[r.Row] = r
	s.known++
	s.tokens += int64(r.Tokens)
	if r.Failed && len(s.failures) < maxFailures {
		s.failures[r.Row] = message
	}
}

// lengthOf reads a prepared row's lengths.
func lengthOf(row int, ex Example, ends []int32) RowLength {
	r := RowLength{Row: row, Tokens: max(ex.FullLength, len(ex.InputIDs)), First: -1, Last: -1, End: -1,
		Merged: ex.SharedTokens < ex.PromptTokens, Dropped: ex.Dropped != ""}
	for i, l := range ex.Labels {
		if l == IgnoreIndex {
			continue
		}
		if r.First < 0 {
			r.First = i
		}
		r.Last = i
		r.Trained++
	}
	// Templates often write a line end behind the token that ends the turn.
	for i := r.Last; i >= 0 && i > r.Last-3 && r.End < 0; i-- {
		if ex.Labels[i] != IgnoreIndex && slices.Contains(ends, ex.InputIDs[i]) {
			r.End = i
		}
	}
	return r
}

// Len is the number of rows of the source.
func (s *Scan) Len() int { return len(s.lengths) }

// Length is row i's length; ok is false while it is not known.
func (s *Scan) Length(i int) (r RowLength, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 || i >= len(s.lengths) || s.lengths[i].Tokens < 0 {
		return RowLength{}, false
	}
	return s.lengths[i], true
}

// Failures are the rows that could not be prepared, with why, as far as known
// (the first thousand).
func (s *Scan) Failures() map[int]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[int]string, len(s.failures))
	for k, v := range s.failures {
		if v == "" {
			v = s.earlierFailure(k)
			s.failures[k] = v
		}
		out[k] = v
	}
	return out
}

// earlierFailure is why row i could not be prepared in an earlier scan.
func (s *Scan) earlierFailure(i int) string {
	if s.store != nil && s.opts.StoreIDs {
		if ex, err := s.store.example(i); err == nil && ex.Dropped != "" {
			return ex.Dropped
		}
	}
	return fmt.Sprintf("row %d could not be prepared in an earlier scan; look at it for the reason", i)
}

// PreparedFile is the mapped file with the prepared ids of every row, "" until
// a scan with StoreIDs has ended.
func (s *Scan) PreparedFile() string {
	if s.store == nil {
		return ""
	}
	return s.store.prepared()
}
