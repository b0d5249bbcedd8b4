package dataset

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// A sample by runs has of each run what its share asks for, and every row the
// same chance.
func TestDrawByRun(t *testing.T) {
	runs := []int{0, 1000, 1010, 1011, 3000}
	times := make([]int, 3000)
	for seed := range 400 {
		round := drawByRun(rand.New(rand.NewPCG(uint64(seed), 1)), runs, 300)
		if len(round) != 4 {
			t.Fatalf("%d runs", len(round))
		}
		for _, rows := range round {
			if !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != len(rows) {
				t.Fatalf("%v", rows)
			}
			for _, row := range rows {
				times[row]++
			}
		}
	}
	for k := 1; k < len(runs); k++ {
		sum := 0
		for _, n := range times[runs[k-1]:runs[k]] {
			sum += n
		}
		mean := float64(sum) / float64(runs[k]-runs[k-1]) / 400
		if mean < 0.07 || mean > 0.13 {
			t.Errorf("a row of run %d is drawn in %.3f of the samples, want 0.1", k, mean)
		}
	}
}

// Rows of one run are like each other, and only some of the runs are in: the
// range that is named must hold the truth about as often as it says. One made
// as if the rows were drawn by themselves does not.
func TestErrorOfRuns(t *testing.T) {
	const runs, each, draw = 44, 100, 6
	rng := rand.New(rand.NewPCG(5, 6))
	lengths := make([]int, runs*each)
	starts := []int{}
	for k := range runs {
		level := 200 + rng.ExpFloat64()*400
		starts = append(starts, k*each)
		for i := range each {
			lengths[k*each+i] = int(level * (0.8 + 0.4*rng.Float64()))
		}
	}
	starts = append(starts, len(lengths))
	truth := 0.0
	for _, n := range lengths {
		truth += float64(n) / float64(len(lengths))
	}
	sorted := slices.Sorted(slices.Values(lengths))
	median := sorted[len(sorted)/2-1]
	inside, naive, middle := 0, 0, 0
	const tries = 200
	for seed := range tries {
		s := scanOf(t, &madeRows{lengths: lengths, fail: -1}, ScanOptions{})
		round := drawByRun(rand.New(rand.NewPCG(uint64(seed), 9)), starts, runs*draw)
		finished := make([]bool, len(round))
		s.runs = len(round)
		for k := range 12 {
			for _, row := range round[k] {
				if err := s.prepareRow(row); err != nil {
					t.Fatal(err)
				}
			}
			s.publish(round, finished, k)
		}
		e := s.Estimate(0.5)
		if d := e.Mean - truth; -e.MeanError <= d && d <= e.MeanError {
			inside++
		}
		if q := e.Quantiles[0]; q.Low <= median && median <= q.High {
			middle++
		}
		s.runs, s.drawnRuns = 0, 0
		if d, wide := e.Mean-truth, s.Estimate(0.5).MeanError; -wide <= d && d <= wide {
			naive++
		}
	}
	t.Logf("the mean is inside in %d, the median in %d of %d; as if drawn by rows in %d", inside, middle, tries, naive)
	if inside < tries*88/100 || middle < tries*88/100 {
		t.Errorf("the truth is inside its range in %d and %d of %d", inside, middle, tries)
	}
	if naive > tries*80/100 {
		t.Errorf("the runs of this test are too like each other to tell: %d", naive)
	}
}

// What is published stands in front of every run that is still being prepared.
func TestPublishInOrder(t *testing.T) {
	s := scanOf(t, &madeRows{lengths: inventLengths(2000), fail: -1}, ScanOptions{})
	round := drawByRun(rand.New(rand.NewPCG(1, 1)), []int{0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000}, 200)
	finished := make([]bool, len(round))
	for _, k := range []int{19, 3, 5, 0, 1, 2, 6, 7, 8, 9, 10} {
		s.publish(round, finished, k)
	}
	if s.drawnRuns != 0 {
		t.Fatalf("run 4 is missing and %d runs are published", s.drawnRuns)
	}
	s.publish(round, finished, 4)
	if want := slices.Concat(round[:11]...); s.drawnRuns != 11 || !slices.Equal(s.sampled, want) || len(s.runOf) != len(want) {
		t.Errorf("%d runs, %v, want %v", s.drawnRuns, s.sampled, want)
	}
}

