package ui

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sftui/engine/run"
	"sftui/ui/chart"
)

// tracker follows one run: its events folded into series and lists. It is fed
// by runEventsMsg and never reads a file itself.
type tracker struct {
	gen     int
	run     *run.Run
	offset  int64 // where the next reading of metrics.jsonl starts
	status  run.Status
	known   bool // a status has been read
	started time.Time

	series  [metricCount]chart.Series
	smooth  chart.Series
	average chart.Smoother
	// usual is a mean whose weight nobody changes, for finding spikes.
	usual     chart.Smoother
	usualLoss float64

	marks   []chart.Event
	steps   []stepRows
	samples []run.Event
	broken  run.Event // the last warning of a loss that is not a number
	judged  stepRows  // rows of the last evaluation with their losses, where it named some
	phase   run.Event // the last phase
	begin   run.Event // the start event
	phases  []phaseTime
	pending string // a live change that is being compiled
	lines   []logLine
	log     string // tail of the run's log file
	norms   []float64
	onGPU   bool
	failure string // what the process said when it ended before it began
}

// stepRows is what a step trained on: the way back from a spike to its rows.
type stepRows struct {
	step   int
	rows   []int
	losses []run.Number
}

// logLine is one line of what happened. It keeps the event and is written out
// only when it is shown, in the language of that moment.
type logLine struct {
	ink   ink
	event run.Event
}

// phaseTime is when a phase before the first step began.
type phaseTime struct {
	name  string
	what  string // what starting consists of
	began time.Time
}

// title is what a list of phases calls it: a run starts twice, by opening its
// model and by loading it.
func (p phaseTime) title(a *app) string {
	if p.name == string(run.Starting) && p.what != "" {
		return a.t(p.what)
	}
	return a.t(p.name)
}

const (
	smoothing = 0.9  // weight of the past in the smoothed curve
	keepLines = 2000 // lines of what happened
	keepSteps = 20000
)

// newTracker follows r from its first event.
func newTracker(gen int, r *run.Run, now time.Time) *tracker {
	t := &tracker{gen: gen, run: r, started: now}
	t.average.Weight, t.usual.Weight = smoothing, smoothing
	return t
}

// take folds new events in.
func (t *tracker) take(events []run.Event) {
	for i := range events {
		t.event(&events[i])
	}
}

// event folds in one event.
func (t *tracker) event(e *run.Event) {
	switch e.Kind {
	case run.KindStep:
		t.step(e)
	case run.KindEval:
		t.series[metricEval].Append(float64(e.Step), float64(e.Loss))
		if len(e.RowIDs) > 0 && len(e.RowIDs) == len(e.RowLosses) {
			t.judged = stepRows{e.Step, e.RowIDs, e.RowLosses}
		}
		t.keep(inkEval, e)
	case run.KindCheckpoint:
		t.marks = append(t.marks, chart.Event{X: float64(e.Step), Mark: '▾'})
		t.keep(inkGood, e)
	case run.KindChange:
		t.change(e)
	case run.KindWarning:
		t.keep(inkWarn, e)
		switch e.Code {
		case run.CodeSpike:
			t.markSpike(e.Step)
		case run.CodeNaN:
			t.broken = *e
		}
	case run.KindLog:
		t.keep(inkDim, e)
	case run.KindSample:
		t.samples = append(t.samples, *e)
	case run.KindPhase:
		t.inPhase(e)
	case run.KindMemory:
		x, _, _ := t.series[metricLoss].Last()
		t.takeDevice(e, max(x, float64(e.Step)))
	case run.KindStart:
		t.begin = *e
		t.keep(inkDim, e)
		if e.Resumed {
			t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: "resumed"})
		}
	case run.KindDone:
		i := inkGood
		if e.Reason == string(run.Failed) {
			i = inkError
			t.breakOff()
		}
		t.keep(i, e)
	}
}

// breakOff gives the step that ended the run its place behind those that were
// made, so that its rows can be looked at, as its warning advises.
func (t *tracker) breakOff() {
	e := t.broken
	if last, _, ok := t.series[metricLoss].Last(); !ok || float64(e.Step) <= last || len(e.RowIDs) == 0 {
		return
	}
	e.Loss = run.Number(math.NaN())
	t.spike(&e)
	t.series[metricLoss].Append(float64(e.Step), math.NaN())
	t.smooth.Append(float64(e.Step), math.NaN())
	t.steps = append(t.steps, stepRows{step: e.Step, rows: e.RowIDs})
}

// inPhase notes what the run is busy with, and before the first step since when.
func (t *tracker) inPhase(e *run.Event) {
	t.phase = *e
	if n := len(t.phases); t.series[metricLoss].Len() == 0 && e.Phase != "" && (n == 0 || t.phases[n-1].name != e.Phase) {
		t.phases = append(t.phases, phaseTime{e.Phase, e.Message, e.Time})
	}
}

