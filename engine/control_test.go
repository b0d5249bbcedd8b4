package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

// What a set command says wrongly is refused by name.
func TestParseChangeRefuses(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		base   float64
		want   string
	}{
		{map[string]string{keyLearningRate: "1e-4", keyScale: "0.5"}, 1e-3, "give one of them"},
		{map[string]string{keyLearningRate: "1e-4"}, 0, "learning_rate is 0"},
		{map[string]string{keyLearningRate: "nan"}, 1e-3, "above 0"},
		{map[string]string{keyLearningRate: "1e308"}, 1e-3, "learning_rate=1e308 is too far from the recipe's 0.001"},
		{map[string]string{keyMicroBatch: "2.0"}, 1e-3, "whole number from 1"},
		{map[string]string{"max_length": "2"}, 1e-3, "learning_rate and learning_rate_scale can"},
	} {
		if got, err := ParseChange(c.values, c.base); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %+v, %v; want %q", c.values, got, err, c.want)
		}
	}
}

// Of stop and stop_and_save the last one counts, so that nobody is promised a
// checkpoint that is not written.
func TestStopTwice(t *testing.T) {
	for name, c := range map[string]struct {
		save []bool
		want int
	}{"stop, then save": {[]bool{false, true}, 1}, "save, then stop": {[]bool{true, false}, 0}} {
		f, fake, control := newFixture(t, 40), newFake(), NewControl(nil)
		fake.onMicro = func(step int) {
			if step == 3 {
				for _, save := range c.save {
					control.Stop(save)
				}
			}
		}
		res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control })
		if err != nil || res.State != run.Stopped {
			t.Fatalf("%s: %+v (%v)", name, res, err)
		}
		list, err := (&run.Run{Dir: res.Dir}).Checkpoints()
		if err != nil || len(list) != c.want {
			t.Errorf("%s: checkpoints %v (%v)", name, list, err)
		}
	}
}

// A change that is asked for in the last step never comes into force, and the
// record says so; what is asked for after it is refused.
func TestChangeInTheLastStep(t *testing.T) {
	f, fake, control := newFixture(t, 40), newFake(), NewControl(nil)
	fake.onMicro = func(step int) {
		if step == 20 { // of 20
			if err := control.Set(Change{MicroBatch: 8, LearningScale: 0.5}); err != nil {
				t.Error(err)
			}
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Control = control })
	if err != nil || res.Status.Step != 20 {
		t.Fatalf("%+v (%v)", res, err)
	}
	refused := changesOf(t, res.Dir, run.ChangeRefused)
	if len(refused) != 1 || !strings.Contains(refused[0].Message, "last step") {
		t.Errorf("refused %+v", refused)
	}
	if s, err := (&run.Run{Dir: res.Dir}).Status(); err != nil || s.Pending != nil {
		t.Errorf("still waits: %v (%v)", s.Pending, err)
	}
	for _, verb := range []run.Verb{run.Set, run.Save, run.Pause, run.StopAndSave} {
		c := run.Command{Verb: verb}
		if verb == run.Set {
			c = set(4)
		}
		if reply := control.Handle(c); reply.OK || !strings.Contains(reply.Message, "no further step") {
			t.Errorf("%s: %+v", verb, reply)
		}
	}
	if reply := control.Handle(run.Command{Verb: run.Save, Values: map[string]string{keyMicroBatch: "2"}}); reply.OK || !strings.Contains(reply.Message, "belong to set") {
		t.Errorf("%+v", reply)
	}
}