// A machine so slow that the time for the sample is over before anything is
// published still gets its sample: the longest rows never pass for all.
func TestSlowSampleIsPublished(t *testing.T) {
	s := scanOf(t, &madeRows{lengths: inventLengths(2000), fail: -1}, ScanOptions{Workers: 1})
	starts := make([]int, 21)
	for k := range starts {
		starts[k] = k * 100
	}
	round := drawByRun(rand.New(rand.NewPCG(1, 1)), starts, 200)
	done, err := s.sampleRuns(t.Context(), time.Now().Add(-time.Second), round)
	if done || err != nil || s.drawnRuns < fewestRuns || s.drawnRuns == len(round) {
		t.Errorf("done %v, %v, %d of %d runs are published", done, err, s.drawnRuns, len(round))
	}
}

// What is known without a sample is scaled to all rows, so that counts and
// shares of them agree.
func TestCutWithoutSample(t *testing.T) {
	const n = 400
	lengths := make([]int, n)
	for i := range lengths {
		lengths[i] = 120
	}
	s := scanOf(t, &madeRows{lengths: lengths, fail: -1}, ScanOptions{})
	for row := range 40 {
		if err := s.prepareRow(row); err != nil {
			t.Fatal(err)
		}
		s.covered[row] = true
	}
	c, e := s.Cut(50, KeepStart), s.Estimate(0.5)
	if c.Rows != n || c.Tokens != n*70 || e.Tokens != n*120 {
		t.Errorf("%v rows and %v of %v tokens, want %d, %d of %d", c.Rows, c.Tokens, e.Tokens, n, n*70, n*120)
	}
	classes := s.Classes(4, 10, 1000)
	if want := []float64{0, 0, n, 0}; !slices.Equal(classes, want) {
		t.Errorf("classes %v, want %v", classes, want)
	}
}

// A quantile that the sample is too small for says so.
func TestQuantileOpen(t *testing.T) {
	m := &madeRows{lengths: inventLengths(4000), fail: -1}
	s := scanOf(t, m, ScanOptions{})
	order := sampleOrder(rand.New(rand.NewPCG(1, 9)), 4000)[:64]
	if err := s.prepare(t.Context(), order, 8); err != nil {
		t.Fatal(err)
	}
	s.sampled = order
	e := s.Estimate(0.5, 0.99)
	if e.Quantiles[0].Open || !e.Quantiles[1].Open {
		t.Errorf("%+v", e.Quantiles)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := s.Estimate(0.99); e.Quantiles[0].Open {
		t.Errorf("%+v", e.Quantiles)
	}
}

type manyRow struct {
	Text string `parquet:"text"`
	I    int64  `parquet:"i"`
}

// manyGroups writes a parquet file of many row groups.
func manyGroups(t *testing.T, groups, each int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "groups.parquet")
	var rows []manyRow
	for i := range groups * each {
		rows = append(rows, manyRow{Text: fmt.Sprintf("row %d %*s", i, 1+i*7%90, "x"), I: int64(i)})
	}
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(int64(each)), parquet.PageBufferSize(2000)); err != nil {
		t.Fatal(err)
	}
	return path
}

