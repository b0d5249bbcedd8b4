package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// loop is the training loop of one run in this process.
type loop struct {
	recipe  *recipes.Recipe
	run     *run.Run
	out     *recorder
	control *Control
	trainer compute.Trainer
	feed    feed
	order   *Order
	eval    *evaluator // nil without evaluation data
	sampler *sampler   // nil without prompts
	cadence cadence
	marks   fingerprints
	export  compute.ExportOptions
	rejoin  func() error // makes the run folder again where it is gone

	state     state
	schedule  *schedule
	changes   []Change       // to come into force before their steps, in order
	tuner     *tuner         // brings live changes about
	ahead     *prefetch      // the next window, being made while this one trains
	preparing sync.WaitGroup // the goroutines that make windows ahead
	forecast  int64          // highest peak memory that was forecast for a setting, in bytes
	saved     int            // step of the newest checkpoint of this process, -1 for none
	sampled   int            // step of the newest samples, -1 for none
	spikes    spikeDetector
	model     string  // folder of the weights that training began with
	suspect   *string // the weight there that is not finite, "" for none, nil before it was asked
}

// state is everything a checkpoint needs beside the tensors, so that a resumed
// run goes on with the very numbers of one that was never interrupted.
type state struct {
	Version    int      `json:"version"`
	Step       int      `json:"step"`
	TotalSteps int      `json:"total_steps"`
	Position   Position `json:"position"`

	MicroBatch    int     `json:"per_device_train_batch_size"`
	Accumulation  int     `json:"gradient_accumulation_steps"`
	LearningScale float64 `json:"learning_rate_scale"`

	// The schedule runs from 0 to ScheduleTotal; each optimizer step moves it
	// on by ScheduleStride, which is 1 until a live change of the batch size
	// changes how many steps the rest of the data takes.
	ScheduleAt     float64 `json:"schedule_at"`
	ScheduleStride float64 `json:"schedule_stride"`
	ScheduleTotal  int     `json:"schedule_total"`

	Adaptive *adaptiveState `json:"adaptive_schedule,omitempty"` // of a schedule that follows the evaluations

	Best      *best      `json:"best,omitempty"`
	BestSaved int        `json:"best_checkpoint,omitempty"` // step of the newest best evaluation that has a checkpoint
	Recent    []float64  `json:"recent_losses,omitempty"`   // for the spike detector
	Moved     bool       `json:"moved,omitempty"`           // a step has changed the weights
	LeftOut   int        `json:"steps_left_out,omitempty"`  // by nan_policy=skip, in a row
	Begun     bool       `json:"begun,omitempty"`           // what comes before the first step is done
	EvalDue   *evalDue   `json:"evaluation_due,omitempty"`
	Metrics   int64      `json:"metrics_bytes"` // length of metrics.jsonl when this was saved
	Finger    savedMark  `json:"fingerprints"`
	Files     fileMarks  `json:"files,omitempty"` // of the checkpoint, but for this one
	Status    run.Status `json:"status"`          // sums so far: tokens, seconds, lowest loss
	CreatedAt time.Time  `json:"created_at"`
}

// evalDue is the evaluation of the present step that a stop cut short.
type evalDue struct {
	EpochEnded bool `json:"epoch_ended,omitempty"`
}

// best is the best evaluation so far.
type best struct {
	Metric float64 `json:"metric"`
	Step   int     `json:"step"`
}

// byCommand is why a run is paused that was asked to.
const byCommand = "paused by command"

// errStopped ends a run that was asked to stop.
var errStopped = errors.New("the run was stopped")

// train runs the loop to its end, to a stop, or to an error.
func (l *loop) train(ctx context.Context) error {
	if l.state.Step == 0 && !l.state.Begun {
		if err := l.before(ctx); err != nil {
			return err
		}
	}
	if due := l.state.EvalDue; due != nil {
		l.state.EvalDue = nil
		if err := l.afterStep(ctx, due.EpochEnded); err != nil {
			return err
		}
	}
	for l.state.Step < l.state.TotalSteps {
		if err := l.between(ctx); err != nil {
			return err
		}
		l.out.becomeTraining()
		epochEnded, err := l.step()
		if err != nil {
			return err
		}
		if err := l.afterStep(ctx, epochEnded); err != nil {
			return err
		}
	}
	if l.state.EvalDue != nil {
		return l.between(ctx) // which ends the run as it was asked to
	}
	if err := l.nothingLearned(); err != nil {
		return err
	}
	l.tellLeftOut()
	if l.sampled != l.state.Step {
		return l.sample(ctx)
	}
	return nil
}

