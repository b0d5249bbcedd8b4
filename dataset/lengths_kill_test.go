package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// idSums notes the sum of a row's ids.
type idSums struct {
	mu    sync.Mutex
	sums  map[int]uint64
	again map[int]int // how often a row was looked at
}

func newIDSums() *idSums { return &idSums{sums: map[int]uint64{}, again: map[int]int{}} }

func (n *idSums) NoteKey() string { return "sums" }

func (n *idSums) Note(i int, ex Example, err error) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := uint64(0)
	for _, id := range ex.InputIDs {
		sum += uint64(id)
	}
	n.sums[i] = sum
	n.again[i]++
	return binary.LittleEndian.AppendUint64(nil, sum)
}

func (n *idSums) Noted(i int, note []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(note) != 8 {
		return false
	}
	n.sums[i] = binary.LittleEndian.Uint64(note)
	return true
}

func (n *idSums) check(t *testing.T, lengths []int) {
	t.Helper()
	for i, length := range lengths {
		want := uint64(0)
		for _, id := range madeExample(i, length).InputIDs {
			want += uint64(id)
		}
		if n.sums[i] != want {
			t.Fatalf("the note on row %d is %d, want %d", i, n.sums[i], want)
		}
	}
}

// killedScan is the scan that TestScanKilled starts as a process of its own.
const killedScan = "SFTUI_TEST_KILLED_SCAN"

// slowRows take a moment each, so that a kill meets them.
type slowRows struct{ *madeRows }

func (s slowRows) Row(i int) (Example, error) {
	time.Sleep(20 * time.Microsecond)
	return s.madeRows.Row(i)
}

// TestScanKilled kills a scanning process at random points, again and again
// until one of them gets to the end; lengths, ids and notes are whole then, and
// what a killed process had written was not done again.
func TestScanKilled(t *testing.T) {
	lengths := inventLengths(6000)
	open := func(dir string, notes *idSums) *Scan {
		m := &madeRows{lengths: lengths, fail: -1}
		s, err := NewScan(t.Context(), madeSource{lengths: lengths}, slowRows{m}, ScanOptions{Workers: 2, SampleTime: 20 * time.Millisecond,
			Content: "content", Ends: []int32{2}, VocabSize: 50_000, CacheDir: dir, StoreIDs: true, Notes: notes})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if dir := os.Getenv(killedScan); dir != "" {
		if err := open(dir, newIDSums()).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	known, grew := 0, 0
	for try := 0; ; try++ {
		limit := time.Duration(100+rng.IntN(900)) * time.Millisecond
		if try >= 20 {
			limit = time.Minute
		}
		if killedOrDone(t, dir, limit) {
			break
		}
		now := open(dir, newIDSums()).Progress().Rows
		if now < known {
			t.Fatalf("%d rows are left of %d after a kill", now, known)
		}
		if now > known {
			grew++
		}
		known = now
	}
	t.Logf("%d kills left new rows", grew)
	notes := newIDSums()
	s := open(dir, notes)
	if !s.Complete() || len(notes.again) > 0 {
		t.Fatalf("the scan that got to the end left %d of %d rows", s.Progress().Rows, len(lengths))
	}
	checkPrepared(t, s.PreparedFile(), lengths)
	notes.check(t, lengths)
}

// killedOrDone runs a scan in a process and kills it after limit.
func killedOrDone(t *testing.T, dir string, limit time.Duration) (done bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestScanKilled$")
	c.Env = append(os.Environ(), killedScan+"="+dir)
	out, err := c.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("%v: %s", err, out)
	}
	return err == nil
}

// TestNotesLater scans without notes first: they are made from the kept ids,
// and the finished file of ids, which training may have mapped, stays as it is.
func TestNotesLater(t *testing.T) {
	dir := t.TempDir()
	lengths := inventLengths(700)
	first := scanOf(t, &madeRows{lengths: lengths, fail: 17}, ScanOptions{CacheDir: dir, StoreIDs: true})
	if err := first.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !first.Complete() {
		t.Error("a scan that has ended is not complete")
	}
	before, err := os.Stat(first.PreparedFile())
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := OpenMapped(first.PreparedFile())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mapped.Close() }()
	notes := newIDSums()
	second := scanOf(t, &madeRows{lengths: lengths, fail: 17}, ScanOptions{CacheDir: dir, StoreIDs: true, Notes: notes})
	if second.Complete() {
		t.Fatal("notes are missing and the scan is complete")
	}
	if err := second.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(notes.again) != 700 || second.Progress().Rows != 700 {
		t.Errorf("%d rows were looked at", len(notes.again))
	}
	after, err := os.Stat(second.PreparedFile())
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
		t.Errorf("the file of ids was written again: %v", err)
	}
	if ex, err := mapped.At(3); err != nil || !slices.Equal(ex.InputIDs, madeExample(3, lengths[3]).InputIDs) {
		t.Error(err)
	}
	third := newIDSums()
	if s := scanOf(t, &madeRows{lengths: lengths, fail: 17}, ScanOptions{CacheDir: dir, StoreIDs: true, Notes: third}); !s.Complete() || fmt.Sprint(third.sums) != fmt.Sprint(notes.sums) {
		t.Error("the notes are not found again")
	}
	if f := second.Failures(); len(f) != 1 || f[17] != "row cannot be rendered" {
		t.Errorf("why an earlier scan failed: %v", f)
	}
}

// Damaged notes are made again, from the damage on.
func TestNotesSurviveDamage(t *testing.T) {
	lengths := inventLengths(300)
	for name, damage := range map[string]func([]byte) []byte{
		"cut":   func(b []byte) []byte { return b[:len(b)/2] },
		"bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"size":  func(b []byte) []byte { b[len(noteMagic)+7] = 0xff; return b },
		"row":   func(b []byte) []byte { b[len(noteMagic)+3] = 0xff; return b },
		"junk":  func([]byte) []byte { return []byte("junk") },
		"empty": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := ScanOptions{CacheDir: t.TempDir(), StoreIDs: true, Notes: newIDSums()}
			s := scanOf(t, &madeRows{lengths: lengths, fail: -1}, o)
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			path := s.store.notes.path
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			notes := newIDSums()
			o.Notes = notes
			s = scanOf(t, &madeRows{lengths: lengths, fail: -1}, o)
			if s.Complete() {
				t.Error("damage is not noticed")
			}
			if err := s.Run(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			notes.check(t, lengths)
		})
	}
}