// Many goroutines read a parquet file in many orders, with a page index and
// without: each gets its row.
func TestParquetReadTogether(t *testing.T) {
	path := manyGroups(t, 12, 300)
	for _, indexed := range []bool{true, false} {
		src := open(t, path).(*parquetSource)
		if !src.indexed {
			t.Fatal("the file has no page index")
		}
		src.indexed = indexed
		if (runsOf(src) == nil) != indexed {
			t.Errorf("runs %v", runsOf(src))
		}
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 3))
				for k := range 600 {
					i := rng.IntN(src.Len())
					if g%2 == 0 {
						i = (k*6 + g) % src.Len()
					}
					row, err := src.At(i)
					if err != nil {
						t.Error(err)
						return
					}
					if got, _ := row.Get("i"); fmt.Sprint(got) != fmt.Sprint(i) {
						t.Errorf("row %d is row %v", i, got)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// A scan of a file that can only be read from its row groups' beginnings on
// has an estimate before it has looked into all of them, and ends exact.
func TestFirstEstimateByRuns(t *testing.T) {
	src := open(t, manyGroups(t, 40, 100)).(*parquetSource)
	src.indexed = false
	var mu sync.Mutex
	first := ScanProgress{}
	var estimate LengthEstimate
	var scan *Scan
	tok := openTestTokenizer(t)
	p, err := NewPreparer(src, tok, Options{TextField: "text"})
	if err != nil {
		t.Fatal(err)
	}
	watch := watched{p, func() {
		mu.Lock()
		defer mu.Unlock()
		if first.Sampled == 0 {
			if first = scan.Progress(); first.Sampled > 0 {
				estimate = scan.Estimate(0.5)
			}
		}
	}}
	if scan, err = NewScan(t.Context(), src, watch, ScanOptions{Workers: 2, SampleTime: time.Second}); err != nil {
		t.Fatal(err)
	}
	if err := scan.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first.Sampled < fewestSampled || first.Rows >= sampleRound || estimate.Mean == 0 || estimate.MeanError == 0 {
		t.Errorf("the first estimate came after %d rows: %+v", first.Rows, estimate)
	}
	if e := scan.Estimate(0.5); !e.Exact || e.Quantiles[0].Low != e.Quantiles[0].High {
		t.Errorf("%+v", e)
	}
}

// watched tells when a row is asked for.
type watched struct {
	*Preparer
	look func()
}

func (w watched) Row(i int) (Example, error) {
	w.look()
	return w.Preparer.Row(i)
}

// Shuffled rows of several files are scanned in the files' order: without a
// page index any other order would read a row group for every row.
func TestScanReadsInFileOrder(t *testing.T) {
	a, b := open(t, manyGroups(t, 6, 200)), open(t, manyGroups(t, 5, 100))
	some := Select(a, NumpyPermutation(a.Len(), 1)[:700])
	mixed := Select(Concatenate("mixed", some, b), NumpyPermutation(700+b.Len(), 2))
	p, err := NewPreparer(mixed, openTestTokenizer(t), Options{TextField: "text"})
	if err != nil {
		t.Fatal(err)
	}
	var read []int
	source := &orderedSource{Source: mixed, read: &read}
	scan, err := NewScan(t.Context(), mixed, watchedRows{p, source}, ScanOptions{Workers: 1, Straight: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := scan.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	places := storagePlaces(mixed)
	if len(read) != mixed.Len() || !slices.IsSortedFunc(read, func(x, y int) int { return places[x] - places[y] }) {
		t.Errorf("%d rows are read, in the order %v…", len(read), read[:20])
	}
	for _, i := range read[:700] {
		if !strings.HasPrefix(mixed.Location(i), a.Name()) {
			t.Fatalf("row %d of the second file is read among those of the first", i)
		}
	}
	if storagePlaces(a) != nil || storagePlaces(Concatenate("both", a, b)) != nil {
		t.Error("files in their own order need no places")
	}
}

// orderedSource remembers the rows that were asked for.
type orderedSource struct {
	Source
	read *[]int
}

// watchedRows prepares rows and remembers their order.
type watchedRows struct {
	*Preparer
	seen *orderedSource
}

func (w watchedRows) Row(i int) (Example, error) {
	*w.seen.read = append(*w.seen.read, i)
	return w.Preparer.Row(i)
}

// Views of parquet files read only the columns that are asked for, however the
// files are put together, and have the same rows.
func TestProjectThrough(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		data, err := os.ReadFile(manyGroups(t, 2, 20))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.parquet", i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := open(t, dir)
	for name, src := range map[string]Source{
		"folder": folder, "rows": Select(folder, []int{39, 40, 3}), "joined": Concatenate("j", folder, Select(folder, []int{7})),
	} {
		view := Project(src, []string{"text"})
		if got := view.Columns(); len(got) != 1 || got[0] != "text" || view.Len() != src.Len() {
			t.Fatalf("%s: columns %v, %d rows", name, got, view.Len())
		}
		for i := range src.Len() {
			whole, err := src.At(i)
			if err != nil {
				t.Fatal(err)
			}
			part, err := view.At(i)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := whole.Get("text")
			if got, _ := part.Get("text"); got != want || part.Len() != 1 {
				t.Errorf("%s row %d: %s, want %v", name, i, asJSON(part), want)
			}
		}
	}
	if all := Project(folder, []string{"text", "i"}); all != folder {
		t.Error("a view of all columns is another source")
	}
}

// What identifies data made of several sources changes with each of them.
func TestFingerprintOfMixtures(t *testing.T) {
	a, b := open(t, manyGroups(t, 2, 20)), open(t, manyGroups(t, 3, 20))
	columns, err := SelectColumns(a, []string{"text"})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, src := range map[string]Source{
		"a": a, "b": b, "a+b": Concatenate("x", a, b), "b+a": Concatenate("x", b, a), "a+a": Concatenate("x", a, a),
		"some": Select(a, []int{1, 2}), "some+b": Concatenate("x", Select(a, []int{1, 2}), b), "columns": columns,
	} {
		mark, err := Fingerprint(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[mark]; other != "" {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[mark] = name
	}
}
