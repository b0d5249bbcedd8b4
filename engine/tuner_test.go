package engine

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/run"
)

// changesOf are the change events of a run with a phase.
func changesOf(t *testing.T, dir, phase string) []run.Event {
	t.Helper()
	return slices.DeleteFunc(eventsOf(t, dir), func(e run.Event) bool { return e.Kind != run.KindChange || e.Phase != phase })
}

// startRun trains in the background; the returned function waits for its end.
func startRun(t *testing.T, f fixture, fake *fakeTrainer, dir string, control *Control, options ...string) (*run.Run, func() (Result, error)) {
	t.Helper()
	type outcome struct {
		res Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		res, err := Train(context.Background(), TrainOptions{
			Recipe: f.recipe(t, options...), RunDir: dir, Host: fake.host(f.model), Control: control,
		})
		done <- outcome{res, err}
	}()
	var r *run.Run
	waitFor(t, "the run to train", func() bool {
		var err error
		if r, err = run.Open(dir); err != nil {
			return false
		}
		s, err := r.Status()
		return err == nil && s.Step > 0 && s.Alive
	})
	return r, func() (Result, error) {
		out := <-done
		return out.res, out.err
	}
}

// send sends a command to a live run.
func send(t *testing.T, r *run.Run, c run.Command) run.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	reply, err := r.Send(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// prepared waits until nothing is prepared any more for a live change, so that
// what the next step needs of it is there however busy the machine is.
func prepared(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	waitFor(t, "the compiler", func() bool {
		return !bytes.Contains(buf[:runtime.Stack(buf, true)], []byte("created by sftui/engine.(*tuner).start"))
	})
}

// set asks a live run for a batch size, once a step.
func set(micro int) run.Command {
	return run.Command{Verb: run.Set, Values: map[string]string{keyMicroBatch: strconv.Itoa(micro), keyAccumulation: "1"}}
}

// What is asked of a paused run is compiled while it is paused, and its next
// step has it.
func TestLiveChangeWhilePaused(t *testing.T) {
	f := newFixture(t, 64)
	fake := newFake()
	fake.onMicro = func(int) { time.Sleep(time.Millisecond) }
	dir := filepath.Join(t.TempDir(), "run")
	r, wait := startRun(t, f, fake, dir, NewControl(nil), "num_train_epochs=1000")
	send(t, r, run.Command{Verb: run.Pause})
	waitFor(t, "the pause", func() bool { return send(t, r, run.Command{Verb: run.Query}).Status.State == run.Paused })
	status := send(t, r, set(8)).Status
	if status.Pending[keyMicroBatch] != "8" {
		t.Errorf("the status does not say what waits: %+v", status)
	}
	prepared(t)
	if n := len(changesOf(t, dir, run.ChangeCompiling)); n != 1 {
		t.Errorf("%d times it says that something is compiled", n)
	}
	send(t, r, run.Command{Verb: run.Resume})
	waitFor(t, "the change", func() bool { return len(changesOf(t, dir, run.ChangeApplied)) == 1 })
	send(t, r, run.Command{Verb: run.Stop})
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
	if seconds := changesOf(t, dir, run.ChangeApplied)[0].CompileSeconds; seconds <= 0 {
		t.Errorf("the slowest new shape took %v seconds", seconds)
	}
	if at := appliedStep(eventsOf(t, dir)); at != status.Step+1 {
		t.Errorf("paused at step %d, applied at %d", status.Step, at)
	}
	if s, err := r.Status(); err != nil || s.Pending != nil {
		t.Errorf("what is in force still waits: %+v (%v)", s.Pending, err)
	}
}

// Of two requests at once the later value of each option wins, in one change.
func TestLiveChangeTwice(t *testing.T) {
	f := newFixture(t, 64)
	fake, control := newFake(), NewControl(nil)
	fake.onMicro = func(step int) {
		if step == 3 && fake.w[0] != 0 {
			for _, c := range []Change{{MicroBatch: 8, Accumulation: 1}, {MicroBatch: 1}, {LearningScale: 0.5}} {
				if err := control.Set(c); err != nil {
					t.Error(err)
				}
			}
			fake.onMicro = func(int) { prepared(t) }
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, "num_train_epochs=4")
	if err != nil {
		t.Fatal(err)
	}
	applied := changesOf(t, res.Dir, run.ChangeApplied)
	if len(applied) != 1 || applied[0].MicroBatch != 1 || applied[0].Accumulation != 1 || applied[0].Changes[keyScale] != "0.5" {
		t.Errorf("applied %+v", applied)
	}
	checkEpochs(t, steps(t, res.Dir), f.rows, 4)
}

// A change whose shapes are all compiled already has the very next step.
func TestLiveChangeBack(t *testing.T) {
	f := newFixture(t, 64)
	fake, control := newFake(), NewControl(nil)
	for rows := 1; rows <= 8; rows++ {
		for length := 8; length <= 64; length += 8 {
			fake.compiled[compute.Shape{Rows: rows, Length: length}] = true
		}
	}
	asked := false
	fake.onMicro = func(step int) {
		if step == 5 && !asked {
			asked = true
			if err := control.Set(Change{MicroBatch: 8, Accumulation: 1}); err != nil {
				t.Error(err)
			}
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control })
	if err != nil {
		t.Fatal(err)
	}
	if at := appliedStep(eventsOf(t, res.Dir)); at != 6 {
		t.Errorf("asked for in step 5, applied at step %d", at)
	}
	if n := len(changesOf(t, res.Dir, run.ChangeCompiling)); n != 0 {
		t.Errorf("%d times it says that something is compiled", n)
	}
}

// A request during an evaluation or while a checkpoint is written comes into
// force with the next step.
func TestLiveChangeBetweenSteps(t *testing.T) {
	for phase, options := range map[run.State][]string{
		run.Evaluating: {"eval_strategy=steps", "eval_steps=3", "eval_holdout=0.2"},
		run.Saving:     {"save_strategy=steps", "save_steps=3"},
	} {
		t.Run(string(phase), func(t *testing.T) {
			f := newFixture(t, 60)
			fake, control := newFake(), NewControl(nil)
			for rows := 1; rows <= 8; rows++ {
				for length := 8; length <= 64; length += 8 {
					fake.compiled[compute.Shape{Rows: rows, Length: length}] = true
				}
			}
			asked := false
			fake.during = func(now run.State) {
				if now == phase && !asked {
					asked = true
					if err := control.Set(Change{MicroBatch: 1, Accumulation: 4}); err != nil {
						t.Error(err)
					}
				}
			}
			res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, options...)
			if err != nil {
				t.Fatal(err)
			}
			if at := appliedStep(eventsOf(t, res.Dir)); at != 4 {
				t.Errorf("asked for after step 3, applied at step %d", at)
			}
		})
	}
}

// What the forecast says cannot fit is refused at once, with what would fit;
// forced it is applied.
func TestLiveChangeThatCannotFit(t *testing.T) {
	f := newFixture(t, 64)
	fake := newFake()
	fake.perPos = 1 << 33 // the device has 2^40 bytes: 128 positions, 16 rows of 8 at the most
	fake.onMicro = func(int) { time.Sleep(time.Millisecond) }
	dir := filepath.Join(t.TempDir(), "run")
	r, wait := startRun(t, f, fake, dir, NewControl(nil), "num_train_epochs=1000")
	reply := send(t, r, set(16))
	if reply.OK || !strings.Contains(reply.Message, "heaviest micro-batch: rows ") || !strings.Contains(reply.Message, "at most 4 fits") || reply.MemoryForecast <= 1<<40 {
		t.Errorf("%+v", reply)
	}
	for _, values := range []map[string]string{{keyMicroBatch: "0"}, {keyMicroBatch: "-1"}, {keyMicroBatch: "99999"}, {keyAccumulation: "two"}, {}} {
		if reply := send(t, r, run.Command{Verb: run.Set, Values: values}); reply.OK || reply.Message == "" {
			t.Errorf("%v was taken: %+v", values, reply)
		}
	}
	if reply := send(t, r, set(4)); !reply.OK || reply.MemoryForecast == 0 || !strings.Contains(reply.Message, "peak") {
		t.Errorf("%+v", reply)
	}
	waitFor(t, "the change", func() bool { return len(changesOf(t, dir, run.ChangeApplied)) == 1 })
	// Four rows of at most 25 tokens.
	if s := send(t, r, run.Command{Verb: run.Query}).Status; s.MemoryForecast != uint64(fake.perPos)*4*32 {
		t.Errorf("the forecast in force is %d", s.MemoryForecast)
	}
	forced := set(16)
	forced.Force = true
	if reply := send(t, r, forced); !reply.OK {
		t.Errorf("%+v", reply)
	}
	waitFor(t, "the forced change", func() bool { return len(changesOf(t, dir, run.ChangeApplied)) == 2 })
	send(t, r, run.Command{Verb: run.Stop})
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
}

// A request from before the run was set up is checked as well, and one that
// cannot fit is left out with a warning.
func TestEarlyChangeThatCannotFit(t *testing.T) {
	f := newFixture(t, 64)
	fake, control := newFake(), NewControl(nil)
	fake.perPos = 1 << 33
	if err := control.Set(Change{MicroBatch: 16}); err != nil {
		t.Fatal(err)
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(changesOf(t, res.Dir, run.ChangeRefused)); n != 1 || len(changesOf(t, res.Dir, run.ChangeApplied)) != 0 {
		t.Errorf("%d refused", n)
	}
	if s := res.Status; s.Pending != nil || s.MicroBatch != 2 {
		t.Errorf("status %+v", s)
	}
}

// A scheduled change that cannot fit is refused before the first step.
func TestScheduledChangeThatCannotFit(t *testing.T) {
	f := newFixture(t, 64)
	fake := newFake()
	fake.perPos = 1 << 33
	scheduled := func(o *TrainOptions) { o.Changes = []Change{{Step: 3, MicroBatch: 16}} }
	if _, err := train(t, f, fake, scheduled); err == nil || !strings.Contains(err.Error(), "step 3: per_device_train_batch_size=16 needs") {
		t.Errorf("got %v", err)
	}
	if _, err := train(t, f, fake, func(o *TrainOptions) { scheduled(o); o.Force = true }); err != nil {
		t.Errorf("forced: %v", err)
	}
}

// A refusal names the largest batch size that fits, and none where none does.
func TestRefusalNamesWhatFits(t *testing.T) {
	f := newFixture(t, 64)
	for perPosition, want := range map[int64]string{1 << 33: "at most 4 fits", 1 << 40: "none fits"} {
		fake := newFake()
		fake.perPos = perPosition // the device has 2^40 bytes, the longest row 26 tokens
		_, err := train(t, f, fake, func(o *TrainOptions) {
			o.Changes = []Change{{Step: 3, MicroBatch: 16}}
			o.Recipe.PerDeviceTrainBatchSize = 1
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes a position: %v, want %q", perPosition, err, want)
		}
	}
}

// What was asked for and not in force yet when a run died is asked for again
// when it is resumed.
func TestPendingChangeSurvives(t *testing.T) {
	f := newFixture(t, 64)
	fake, control := newFake(), NewControl(nil)
	release := make(chan struct{})
	fake.slow = func(s compute.Shape) {
		if s.Rows == 8 {
			<-release
		}
	}
	fake.failAt = 8
	asked := false
	fake.onMicro = func(step int) {
		if step == 5 && !asked {
			asked = true
			if err := control.Set(Change{MicroBatch: 8, Accumulation: 1}); err != nil {
				t.Error(err)
			}
		}
		if step == 8 {
			close(release)
			fake.onMicro = nil
		}
	}
	options := []string{"save_strategy=steps", "save_steps=6", "num_train_epochs=4"}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, options...)
	if !errors.Is(err, errFake) {
		t.Fatal(err)
	}
	if n := len(changesOf(t, res.Dir, run.ChangeApplied)); n != 0 {
		t.Fatalf("%d changes were applied before their shape was compiled", n)
	}
	again := newFake()
	again.onMicro = func(int) { prepared(t) }
	if _, err := train(t, f, again, func(o *TrainOptions) { o.RunDir, o.Resume = res.Dir, true }, options...); err != nil {
		t.Fatal(err)
	}
	if at := appliedStep(eventsOf(t, res.Dir)); at < 7 {
		t.Errorf("resumed from step 6, applied at step %d", at)
	}
	checkEpochs(t, steps(t, res.Dir), f.rows, 4)
}

// A change that is asked for while the run is being set up outlives its process too, also where a resumed one dies there
// again.
func TestPendingChangeSurvivesSetup(t *testing.T) {
	f := newFixture(t, 64)
	dir := filepath.Join(t.TempDir(), "run")
	dies := func(resume bool, asked *Change) {
		t.Helper()
		_, err := train(t, f, newFake(), func(o *TrainOptions) {
			o.RunDir, o.Resume, o.Control = dir, resume, NewControl(nil)
			o.Host.open = func(context.Context, string, compute.Config) (*Opened, error) {
				if asked != nil {
					if err := o.Control.Set(*asked); err != nil {
						t.Error(err)
					}
				}
				return nil, errFake
			}
		})
		if !errors.Is(err, errFake) {
			t.Fatal(err)
		}
	}
	dies(false, &Change{MicroBatch: 8, Accumulation: 1})
	dies(true, nil)
	dies(true, &Change{Accumulation: 2})
	control := NewControl(nil)
	if err := control.Set(Change{LearningScale: 0.5}); err != nil {
		t.Fatal(err)
	}
	last := newFake()
	last.onMicro = func(int) { prepared(t) }
	if _, err := train(t, f, last, func(o *TrainOptions) { o.RunDir, o.Resume, o.Control = dir, true, control }); err != nil {
		t.Fatal(err)
	}
	changes := changesOf(t, dir, run.ChangeApplied)
	if len(changes) != 1 || changes[0].Changes[keyMicroBatch] != "8" || changes[0].Changes[keyAccumulation] != "2" || changes[0].Changes[keyScale] != "0.5" {
		t.Errorf("applied: %+v", changes)
	}
}

// A change with a step of its own does not make a run forget one that waits.
func TestPendingChangeOutlivesAnother(t *testing.T) {
	f := newFixture(t, 64)
	fake, control, dir := newFake(), NewControl(nil), filepath.Join(t.TempDir(), "run")
	release, asked := make(chan struct{}), false
	fake.slow = func(s compute.Shape) {
		if s.Rows == 8 {
			<-release
		}
	}
	fake.onMicro = func(step int) {
		if step == 2 && !asked {
			asked = true
			if err := control.Set(Change{MicroBatch: 8, Accumulation: 1}); err != nil {
				t.Error(err)
			}
		}
		if step == 5 {
			r, err := run.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if s, err := r.Status(); err != nil || s.LearningScale != 0.5 || s.Pending[keyMicroBatch] != "8" {
				t.Errorf("beside a learning rate scaled by %v, %+v waits (%v)", s.LearningScale, s.Pending, err)
			}
			close(release)
			fake.onMicro = nil
		}
	}
	_, err := train(t, f, fake, func(o *TrainOptions) {
		o.RunDir, o.Control, o.Changes = dir, control, []Change{{Step: 4, LearningScale: 0.5}}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A step does not wait for a shape that the settings before a change would have
// needed next.
func TestChangeDoesNotWaitForTheOldShape(t *testing.T) {
	f := newFixture(t, 64)
	fake, control := newFake(), NewControl(nil)
	bucket := func(row int) int { return (4 + (row*7)%23 + 7) / 8 * 8 } // of a row's words and the end
	order := dataset.TorchPermutation(f.rows, 42)
	seen := map[int]bool{32: true} // the heaviest, which is compiled first
	at := slices.IndexFunc(order, func(row int) bool {
		before := seen[bucket(row)]
		seen[bucket(row)] = true
		return !before && len(seen) > 2
	})
	missing := compute.Shape{Rows: 1, Length: bucket(order[at])}
	for length := 8; length <= 64; length += 8 {
		for rows := 1; rows <= 8; rows++ { // an epoch's last batch has fewer
			s := compute.Shape{Rows: rows, Length: length}
			fake.compiled[s] = s != missing
		}
	}
	released := make(chan struct{})
	fake.slow = func(s compute.Shape) {
		if s == missing {
			select {
			case <-released:
			case <-time.After(20 * time.Second):
				t.Error("the step waited for a shape that it does not use")
			}
		}
	}
	fake.onMicro = func(step int) {
		switch step {
		case at: // the step before the one that would train on that row alone
			if err := control.Set(Change{MicroBatch: 8}); err != nil {
				t.Error(err)
			}
		case at + 1:
			close(released)
			fake.onMicro = nil
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, "per_device_train_batch_size=1", "gradient_accumulation_steps=1")
	if err != nil {
		t.Fatal(err)
	}
	if got := appliedStep(eventsOf(t, res.Dir)); got != at+1 {
		t.Errorf("asked for in step %d, applied at %d", at, got)
	}
}
