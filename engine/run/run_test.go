package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNumberRoundTrip(t *testing.T) {
	for _, c := range []struct {
		n    Number
		text string
	}{
		{1.5, "1.5"}, {0, "0"}, {2e-5, "2e-05"}, {Number(math.NaN()), `"NaN"`},
		{Number(math.Inf(1)), `"Infinity"`}, {Number(math.Inf(-1)), `"-Infinity"`},
	} {
		data, err := json.Marshal(c.n)
		if err != nil || string(data) != c.text {
			t.Errorf("%v: wrote %s (%v), want %s", float64(c.n), data, err, c.text)
		}
		var back Number
		if err := json.Unmarshal(data, &back); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		if back != c.n && !(math.IsNaN(float64(back)) && math.IsNaN(float64(c.n))) {
			t.Errorf("%s came back as %v", data, float64(back))
		}
	}
	var n Number
	if err := json.Unmarshal([]byte(`"many"`), &n); err == nil {
		t.Error("a word was taken for a number")
	}
}

// A zero learning rate or loss is a value; readers must not take it for missing.
func TestStepEventKeepsZeros(t *testing.T) {
	data, err := json.Marshal(Event{Kind: KindStep, Step: 1, Loss: Number(math.NaN())})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"event": "step", "step": 1.0, "loss": "NaN", "grad_norm": 0.0, "learning_rate": 0.0, "trained_tokens": 0.0, "seconds": 0.0} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v in %s", name, fields[name], want, data)
		}
	}
	data, err = json.Marshal(Event{Kind: KindLog, Message: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	var log map[string]any
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(log)); !slices.Equal(keys, []string{"event", "message", "time"}) {
		t.Errorf("a log event is %s", data)
	}
}

