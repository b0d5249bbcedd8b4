package ui

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/engine/run"
	"sftui/ui/chart"
	"sftui/ui/vlist"
)

// Measurement is how long one thing of the workbench takes.
type Measurement struct {
	Name    string        `json:"name"`
	Median  time.Duration `json:"median_ns"`
	P95     time.Duration `json:"p95_ns"`
	Ceiling time.Duration `json:"ceiling_ns"` // what we hold ourselves to
}

// Measure opens the workbench without a terminal, at 200×60 cells, beside a run
// of 100,000 steps, and times its frames.
func Measure(ctx context.Context, o Options) ([]Measurement, error) {
	o.Check, o.Forecast, o.StartRun, o.Run = nil, nil, nil, ""
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := newApp(ctx, o)
	a.resize(200, 60)
	if err := a.settle(a.begin()); err != nil {
		return nil, err
	}
	a.train.on, a.train.gen = madeUpRun(100_000), 1
	var out []Measurement
	const frame, key, list = 8 * time.Millisecond, 16 * time.Millisecond, time.Millisecond
	for _, p := range tabOrder {
		a.page = p
		out = append(out, timed("frame of "+pageNames[p]+", 200×60", frame, func() { a.redraw() }))
	}
	a.page = pageData
	out = append(out, timed("key to frame in the list of rows", key, func() {
		a.press(tea.KeyPressMsg{Code: 'j', Text: "j"})
		a.redraw()
	}))
	a.page = pageTrain
	out = append(out, timed("50 steps and a frame", key, func() {
		for i := range 50 {
			a.train.on.event(madeUpStep(100_000 + i))
		}
		a.redraw()
	}))
	out = append(out, a.measureList(list), measureChart())
	return out, nil
}

// redraw draws a picture as after a key: at rest charts may stand still.
func (a *app) redraw() {
	a.pace.touch(a.now())
	a.View()
}

// settle runs commands, and what they lead to, until the rows are open and
// their lengths known.
func (a *app) settle(cmd tea.Cmd) error {
	messages := make(chan tea.Msg, 64)
	start := func(c tea.Cmd) {
		if c != nil {
			go func() { messages <- c() }()
		}
	}
	start(cmd)
	for {
		select {
		case <-a.ctx.Done():
			return a.ctx.Err()
		case msg := <-messages:
			if batch, ok := msg.(tea.BatchMsg); ok {
				for _, c := range batch {
					start(c)
				}
				continue
			}
			_, next := a.Update(msg)
			start(next)
		}
		switch {
		case a.recipe.err != nil:
			return a.recipe.err
		case a.data.err != nil:
			return a.data.err
		case a.data.set != nil && a.data.set.strip.progress.Stage == dataset.StageDone:
			return nil
		case a.recipe.r != nil && a.data.dataSpec() == "":
			return errors.New("the recipe names no data set to measure with")
		}
	}
}

// timed runs f often enough for a stable median.
func timed(name string, ceiling time.Duration, f func()) Measurement {
	const times = 200
	took := make([]time.Duration, times)
	for i := range took {
		began := time.Now()
		f()
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return Measurement{Name: name, Median: took[times/2], P95: took[times*95/100], Ceiling: ceiling}
}

// measureList moves through a list of 220,000 rows.
func (a *app) measureList(ceiling time.Duration) Measurement {
	const n = 220_000
	set, rows := a.data.set, a.data.set.src.Len()
	set.lengths = newLengths(n)
	a.data.order = make([]int, n)
	for i := range n {
		a.data.order[i] = i % rows
		set.lengths.put(i, rowLength{full: i % 20000, kept: i % 4096, trained: i % 3000})
	}
	var l vlist.List
	return timed("key in a list of 220,000 rows", ceiling, func() {
		l.Page(1, n)
		l.View(rowLines{a.data}, 90, 56)
	})
}

// measureChart draws a million points.
func measureChart() Measurement {
	s := &chart.Series{}
	for i := range 1_000_000 {
		s.Append(float64(i), 2+math.Sin(float64(i)/1e4)+0.3*math.Sin(float64(i*i)))
	}
	return timed("chart of 1,000,000 points", 20*time.Millisecond, func() {
		_ = strings.Join(chart.Render(chart.Options{Width: 100, Height: 20, Lines: []chart.Line{{Series: s}}}), "\n")
	})
}

// madeUpRun is a tracker with n steps, for measuring.
func madeUpRun(n int) *tracker {
	t := newTracker(1, &run.Run{}, time.Now())
	for i := range n {
		t.event(madeUpStep(i))
	}
	t.known = true
	t.status = run.Status{State: run.Training, Step: n, TotalSteps: 2 * n, MicroBatch: 4, Accumulation: 8, MemoryBytes: 4 << 30, MemoryLimit: 24 << 30}
	return t
}

// madeUpStep is a step of a falling, noisy loss.
func madeUpStep(i int) *run.Event {
	x := float64(i)
	return &run.Event{Kind: run.KindStep, Step: i + 1, Loss: run.Number(1.8 + math.Exp(-x/2e4) + 0.1*math.Sin(x*1.7)), GradNorm: run.Number(1 + math.Sin(x)),
		LearningRate: run.Number(1e-4 / (1 + x)), TrainedTokens: 2400, Seconds: 0.02, MicroBatch: 4, Accumulation: 8,
		MemoryBytes: 4<<30 + uint64(i%1000)<<20, MemoryLimit: 24 << 30, Accuracy: 0.6}
}