// What is promised in the last step, or in the evaluation after it, is kept: a
// checkpoint is written and a pause is held before the run ends.
func TestRequestsInTheLastStep(t *testing.T) {
	for _, when := range []run.State{run.Training, run.Evaluating} {
		for verb, saves := range map[run.Verb]bool{run.Save: true, run.StopAndSave: true, run.Pause: false} {
			if verb == run.StopAndSave && when == run.Evaluating {
				continue // it ends the evaluation, and the run before its end
			}
			f, fake, control := newFixture(t, 40), newFake(), NewControl(nil)
			ask := func() {
				if reply := control.Handle(run.Command{Verb: verb}); !reply.OK {
					t.Errorf("%s: %+v", verb, reply)
				}
			}
			fake.onMicro = func(step int) {
				if step == 20 && when == run.Training { // of 20
					ask()
				}
			}
			fake.during = func(now run.State) {
				if now == run.Evaluating && when == now && fake.steps == 20 {
					ask()
				}
			}
			paused, options := false, []string{"max_steps=20"}
			if when == run.Evaluating {
				options = append(options, "eval_strategy=steps", "eval_steps=20", "eval_holdout=4", "sample_prompts=null")
			}
			res, err := train(t, f, fake, func(o *TrainOptions) {
				o.Control = control
				o.OnEvent = func(e run.Event) {
					if e.Kind == run.KindPhase && e.Phase == string(run.Paused) {
						paused = true
						control.Resume()
					}
				}
			}, options...)
			if err != nil || res.State != run.Finished {
				t.Fatalf("%s while %s: %+v (%v)", verb, when, res, err)
			}
			_, missing := os.Stat(filepath.Join(res.Dir, "checkpoint-20", stateFile))
			if saves != (missing == nil) || paused == saves {
				t.Errorf("%s while %s: paused %v, checkpoint: %v", verb, when, paused, missing)
			}
		}
	}
}

// More micro-batches a step keep the gradients beside the activations: where
// there is no room for that the change is refused; what needs no more than the
// settings in force never is.
func TestAccumulationThatCannotFit(t *testing.T) {
	f, fake := newFixture(t, 64), newFake()
	fake.perPos, fake.alone = 1<<34+1<<31, 1<<38 // the device has 2^40 bytes, two rows of 32 take an eighth more
	fake.onMicro = func(int) { time.Sleep(time.Millisecond) }
	dir := filepath.Join(t.TempDir(), "run")
	r, wait := startRun(t, f, fake, dir, NewControl(nil), "num_train_epochs=1000", "gradient_accumulation_steps=1", "per_device_train_batch_size=2")
	more := func(micro, accumulation string, force bool) run.Command {
		c := run.Command{Verb: run.Set, Values: map[string]string{keyAccumulation: accumulation}, Force: force}
		if micro != "" {
			c.Values[keyMicroBatch] = micro
		}
		return c
	}
	reply := send(t, r, more("", "2", false))
	if reply.OK || !strings.Contains(reply.Message, "gradient_accumulation_steps=2 needs") || !strings.Contains(reply.Message, "at most per_device_train_batch_size=1 fits with it") {
		t.Errorf("%+v", reply)
	}
	for i, c := range []run.Command{more("3", "2", true), more("3", "4", false), more("2", "4", false)} {
		if reply := send(t, r, c); !reply.OK {
			t.Errorf("%v: %+v", c, reply)
		}
		waitFor(t, "the change", func() bool { return len(changesOf(t, dir, run.ChangeApplied)) == i+1 })
	}
	send(t, r, run.Command{Verb: run.Stop})
	if _, err := wait(); err != nil {
		t.Fatal(err)
	}
}

// One step that waited for the compiler does not make a slow shape look quick.
func TestOneSlowStepIsNotUsual(t *testing.T) {
	tune := &tuner{wanted: &Change{MicroBatch: 2}, slowest: 5}
	possible := func(Change) bool { return true }
	ready := func(Change) (bool, error) { return true, nil }
	for _, seconds := range []float64{1, 1, 7} {
		tune.stepped(seconds)
	}
	if c, err := tune.due(possible, ready); c != nil || err != nil {
		t.Errorf("applied %v (%v)", c, err)
	}
	tune.slowest = 0.9
	if c, err := tune.due(possible, ready); c == nil || err != nil {
		t.Errorf("not applied (%v)", err)
	}
}
