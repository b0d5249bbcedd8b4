package dataset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// madeRows is a preparer over invented rows of known lengths.
type madeRows struct {
	lengths []int
	calls   atomic.Int64
	fail    int // a row that fails, -1 for none
	stopAt  int64
	stop    context.CancelFunc
	name    string
}

func inventLengths(n int) []int {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]int, n)
	for i := range out {
		out[i] = 20 + int(rng.ExpFloat64()*80)
	}
	out[n/3], out[n/2] = 40_000, 30_000
	return out
}

func (m *madeRows) Fingerprint() string { return "made" + m.name }

func (m *madeRows) Row(i int) (Example, error) {
	if m.stop != nil && m.calls.Add(1) == m.stopAt {
		m.stop()
	}
	if i == m.fail {
		return Example{}, errors.New("row cannot be rendered")
	}
	return madeExample(i, m.lengths[i]), nil
}

// madeExample has n ids; the second half carries loss and ends with id 2.
func madeExample(row, n int) Example {
	ex := Example{Row: row, InputIDs: make([]int32, n), Labels: make([]int32, n), FullLength: n}
	for k := range n {
		ex.InputIDs[k] = int32((row*7 + k*13) % 50_000)
		ex.Labels[k] = IgnoreIndex
		if k >= n/2 {
			ex.Labels[k] = ex.InputIDs[k]
		}
	}
	ex.InputIDs[n-1], ex.Labels[n-1] = 2, 2
	return ex
}

// madeSource gives the rows' sizes, which is all a scan asks of a source.
type madeSource struct {
	Source
	lengths []int
}

func (s madeSource) Len() int             { return len(s.lengths) }
func (s madeSource) ByteSize(i int) int64 { return int64(s.lengths[i]) * 4 }

