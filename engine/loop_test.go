package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/run"
)

// train runs a recipe over a fixture in a new folder.
func train(t *testing.T, f fixture, fake *fakeTrainer, change func(*TrainOptions), options ...string) (Result, error) {
	t.Helper()
	o := TrainOptions{Recipe: f.recipe(t, options...), RunDir: filepath.Join(t.TempDir(), "run"), Host: fake.host(f.model)}
	if change != nil {
		change(&o)
	}
	return Train(context.Background(), o)
}

func TestTrainCoversEveryRowOnceAnEpoch(t *testing.T) {
	f := newFixture(t, 11)
	res, err := train(t, f, newFake(), nil)
	if err != nil || res.State != run.Finished {
		t.Fatalf("%+v %v", res, err)
	}
	// 11 rows by 2 are 6 micro-batches, by 2 are 3 steps; 2 epochs.
	all := steps(t, res.Dir)
	if len(all) != 6 {
		t.Fatalf("%d steps, want 6", len(all))
	}
	for epoch := range 2 {
		var rows []int
		for _, e := range all[epoch*3 : epoch*3+3] {
			rows = append(rows, e.RowIDs...)
		}
		if want := dataset.TorchPermutation(11, 42+int64(epoch)); !slices.Equal(rows, want) {
			t.Errorf("epoch %d trained on %v, want %v", epoch, rows, want)
		}
	}
	if n := len(all[2].RowIDs); n != 3 {
		t.Errorf("the last step of the epoch has %d rows, want the 3 left", n)
	}
	for i, want := range []float64{2.0 / 6, 4.0 / 6, 1, 1 + 2.0/6, 1 + 4.0/6, 2} {
		if math.Abs(all[i].Epoch-want) > 1e-12 {
			t.Errorf("step %d is at epoch %v, want %v", i+1, all[i].Epoch, want)
		}
	}
	if all[5].Loss >= all[0].Loss {
		t.Errorf("the loss did not fall: %v to %v", all[0].Loss, all[5].Loss)
	}
	// The loss of a step is the mean over its trained tokens, not of its batches' means.
	sum := 0.0
	for i, l := range all[0].RowLosses {
		e := all[0].RowIDs[i]
		sum += float64(l) * float64(3+(e*7)%23) // words; the first carries no loss, the EOS does
	}
	if got := sum / float64(all[0].TrainedTokens); math.Abs(got-float64(all[0].Loss)) > 1e-12 {
		t.Errorf("the loss of step 1 is %v, its rows say %v", all[0].Loss, got)
	}
	last := eventsOf(t, res.Dir)
	if e := last[len(last)-1]; e.Kind != run.KindDone || e.Reason != "finished" {
		t.Errorf("the last event is %+v", e)
	}
	if _, err := os.Stat(filepath.Join(res.Dir, run.ModelDir, "config.json")); err != nil {
		t.Error(err)
	}
}

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

// A checkpoint that cannot be read is passed over for the one before it.
func TestResumePassesOverBrokenCheckpoint(t *testing.T) {
	f := newFixture(t, 23)
	options := []string{"save_strategy=steps", "save_steps=2"}
	whole, err := train(t, f, newFake(), nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	fake := newFake()
	fake.failAt = 6
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, options...); !errors.Is(err, errFake) {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "checkpoint-4", stateFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...); err != nil {
		t.Fatal(err)
	}
	sameSteps(t, steps(t, dir), steps(t, whole.Dir))
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
			time.Sleep(time.Millisecond) // let the background compile finish
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
		t.Skipf("the change came at step %d here, at %d before", at, applied.Step)
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
		}
		time.Sleep(time.Millisecond)
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

