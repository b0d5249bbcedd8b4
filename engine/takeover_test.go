package engine

import (
	"errors"
	"path/filepath"
	"testing"
)

// changedAndCrashed makes a run that has a live change from a step on and fails
// two steps later, with its last checkpoint at step 6.
func changedAndCrashed(t *testing.T, f fixture, dir string, at int, change Change, options ...string) {
	t.Helper()
	fake, control := newFake(), NewControl(nil)
	fake.failAt = at + 2
	fake.onMicro = func(step int) {
		if step == at-1 {
			if err := control.Set(change); err != nil {
				t.Error(err)
			}
			prepared(t)
		}
	}
	if _, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir, o.Control = dir, control }, options...); !errors.Is(err, errFake) {
		t.Fatal(err)
	}
	if got := appliedStep(eventsOf(t, dir)); got != at {
		t.Fatalf("the change came at step %d, want %d", got, at)
	}
}

// A live change is made again at its step also where the process that was to do
// so died before it came there, as often as that happens.
func TestLiveChangeOutlivesTwoCrashes(t *testing.T) {
	f := newFixture(t, 37)
	options := []string{"save_strategy=steps", "save_steps=6", "num_train_epochs=3", "lr_scheduler_type=linear"}
	change := Change{MicroBatch: 1, Accumulation: 4, LearningScale: 0.5}
	dir := filepath.Join(t.TempDir(), "run")
	changedAndCrashed(t, f, dir, 9, change, options...)
	for _, failAt := range []int{7, 8, 0} {
		again := newFake()
		again.failAt = failAt
		_, err := train(t, f, again, func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...)
		if failAt > 0 && !errors.Is(err, errFake) || failAt == 0 && err != nil {
			t.Fatal(err)
		}
	}
	change.Step = 9
	whole, err := train(t, f, newFake(), func(o *TrainOptions) { o.Changes = []Change{change} }, options...)
	if err != nil {
		t.Fatal(err)
	}
	sameSteps(t, steps(t, dir), steps(t, whole.Dir))
	if len(whole.Status.Again) > 0 {
		t.Errorf("to be made again after the end: %v", whole.Status.Again)
	}
}

// What is asked of a resumed run is not undone by an older change that is made
// again after it.
func TestLiveChangeIsNewerThanThoseMadeAgain(t *testing.T) {
	f := newFixture(t, 37)
	options := []string{"save_strategy=steps", "save_steps=6", "num_train_epochs=3"}
	dir := filepath.Join(t.TempDir(), "run")
	changedAndCrashed(t, f, dir, 10, Change{MicroBatch: 8, Accumulation: 3}, options...)
	fake, control := newFake(), NewControl(nil)
	fake.onMicro = func(step int) {
		if step == 7 {
			if err := control.Set(Change{MicroBatch: 1}); err != nil {
				t.Error(err)
			}
			prepared(t)
		}
	}
	if _, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir, o.Resume, o.Control = dir, true, control }, options...); err != nil {
		t.Fatal(err)
	}
	for i, e := range steps(t, dir) {
		micro, accumulation := 2, 2
		if e.Step >= 8 {
			micro = 1
		}
		if e.Step >= 10 {
			accumulation = 3
		}
		if e.MicroBatch != micro || e.Accumulation != accumulation {
			t.Errorf("step %d has %d × %d rows, want %d × %d", i+1, e.MicroBatch, e.Accumulation, micro, accumulation)
		}
	}
	checkEpochs(t, steps(t, dir), f.rows, 3)
}