// step folds in an optimizer step.
func (t *tracker) step(e *run.Event) {
	x := float64(e.Step)
	t.spike(e)
	t.series[metricLoss].Append(x, float64(e.Loss))
	t.smooth.Append(x, t.average.Next(float64(e.Loss)))
	t.series[metricNorm].Append(x, float64(e.GradNorm))
	t.series[metricRate].Append(x, float64(e.LearningRate))
	if e.Seconds > 0 {
		t.series[metricSpeed].Append(x, float64(e.TrainedTokens)/e.Seconds)
		t.series[metricSeconds].Append(x, e.Seconds)
	}
	t.takeDevice(e, x)
	if e.Accuracy != 0 || t.series[metricAccuracy].Len() > 0 { // other programs do not report it
		t.series[metricAccuracy].Append(x, float64(e.Accuracy))
	}
	if len(e.RowIDs) > 0 {
		t.steps = append(t.steps, stepRows{e.Step, e.RowIDs, e.RowLosses})
		if len(t.steps) > 2*keepSteps {
			t.steps = append([]stepRows(nil), t.steps[keepSteps:]...)
		}
	}
	t.norms = append(t.norms, float64(e.GradNorm))
	if len(t.norms) > 100 {
		t.norms = t.norms[len(t.norms)-100:]
	}
	t.keep(inkPlain, e)
}

// spike marks a step whose loss is not a number, the first of a stretch of
// them, or far above what is usual.
func (t *tracker) spike(e *run.Event) {
	loss := float64(e.Loss)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		if _, before, ok := t.series[metricLoss].Last(); !ok || !math.IsNaN(before) && !math.IsInf(before, 0) {
			t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: "NaN", Mark: '✗'})
		}
		return
	}
	if t.series[metricLoss].Len() >= 20 && loss > 1.5*t.usualLoss && loss > t.usualLoss+0.5 {
		t.markSpike(e.Step)
	}
	t.usualLoss = t.usual.Next(loss)
}

// markSpike marks a step once, whoever noticed its loss.
func (t *tracker) markSpike(step int) {
	for i := len(t.marks) - 1; i >= 0 && t.marks[i].X >= float64(step); i-- {
		if t.marks[i].X == float64(step) && t.marks[i].Label == "spike" {
			return
		}
	}
	t.marks = append(t.marks, chart.Event{X: float64(step), Label: "spike", Mark: '▲'})
}

// change marks options that were changed in the live run.
func (t *tracker) change(e *run.Event) {
	if e.Phase == string(run.Compiling) { // announced; it comes again when it takes effect
		t.pending = changeLabel(e)
		t.keep(inkAccent, e)
		return
	}
	t.pending = ""
	if e.Phase == run.ChangeRefused { // nothing changes; a warning beside it says why
		return
	}
	t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: changeLabel(e)})
	t.keep(inkAccent, e)
}

// changeLabel is a change in as few characters as a curve has room for: 8×4,
// lr×0.5, or both.
func changeLabel(e *run.Event) string {
	var parts []string
	micro, accumulation := e.Changes["per_device_train_batch_size"], e.Changes["gradient_accumulation_steps"]
	if micro == "" && accumulation == "" && e.MicroBatch > 0 && e.Accumulation > 0 {
		micro, accumulation = fmt.Sprint(e.MicroBatch), fmt.Sprint(e.Accumulation)
	}
	if micro != "" && accumulation != "" {
		parts = append(parts, micro+"×"+accumulation)
	}
	if scale := e.Changes["learning_rate_scale"]; scale != "" {
		parts = append(parts, "lr×"+scale)
	}
	if len(parts) == 0 {
		return "changed"
	}
	return strings.Join(parts, " ")
}

// keep appends a line and forgets the oldest.
func (t *tracker) keep(i ink, e *run.Event) {
	t.lines = append(t.lines, logLine{i, *e})
	if len(t.lines) > 2*keepLines {
		t.lines = append([]logLine(nil), t.lines[keepLines:]...)
	}
}

// resmooth draws the smoothed loss anew with another weight of the past.
func (t *tracker) resmooth(weight float64) {
	t.average = chart.Smoother{Weight: weight}
	t.smooth.Reset()
	loss := &t.series[metricLoss]
	for i := range loss.Len() {
		x, y := loss.At(i)
		t.smooth.Append(x, t.average.Next(y))
	}
}

// clipped counts the last steps whose gradient norm was above the limit.
func (t *tracker) clipped(limit float64) (above, of int) {
	for _, n := range t.norms {
		if limit > 0 && n > limit {
			above++
		}
	}
	return above, len(t.norms)
}

// meanTrained is the mean number of trained tokens of a row in recent steps.
func (t *tracker) meanTrained() float64 {
	st := t.status
	if st.Step == 0 || st.MicroBatch*st.Accumulation == 0 {
		return 0
	}
	return float64(st.TrainedTokens) / float64(st.Step) / float64(st.MicroBatch*st.Accumulation)
}

// rowsOf finds what a step trained on.
func (t *tracker) rowsOf(step int) (stepRows, bool) {
	for i := len(t.steps) - 1; i >= 0; i-- {
		if t.steps[i].step == step {
			return t.steps[i], true
		}
	}
	return stepRows{}, false
}

// state is what the run does, also before it has written its first word.
func (t *tracker) state() run.State {
	if !t.known {
		return run.Starting
	}
	return t.status.State
}