func scanOf(t *testing.T, m *madeRows, o ScanOptions) *Scan {
	t.Helper()
	o.Content, o.Ends, o.VocabSize = "content", []int32{2}, 50_000
	s, err := NewScan(t.Context(), madeSource{lengths: m.lengths}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScanIsExact(t *testing.T) {
	m := &madeRows{lengths: inventLengths(3000), fail: -1}
	var stages []string
	s := scanOf(t, m, ScanOptions{Workers: 3, SampleTime: time.Millisecond, Report: func(p ScanProgress) {
		if n := len(stages); n == 0 || stages[n-1] != p.Stage {
			stages = append(stages, p.Stage)
		}
	}})
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(stages) == 0 || stages[len(stages)-1] != StageDone {
		t.Errorf("stages %v", stages)
	}
	e := s.Estimate(0.5, 0.9, 0.99)
	sorted := slices.Clone(m.lengths)
	sort.Ints(sorted)
	for _, q := range e.Quantiles {
		want := sorted[int(q.P*3000+0.999999)-1]
		if q.Tokens != want || q.Low != want || q.High != want {
			t.Errorf("p%v is %+v, want %d", q.P, q, want)
		}
	}
	total := 0
	for _, n := range m.lengths {
		total += n
	}
	if !e.Exact || e.Max != 40_000 || e.MaxRow != 1000 || int(e.Tokens+0.5) != total || e.MeanError != 0 {
		t.Errorf("%+v, want %d tokens", e, total)
	}
}

// What a max_length cuts, against a count by hand.
func TestCut(t *testing.T) {
	m := &madeRows{lengths: inventLengths(2000), fail: -1}
	s := scanOf(t, m, ScanOptions{})
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	const limit = 100
	for _, mode := range []string{KeepStart, KeepEnd} {
		var want CutReport
		for i, n := range m.lengths {
			if n <= limit {
				continue
			}
			ex := madeExample(i, n)
			kept := ex.Labels[:limit]
			if mode == KeepEnd {
				kept = ex.Labels[n-limit:]
			}
			trained := 0
			for _, l := range kept {
				if l != IgnoreIndex {
					trained++
				}
			}
			want.Rows++
			want.Tokens += float64(n - limit)
			if trained == 0 {
				want.AnswersLost++
			} else if trained < n-n/2 {
				want.AnswersCut++
			}
			if mode == KeepStart {
				want.EOSLost++
			}
		}
		want.MaxLength, want.Share = limit, want.Rows/2000
		if got := s.Cut(limit, mode); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", mode, got, want)
		}
	}
}

// A template's line end behind the end of the turn is trained too: the end
// token is the one before it, and a row that is cut loses it.
func TestEndBeforeLineEnd(t *testing.T) {
	row := func(tail ...int32) Example {
		ex := Example{InputIDs: append([]int32{5, 6, 7, 8, 9, 10, 11}, tail...)}
		ex.Labels = slices.Clone(ex.InputIDs)
		ex.Labels[0] = IgnoreIndex
		return ex
	}
	for want, ex := range map[int]Example{7: row(2, 13), 9: row(13, 13, 2), 8: row(20, 21, 13, 13), -1: row(2, 13, 13, 13)} {
		if got := lengthOf(0, ex, []int32{2, 21}); got.End != want {
			t.Errorf("%v: the end is at %d, want %d", ex.InputIDs, got.End, want)
		}
	}
	masked := row(2, 13)
	masked.Labels[7] = IgnoreIndex
	if got := lengthOf(0, masked, []int32{2}); got.End != -1 {
		t.Errorf("an end without loss counts: %d", got.End)
	}
	s := scanOf(t, &madeRows{lengths: inventLengths(3), fail: -1}, ScanOptions{})
	s.lengths = []RowLength{{Tokens: 100, Trained: 100, Last: 99, End: 98}, {Row: 1, Tokens: 50, Trained: 50, Last: 49, End: 48}, {Row: 2, Tokens: 70, Trained: 1, First: 69, Last: 69, End: -1}}
	s.known, s.covered = 3, []bool{true, true, true}
	for limit, want := range map[int]float64{40: 2, 50: 1, 98: 1, 99: 0} {
		if c := s.Cut(limit, KeepStart); c.EOSLost != want {
			t.Errorf("max_length %d: %v end tokens are lost, want %v", limit, c.EOSLost, want)
		}
	}
}

// The 95% range must hold the true value about that often; the sample is the
// only thing known.
func TestEstimateError(t *testing.T) {
	m := &madeRows{lengths: inventLengths(4000), fail: -1}
	sorted := slices.Clone(m.lengths)
	sort.Ints(sorted)
	truth := map[float64]int{0.5: sorted[1999], 0.9: sorted[3599]}
	inside, all, meanInside := 0, 0, 0
	const runs = 60
	mean := 0.0
	for _, n := range m.lengths {
		mean += float64(n) / 4000
	}
	for seed := range runs {
		s := scanOf(t, m, ScanOptions{SampleTime: time.Hour, Seed: uint64(seed)})
		order := sampleOrder(rand.New(rand.NewPCG(uint64(seed), 9)), 4000)[:300]
		if err := s.prepare(t.Context(), order, 8); err != nil {
			t.Fatal(err)
		}
		s.sampled = order
		e := s.Estimate(0.5, 0.9)
		for _, q := range e.Quantiles {
			all++
			if q.Low <= truth[q.P] && truth[q.P] <= q.High {
				inside++
			}
		}
		if e.MeanError <= 0 || e.Exact {
			t.Fatalf("%+v", e)
		}
		if e.Mean-e.MeanError <= mean && mean <= e.Mean+e.MeanError {
			meanInside++
		}
	}
	if inside < all*85/100 {
		t.Errorf("%d of %d ranges hold the true quantile", inside, all)
	}
	t.Logf("mean inside its range in %d of %d (two outliers make it skewed)", meanInside, runs)
}

// A scan that is stopped goes on where it was, and the ids it kept are whole.
func TestScanResumes(t *testing.T) {
	dir := t.TempDir()
	lengths := inventLengths(2500)
	ctx, cancel := context.WithCancel(t.Context())
	first := &madeRows{lengths: lengths, fail: -1, stopAt: 1700, stop: cancel}
	s := scanOf(t, first, ScanOptions{Workers: 2, SampleTime: time.Millisecond, CacheDir: dir, StoreIDs: true})
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if s.PreparedFile() != "" {
		t.Fatal("half a scan has a finished file")
	}
	known := s.Progress().Rows
	second := &madeRows{lengths: lengths, fail: -1, stop: func() {}, stopAt: -1}
	s = scanOf(t, second, ScanOptions{Workers: 2, CacheDir: dir, StoreIDs: true})
	if got := s.Progress().Rows; got != known || known < 1600 {
		t.Fatalf("%d rows are known after reopening, %d before", got, known)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := int(second.calls.Load()); calls != 2500-known {
		t.Errorf("%d rows were prepared again, %d were missing", calls, 2500-known)
	}
	checkPrepared(t, s.PreparedFile(), lengths)

	third := &madeRows{lengths: lengths, fail: -1, stop: func() {}, stopAt: -1}
	s = scanOf(t, third, ScanOptions{CacheDir: dir, StoreIDs: true})
	if err := s.Run(t.Context()); err != nil || third.calls.Load() != 0 || !s.Estimate(0.5).Exact {
		t.Errorf("a finished scan ran again: %v, %d rows", err, third.calls.Load())
	}
	other := &madeRows{lengths: lengths, fail: -1, name: "another template"}
	if s := scanOf(t, other, ScanOptions{CacheDir: dir, StoreIDs: true}); s.Progress().Rows != 0 {
		t.Error("another preparation was given this one's results")
	}
}

func checkPrepared(t *testing.T, path string, lengths []int) {
	t.Helper()
	m, err := OpenMapped(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if m.Len() != len(lengths) {
		t.Fatalf("%d rows", m.Len())
	}
	for i, n := range lengths {
		got, err := m.At(i)
		if err != nil {
			t.Fatal(err)
		}
		want := madeExample(i, n)
		if !slices.Equal(got.InputIDs, want.InputIDs) || !slices.Equal(got.Labels, want.Labels) {
			t.Fatalf("row %d differs", i)
		}
	}
}

// Damage anywhere in the journal or the ids costs the rows behind it, not the scan.
func TestScanSurvivesDamage(t *testing.T) {
	lengths := inventLengths(900)
	for _, damage := range []struct {
		file string
		do   func([]byte) []byte
	}{
		{"lengths.bin", func(b []byte) []byte { return b[:len(b)/2] }},
		{"lengths.bin", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"lengths.bin", func([]byte) []byte { return []byte("junk") }},
		{"prepared.ids", func(b []byte) []byte { return b[:len(b)/2] }},
		{"prepared.ids", func([]byte) []byte { return nil }},
	} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		m := &madeRows{lengths: lengths, fail: -1, stopAt: 800, stop: cancel}
		if err := scanOf(t, m, ScanOptions{CacheDir: dir, StoreIDs: true}).Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "scan-*", damage.file))
		if len(files) != 1 {
			t.Fatal(files)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[0], damage.do(data), 0o644); err != nil {
			t.Fatal(err)
		}
		s := scanOf(t, &madeRows{lengths: lengths, fail: -1}, ScanOptions{CacheDir: dir, StoreIDs: true})
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkPrepared(t, s.PreparedFile(), lengths)
	}
}