func newRun(t *testing.T) *Run {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "a run"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWriterAndReader(t *testing.T) {
	r := newRun(t)
	w, err := NewWriter(r.Path(MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 500
	var wg sync.WaitGroup
	for i := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range each {
				w.Write(Event{Kind: KindStep, Step: i*each + j + 1, Loss: Number(j)})
			}
		}()
	}
	wg.Wait()
	size, err := w.Sync()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(r.Path(MetricsFile))
	if err != nil || info.Size() != size {
		t.Fatalf("Sync says %d bytes, the file has %d (%v)", size, info.Size(), err)
	}
	events, next, err := r.Events(0)
	if err != nil || len(events) != writers*each || next != size {
		t.Fatalf("read %d events up to %d (%v), want %d up to %d", len(events), next, err, writers*each, size)
	}
	seen := map[int]bool{}
	for _, e := range events {
		seen[e.Step] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d different steps of %d", len(seen), writers*each)
	}
	w.Write(Event{Kind: KindDone, Reason: "finished"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Write(Event{Kind: KindLog}) // after Close: ignored, not a panic
	more, _, err := r.Events(next)
	if err != nil || len(more) != 1 || more[0].Kind != KindDone {
		t.Errorf("after the end: %v (%v)", more, err)
	}
}

func TestReaderWaitsForHalfLine(t *testing.T) {
	r := newRun(t)
	path := r.Path(MetricsFile)
	whole := `{"event":"step","step":1,"loss":2}` + "\n"
	if err := os.WriteFile(path, []byte(whole+`{"event":"step","st`), 0o644); err != nil {
		t.Fatal(err)
	}
	events, next, err := r.Events(0)
	if err != nil || len(events) != 1 || next != int64(len(whole)) {
		t.Fatalf("got %v up to %d (%v)", events, next, err)
	}
	if err := os.WriteFile(path, []byte(whole+`{"event":"step","step":2,"loss":"NaN"}`+"\nnot json\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	events, next, err = r.Events(next)
	if err != nil || len(events) != 1 || events[0].Step != 2 || events[0].Loss.Finite() {
		t.Fatalf("got %v (%v)", events, err)
	}
	if err := os.Truncate(path, int64(len(whole))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Events(next); !errors.Is(err, ErrRewound) {
		t.Errorf("after the file was cut back: %v", err)
	}
	// A new writer cuts off what a killed process left half written.
	if err := os.WriteFile(path, []byte(whole+`{"event":"st`), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(Event{Kind: KindLog, Message: "next"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	events, _, err = r.Events(0)
	if err != nil || len(events) != 2 || events[1].Message != "next" {
		t.Errorf("got %v (%v)", events, err)
	}
}

// On a full disk nothing is lost and Write does not wait.
func TestWriterOnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	r := newRun(t)
	w, err := NewWriter(r.Path(MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	good := w.file
	w.file = full
	w.mu.Unlock()
	w.Write(Event{Kind: KindLog, Message: "kept"})
	if _, err := w.Sync(); err == nil {
		t.Fatal("no error from a full disk")
	}
	w.mu.Lock()
	w.file = good
	w.mu.Unlock()
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err = w.Sync(); err == nil || time.Now().After(deadline) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	events, _, err := r.Events(0)
	if err != nil || len(events) != 1 || events[0].Message != "kept" {
		t.Errorf("got %v (%v)", events, err)
	}
}

func TestListAndForeignRuns(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"old", "new"} {
		r, err := Create(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.WriteStatus(Status{State: Stopped, Started: time.Unix(int64(i), 0), Step: i}, false); err != nil {
			t.Fatal(err)
		}
	}
	foreign := filepath.Join(root, "foreign")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	lines := `{"event":"start","time":"2026-01-01T00:00:00Z","total_steps":2,"model":"m"}
{"event":"step","step":1,"loss":3,"trained_tokens":10,"seconds":2}
{"event":"step","step":2,"loss":2,"trained_tokens":20,"seconds":1}
{"event":"done","reason":"finished"}
`
	if err := os.WriteFile(filepath.Join(foreign, MetricsFile), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "note.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := List(root)
	if err != nil || len(list) != 3 {
		t.Fatalf("got %v (%v)", list, err)
	}
	if list[0].Name != "foreign" || list[1].Name != "new" || list[2].Name != "old" {
		t.Errorf("order %s %s %s", list[0].Name, list[1].Name, list[2].Name)
	}
	f := list[0]
	if f.State != Finished || f.Step != 2 || f.Loss != 2 || f.TrainedTokens != 30 || f.TrainSeconds != 3 || f.TotalSteps != 2 {
		t.Errorf("the foreign run is %+v", f.Status)
	}
	if list, err := List(filepath.Join(root, "none")); err != nil || list != nil {
		t.Errorf("a folder that is not there: %v (%v)", list, err)
	}
}

func TestRegister(t *testing.T) {
	root, elsewhere := filepath.Join(t.TempDir(), "root"), t.TempDir()
	var dirs []string
	for _, parent := range []string{"a", "b"} {
		r, err := Create(filepath.Join(elsewhere, parent, "run"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.WriteStatus(Status{State: Finished}, false); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := Register(root, r.Dir); err != nil {
				t.Fatal(err)
			}
		}
		dirs = append(dirs, r.Dir)
	}
	list, err := List(root)
	if err != nil || len(list) != 2 || list[0].Dir == list[1].Dir {
		t.Fatalf("got %v (%v), want %v", list, err, dirs)
	}
	// A link whose run is gone makes room for the next of its name.
	if err := os.RemoveAll(dirs[0]); err != nil {
		t.Fatal(err)
	}
	again, err := Create(filepath.Join(elsewhere, "c", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Register(root, again.Dir); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "run")); err != nil || target != again.Dir {
		t.Errorf("the link leads to %s (%v)", target, err)
	}
}

func TestControlSocket(t *testing.T) {
	short := newRun(t)
	long, err := Create(filepath.Join(t.TempDir(), strings.Repeat("long", 40)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Run{short, long} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := r.Send(ctx, Command{Verb: Query}); !errors.Is(err, ErrNotLive) {
			t.Errorf("before it listens: %v", err)
		}
		for range 2 { // twice: a socket left over is replaced
			s, err := r.Listen(func(c Command) Reply {
				return Reply{OK: c.Verb == Set, Message: fmt.Sprint(c.Verb, c.Values["a"]), Status: &Status{Step: 7}}
			})
			if err != nil {
				t.Fatal(err)
			}
			reply, err := r.Send(ctx, Command{Verb: Set, Values: map[string]string{"a": "1"}})
			if err != nil || !reply.OK || reply.Message != "set1" || reply.Status.Step != 7 {
				t.Errorf("got %+v (%v)", reply, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(r.Path(SocketFile)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is still there: %v", err)
			}
		}
		if _, err := r.Send(ctx, Command{Verb: Query}); !errors.Is(err, ErrNotLive) {
			t.Errorf("after it closed: %v", err)
		}
	}
}

func TestSendGivesUp(t *testing.T) {
	r := newRun(t)
	release := make(chan struct{})
	s, err := r.Listen(func(Command) Reply { <-release; return Reply{} })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Send(ctx, Command{Verb: Query}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A run that does not even take the command off the line is live all the same.
func TestSendGivesUpOnAFullLine(t *testing.T) {
	r := newRun(t)
	dir, err := shortFolder()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // one test
	listener, err := net.Listen("unix", filepath.Join(dir, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // one test
	if err := os.Symlink(filepath.Join(dir, SocketFile), r.Path(SocketFile)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = r.Send(ctx, Command{Verb: Set, Values: map[string]string{"a": strings.Repeat("1", 1<<24)}})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotLive) {
		t.Errorf("got %v", err)
	}
}

// A run in a folder with a long name has its control socket also where the
// temporary folder's own name is as long, or where there is none.
func TestSocketWithoutAShortTemporaryFolder(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	r, err := Create(filepath.Join(long, "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, temporary := range []string{long, filepath.Join(long, "missing")} {
		t.Setenv("TMPDIR", temporary)
		s, err := r.Listen(func(Command) Reply { return Reply{OK: true} })
		if err != nil {
			t.Fatal(err)
		}
		target, err := os.Readlink(r.Path(SocketFile))
		if err != nil {
			t.Error(err)
		}
		if reply, err := r.Send(t.Context(), Command{Verb: Query}); err != nil || !reply.OK {
			t.Errorf("%+v (%v)", reply, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Dir(target)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %s (%v)", target, err)
		}
	}
	if list, err := filepath.Glob(filepath.Join(long, "sftui-run-*")); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v (%v)", list, err)
	}
}

func TestNewDir(t *testing.T) {
	root := t.TempDir()
	now := time.Date(2026, 11, 23, 20, 55, 1, 0, time.UTC)
	first := NewDir(root, "sftui/models/SmolLM2-135M Instruct!", now)
	if filepath.Base(first) != "20261123-205501-sftui-models-smollm2-135m-instruct" {
		t.Errorf("got %s", first)
	}
	if err := os.Mkdir(first, 0o755); err != nil {
		t.Fatal(err)
	}
	if second := NewDir(root, "sftui/models/SmolLM2-135M Instruct!", now); second != first+"-2" {
		t.Errorf("got %s", second)
	}
}

func TestCheckpoints(t *testing.T) {
	r := newRun(t)
	for _, name := range []string{"checkpoint-10", "checkpoint-9", ".unfinished-checkpoint-11", "checkpoint-x", "other"} {
		if err := os.Mkdir(r.Path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Checkpoints()
	if err != nil || len(list) != 2 || list[0].Step != 9 || list[1].Step != 10 || list[0].Time.IsZero() {
		t.Errorf("got %v (%v)", list, err)
	}
}

// FuzzEvents feeds arbitrary bytes as metrics.jsonl: reading must neither
// panic nor stop before the last newline.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"event":"step","step":1,"loss":"NaN"}` + "\n" + `{"event":`))
	f.Add([]byte("\n\n{}\nnull\n[1]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, MetricsFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		r := &Run{Dir: dir}
		_, next, err := r.Events(0)
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(bytes.LastIndexByte(data, '\n') + 1); next != want {
			t.Errorf("stopped at %d, want %d", next, want)
		}
		if more, again, err := r.Events(next); err != nil || again != next || len(more) != 0 {
			t.Errorf("the rest gave %v, %d, %v", more, again, err)
		}
	})
}

// The first step of a run compiles, so nothing is foretold from it, and the mean
// begins with the second one; also where a run goes on from another's step.
func TestTimeLeftLeavesTheFirstStepOut(t *testing.T) {
	for _, from := range []int{0, 423} {
		s := Status{}
		step := func(n int, seconds float64) {
			s.Apply(&Event{Kind: KindStep, Step: from + n, TotalSteps: from + 11, Seconds: seconds})
		}
		step(1, 100)
		if s.SecondsLeft != 0 || s.StepSeconds != 100 {
			t.Errorf("from %d: after the first step %v s are left at %v s a step", from, s.SecondsLeft, s.StepSeconds)
		}
		step(2, 2)
		if s.SecondsLeft != 18 || s.StepSeconds != 2 || s.TrainSeconds != 102 {
			t.Errorf("from %d: after the second step %v s are left at %v s a step", from, s.SecondsLeft, s.StepSeconds)
		}
		step(3, 12)
		if s.SecondsLeft != 24 || s.StepSeconds != 3 {
			t.Errorf("from %d: after the third step %v s are left at %v s a step", from, s.SecondsLeft, s.StepSeconds)
		}
	}
}
