package engine

import (
	"fmt"
	"sync"
	"time"

	"sftui/engine/compute"
	"sftui/engine/run"
)

// lookAhead is how many optimizer steps of a new batch size are looked through
// for shapes to compile.
const lookAhead = 16

// maxChases bounds how often a change waits once more because the next window
// has yet another shape; then the step compiles it.
const maxChases = 3

// tuner brings live changes about. As soon as one is asked for, whatever the
// loop is doing, it compiles in the background what the coming steps will need;
// the loop asks it between two steps whether the change may come into force.
type tuner struct {
	trainer compute.Trainer
	feed    feed
	order   *Order // of the goroutine that prepares
	out     *recorder
	peaks   *peaks

	mu           sync.Mutex
	at           Position // of the next step that has not begun
	micro        int      // in force
	accumulation int
	stepSeconds  float64 // of the last step
	wanted       *Change
	busy         chan struct{} // closed when the goroutine ends, nil without one
	looked       bool          // all windows ahead were compiled once for this change
	chases       int
	told         bool    // a "compiling" event was sent for this change
	slowest      float64 // seconds that one of its shapes took to compile
	err          error
	closed       bool
}

// ask takes a change, over the one that still waits if there is one.
func (t *tuner) ask(c Change) {
	t.mu.Lock()
	if t.wanted != nil {
		c = t.wanted.merge(c)
	}
	t.wanted, t.looked, t.chases, t.told, t.slowest, t.err = &c, false, 0, false, 0, nil
	t.start()
	t.mu.Unlock()
	t.out.waits(c)
}

// waiting are the values of the change that is not in force yet, nil without one.
func (t *tuner) waiting() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == nil {
		return nil
	}
	return t.wanted.waiting()
}

// start runs the goroutine that prepares; the caller holds mu.
func (t *tuner) start() {
	if t.busy == nil && !t.closed && t.wanted != nil {
		t.busy = make(chan struct{})
		go t.prepare(t.busy)
	}
}

// begin tells that a step with the sizes now in force begins; next is where the
// one after it will.
func (t *tuner) begin(next Position, micro, accumulation int) {
	t.mu.Lock()
	t.at, t.micro, t.accumulation = next, micro, accumulation
	t.mu.Unlock()
}

// stepped tells how long the last step took.
func (t *tuner) stepped(seconds float64) {
	t.mu.Lock()
	t.stepSeconds = seconds
	t.mu.Unlock()
}

// prepare checks that what is wanted fits and compiles it, until nothing is
// left to do.
func (t *tuner) prepare(done chan struct{}) {
	for {
		t.mu.Lock()
		if t.closed || t.wanted == nil || t.looked || t.err != nil {
			t.busy = nil
			t.mu.Unlock()
			close(done)
			return
		}
		change, at := t.wanted, t.at
		t.mu.Unlock()
		err := t.vet(change)
		if err == nil {
			err = t.walk(change, at)
		}
		t.mu.Lock()
		if t.wanted == change {
			t.looked, t.err = true, err
		}
		t.mu.Unlock()
	}
}

// vet refuses a change that the device's memory has no room for.
func (t *tuner) vet(c *Change) error {
	if c.MicroBatch == 0 || c.vetted {
		return nil
	}
	_, err := t.peaks.vet(*c)
	return err
}

// walk compiles the windows from a position on at the sizes of a change.
func (t *tuner) walk(c *Change, at Position) error {
	t.mu.Lock()
	micro, accumulation := t.micro, t.accumulation
	t.mu.Unlock()
	if c.MicroBatch == 0 || c.MicroBatch == micro {
		return nil // the shapes are those of now
	}
	if c.Accumulation > 0 {
		accumulation = c.Accumulation
	}
	for range lookAhead {
		w, err := collect(t.feed, t.order, at, c.MicroBatch, accumulation)
		if err != nil {
			return err
		}
		for _, b := range w.batches {
			if t.dropped(c) {
				return nil
			}
			if err := t.compile(c, t.trainer.ShapeOf(b)); err != nil {
				return err
			}
		}
		at = w.next
	}
	return nil
}

// dropped reports whether a change is no longer what is wanted.
func (t *tuner) dropped(c *Change) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed || t.wanted != c
}

// compile compiles a shape, and tells the first time for a change.
func (t *tuner) compile(c *Change, s compute.Shape) error {
	if t.trainer.Compiled(s) {
		return nil
	}
	t.mu.Lock()
	if !t.told && t.wanted == c {
		t.told = true
		// Under the lock, so that it cannot come after the change took effect.
		t.out.emit(run.Event{Kind: run.KindChange, Step: t.out.snapshot().Step, Phase: run.ChangeCompiling, Changes: c.values(),
			Message: fmt.Sprintf("compiling %s in the background", *c)})
	}
	t.mu.Unlock()
	start := time.Now()
	err := t.trainer.Prepare(s)
	t.mu.Lock()
	t.slowest = max(t.slowest, time.Since(start).Seconds())
	t.mu.Unlock()
	return err
}