func TestScanKeepsFailures(t *testing.T) {
	m := &madeRows{lengths: inventLengths(500), fail: 17}
	s := scanOf(t, m, ScanOptions{CacheDir: t.TempDir(), StoreIDs: true})
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := s.Failures(); len(f) != 1 || !strings.Contains(f[17], "cannot be rendered") {
		t.Errorf("%v", f)
	}
	if r, ok := s.Length(17); !ok || !r.Failed {
		t.Errorf("%+v %v", r, ok)
	}
	mapped, err := OpenMapped(s.PreparedFile())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mapped.Close() }()
	if ex, err := mapped.At(17); err != nil || !strings.Contains(ex.Dropped, "cannot be rendered") {
		t.Errorf("%+v %v", ex, err)
	}
}

// mappedBytes is a small good file with every form of record.
func mappedBytes(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.ids")
	w, err := openMappedWriter(path, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	var places []recordPlace
	for _, ex := range mappedExamples() {
		p, err := w.add(ex)
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	if err := w.finish(places, "fp"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mappedExamples() []Example {
	odd := madeExample(2, 9)
	odd.Labels[3] = 77 // a label that is not its id
	segments := madeExample(3, 12)
	segments.SeqLengths = []int32{5, 7}
	return []Example{madeExample(0, 5), madeExample(1, 2), odd, segments, {Dropped: "no token carries loss"}, {InputIDs: []int32{}, Labels: []int32{}}}
}

func TestMappedRoundTrip(t *testing.T) {
	data := mappedBytes(t)
	m, err := parseMapped("m", data)
	if err != nil {
		t.Fatal(err)
	}
	if m.Fingerprint() != "fp" {
		t.Error(m.Fingerprint())
	}
	for i, want := range mappedExamples() {
		got, err := m.At(i)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got.InputIDs, got.Labels, got.SeqLengths, got.Dropped) != fmt.Sprint(want.InputIDs, want.Labels, want.SeqLengths, want.Dropped) || got.Row != i {
			t.Errorf("row %d: %+v, want %+v", i, got, want)
		}
	}
	for _, i := range []int{-1, m.Len()} {
		if _, err := m.At(i); err == nil {
			t.Errorf("row %d is there", i)
		}
	}
	for at := range data { // any changed byte is noticed, but for the unused ones
		broken := slices.Clone(data)
		broken[at] ^= 0x40
		m, err := parseMapped("m", broken)
		if err != nil {
			continue
		}
		bad := 0
		for i := range m.Len() {
			if _, err := m.At(i); err != nil {
				bad++
			}
		}
		if bad == 0 {
			t.Fatalf("a change of byte %d goes unnoticed", at)
		}
	}
}
