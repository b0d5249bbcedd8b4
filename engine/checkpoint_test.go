package engine

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/run"
)

// A step that is saved by its strategy is not written again because somebody asks for it.
func TestCheckpointOnceAStep(t *testing.T) {
	f := newFixture(t, 20)
	fake, control := newFake(), NewControl(nil)
	fake.during = func(now run.State) {
		if now == run.Saving {
			control.Save()
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control }, "save_strategy=steps", "save_steps=3", "max_steps=8")
	if err != nil {
		t.Fatal(err)
	}
	written := map[int]int{}
	for _, e := range eventsOf(t, res.Dir) {
		if e.Kind == run.KindCheckpoint {
			written[e.Step]++
		}
	}
	for _, step := range []int{3, 6, 8} {
		if written[step] != 1 || len(written) != 3 {
			t.Errorf("checkpoints %v, want one of each of the steps 3, 6 and 8", written)
		}
	}
}

// A checkpoint that cannot be written ends the run and leaves nothing half done.
func TestFailedCheckpoint(t *testing.T) {
	f := newFixture(t, 20)
	fake := newFake()
	fake.refuse = errFake
	dir := filepath.Join(t.TempDir(), "run")
	_, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, "save_strategy=steps", "save_steps=3")
	if !errors.Is(err, errFake) || !strings.Contains(err.Error(), "checkpoint of step 3") {
		t.Fatalf("the run ended with %v", err)
	}
	for _, pattern := range []string{unfinishedPrefix + "*", run.CheckpointPrefix + "*"} {
		if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

// Where a run is to end with the best checkpoint that one is kept, and with
// save_total_limit=1 it is the only one when the run is over, as in transformers.
func TestCheckpointsKept(t *testing.T) {
	f := newFixture(t, 30)
	for limit, want := range map[string][]int{"1": {2}, "2": {2, 12}, "3": {2, 10, 12}} {
		res, err := train(t, f, newFake(), nil, "eval_strategy=steps", "eval_steps=2", "eval_holdout=0.2", "save_strategy=steps", "save_steps=2", "sample_prompts=null",
			"save_total_limit="+limit, "load_best_model_at_end=true", "metric_for_best_model=eval_loss", "greater_is_better=true")
		if err != nil {
			t.Fatal(err)
		}
		r, err := run.Open(res.Dir)
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.Checkpoints()
		if err != nil {
			t.Fatal(err)
		}
		var kept []int
		for _, c := range list {
			kept = append(kept, c.Step)
		}
		if !slices.Equal(kept, want) {
			t.Errorf("save_total_limit=%s keeps %v, want %v", limit, kept, want)
		}
	}
}
