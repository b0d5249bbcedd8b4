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
	marks   []chart.Event
	steps   []stepRows
	samples []run.Event
	judged  stepRows  // rows of the last evaluation with their losses, where it named some
	phase   run.Event // the last phase
	lines   []logLine
	log     string // tail of the run's log file
	norms   []float64
	failure string // what the process said when it ended before it began
}

// metric is one quantity that is drawn over the steps.
type metric int

// The metrics, in the order of the panes.
const (
	metricLoss metric = iota
	metricMemory
	metricSpeed
	metricNorm
	metricRate
	metricAccuracy
	metricSeconds
	metricEval
	metricCount
)

// stepRows is what a step trained on: the way back from a spike to its rows.
type stepRows struct {
	step   int
	rows   []int
	losses []run.Number
}

// logLine is one line of what happened.
type logLine struct {
	ink  ink
	text string
	step *run.Event // a step, written out only when it is shown; text is empty then
}

// String writes the line.
func (l logLine) String() string {
	e := l.step
	if e == nil {
		return l.text
	}
	return fmt.Sprintf("step %s  loss %s  norm %s  lr %s  %s trained tokens  %s", count(e.Step),
		value(float64(e.Loss)), value(float64(e.GradNorm)), value(float64(e.LearningRate)), count(e.TrainedTokens), seconds(e.Seconds))
}

const (
	smoothing = 0.9  // weight of the past in the smoothed curve
	keepLines = 2000 // lines of what happened
	keepSteps = 20000
)

// newTracker follows r from its first event.
func newTracker(gen int, r *run.Run, now time.Time) *tracker {
	t := &tracker{gen: gen, run: r, started: now}
	t.average.Weight = smoothing
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
		word := ""
		if e.Best {
			word = " (best so far)"
		}
		t.say(inkEval, fmt.Sprintf("eval at step %s: loss %s%s", count(e.Step), value(float64(e.Loss)), word))
	case run.KindCheckpoint:
		t.marks = append(t.marks, chart.Event{X: float64(e.Step), Mark: '▾'})
		t.say(inkGood, fmt.Sprintf("checkpoint of step %s saved: %s", count(e.Step), e.Path))
	case run.KindChange:
		t.change(e)
	case run.KindWarning:
		t.say(inkWarn, "▲ "+e.Message)
		if e.Code == run.CodeSpike {
			t.markSpike(e.Step)
		}
	case run.KindLog:
		t.say(inkDim, e.Message)
	case run.KindSample:
		t.samples = append(t.samples, *e)
	case run.KindPhase:
		t.phase = *e
	case run.KindMemory:
		if e.MemoryBytes > 0 {
			x, _, _ := t.series[metricMemory].Last()
			t.series[metricMemory].Append(max(x, float64(e.Step)), float64(e.MemoryBytes))
		}
	case run.KindStart:
		if e.Resumed {
			t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: "resumed"})
		}
	case run.KindDone:
		i := inkGood
		if e.Reason == string(run.Failed) {
			i = inkError
		}
		t.say(i, strings.TrimSpace(e.Reason+" "+e.Message))
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
	if e.MemoryBytes > 0 {
		t.series[metricMemory].Append(x, float64(e.MemoryBytes))
	}
	t.series[metricAccuracy].Append(x, float64(e.Accuracy))
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
	t.keep(logLine{ink: inkPlain, step: e})
}

// spike marks a step whose loss is not a number or far above the smoothed one.
func (t *tracker) spike(e *run.Event) {
	loss := float64(e.Loss)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: "NaN", Mark: '✗'})
		return
	}
	_, mean, ok := t.smooth.Last()
	if ok && t.smooth.Len() >= 20 && loss > 1.5*mean && loss > mean+0.5 {
		t.markSpike(e.Step)
	}
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
		t.say(inkAccent, e.Message)
		return
	}
	var parts []string
	for _, key := range sortedKeys(e.Changes) {
		parts = append(parts, key+" = "+e.Changes[key])
	}
	micro, accumulation := e.Changes["per_device_train_batch_size"], e.Changes["gradient_accumulation_steps"]
	label := "changed"
	if micro != "" && accumulation != "" {
		label = micro + "×" + accumulation
	} else if e.MicroBatch > 0 && e.Accumulation > 0 {
		label = fmt.Sprintf("%d×%d", e.MicroBatch, e.Accumulation)
	}
	t.marks = append(t.marks, chart.Event{X: float64(e.Step), Label: label})
	text := strings.Join(parts, ", ")
	if text == "" {
		text = e.Message
	}
	t.say(inkAccent, fmt.Sprintf("from step %s: %s", count(e.Step), text))
}

// say keeps a line of what happened.
func (t *tracker) say(i ink, text string) {
	t.keep(logLine{ink: i, text: visible(text)})
}

// keep appends a line and forgets the oldest.
func (t *tracker) keep(l logLine) {
	t.lines = append(t.lines, l)
	if len(t.lines) > 2*keepLines {
		t.lines = append([]logLine(nil), t.lines[keepLines:]...)
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
