package dataset

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sftui/dataset/jinja"
)

// textRows makes a JSON-lines file of texts and prompts of many lengths.
func textRows(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"prompt\": %q, \"completion\": %q}\n", strings.Repeat("why? ", 1+i%7), strings.Repeat("because it is so. ", 1+(i*i)%23))
	}
	p := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(p, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStoredEqualsAll compares rows read from the mapped file with rows
// prepared in memory, under every option that arranges them.
func TestStoredEqualsAll(t *testing.T) {
	tok := openTestTokenizer(t)
	src := open(t, textRows(t, 400))
	cache := t.TempDir()
	full := false
	options := map[string]func(o *Options){
		"whole":            func(o *Options) { o.MaxLength = 0 },
		"keep_start":       func(o *Options) { o.MaxLength = 40 },
		"keep_end":         func(o *Options) { o.MaxLength, o.TruncationMode = 40, KeepEnd },
		"tiny":             func(o *Options) { o.MaxLength = 10 },
		"tiny, all loss":   func(o *Options) { o.MaxLength, o.CompletionOnlyLoss = 10, &full },
		"drop":             func(o *Options) { o.MaxLength, o.LongRows = 60, LongDrop },
		"split":            func(o *Options) { o.MaxLength, o.LongRows = 50, LongSplit },
		"bfd":              func(o *Options) { o.MaxLength, o.Packing = 100, true },
		"bfd_split":        func(o *Options) { o.MaxLength, o.Packing, o.PackingStrategy = 64, true, PackBFDSplit },
		"wrapped":          func(o *Options) { o.MaxLength, o.Packing, o.PackingStrategy = 64, true, PackWrapped },
		"bfd, drop":        func(o *Options) { o.MaxLength, o.Packing, o.LongRows = 64, true, LongDrop },
		"shuffled":         func(o *Options) { o.MaxLength, o.Shuffle, o.Seed = 50, true, 3 },
		"shuffled, packed": func(o *Options) { o.MaxLength, o.Shuffle, o.Packing = 80, true, true },
	}
	for name, set := range options {
		t.Run(name, func(t *testing.T) {
			o := DefaultOptions()
			set(&o)
			p, err := NewPreparer(src, tok, o)
			if err != nil {
				t.Fatal(err)
			}
			want, wantDropped, wantErr := p.All(t.Context(), 2, nil)
			scanAll(t, p, cache)
			got, dropped, err := p.stored(t.Context(), cache, 2, nil)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%v, want %v", err, wantErr)
			}
			if fmt.Sprintf("%+v", dropped) != fmt.Sprintf("%+v", wantDropped) {
				t.Errorf("dropped %+v\nwant %+v", dropped, wantDropped)
			}
			if err != nil {
				return
			}
			defer func() { _ = got.(io.Closer).Close() }()
			if got.Len() != want.Len() {
				t.Fatalf("%d rows, want %d", got.Len(), want.Len())
			}
			for i := range want.Len() {
				a, errA := got.At(i)
				b, errB := want.At(i)
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
					t.Fatalf("row %d\n got %+v\nwant %+v", i, a, b)
				}
			}
		})
	}
}

// scanAll fills the cache as the workbench's scan does.
func scanAll(t *testing.T, p *Preparer, cache string) {
	t.Helper()
	whole, err := p.Whole()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewScan(t.Context(), whole.Source(), whole, whole.ScanOptions(cache))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A row that cannot be prepared ends the preparation with its own error.
func TestStoredFailure(t *testing.T) {
	tok := openTestTokenizer(t)
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte("{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": 7}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := NewPreparer(open(t, path), tok, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	scanAll(t, p, cache)
	if _, _, err := p.stored(t.Context(), cache, 1, nil); err == nil || !strings.Contains(err.Error(), "rows.jsonl line 3") {
		t.Errorf("%v", err)
	}
}

// Two scans of the same data at once share the work: the second waits for the
// first and takes over what it found.
func TestScansShareTheirCache(t *testing.T) {
	cache := t.TempDir()
	m := &madeRows{lengths: inventLengths(2000), fail: -1, stop: func() {}, stopAt: -1}
	scans := []*Scan{scanOf(t, m, ScanOptions{CacheDir: cache, StoreIDs: true}), scanOf(t, m, ScanOptions{CacheDir: cache, StoreIDs: true})}
	var wg sync.WaitGroup
	for _, s := range scans {
		wg.Go(func() {
			if err := s.Run(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls := m.calls.Load(); calls != 2000 {
		t.Errorf("%d rows were prepared", calls)
	}
	for _, s := range scans {
		if !s.Estimate(0.5).Exact {
			t.Error("a scan is not complete")
		}
		checkPrepared(t, s.PreparedFile(), m.lengths)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lock, _ := lockFile(filepath.Join(scans[0].store.dir, "lock"))
	defer func() { _ = lock.Close() }()
	if err := scans[0].store.acquire(ctx, func([]RowLength) {}); err == nil {
		t.Error("waiting for a lock does not end with its context")
	}
}

func TestProjectFor(t *testing.T) {
	src := open(t, "testdata/sources/many.parquet")
	shape := Shape{Columns: []ColumnRole{{Role: "messages", Column: "messages"}}}
	if got := ProjectFor(src, shape, Options{}).Columns(); len(got) != 1 || got[0] != "messages" {
		t.Errorf("%v", got)
	}
	if got := ProjectFor(src, shape, Options{Formatting: "{{ i }}"}).Columns(); len(got) != 3 {
		t.Errorf("a template may read any column, but only %v are left", got)
	}
	if _, ok := any(jinja.NewDict(0)).(Row); !ok {
		t.Error("rows are dicts")
	}
}