// before evaluates where eval_on_start asks for it, and lets the model answer
// the prompts as it is before training, for comparison.
func (l *loop) before(ctx context.Context) error {
	if l.recipe.EvalOnStart && l.eval != nil {
		l.state.EvalDue = &evalDue{}
		err := l.evaluate(ctx)
		l.state.Begun, l.state.EvalDue = l.state.EvalDue == nil, nil
		return err
	}
	err := l.sample(ctx)
	l.state.Begun = !l.interrupted(ctx)
	return err
}

// becomeTraining enters the training state unless the run is in it already.
func (r *recorder) becomeTraining() {
	if r.snapshot().State != run.Training {
		r.enter(run.Training, "")
	}
}

// between does what was asked for between two optimizer steps.
func (l *loop) between(ctx context.Context) error {
	for {
		if ctx.Err() != nil && l.control.stopping() == stopNot {
			l.control.Stop(true)
		}
		if l.control.takeSave() {
			if err := l.save(ctx); err != nil {
				return err
			}
		}
		switch l.control.stopping() {
		case stopSave:
			if err := l.save(ctx); err != nil {
				return err
			}
			return errStopped
		case stopNow:
			return errStopped
		}
		if !l.control.isPaused() {
			break
		}
		if now := l.out.snapshot(); now.State != run.Paused || now.Message != byCommand { // it may have waited for the disk
			l.out.enter(run.Paused, byCommand)
		}
		l.control.wait()
	}
	return l.takeChanges()
}

// lastRequests does what was asked for when no step was left that it could come
// after: a checkpoint that was promised is written, and a pause is held.
func (l *loop) lastRequests(ctx context.Context) error {
	for {
		if l.control.takeSave() || l.control.stopping() == stopSave {
			if err := l.save(ctx); err != nil {
				return err
			}
		}
		if !l.control.isPaused() {
			return nil
		}
		l.out.enter(run.Paused, byCommand)
		l.control.wait()
	}
}

// interrupted reports whether the run is to stop, so that an evaluation or a
// sample ends early; what to do about it is decided between two steps.
func (l *loop) interrupted(ctx context.Context) bool {
	return l.control.stopping() != stopNot || ctx.Err() != nil
}

// work is what one optimizer step adds up over its micro-batches.
type work struct {
	lossSum                   float64
	trained, tokens, position int64
	accuracy                  float64 // sum over micro-batches of the share predicted
	rows                      []int
	rowLosses                 []run.Number
}

// add takes in one micro-batch.
func (w *work) add(b compute.Batch, m compute.Micro) {
	w.lossSum += m.LossSum
	w.trained += m.Trained
	w.tokens += m.Tokens
	w.position += m.Positions
	if m.Trained > 0 {
		w.accuracy += float64(m.Correct) / float64(m.Trained)
	}
	rows, losses := rowLosses(b, m)
	known := len(w.rowLosses) == len(w.rows)
	w.rows = append(w.rows, rows...)
	if known && losses != nil {
		w.rowLosses = append(w.rowLosses, losses...)
	}
}

// rowLosses are the data set rows of a micro-batch and the mean loss of each, 0
// for one without trained tokens. There are no losses where the batch holds
// pieces of rows (wrapped packing): none belongs to one row alone.
func rowLosses(b compute.Batch, m compute.Micro) (rows []int, losses []run.Number) {
	rows = flatten(b.Rows)
	if len(rows) != len(m.RowLossSum) {
		return rows, nil
	}
	for i, sum := range m.RowLossSum {
		if m.RowTrained[i] > 0 {
			sum /= float64(m.RowTrained[i])
		}
		losses = append(losses, run.Number(sum))
	}
	return rows, losses
}

// step makes one optimizer step and reports whether it ended an epoch.
func (l *loop) step() (epochEnded bool, err error) {
	start := time.Now()
	window, err := l.nextWindow()
	if err != nil {
		return false, err
	}
	l.tuner.begin(window.next, l.sizes())
	var w work
	for _, b := range window.batches {
		m, err := l.trainer.Micro(b)
		if err != nil {
			return false, fmt.Errorf("step %d: %w", l.state.Step+1, err)
		}
		w.add(b, m)
	}
	event := l.describe(&w, window)
	its := l.itsRows(window, event.RowIDs)
	if err := l.update(&w, &event, its); err != nil {
		return false, err
	}
	l.state.Step++
	l.state.Position = window.next
	l.state.ScheduleAt += l.state.ScheduleStride
	event.Seconds = time.Since(start).Seconds()
	l.tuner.stepped(event.Seconds)
	l.out.emit(event)
	l.noteSpike(&event, its)
	return window.next.Epoch > window.at.Epoch, nil
}

