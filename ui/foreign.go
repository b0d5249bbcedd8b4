package ui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/run"
)

// trainerState is the file in which transformers' Trainer keeps its log.
const trainerState = "trainer_state.json"

// foreignRun is a run of another program: its events are all there is.
type foreignRun struct {
	name   string
	events []run.Event
	status run.Status
}

// readForeign reads the trainer_state.json of a folder, or of its newest
// checkpoint, or the file itself.
func readForeign(path string) (*foreignRun, error) {
	file := path
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the run: %w", err)
	} else if info.IsDir() {
		if file, err = findTrainerState(path); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("open the run: %w", err)
	}
	// Python writes NaN as a bare word, which Go's own reader refuses.
	v, err := jinja.DecodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not JSON: %w", file, err)
	}
	state, ok := v.(dataset.Row)
	if !ok {
		return nil, fmt.Errorf("%s is not a trainer state: it holds no object", file)
	}
	history, ok := firstOf(state, "log_history").([]any)
	if !ok {
		return nil, fmt.Errorf("%s has no list log_history, so it is not a trainer state", file)
	}
	f := &foreignRun{name: filepath.Base(filepath.Dir(file))}
	for _, h := range history {
		if entry, ok := h.(dataset.Row); ok {
			f.events = append(f.events, foreignEvents(entry)...)
		}
	}
	f.status = run.Status{State: run.Stopped, Model: f.name, Step: int(numberOf(state, "global_step")), TotalSteps: int(numberOf(state, "max_steps"))}
	for i := range f.events {
		f.status.Apply(&f.events[i])
	}
	if f.status.TotalSteps > 0 && f.status.Step >= f.status.TotalSteps {
		f.status.State = run.Finished
	}
	return f, nil
}

// findTrainerState looks in the folder and then in its newest checkpoint.
func findTrainerState(dir string) (string, error) {
	file := filepath.Join(dir, trainerState)
	if exists(file) {
		return file, nil
	}
	checkpoints, err := (&run.Run{Dir: dir}).Checkpoints()
	if err != nil {
		return "", err
	}
	for i := len(checkpoints) - 1; i >= 0; i-- {
		if file = filepath.Join(checkpoints[i].Path, trainerState); exists(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is neither a run of sftui (%s) nor of transformers' Trainer (%s)", dir, run.MetricsFile, trainerState)
}

// foreignEvents are the events that one entry of log_history stands for.
func foreignEvents(entry dataset.Row) []run.Event {
	step := int(numberOf(entry, "step"))
	var out []run.Event
	if _, ok := entry.Get("loss"); ok {
		out = append(out, run.Event{Kind: run.KindStep, Step: step, Epoch: numberOf(entry, "epoch"), Loss: run.Number(numberOf(entry, "loss")),
			GradNorm: run.Number(numberOf(entry, "grad_norm")), LearningRate: run.Number(numberOf(entry, "learning_rate")),
			Accuracy: run.Number(numberOf(entry, "mean_token_accuracy"))})
	}
	if _, ok := entry.Get("eval_loss"); ok {
		out = append(out, run.Event{Kind: run.KindEval, Step: step, Epoch: numberOf(entry, "epoch"), Loss: run.Number(numberOf(entry, "eval_loss"))})
	}
	return out
}

// numberOf is a number of an entry, 0 when there is none.
func numberOf(entry dataset.Row, key string) float64 {
	v, _ := entry.Get(key)
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// foreignReadMsg is a run of another program.
type foreignReadMsg struct {
	run *foreignRun
	err error
}

func (m foreignReadMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	p := a.train
	p.gen++ // what was watched before is let go
	t := newTracker(p.gen, &run.Run{Dir: m.run.name}, a.now())
	t.take(m.run.events)
	t.known, t.status = true, m.run.status
	p.on = t
	p.cursor, p.from, p.to, p.tune, p.undo, p.busy = nil, 0, 0, nil, nil, ""
	return tea.Batch(a.goTo(pageTrain), a.say(inkAccent, a.tf("read %s steps of %s", count(t.series[metricLoss].Len()), m.run.name)))
}

// openRun opens a run folder from anywhere: sftui's own, or one of transformers.
func (a *app) openRun(path string) tea.Cmd {
	return func() tea.Msg {
		if r, err := run.Open(path); err == nil {
			return runStartedMsg{run: r}
		}
		f, err := readForeign(path)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("there is no run at %s", path)
		}
		return foreignReadMsg{run: f, err: err}
	}
}