func TestNaNPolicy(t *testing.T) {
	f := newFixture(t, 20)
	fake := newFake()
	fake.poison = map[int]bool{3: true}
	res, err := train(t, f, fake, nil, "nan_policy=skip")
	if err != nil || res.State != run.Finished {
		t.Fatalf("%+v %v", res, err)
	}
	all := steps(t, res.Dir)
	if all[2].Loss.Finite() || !all[3].Loss.Finite() {
		t.Errorf("losses %v %v", all[2].Loss, all[3].Loss)
	}
	if w := warnings(t, res.Dir, run.CodeNaN); len(w) != 1 || !slices.Equal(w[0].RowIDs, all[2].RowIDs) {
		t.Errorf("warnings %+v", w)
	}
	fake = newFake()
	fake.poison = map[int]bool{3: true}
	dir := filepath.Join(t.TempDir(), "run")
	_, err = train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, "nan_policy=stop")
	if err == nil || !strings.Contains(err.Error(), "loss of step 3 is NaN") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "checkpoint-2")); err != nil {
		t.Errorf("the last good weights are not saved: %v", err)
	}
}

func warnings(t *testing.T, dir string, code run.Code) []run.Event {
	t.Helper()
	var out []run.Event
	for _, e := range eventsOf(t, dir) {
		if e.Kind == run.KindWarning && e.Code == code {
			out = append(out, e)
		}
	}
	return out
}