// describe makes the step's event from what its micro-batches gave.
func (l *loop) describe(w *work, window *window) run.Event {
	e := run.Event{
		Kind: run.KindStep, Step: l.state.Step + 1, TotalSteps: l.state.TotalSteps,
		Epoch:         l.order.EpochAt(window.at, window.next, window.micro),
		Loss:          run.Number(math.NaN()),
		LearningRate:  run.Number(l.schedule.at(l.state.ScheduleAt) * l.state.LearningScale),
		TrainedTokens: w.trained, Tokens: w.tokens, Positions: w.position,
		Accuracy:   run.Number(w.accuracy / float64(len(window.batches))),
		MicroBatch: l.state.MicroBatch, Accumulation: l.state.Accumulation,
		RowIDs: w.rows,
	}
	if len(w.rowLosses) == len(w.rows) {
		e.RowLosses = w.rowLosses
	}
	if w.trained > 0 {
		e.Loss = run.Number(w.lossSum / float64(w.trained))
	}
	return e
}

// itsRows is what a warning about a step calls the rows of it, which are
// listed by number beside the warning's words.
func (l *loop) itsRows(w *window, rows []int) string {
	if where := l.feed.Where(slices.Concat(w.items...), rows); where != "" {
		return "its rows (" + where + ")"
	}
	return "its rows"
}

// update moves the weights, or says why not.
func (l *loop) update(w *work, e *run.Event, its string) error {
	if w.trained == 0 {
		l.out.warn(run.CodeNoTrained, e.Step, fmt.Sprintf("step %d has no token that carries loss, so only momentum and weight_decay move the weights, as in TRL; look at the labels of %s", e.Step, its), w.rows)
		s, err := l.trainer.Step(float64(e.LearningRate), l.recipe.MaxGradNorm, 1)
		if err != nil {
			return fmt.Errorf("step %d: %w", e.Step, err)
		}
		e.GradNorm = run.Number(s.GradNorm)
		return nil
	}
	if !e.Loss.Finite() {
		l.trainer.Discard()
		e.GradNorm = run.Number(math.NaN())
		return l.notFinite(e, fmt.Sprintf("the loss of step %d is %v", e.Step, float64(e.Loss)), its)
	}
	s, err := l.trainer.Step(float64(e.LearningRate), l.recipe.MaxGradNorm, w.trained)
	if err != nil {
		return fmt.Errorf("step %d: %w", e.Step, err)
	}
	e.GradNorm = run.Number(s.GradNorm)
	if s.Skipped || !e.GradNorm.Finite() {
		return l.notFinite(e, fmt.Sprintf("the gradient norm of step %d is %v", e.Step, s.GradNorm), its)
	}
	l.state.Moved, l.state.LeftOut = true, 0
	return nil
}

// afterStep evaluates and saves where the recipe says so.
func (l *loop) afterStep(ctx context.Context, epochEnded bool) error {
	last := l.state.Step >= l.state.TotalSteps
	epochEnded = epochEnded || last
	isBest := false
	if l.eval != nil && l.cadence.evaluates(l.state.Step, epochEnded, last, l.out.snapshot().Epoch) {
		before := l.state.Best
		l.state.EvalDue = &evalDue{EpochEnded: epochEnded}
		if err := l.evaluate(ctx); err != nil || l.state.EvalDue != nil {
			return err
		}
		isBest = l.state.Best != before
	}
	if l.cadence.saves(l.state.Step, epochEnded, last, isBest) {
		return l.save(ctx)
	}
	return nil
}

// noteSpike warns when a step's loss jumped out of its recent range.
func (l *loop) noteSpike(e *run.Event, its string) {
	if !e.Loss.Finite() {
		return
	}
	usual, spike := l.spikes.add(float64(e.Loss))
	l.state.Recent = l.spikes.recent
	if spike {
		l.out.warn(run.CodeSpike, e.Step, fmt.Sprintf("the loss of step %d is %.4g, usual is %.4g; look at %s", e.Step, float64(e.Loss), usual, its), e.RowIDs)
	}
}
