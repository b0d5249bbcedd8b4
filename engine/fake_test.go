package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sftui/engine/compute"
	"sftui/engine/device"
	"sftui/engine/run"
	"sftui/recipes"
)

// fakeTrainer is a model of eight weights that is pulled towards its labels.
// Its losses depend on every batch and every step before, to the last bit, so
// that a wrong order, a lost row or a state that is not restored shows.
type fakeTrainer struct {
	mu       sync.Mutex
	w, m, g  [8]float64
	compiled map[compute.Shape]bool
	inline   int // shapes that Micro had to compile by itself
	steps    int

	failAt  int                 // optimizer step in which Micro fails, 0 for never
	poison  map[int]bool        // optimizer steps whose loss is NaN
	raise   map[int]float64     // optimizer steps whose loss is so many times what it would be
	refuse  error               // what SaveState answers
	onMicro func(step int)      // called at each Micro
	during  func(run.State)     // called by Eval and by SaveState
	slow    func(compute.Shape) // called when a shape is compiled
	memory  int64
	perPos  int64 // bytes that a position is forecast to need
	alone   int64 // bytes that a step of one micro-batch is forecast to save
	full    int   // exports that find the disk full before one works
	fullAs  error // what they find, nil for a full disk
	weights int64 // parameters that it says it has, 0 for 8
	asked   []compute.GenerateOptions
}

func newFake() *fakeTrainer {
	return &fakeTrainer{compiled: map[compute.Shape]bool{}}
}

var errFake = errors.New("the device is gone")

func (f *fakeTrainer) Info() compute.Info {
	n := cmp.Or(f.weights, 8)
	return compute.Info{Parameters: n, Trainable: n, StateBytes: 8 * n, Vocabulary: 1000}
}

func (f *fakeTrainer) ShapeOf(b compute.Batch) compute.Shape {
	length := 0
	for _, row := range b.InputIDs {
		length = max(length, len(row))
	}
	return compute.Shape{Rows: len(b.InputIDs), Length: (length + 7) / 8 * 8}
}

func (f *fakeTrainer) Prepare(s compute.Shape) error {
	if f.slow != nil {
		f.slow(s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compiled[s] = true
	return nil
}

func (f *fakeTrainer) Compiled(s compute.Shape) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.compiled[s]
}

func (f *fakeTrainer) Micro(b compute.Batch) (compute.Micro, error) {
	if f.onMicro != nil {
		f.onMicro(f.steps + 1)
	}
	if f.failAt == f.steps+1 {
		return compute.Micro{}, errFake
	}
	if s := f.ShapeOf(b); !f.Compiled(s) {
		f.inline++
		if err := f.Prepare(s); err != nil {
			return compute.Micro{}, err
		}
	}
	return f.pass(b, true), nil
}

func (f *fakeTrainer) Eval(b compute.Batch) (compute.Micro, error) {
	if f.during != nil {
		f.during(run.Evaluating)
	}
	return f.pass(b, false), nil
}

func (f *fakeTrainer) pass(b compute.Batch, gradients bool) compute.Micro {
	var out compute.Micro
	for i, labels := range b.Labels {
		sum, trained := 0.0, int64(0)
		for t := 1; t < len(labels); t++ {
			if labels[t] < 0 {
				continue
			}
			k := int(labels[t]) % len(f.w)
			d := f.w[k] - float64(labels[t]%5)*0.1 - float64(b.InputIDs[i][t-1])*0.01
			sum += d * d
			trained++
			if gradients {
				f.g[k] += 2 * d
			}
		}
		out.LossSum += sum
		out.Trained += trained
		out.Positions += int64(len(labels))
		for k := range labels {
			if b.AttentionMask == nil || b.AttentionMask[i][k] == 1 {
				out.Tokens++
			}
		}
		out.RowLossSum = append(out.RowLossSum, sum)
		out.RowTrained = append(out.RowTrained, trained)
	}
	out.Correct = out.Trained / 3
	if gradients && f.poison[f.steps+1] {
		out.LossSum = math.NaN()
	}
	if times, ok := f.raise[f.steps+1]; ok && gradients {
		out.LossSum *= times
	}
	return out
}

func (f *fakeTrainer) Step(lr, maxNorm float64, trained int64) (compute.Step, error) {
	norm := 0.0
	for k := range f.g {
		f.g[k] /= float64(trained)
		norm += f.g[k] * f.g[k]
	}
	norm = math.Sqrt(norm)
	scale := 1.0
	if maxNorm > 0 && norm > maxNorm {
		scale = maxNorm / norm
	}
	for k := range f.g {
		f.m[k] = 0.9*f.m[k] + f.g[k]*scale
		f.w[k] -= lr * f.m[k]
	}
	f.Discard()
	return compute.Step{GradNorm: norm}, nil
}

func (f *fakeTrainer) Discard() {
	f.g = [8]float64{}
	f.steps++
}

func (f *fakeTrainer) Generate(_ context.Context, prompt []int32, o compute.GenerateOptions, emit func(int32)) error {
	f.asked = append(f.asked, o)
	for i := range min(3, o.MaxNewTokens) {
		emit(prompt[i%len(prompt)])
	}
	return nil
}

func (f *fakeTrainer) Stats() compute.Stats {
	return compute.Stats{Memory: compute.Memory{Weights: f.memory}}
}

type fakeState struct {
	W, M  [8]float64
	Steps int
}

func (f *fakeTrainer) SaveState(dir string) error {
	if f.during != nil {
		f.during(run.Saving)
	}
	if f.refuse != nil {
		return f.refuse
	}
	data, err := json.Marshal(fakeState{f.w, f.m, f.steps})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "state.json"), data, 0o644)
}

