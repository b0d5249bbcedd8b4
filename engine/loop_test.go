package engine

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	checkCounts(t, all[0])
	last := eventsOf(t, res.Dir)
	if e := last[len(last)-1]; e.Kind != run.KindDone || e.Reason != "finished" {
		t.Errorf("the last event is %+v", e)
	}
	if _, err := os.Stat(filepath.Join(res.Dir, run.ModelDir, "config.json")); err != nil {
		t.Error(err)
	}
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

// checkCounts compares a step's tokens and accuracy with what the rows of its
// two micro-batches of two have: the fake predicts a third of the trained tokens.
func checkCounts(t *testing.T, e run.Event) {
	t.Helper()
	tokens, trained, accuracy := 0, 0, 0.0
	for micro := range slices.Chunk(e.RowIDs, 2) {
		n := 0
		for _, row := range micro {
			n += 3 + (row*7)%23 // words; the first carries no loss, the EOS does
		}
		tokens, trained = tokens+n+len(micro), trained+n
		accuracy += float64(n/3) / float64(n) / 2
	}
	if e.Tokens != int64(tokens) || e.TrainedTokens != int64(trained) || e.Positions < e.Tokens {
		t.Errorf("step %d counts %d tokens, %d trained, %d positions; its rows have %d and %d", e.Step, e.Tokens, e.TrainedTokens, e.Positions, tokens, trained)
	}
	if math.Abs(float64(e.Accuracy)-accuracy) > 1e-12 {
		t.Errorf("step %d has accuracy %v, want the mean %v of its micro-batches", e.Step, e.Accuracy, accuracy)
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

// The final model is the best checkpoint's, also where that has no optimizer
// state to load it back from.
func TestFinalModelIsTheBest(t *testing.T) {
	f := newFixture(t, 30)
	for _, only := range []string{"false", "true"} {
		// The loss falls all the way, so the greatest is the first evaluation's.
		res, err := train(t, f, newFake(), nil, "eval_strategy=steps", "eval_steps=2", "eval_holdout=0.2", "save_strategy=steps", "save_steps=2", "sample_prompts=null",
			"save_total_limit=2", "load_best_model_at_end=true", "metric_for_best_model=eval_loss", "greater_is_better=true", "save_only_model="+only)
		if err != nil {
			t.Fatal(err)
		}
		if w := warnings(t, res.Dir, run.CodeCheckpoint); len(w) > 0 {
			t.Errorf("save_only_model=%s: %+v", only, w)
		}
		read := func(parts ...string) string {
			data, err := os.ReadFile(filepath.Join(append([]string{res.Dir}, parts...)...))
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		last := steps(t, res.Dir)
		final, best := read(run.ModelDir, "config.json"), read("checkpoint-2", "config.json")
		if final != best || final == read(fmt.Sprintf("checkpoint-%d", len(last)), "config.json") {
			t.Errorf("save_only_model=%s: the final model is %s, the best %s", only, final, best)
		}
		for _, name := range []string{stateFile, run.RecipeFile, optimizerDir} {
			if _, err := os.Stat(filepath.Join(res.Dir, run.ModelDir, name)); err == nil {
				t.Errorf("the final model has the checkpoint's %s", name)
			}
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
	feed, _, _, err := prepareOne(context.Background(), &part{Source: dataset.Select(source, rows), rows: rows}, tok, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, each := 0.0, map[int]float64{}
	for at := 0; at < 5; at += 2 {
		items := []int{0, 1, 2, 3, 4}[at:min(at+2, 5)]
		b, err := feed.Batch(items)
		if err != nil {
			t.Fatal(err)
		}
		m := newFake().pass(b, false)
		want += float64(len(items)) / 5 * m.LossSum / float64(m.Trained)
		for i, item := range items {
			each[rows[item]] = m.RowLossSum[i] / float64(m.RowTrained[i])
		}
	}
	if len(first.RowIDs) != 5 || len(first.RowLosses) != 5 {
		t.Fatalf("rows %v with losses %v, want all five", first.RowIDs, first.RowLosses)
	}
	for i, row := range first.RowIDs {
		if float64(first.RowLosses[i]) != each[row] || i > 0 && first.RowLosses[i] > first.RowLosses[i-1] {
			t.Errorf("row %d has loss %v, want %v, from the highest on", row, first.RowLosses[i], each[row])
		}
	}
	if n := len(steps(t, res.Dir)); n < 2 || evaluated(t, res.Dir) != 2 {
		t.Errorf("%d evaluations in an epoch of %d steps, want one before and one after it", evaluated(t, res.Dir), n)
	}
	trained := int64(0)
	for _, row := range rows {
		trained += int64(3 + (row*7)%23)
	}
	if first.TrainedTokens != trained {
		t.Errorf("the evaluation counts %d trained tokens, its rows have %d", first.TrainedTokens, trained)
	}
	if math.Abs(float64(first.Loss)-want) > 1e-12 {
		t.Errorf("evaluation loss %v, want %v", first.Loss, want)
	}
}

// evaluated counts the evaluations of a run.
func evaluated(t *testing.T, dir string) int {
	t.Helper()
	return len(slices.DeleteFunc(eventsOf(t, dir), func(e run.Event) bool { return e.Kind != run.KindEval }))
}

// A loss that leaps out of its range is said with the rows of its step.
func TestSpikeNamesItsRows(t *testing.T) {
	f := newFixture(t, 40)
	fake := newFake()
	fake.raise = map[int]float64{15: 50}
	res, err := train(t, f, fake, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := warnings(t, res.Dir, run.CodeSpike)
	if len(w) != 1 || w[0].Step != 15 || !slices.Equal(w[0].RowIDs, steps(t, res.Dir)[14].RowIDs) {
		t.Errorf("warnings %+v, want one of step 15 with its rows", w)
	}
}

func TestMemoryRefusal(t *testing.T) {
	f := newFixture(t, 10)
	fake := newFake()
	fake.memory = 1 << 41
	if _, err := train(t, f, fake, nil); err == nil || !strings.Contains(err.Error(), "needs 2.2 TB of memory and the device has 1.1 TB free") {
		t.Errorf("got %v", err)
	}
	if _, err := train(t, f, fake, func(o *TrainOptions) { o.Force = true }); err != nil {
		t.Errorf("forced: %v", err)
	}
}

// What is far beyond the memory is refused before minutes are spent on compiling it.
func TestMemoryRefusalBeforeCompiling(t *testing.T) {
	f := newFixture(t, 10)
	fake := newFake()
	fake.perPos = 1 << 38
	if _, err := train(t, f, fake, nil); err == nil || !strings.Contains(err.Error(), "and the device has 1.1 TB free") {
		t.Errorf("got %v", err)
	}
	if n := len(fake.compiled); n != 0 {
		t.Errorf("%d shapes were compiled first", n)
	}
}

// What is compiled before step 1 is as heavy as anything that comes, in whichever
// epoch, whether epochs or steps end the run. The first epoch drops the longest
// row, which the others have.
func TestHeaviestBatchOfAllEpochsIsCompiledFirst(t *testing.T) {
	const rows = 9
	words := func(row int) int { return 3 + (row*7)%23 } // of the fixture
	longest := 0
	for i := range rows {
		if words(i) > words(longest) {
			longest = i
		}
	}
	seed := 0
	for dataset.TorchPermutation(rows, int64(seed))[rows-1] != longest {
		seed++
	}
	for _, length := range []string{"max_steps=8", "num_train_epochs=4"} {
		f := newFixture(t, rows)
		fake := newFake()
		first, most := 0, 0 // positions of the largest shape that was compiled: before step 1, and of all
		var mu sync.Mutex   // shapes are compiled beside the steps
		fake.slow = func(s compute.Shape) {
			mu.Lock()
			defer mu.Unlock()
			most = max(most, s.Positions())
		}
		fake.onMicro = func(int) {
			mu.Lock()
			defer mu.Unlock()
			if first == 0 {
				first = most
			}
		}
		res, err := train(t, f, fake, nil, length, "dataloader_drop_last=true", fmt.Sprintf("seed=%d", seed))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(steps(t, res.Dir)); n != 8 {
			t.Fatalf("%s: %d steps", length, n)
		}
		if first < most {
			t.Errorf("%s: %d positions were compiled before step 1, and %d came later", length, first, most)
		}
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

// A step that waits long for a shape that no step had says so in the run's
// state, and that it trains again when the shape is there.
func TestWaitForANewShapeIsTold(t *testing.T) {
	f := newFixture(t, 64)
	fake := newFake()
	told := make(chan struct{})
	var once sync.Once
	var stepped atomic.Bool
	fake.slow = func(compute.Shape) {
		if stepped.Load() { // ahead of a step that comes later
			once.Do(func() { <-told })
		}
	}
	var after []string // phases from the first one on that is told while steps are made
	res, err := train(t, f, fake, func(o *TrainOptions) {
		o.OnEvent = func(e run.Event) {
			if e.Kind == run.KindStep {
				stepped.Store(true)
			}
			if e.Kind != run.KindPhase || e.Step < 1 || e.Phase == string(run.Saving) {
				return
			}
			if after = append(after, e.Phase); len(after) == 1 {
				close(told)
			}
		}
	}, "save_strategy=no")
	if err != nil || res.State != run.Finished {
		t.Fatalf("%+v %v", res, err)
	}
	if want := []string{string(run.Compiling), string(run.Training)}; len(after) < 2 || !slices.Equal(after[:2], want) {
		t.Errorf("the phases are %v, not first %v", after, want)
	}
}
