package engine

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"sftui/engine/compute"
	"sftui/engine/run"
)

// Bytes writes a size with a unit of 1,000s: "540 MB".
func Bytes(n int64) string {
	const step = 1000
	value, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for value >= step && unit < len(units)-1 {
		value /= step
		unit++
	}
	digits := 0
	if unit > 0 && value < 10 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[unit]
}

// warmUp compiles what the first step and the heaviest micro-batch need, and
// compares the memory that this takes with what the device has.
func (l *loop) warmUp(o *Opened, force bool) error {
	l.out.enter(run.Compiling, "compiling for the first step")
	if err := l.vetScheduled(force); err != nil {
		return err
	}
	list, err := candidates(l.feed, l.order.clone(), l.trainer.ShapeOf,
		ahead{l.state.Position, l.state.TotalSteps - l.state.Step, l.state.MicroBatch, l.state.Accumulation})
	if err != nil {
		return err
	}
	heaviest := heaviestOf(list, o.weigh(l.state.Accumulation))
	worst, shape := heaviest.batch, heaviest.shape
	if err := l.refuseEarly(o, worst, shape, force); err != nil {
		return err
	}
	if !l.trainer.Compiled(shape) {
		if err := l.trainer.Prepare(shape); err != nil {
			return fmt.Errorf("the heaviest micro-batch (rows %s) cannot be compiled: %w", rowList(worst), err)
		}
	}
	need := measured(o, l.state.Accumulation).Total()
	evaluation, err := l.evaluationPeak(o)
	if err != nil {
		return err
	}
	l.forecast = max(need, evaluation)
	l.out.update(func(s *run.Status) { s.MemoryForecast = uint64(max(0, l.forecast)) })
	limit := l.out.limit()
	if limit == 0 || l.forecast <= int64(limit) {
		return nil
	}
	what := l.tooHeavy(worst, need, int64(limit))
	if need <= int64(limit) {
		what = fmt.Sprintf("the heaviest evaluation batch needs %s of memory and the device has %s free: lower per_device_eval_batch_size", Bytes(evaluation), Bytes(int64(limit)))
	}
	if force {
		l.out.warn(run.CodeMemory, l.state.Step, what, flatten(worst.Rows))
		return nil
	}
	return fmt.Errorf("%s; --force starts all the same", what)
}

// surelyTooMuch is how far above the free memory the formula alone refuses a run: compiling a batch that large takes
// minutes, and below it XLA's own sizes decide.
const surelyTooMuch = 1.5

// refuseEarly refuses a batch that by the formula is far beyond the memory, before it is compiled.
func (l *loop) refuseEarly(o *Opened, worst compute.Batch, shape compute.Shape, force bool) error {
	limit := l.out.limit()
	if force || o.Estimate == nil || limit == 0 {
		return nil
	}
	need := o.estimate(shape, l.state.Accumulation)
	if float64(need.Total()) <= surelyTooMuch*float64(limit) {
		return nil
	}
	return fmt.Errorf("%s; --force starts all the same", l.tooHeavy(worst, need.Total(), int64(limit)))
}

// tooHeavy says that a micro-batch does not fit, in bytes, and what to do.
func (l *loop) tooHeavy(worst compute.Batch, need, free int64) string {
	lower, turnOn := []string{"max_length"}, []string{}
	if l.state.MicroBatch > 1 {
		lower = []string{keyMicroBatch, "max_length"}
	}
	if !ComputeConfig(l.recipe, "").GradientCheckpointing {
		turnOn = append(turnOn, "gradient_checkpointing")
	}
	if !l.recipe.UsePeft {
		turnOn = append(turnOn, "use_peft")
	}
	ways := "lower " + strings.Join(lower, " or ")
	if len(turnOn) > 0 {
		ways += ", or turn on " + strings.Join(turnOn, " or ")
	}
	return fmt.Sprintf("the heaviest micro-batch (rows %s) needs %s of memory and the device has %s free: %s (sftui forecast says what each saves)",
		rowList(worst), Bytes(need), Bytes(free), ways)
}

// evaluationPeak forecasts the peak of an evaluation; 0 where there is none or
// the model cannot be described.
func (l *loop) evaluationPeak(o *Opened) (int64, error) {
	if l.eval == nil || o.Estimate == nil {
		return 0, nil
	}
	steps := l.eval.order.StepsFrom(0, l.eval.batch, 1)
	list, err := candidates(l.eval.feed, l.eval.order.clone(), l.trainer.ShapeOf, ahead{steps: steps, micro: l.eval.batch, accumulation: 1})
	if err != nil {
		return 0, err
	}
	weigh := func(s compute.Shape) int64 { return evaluationMemory(o.Estimate(s), o.CUDA).Total() }
	return weigh(heaviestOf(list, weigh).shape), nil
}

// estimate forecasts the memory of steps of so many micro-batches in a shape.
func (o *Opened) estimate(s compute.Shape, accumulation int) compute.Memory {
	e := o.Estimate(s)
	if accumulation == 1 && o.Alone != nil {
		e = o.Alone(e)
	}
	return e
}

// weigh compares shapes by the memory that they need, or by their positions
// where the model cannot be described.
func (o *Opened) weigh(accumulation int) func(compute.Shape) int64 {
	return func(s compute.Shape) int64 {
		if o.Estimate == nil {
			return int64(s.Positions())
		}
		return o.estimate(s, accumulation).Total()
	}
}

// vetScheduled refuses a change with a step of its own that memory has no room
// for, before anything is compiled.
func (l *loop) vetScheduled(force bool) error {
	now := l.sizes()
	for i := range l.changes {
		c := &l.changes[i]
		total, err := l.tuner.peaks.vet(*c, l.state.Position, now)
		if err != nil && !force {
			return fmt.Errorf("step %d: %w", c.Step, err)
		}
		c.peak, now = total, now.with(*c)
	}
	return nil
}

// limit is the memory of the device that other processes leave, 0 when unknown.
func (r *recorder) limit() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		return 0
	}
	m := r.memory()
	return cmp.Or(m.Free, m.Limit)
}

// tellMemory logs the forecast beside what the process or the device reached.
func (l *loop) tellMemory() {
	status := l.out.snapshot()
	if l.forecast <= 0 || status.MemoryPeak == 0 {
		return
	}
	peak := float64(status.MemoryPeak)
	l.out.log(fmt.Sprintf("memory: forecast %s, peak %s (%+.0f%%)", Bytes(l.forecast), Bytes(int64(peak)), 100*(float64(l.forecast)/peak-1)))
}

func flatten(rows [][]int) []int {
	var all []int
	for _, r := range rows {
		all = append(all, r...)
	}
	return all
}

// rowList names a batch's rows, at most a few.
func rowList(b compute.Batch) string {
	if text := SomeRows(flatten(b.Rows)); text != "" {
		return text
	}
	return "given"
}

// SomeRows names the first few rows.
func SomeRows(rows []int) string { return some(rows, strconv.Itoa) }

// some names the first few of many.
func some(rows []int, name func(int) string) string {
	const most = 8
	var text strings.Builder
	for i, r := range rows {
		if i == most {
			fmt.Fprintf(&text, " and %d more", len(rows)-most)
			break
		}
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(name(r))
	}
	return text.String()
}
