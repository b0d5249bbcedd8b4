package ui

import (
	"errors"
	"fmt"
	"os"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/report"
	"sftui/engine/run"
)

// foreignRun is a run of another program: its events are all there is.
type foreignRun struct {
	name   string
	events []run.Event
	status run.Status
}

// readForeign reads the trainer_state.json of a folder, or of its newest
// checkpoint, or the file itself.
func readForeign(path string) (*foreignRun, error) {
	r, err := report.Open(path)
	if err != nil {
		return nil, err
	}
	f := &foreignRun{name: r.Name, status: run.Status{State: run.Stopped, Model: r.Name}}
	err = r.Each(func(e *run.Event) error {
		f.events = append(f.events, *e)
		f.status.Apply(e)
		return nil
	})
	if f.status.TotalSteps > 0 && f.status.Step >= f.status.TotalSteps {
		f.status.State = run.Finished
	} else if !f.status.State.Over() {
		f.status.State = run.Stopped
	}
	return f, err
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
	p.show(t)
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
