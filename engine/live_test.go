package engine

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/run"
)

// A change of the batch size in a live run loses and repeats no row, and the
// run is the same as one that had the change scheduled, even over a crash.
func TestLiveChangeKeepsTheData(t *testing.T) {
	f := newFixture(t, 37)
	options := []string{"save_strategy=steps", "save_steps=3", "num_train_epochs=3", "lr_scheduler_type=linear"}
	live := func(dir string, failAt int) ([]run.Event, error) {
		fake := newFake()
		fake.failAt = failAt
		control := NewControl(nil)
		fake.onMicro = func(step int) {
			if step == 4 {
				if err := control.Set(Change{MicroBatch: 1, Accumulation: 4}); err != nil {
					t.Error(err)
				}
			}
			prepared(t)
		}
		_, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir, o.Control = dir, control }, options...)
		return eventsOf(t, dir), err
	}
	dir := filepath.Join(t.TempDir(), "live")
	events, err := live(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var applied *run.Event
	for i := range events {
		if events[i].Kind == run.KindChange && events[i].Phase == "applied" {
			applied = &events[i]
		}
	}
	if applied == nil {
		t.Fatal("no change was applied")
	}
	checkEpochs(t, steps(t, dir), f.rows, 3)
	last := steps(t, dir)
	if lr := last[len(last)-1].LearningRate; lr <= 0 || lr > 0.002 {
		t.Errorf("the schedule does not end with the data: the last learning rate is %v", lr)
	}
	scheduled, err := train(t, f, newFake(), func(o *TrainOptions) {
		o.Changes = []Change{{Step: applied.Step, MicroBatch: 1, Accumulation: 4}}
	}, options...)
	if err != nil {
		t.Fatal(err)
	}
	sameSteps(t, steps(t, dir), steps(t, scheduled.Dir))

	// The same with a crash after the change and before the next checkpoint,
	// resumed: the change is made again at its step.
	crashed := filepath.Join(t.TempDir(), "crashed")
	if _, err := live(crashed, applied.Step+1); !errors.Is(err, errFake) {
		t.Fatal(err)
	}
	if at := appliedStep(eventsOf(t, crashed)); at != applied.Step {
		t.Fatalf("the change came at step %d here, at %d before", at, applied.Step)
	}
	if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = crashed, true }, options...); err != nil {
		t.Fatal(err)
	}
	sameSteps(t, steps(t, crashed), steps(t, dir))
}

func appliedStep(events []run.Event) int {
	for _, e := range events {
		if e.Kind == run.KindChange && e.Phase == "applied" {
			return e.Step
		}
	}
	return 0
}

// checkEpochs makes sure that so many epochs of rows were trained on in the
// order of the seed, cut into steps in any way.
func checkEpochs(t *testing.T, events []run.Event, rows, epochs int) {
	t.Helper()
	var got, want []int
	for _, e := range events {
		got = append(got, e.RowIDs...)
	}
	for e := range epochs {
		want = append(want, dataset.TorchPermutation(rows, 42+int64(e))...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows were lost or repeated:\n%v\n%v", got, want)
	}
}

// A new shape is compiled in the background: no step compiles by itself, and
// steps go on with the old shape meanwhile.
func TestLiveChangeDoesNotStall(t *testing.T) {
	f := newFixture(t, 64)
	fake := newFake()
	control := NewControl(nil)
	release := make(chan struct{})
	asked, goneOn := 0, 0
	fake.slow = func(s compute.Shape) {
		if s.Rows == 8 {
			<-release
		}
	}
	fake.onMicro = func(step int) {
		switch {
		case asked == 0 && step == 2:
			asked = step
			if err := control.Set(Change{MicroBatch: 8, Accumulation: 1}); err != nil {
				t.Error(err)
			}
		case asked > 0 && goneOn == 0 && step == asked+5:
			goneOn = step
			close(release)
		case goneOn > 0:
			prepared(t)
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, "num_train_epochs=3")
	if err != nil {
		t.Fatal(err)
	}
	at := appliedStep(eventsOf(t, res.Dir))
	if at <= asked+5 {
		t.Errorf("the change came at step %d, while its shape was still being compiled at step %d", at, asked+5)
	}
	checkEpochs(t, steps(t, res.Dir), 64, 3)
}

func TestControlOfLiveRun(t *testing.T) {
	f := newFixture(t, 40)
	dir := filepath.Join(t.TempDir(), "run")
	fake := newFake()
	fake.onMicro = func(int) { time.Sleep(2 * time.Millisecond) }
	r, wait := startRun(t, f, fake, dir, NewControl(nil), "num_train_epochs=1000")
	send := func(c run.Command) run.Reply {
		t.Helper()
		return send(t, r, c)
	}
	if reply := send(run.Command{Verb: "dance"}); reply.OK {
		t.Error("an unknown command was taken")
	}
	if reply := send(run.Command{Verb: run.Set, Values: map[string]string{"max_length": "3"}}); reply.OK || !strings.Contains(reply.Message, "cannot be changed") {
		t.Errorf("got %+v", reply)
	}
	if reply := send(run.Command{Verb: run.Set, Values: map[string]string{keyLearningRate: "0.005"}}); !reply.OK {
		t.Errorf("got %+v", reply)
	}
	waitFor(t, "the learning rate", func() bool { return send(run.Command{Verb: run.Query}).Status.LearningScale == 0.5 })
	send(run.Command{Verb: run.Save})
	waitFor(t, "a checkpoint", func() bool { list, err := r.Checkpoints(); return err == nil && len(list) == 1 })
	send(run.Command{Verb: run.Pause})
	waitFor(t, "the pause", func() bool { return send(run.Command{Verb: run.Query}).Status.State == run.Paused })
	step := send(run.Command{Verb: run.Query}).Status.Step
	time.Sleep(30 * time.Millisecond)
	if now := send(run.Command{Verb: run.Query}).Status.Step; now != step {
		t.Errorf("a paused run went from step %d to %d", step, now)
	}
	send(run.Command{Verb: run.Resume})
	waitFor(t, "the run to go on", func() bool { return send(run.Command{Verb: run.Query}).Status.Step > step })
	send(run.Command{Verb: run.StopAndSave})
	res, err := wait()
	if err != nil || res.State != run.Stopped {
		t.Fatalf("%+v (%v)", res, err)
	}
	list, err := r.Checkpoints()
	if err != nil || len(list) != 2 || list[1].Step != res.Status.Step {
		t.Errorf("checkpoints %v after step %d (%v)", list, res.Status.Step, err)
	}
	if s, err := r.Status(); err != nil || s.State != run.Stopped || s.Alive {
		t.Errorf("status %+v (%v)", s, err)
	}
}

// A learning rate is set as a factor of the run's own, which a run without one
// does not have.
func TestLearningRateOfALiveChange(t *testing.T) {
	c, err := ParseChange(map[string]string{"learning_rate": "1e-4"}, 1e-3)
	if err != nil || math.Abs(c.LearningScale-0.1) > 1e-15 {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := ParseChange(map[string]string{"learning_rate": "1e-4"}, 0); err == nil || !strings.Contains(err.Error(), "learning_rate is 0, of which no scale makes another") {
		t.Errorf("of a run at 0: %+v %v", c, err)
	}
	if _, err := ParseChange(map[string]string{"foo": "1"}, 1); err == nil || !strings.Contains(err.Error(), "learning_rate and learning_rate_scale can") {
		t.Errorf("%v", err)
	}
}
