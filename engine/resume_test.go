package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/run"
)

// A run that fails and is resumed gives the numbers of one that did not,
// whatever the step it failed in.
func TestResumeIsBitEqual(t *testing.T) {
	f := newFixture(t, 23)
	options := []string{"save_strategy=steps", "save_steps=2", "lr_scheduler_type=cosine", "warmup_steps=2", "num_train_epochs=2.5"}
	whole, err := train(t, f, newFake(), nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	want := steps(t, whole.Dir)
	for failAt := 1; failAt <= len(want); failAt++ {
		t.Run(fmt.Sprint(failAt), func(t *testing.T) {
			fake := newFake()
			fake.failAt = failAt
			dir := filepath.Join(t.TempDir(), "run")
			_, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, options...)
			if !errors.Is(err, errFake) {
				t.Fatal(err)
			}
			// What a killed process may leave: half a line and half a checkpoint.
			appendTo(t, filepath.Join(dir, run.MetricsFile), `{"event":"ste`)
			if err := os.Mkdir(filepath.Join(dir, unfinishedPrefix+"checkpoint-99"), 0o755); err != nil {
				t.Fatal(err)
			}
			res, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...)
			if err != nil || res.State != run.Finished {
				t.Fatalf("%+v %v", res, err)
			}
			sameSteps(t, steps(t, dir), want)
			if res.Status.TrainedTokens != whole.Status.TrainedTokens || res.Status.Resumes != 1 {
				t.Errorf("status after the resume: %+v", res.Status)
			}
			if leftovers, err := filepath.Glob(filepath.Join(dir, unfinishedPrefix+"*")); err != nil || len(leftovers) > 0 {
				t.Errorf("left behind: %v (%v)", leftovers, err)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// A checkpoint that cannot be read, or is not what was written, is passed over
// for the one before it.
func TestResumePassesOverBrokenCheckpoint(t *testing.T) {
	f := newFixture(t, 23)
	options := []string{"save_strategy=steps", "save_steps=2"}
	whole, err := train(t, f, newFake(), nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	stopped := func(t *testing.T) string {
		t.Helper()
		fake := newFake()
		fake.failAt = 6
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, options...); !errors.Is(err, errFake) {
			t.Fatal(err)
		}
		return dir
	}
	damage := map[string]func(dir string) error{
		"is not readable": func(dir string) error { return os.WriteFile(filepath.Join(dir, stateFile), []byte("{"), 0o644) },
		"is damaged: it has step -1": func(dir string) error {
			s, err := readState(dir)
			if err != nil {
				return err
			}
			s.Step = -1
			data, err := json.Marshal(&s)
			return errors.Join(err, os.WriteFile(filepath.Join(dir, stateFile), data, 0o644))
		},
		"is damaged: it has 0 bytes": func(dir string) error { return os.Truncate(optimizerFile(t, dir), 0) },
		"is damaged: its checksum is": func(dir string) error {
			data, err := os.ReadFile(optimizerFile(t, dir))
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return os.WriteFile(optimizerFile(t, dir), data, 0o644)
		},
		"is missing":             func(dir string) error { return os.Remove(optimizerFile(t, dir)) },
		"recipe.yaml is damaged": func(dir string) error { return os.WriteFile(filepath.Join(dir, run.RecipeFile), nil, 0o644) },
	}
	for want, break4 := range damage {
		t.Run(want, func(t *testing.T) {
			dir := stopped(t)
			if err := break4(filepath.Join(dir, "checkpoint-4")); err != nil {
				t.Fatal(err)
			}
			if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...); err != nil {
				t.Fatal(err)
			}
			sameSteps(t, steps(t, dir), steps(t, whole.Dir))
			passed := slices.ContainsFunc(eventsOf(t, dir), func(e run.Event) bool {
				return e.Code == run.CodeCheckpoint && strings.Contains(e.Message, "checkpoint-4") && strings.Contains(e.Message, want)
			})
			if !passed {
				t.Errorf("no warning names what is broken")
			}
		})
	}
	t.Run("none is whole", func(t *testing.T) {
		dir := stopped(t)
		before := steps(t, dir)
		for _, name := range []string{"checkpoint-2", "checkpoint-4"} {
			if err := os.Remove(optimizerFile(t, filepath.Join(dir, name))); err != nil {
				t.Fatal(err)
			}
		}
		_, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...)
		if err == nil || !strings.Contains(err.Error(), "no checkpoint to resume from") || !strings.Contains(err.Error(), "checkpoint-2") {
			t.Errorf("got %v", err)
		}
		sameSteps(t, steps(t, dir), before)
	})
	t.Run("status", func(t *testing.T) {
		dir := stopped(t)
		if err := os.Truncate(filepath.Join(dir, run.StatusFile), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...); err != nil {
			t.Fatal(err)
		}
		sameSteps(t, steps(t, dir), steps(t, whole.Dir))
	})
}

// optimizerFile is the only file of a checkpoint's optimizer.
func optimizerFile(t *testing.T, checkpoint string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(checkpoint, optimizerDir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	return files[0]
}

func TestResumeRefuses(t *testing.T) {
	f := newFixture(t, 12)
	options := []string{"save_strategy=steps", "save_steps=1"}
	fake := newFake()
	fake.failAt = 4
	dir := filepath.Join(t.TempDir(), "run")
	in := func(o *TrainOptions) { o.RunDir = dir }
	if _, err := train(t, f, fake, in, options...); !errors.Is(err, errFake) {
		t.Fatal(err)
	}
	if _, err := train(t, f, newFake(), in, options...); err == nil || !strings.Contains(err.Error(), "use --resume") {
		t.Errorf("a new run in a used folder: %v", err)
	}
	before, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	again := func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }
	expect := func(what, word string, options []string) {
		t.Helper()
		if _, err := train(t, f, newFake(), again, options...); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want a refusal with %q", what, err, word)
		}
		after, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
		if err != nil || string(after) != string(before) {
			t.Errorf("%s: the refused resume changed the events (%v)", what, err)
		}
	}
	expect("recipe", "learning_rate (0.01 then, 0.02 now)", append(options, "learning_rate=0.02"))
	f.write(t, 13)
	expect("rows", "12 prepared rows then, 13 now", options)
	f.write(t, 12)
	data, err := os.ReadFile(f.data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.data, []byte(strings.Replace(string(data), "w3", "w4", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	expect("words", "other tokens or labels", options)
	f.write(t, 12)
	writeJSON(t, filepath.Join(f.model, "config.json"), map[string]any{"hidden_size": 3})
	expect("model", "model's files changed", options)
	writeJSON(t, filepath.Join(f.model, "config.json"), map[string]any{"architectures": []string{"LlamaForCausalLM"}})
	if _, err := train(t, f, newFake(), again, append(options, "logging_steps=3", "nan_policy=skip")...); err != nil {
		t.Errorf("with options that do not touch the numbers: %v", err)
	}
}

// Weights and optimizer of a fork are those of the checkpoint; its recipe is its own.
func TestFork(t *testing.T) {
	f := newFixture(t, 40)
	parent, err := train(t, f, newFake(), nil, "save_strategy=steps", "save_steps=5")
	if err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(parent.Dir, "checkpoint-5")
	fork, err := train(t, f, newFake(), func(o *TrainOptions) { o.From = from }, "learning_rate=0.001")
	if err != nil {
		t.Fatal(err)
	}
	var first *run.Event
	for _, e := range eventsOf(t, fork.Dir) {
		if e.Kind == run.KindStep {
			first = &e
			break
		}
	}
	want := steps(t, parent.Dir)[5]
	if first == nil || first.Step != 6 || first.Loss != want.Loss || math.Abs(float64(first.LearningRate/want.LearningRate)-0.1) > 1e-9 {
		t.Errorf("the fork's first step is %+v, the parent's was %+v", first, want)
	}
	if fork.Status.Parent != from {
		t.Errorf("parent %q", fork.Status.Parent)
	}
	_, err = train(t, f, newFake(), func(o *TrainOptions) { o.From = from }, "max_steps=5")
	if err == nil || !strings.Contains(err.Error(), "is at step 5 and the recipe ends at step 5") {
		t.Errorf("a fork without a step to make: %v", err)
	}
}

// A fork whose batches are not those of its parent, by its recipe or because the
// parent's were changed live, trains on the rest of the same epochs, no more and
// no less, and its schedule ends there.
func TestForkWithOtherBatches(t *testing.T) {
	f := newFixture(t, 40)
	for name, sizes := range map[string][2]string{"smaller": {"4", "1"}, "larger": {"1", "4"}} {
		parent, err := train(t, f, newFake(), nil, "save_strategy=steps", "save_steps=5", "gradient_accumulation_steps=1", "per_device_train_batch_size="+sizes[0])
		if err != nil {
			t.Fatal(err)
		}
		fork, err := train(t, f, newFake(), func(o *TrainOptions) { o.From = filepath.Join(parent.Dir, "checkpoint-15") },
			"gradient_accumulation_steps=1", "per_device_train_batch_size="+sizes[1], "lr_scheduler_type=linear")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		made := slices.DeleteFunc(eventsOf(t, fork.Dir), func(e run.Event) bool { return e.Kind != run.KindStep })
		checkEpochs(t, append(slices.Clone(steps(t, parent.Dir)[:15]), made...), f.rows, 2)
		if last := made[len(made)-1]; last.Step != last.TotalSteps || last.LearningRate <= 0 || last.LearningRate > 0.002 {
			t.Errorf("%s: ends with step %d of %d at a rate of %v", name, last.Step, last.TotalSteps, last.LearningRate)
		}
	}
}

// A full disk pauses the run; with room again it goes on as if nothing had been.
func TestFullDiskPauses(t *testing.T) {
	f := newFixture(t, 20)
	whole, err := train(t, f, newFake(), nil, "save_strategy=steps", "save_steps=3")
	if err != nil {
		t.Fatal(err)
	}
	fake := newFake()
	fake.full = 2
	control := NewControl(nil)
	pauses := 0
	res, err := train(t, f, fake, func(o *TrainOptions) {
		o.Control = control
		o.OnEvent = func(e run.Event) {
			if e.Kind == run.KindWarning && e.Code == run.CodeDisk {
				pauses++
			}
			if pauses > 0 {
				control.Resume()
			}
		}
	}, "save_strategy=steps", "save_steps=3")
	if err != nil || res.State != run.Finished || pauses != 1 {
		t.Fatalf("%+v %v after %d pauses", res, err, pauses)
	}
	sameSteps(t, steps(t, res.Dir), steps(t, whole.Dir))
	if _, err := os.Stat(filepath.Join(res.Dir, "checkpoint-3", stateFile)); err != nil {
		t.Error(err)
	}
}

// A run that is asked to pause while it waits for the disk is paused by command
// when there is room again, and says so.
func TestPauseWhileTheDiskIsFull(t *testing.T) {
	f := newFixture(t, 20)
	fake := newFake()
	fake.full = 1
	control := NewControl(nil)
	var paused []string
	res, err := train(t, f, fake, func(o *TrainOptions) {
		o.Control = control
		o.OnEvent = func(e run.Event) {
			if e.Kind != run.KindPhase || e.Phase != string(run.Paused) {
				return
			}
			paused = append(paused, e.Message)
			if e.Message == byCommand {
				control.Resume()
			} else {
				control.Pause()
			}
		}
	}, "save_strategy=steps", "save_steps=3")
	if err != nil || res.State != run.Finished {
		t.Fatalf("%+v %v", res, err)
	}
	if len(paused) != 2 || !strings.Contains(paused[0], "is full") || paused[1] != byCommand {
		t.Errorf("it was paused for %q", paused)
	}
}

// Data preparation can be stopped; the run is then stopped, not failed.
func TestStopBeforeTraining(t *testing.T) {
	f := newFixture(t, 20)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := filepath.Join(t.TempDir(), "run")
	res, err := Train(ctx, TrainOptions{Recipe: f.recipe(t), RunDir: dir, Host: newFake().host(f.model)})
	if !errors.Is(err, context.Canceled) || res.Status.Step != 0 {
		t.Fatalf("%+v %v", res, err)
	}
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.Status(); err != nil || s.State != run.Stopped {
		t.Errorf("%+v %v", s, err)
	}
}