func TestEvaluationAndBest(t *testing.T) {
	f := newFixture(t, 30)
	res, err := train(t, f, newFake(), nil, "eval_strategy=steps", "eval_steps=2", "eval_holdout=0.2", "per_device_eval_batch_size=4",
		"save_strategy=steps", "save_steps=2", "save_total_limit=2", "load_best_model_at_end=true", "sample_prompts=[w1 w2]")
	if err != nil {
		t.Fatal(err)
	}
	var evals, samples []run.Event
	for _, e := range eventsOf(t, res.Dir) {
		switch e.Kind {
		case run.KindEval:
			evals = append(evals, e)
		case run.KindSample:
			samples = append(samples, e)
		}
	}
	// 24 rows by 4 are 6 steps an epoch, 12 in all.
	if len(evals) != 6 || len(samples) != 7 {
		t.Fatalf("%d evaluations and %d samples, want 6 and one before training", len(evals), len(samples))
	}
	if evals[0].Step != 2 || evals[0].Rows != 6 || evals[5].Loss >= evals[0].Loss || !evals[5].Best {
		t.Errorf("evaluations %+v", evals)
	}
	if samples[0].Text == "" || samples[0].Prompt != "w1 w2" {
		t.Errorf("sample %+v", samples[0])
	}
	r, err := run.Open(res.Dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Checkpoints()
	if err != nil || len(list) != 2 || list[1].Step != 12 {
		t.Errorf("checkpoints %v (%v)", list, err)
	}
	trained := map[int]bool{}
	for _, e := range steps(t, res.Dir) {
		for _, row := range e.RowIDs {
			trained[row] = true
		}
	}
	if len(trained) != 24 {
		t.Errorf("%d rows trained on, want 24 beside the 6 held out", len(trained))
	}
	for _, row := range dataset.NumpyPermutation(30, 42)[:6] {
		if trained[row] {
			t.Errorf("row %d is held out and was trained on", row)
		}
	}
}

// The loss of an evaluation is the mean over examples of their batch's mean,
// as transformers' evaluation loop has it, the last short batch included.
func TestEvaluationLossIsTransformers(t *testing.T) {
	f := newFixture(t, 13)
	fake := newFake()
	res, err := train(t, f, fake, nil, "eval_on_start=true", "eval_strategy=epoch", "eval_holdout=5", "per_device_eval_batch_size=2", "num_train_epochs=1")
	if err != nil {
		t.Fatal(err)
	}
	var first *run.Event
	for _, e := range eventsOf(t, res.Dir) {
		if e.Kind == run.KindEval {
			first = &e
			break
		}
	}
	if first == nil || first.Step != 0 || first.Rows != 5 {
		t.Fatalf("no evaluation before training: %+v", first)
	}
	tok, err := dataset.OpenTokenizer(f.model)
	if err != nil {
		t.Fatal(err)
	}
	options, err := DataOptions(f.recipe(t))
	if err != nil {
		t.Fatal(err)
	}
	source, err := dataset.Open(context.Background(), f.data, dataset.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := dataset.NumpyPermutation(13, 42)[:5]
	feed, _, _, err := prepareOne(context.Background(), &part{dataset.Select(source, rows), rows}, tok, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for at := 0; at < 5; at += 2 {
		items := []int{0, 1, 2, 3, 4}[at:min(at+2, 5)]
		b, err := feed.Batch(items)
		if err != nil {
			t.Fatal(err)
		}
		m := newFake().pass(b, false)
		want += float64(len(items)) / 5 * m.LossSum / float64(m.Trained)
	}
	if math.Abs(float64(first.Loss)-want) > 1e-12 {
		t.Errorf("evaluation loss %v, want %v", first.Loss, want)
	}
}

func TestControlOfLiveRun(t *testing.T) {
	f := newFixture(t, 40)
	dir := filepath.Join(t.TempDir(), "run")
	fake := newFake()
	fake.onMicro = func(int) { time.Sleep(2 * time.Millisecond) }
	type outcome struct {
		res Result
		err error
	}
	done := make(chan outcome)
	go func() {
		res, err := Train(context.Background(), TrainOptions{
			Recipe: f.recipe(t, "num_train_epochs=1000"), RunDir: dir, Host: fake.host(f.model),
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
		return err == nil && s.State == run.Training && s.Alive
	})
	send := func(c run.Command) run.Reply {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		reply, err := r.Send(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return reply
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
	out := <-done
	if out.err != nil || out.res.State != run.Stopped {
		t.Fatalf("%+v", out)
	}
	list, err := r.Checkpoints()
	if err != nil || len(list) != 2 || list[1].Step != out.res.Status.Step {
		t.Errorf("checkpoints %v after step %d (%v)", list, out.res.Status.Step, err)
	}
	if s, err := r.Status(); err != nil || s.State != run.Stopped || s.Alive {
		t.Errorf("status %+v (%v)", s, err)
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

func TestMemoryRefusal(t *testing.T) {
	f := newFixture(t, 10)
	fake := newFake()
	fake.memory = 1 << 41
	if _, err := train(t, f, fake, nil); err == nil || !strings.Contains(err.Error(), "needs 2.2 TB of memory and the device has 1.1 TB") {
		t.Errorf("got %v", err)
	}
	if _, err := train(t, f, fake, func(o *TrainOptions) { o.Force = true }); err != nil {
		t.Errorf("forced: %v", err)
	}
}

func TestReplay(t *testing.T) {
	f := newFixture(t, 4)
	path := filepath.Join(t.TempDir(), "batches.json")
	text := `[{"input_ids": [[5,6,7],[8,9,0]], "labels": [[5,6,7],[8,9,-100]], "attention_mask": [[1,1,1],[1,1,0]]},
	{"input_ids": [[5,6]], "labels": [[-100,6]]}]`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := train(t, f, newFake(), func(o *TrainOptions) { o.Replay = path }, "max_steps=3")
	if err != nil {
		t.Fatal(err)
	}
	all := steps(t, res.Dir)
	if len(all) != 3 || all[0].TrainedTokens != 4 {
		t.Errorf("steps %+v", all)
	}
	for _, c := range []struct{ text, want string }{
		{`{}`, "not a JSON array"}, {`[]`, "no batches"}, {`[{"input_ids": [[1,2]], "labels": [[1]]}]`, "labels row 0 has 1 entries"},
		{`[{"input_ids": [[1,2]]}]`, "labels has 0 rows"}, {`[{"input_ids": [[1,2000]], "labels": [[1,1]]}]`, "outside the model's vocabulary"},
		{`[{"input_ids": [], "labels": []}]`, "input_ids is empty"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.Replay = path }); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}
