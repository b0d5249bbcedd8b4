package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/run"
)

// Steps and evaluations of a run that is stopped in the middle of any of its
// evaluations and then goes on are those of one that was left alone.
func TestStopDuringEvaluation(t *testing.T) {
	f := newFixture(t, 22)
	options := []string{"eval_strategy=epoch", "eval_holdout=6", "per_device_eval_batch_size=2", "eval_on_start=true", "save_strategy=best", "metric_for_best_model=loss",
		"lr_scheduler_type=reduce_lr_on_plateau", "lr_scheduler_kwargs={patience: 0, threshold: 0.5}", "sample_prompts=null", "num_train_epochs=3"}
	whole, err := train(t, f, newFake(), nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	want, evals := steps(t, whole.Dir), evaluations(t, whole.Dir)
	if len(evals) != 4 {
		t.Fatalf("%d evaluations, want one before and one after each of 3 epochs", len(evals))
	}
	for stopAt := range 4 * 3 { // each evaluation has three batches
		fake, dir, control, calls := newFake(), filepath.Join(t.TempDir(), "run"), NewControl(nil), 0
		fake.during = func(s run.State) {
			if s == run.Evaluating {
				if calls == stopAt {
					control.Stop(true)
				}
				calls++
			}
		}
		res, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir, o.Control = dir, control }, options...)
		if err != nil || res.State != run.Stopped {
			if stopAt == 4*3-1 && res.State == run.Finished {
				continue // the last batch of all was done
			}
			t.Fatalf("stopped in batch %d: %+v %v", stopAt, res, err)
		}
		if res, err = train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...); err != nil || res.State != run.Finished {
			t.Fatalf("stopped in batch %d, then: %+v %v", stopAt, res, err)
		}
		sameSteps(t, steps(t, dir), want)
		got := evaluations(t, dir)
		if len(got) != len(evals) {
			t.Errorf("stopped in batch %d: %d evaluations, want %d", stopAt, len(got), len(evals))
			continue
		}
		for i, w := range evals {
			if g := got[i]; g.Step != w.Step || g.Loss != w.Loss || g.Best != w.Best || g.Epoch != w.Epoch {
				t.Errorf("stopped in batch %d: evaluation %+v, want %+v", stopAt, g, w)
			}
		}
	}
}

func evaluations(t *testing.T, dir string) []run.Event {
	t.Helper()
	var out []run.Event
	for _, e := range eventsOf(t, dir) {
		if e.Kind == run.KindEval {
			out = append(out, e)
		}
	}
	return out
}

// dataloader_drop_last leaves out the last, smaller batch of an evaluation too, as in transformers.
func TestEvaluationDropsItsLastBatch(t *testing.T) {
	f := newFixture(t, 13)
	for batch, want := range map[string]int{"2": 4, "3": 3, "5": 5} {
		res, err := train(t, f, newFake(), nil, "eval_strategy=epoch", "eval_holdout=5", "per_device_eval_batch_size="+batch, "dataloader_drop_last=true", "num_train_epochs=1")
		if err != nil {
			t.Fatal(err)
		}
		if e := evaluations(t, res.Dir); len(e) != 1 || e[0].Rows != want || len(e[0].RowIDs) != want {
			t.Errorf("batches of %s: %+v, want %d rows", batch, e, want)
		}
	}
	_, err := train(t, f, newFake(), nil, "eval_strategy=epoch", "eval_holdout=5", "per_device_eval_batch_size=6", "dataloader_drop_last=true")
	const want = "5 evaluation rows are fewer than one batch of per_device_eval_batch_size 6, and dataloader_drop_last drops it: lower per_device_eval_batch_size or set dataloader_drop_last to false"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The evaluation before training is never the best one: it has no checkpoint, and transformers does not count it.
func TestBestIsOfTraining(t *testing.T) {
	f := newFixture(t, 30)
	res, err := train(t, f, newFake(), nil, "eval_on_start=true", "eval_strategy=steps", "eval_steps=2", "eval_holdout=0.2", "save_strategy=steps", "save_steps=2", "sample_prompts=null",
		"load_best_model_at_end=true", "metric_for_best_model=eval_loss", "greater_is_better=true", "learning_rate=0.001") // the loss falls from the first
	if err != nil {
		t.Fatal(err)
	}
	if w := warnings(t, res.Dir, run.CodeCheckpoint); len(w) > 0 {
		t.Errorf("%+v", w)
	}
	for _, e := range evaluations(t, res.Dir) {
		if e.Best != (e.Step == 2) {
			t.Errorf("evaluation of step %d: best %v", e.Step, e.Best)
		}
	}
}

// Evaluation rows are cut to max_length where they are not packed beside packed training rows, also with padding_free.
func TestEvalPackingOff(t *testing.T) {
	f := newFixture(t, 20)
	res, err := train(t, f, newFake(), nil, "eval_strategy=epoch", "eval_holdout=5", "packing=true", "padding_free=true", "max_length=16", "eval_packing=false")
	if err != nil {
		t.Fatal(err)
	}
	if e := evaluations(t, res.Dir); len(e) == 0 || e[0].Rows != 5 || len(e[0].RowIDs) != 5 {
		t.Errorf("%+v, want 5 rows", e)
	}
}

// A run that is to save and end on a full disk says so, saves when there is
// room, and ends without a checkpoint when it is asked once more.
func TestStopOnFullDisk(t *testing.T) {
	f := newFixture(t, 20)
	for _, again := range []bool{false, true} {
		fake, control, dir := newFake(), NewControl(nil), filepath.Join(t.TempDir(), "run")
		fake.full = 2
		if again {
			fake.full = 1000
		}
		fake.onMicro = func(step int) {
			if step == 3 {
				control.Stop(true)
			}
		}
		res, err := train(t, f, fake, func(o *TrainOptions) {
			o.RunDir, o.Control = dir, control
			o.OnEvent = func(e run.Event) {
				if e.Kind == run.KindWarning && e.Code == run.CodeDisk {
					if again {
						control.Stop(false)
					}
					control.Resume()
				}
			}
		})
		w := warnings(t, dir, run.CodeDisk)
		if len(w) != 1 || !strings.Contains(w[0].Message, "free some space and the run saves and ends as asked; stop it once more") {
			t.Errorf("%+v", w)
		}
		_, missing := os.Stat(filepath.Join(dir, "checkpoint-3", stateFile))
		if again && (err == nil || missing == nil) || !again && (err != nil || res.State != run.Stopped || missing != nil) {
			t.Errorf("asked again %v: %v %v, checkpoint: %v", again, res.State, err, missing)
		}
	}
}