// compileSeconds is what the slowest shape of the latest change took so far.
func (t *tuner) compileSeconds() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.slowest
}

// due returns the change that comes into force with the step at a position, or
// nil. compiled reports whether what that step needs is there.
func (t *tuner) due(compiled func(Change) (bool, error)) (*Change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == nil {
		return nil, nil
	}
	c := *t.wanted
	if err := t.err; err != nil {
		t.wanted = nil
		return &c, err
	}
	ready, err := compiled(c)
	if err != nil {
		return nil, err
	}
	switch {
	case ready && (t.looked || t.slowest <= t.stepSeconds):
		// Where a shape compiles faster than a step trains, the shapes of later
		// windows are compiled while earlier ones are trained on.
	case t.looked && t.chases >= maxChases:
	default:
		if t.looked {
			t.looked = false // other rows are next by now: look again from there
			t.chases++
			t.start()
		}
		return nil, nil
	}
	t.wanted = nil
	return &c, nil
}

// close ends the background work and waits for it.
func (t *tuner) close() {
	t.mu.Lock()
	t.closed = true
	busy := t.busy
	t.mu.Unlock()
	if busy != nil {
		<-busy
	}
}

// takeChanges applies what is due before the next optimizer step: changes with
// a step of their own, and live ones whose shapes are compiled.
func (l *loop) takeChanges() error {
	for len(l.changes) > 0 && l.changes[0].Step <= l.state.Step+1 {
		l.apply(l.changes[0])
		l.changes = l.changes[1:]
	}
	change, err := l.tuner.due(func(c Change) (bool, error) {
		micro, accumulation := l.sizes(c)
		if micro == l.state.MicroBatch {
			return true, nil
		}
		next, err := collect(l.feed, l.order, l.state.Position, micro, accumulation)
		return err == nil && l.compiled(next), err
	})
	switch {
	case change == nil:
		return err
	case err != nil:
		l.refuse(*change, err)
	default:
		l.apply(*change)
	}
	return nil
}

// refuse leaves a live change out; the run goes on as it was.
func (l *loop) refuse(c Change, why error) {
	waiting := l.tuner.waiting()
	l.out.update(func(s *run.Status) { s.Pending = waiting })
	message := fmt.Sprintf("%s is left out: %v", c, why)
	l.out.emit(run.Event{Kind: run.KindChange, Step: l.state.Step, Phase: run.ChangeRefused, Changes: c.values(), Message: message})
	l.out.warn(run.CodeMemory, l.state.Step, message, nil)
}

// sizes are the batch sizes that a change leads to.
func (l *loop) sizes(c Change) (micro, accumulation int) {
	micro, accumulation = l.state.MicroBatch, l.state.Accumulation
	if c.MicroBatch > 0 {
		micro = c.MicroBatch
	}
	if c.Accumulation > 0 {
		accumulation = c.Accumulation
	}
	return micro, accumulation
}

// apply puts a change into force for the next step. The position in the data
// counts rows, so no row is lost or repeated; the schedule is stretched over
// the steps that the rest of the data now takes.
func (l *loop) apply(c Change) {
	c.Step = l.state.Step + 1
	l.state.MicroBatch, l.state.Accumulation = l.sizes(c)
	if c.LearningScale > 0 {
		l.state.LearningScale = c.LearningScale
	}
	if (c.MicroBatch > 0 || c.Accumulation > 0) && l.recipe.MaxSteps <= 0 {
		left := l.order.StepsLeft(l.state.Position, l.recipe.NumTrainEpochs, l.state.MicroBatch, l.state.Accumulation)
		l.state.TotalSteps = l.state.Step + left
		if rest := float64(l.state.ScheduleTotal) - l.state.ScheduleAt; left > 0 && rest > 0 {
			l.state.ScheduleStride = rest / float64(left)
		}
	}
	forecast, waiting := l.tuner.peaks.total(l.state.MicroBatch), l.tuner.waiting()
	l.out.update(func(s *run.Status) {
		s.TotalSteps, s.LearningScale = l.state.TotalSteps, l.state.LearningScale
		s.MicroBatch, s.Accumulation = l.state.MicroBatch, l.state.Accumulation
		s.Pending = waiting
		if forecast > 0 {
			s.MemoryForecast = uint64(forecast)
		}
	})
	l.forecast = max(l.forecast, forecast)
	l.out.emit(run.Event{Kind: run.KindChange, Step: c.Step, Phase: run.ChangeApplied, Changes: c.values(), TotalSteps: l.state.TotalSteps,
		MicroBatch: l.state.MicroBatch, Accumulation: l.state.Accumulation, MemoryForecast: uint64(max(0, forecast)),
		CompileSeconds: l.tuner.compileSeconds(), Message: fmt.Sprintf("%s from step %d on", c, c.Step)})
}