func (f *fakeTrainer) LoadState(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return err
	}
	var s fakeState
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	f.w, f.m, f.steps = s.W, s.M, s.Steps
	return nil
}

func (f *fakeTrainer) Export(dir string, _ compute.ExportOptions) error {
	if f.full > 0 {
		f.full--
		why := f.fullAs
		if why == nil {
			why = syscall.ENOSPC
		}
		return &os.PathError{Op: "write", Path: dir, Err: why}
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, "%v", f.w), 0o644)
}

func (f *fakeTrainer) Close() {}

// host is a Host whose model is f.
func (f *fakeTrainer) host(modelDir string) Host {
	return Host{
		ResolveModel: func(context.Context, string, string) (string, error) { return modelDir, nil },
		open: func(context.Context, string, compute.Config) (*Opened, error) {
			return &Opened{Trainer: f, Name: "test", Close: func() {}, Memory: func() device.Reading {
				return device.Reading{Used: 1000, Limit: 1 << 40}
			}, Estimate: func(s compute.Shape) compute.Memory {
				return compute.Memory{Weights: f.perPos * int64(s.Positions())}
			}, Alone: func(m compute.Memory) compute.Memory {
				m.Weights -= f.alone
				return m
			}}, nil
		},
	}
}

// fixture is a model folder and a data set of rows of different lengths.
type fixture struct {
	model, data string
	rows        int
}

func newFixture(t *testing.T, rows int) fixture {
	t.Helper()
	dir := t.TempDir()
	f := fixture{model: filepath.Join(dir, "model"), data: filepath.Join(dir, "data.jsonl"), rows: rows}
	if err := os.Mkdir(f.model, 0o755); err != nil {
		t.Fatal(err)
	}
	vocab := map[string]int{"<unk>": 0, "<eos>": 1}
	for i := range 60 {
		vocab[fmt.Sprintf("w%d", i)] = i + 2
	}
	tokenizer := map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil, "decoder": nil,
		"added_tokens":  []any{map[string]any{"id": 1, "content": "<eos>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}},
		"pre_tokenizer": map[string]any{"type": "Whitespace"},
		"model":         map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
	}
	writeJSON(t, filepath.Join(f.model, "tokenizer.json"), tokenizer)
	writeJSON(t, filepath.Join(f.model, "tokenizer_config.json"), map[string]any{"eos_token": "<eos>", "unk_token": "<unk>"})
	writeJSON(t, filepath.Join(f.model, "config.json"), map[string]any{"architectures": []string{"LlamaForCausalLM"}})
	f.write(t, rows)
	return f
}

// write makes the data: row i has a length and words of its own.
func (f *fixture) write(t *testing.T, rows int) {
	t.Helper()
	var b strings.Builder
	for i := range rows {
		words := make([]string, 3+(i*7)%23)
		for j := range words {
			words[j] = fmt.Sprintf("w%d", (i*i+j*3)%60)
		}
		fmt.Fprintf(&b, "{\"text\": %q}\n", strings.Join(words, " "))
	}
	if err := os.WriteFile(f.data, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// recipe is a small recipe over the fixture with some options set.
func (f fixture) recipe(t *testing.T, options ...string) *recipes.Recipe {
	t.Helper()
	r := recipes.Default()
	base := []string{
		"model_name_or_path=" + f.model, "dataset_name=" + f.data, "learning_rate=0.01", "num_train_epochs=2",
		"per_device_train_batch_size=2", "gradient_accumulation_steps=2", "save_strategy=no",
	}
	if err := r.Override(append(base, options...)); err != nil {
		t.Fatal(err)
	}
	return r
}

// steps reads the step events of a run, and fails when one is twice or missing.
func steps(t *testing.T, dir string) []run.Event {
	t.Helper()
	var out []run.Event
	for _, e := range eventsOf(t, dir) {
		if e.Kind == run.KindStep {
			out = append(out, e)
			if e.Step != len(out) {
				t.Fatalf("step %d is recorded where %d should be", e.Step, len(out))
			}
		}
	}
	return out
}

func eventsOf(t *testing.T, dir string) []run.Event {
	t.Helper()
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := r.Events(0)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// sameSteps compares what must be equal to the last bit.
func sameSteps(t *testing.T, got, want []run.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := &got[i], &want[i]
		if g.Loss != w.Loss || g.GradNorm != w.GradNorm || g.LearningRate != w.LearningRate || g.TrainedTokens != w.TrainedTokens || g.Epoch != w.Epoch ||
			fmt.Sprint(g.RowIDs) != fmt.Sprint(w.RowIDs) {
			t.Errorf("step %d: loss %v norm %v lr %v rows %v\nwant    loss %v norm %v lr %v rows %v", i+1,
				g.Loss, g.GradNorm, g.LearningRate, g.RowIDs, w.Loss, w.GradNorm, w.LearningRate, w.RowIDs)
		}
	}
}

// waitFor polls until ok; what takes a minute also on a busy machine does not come.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
