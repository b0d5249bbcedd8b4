package engine

import (
	"errors"
	"fmt"
	"slices"
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

	mu      sync.Mutex
	at      Position  // of the next step that has not begun
	now     sizes     // in force
	recent  []float64 // seconds of the last steps
	wanted  *Change
	busy    chan struct{} // closed when the goroutine ends, nil without one
	looked  bool          // all windows ahead were compiled once for this change
	chases  int
	told    bool    // a "compiling" event was sent for this change
	slowest float64 // seconds that one of its shapes took to compile
	err     error
	closed  bool
}

// errEnding answers what is asked of a run that makes no further step.
var errEnding = errors.New("the run makes no further step: it is ending")

// ask takes a change, over the one that still waits if there is one.
func (t *tuner) ask(c Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errEnding
	}
	if t.wanted != nil {
		c = t.wanted.merge(c)
	}
	t.wanted, t.looked, t.chases, t.told, t.slowest, t.err = &c, false, 0, false, 0, nil
	t.start()
	// Under the lock, so that of two requests, or a request and the change before it that comes into force, the status
	// shows the later one.
	t.out.waits(c)
	return nil
}

// enforce tells what sizes are in force from the next step on.
func (t *tuner) enforce(now sizes) {
	t.mu.Lock()
	t.now = now
	t.mu.Unlock()
}

// done tells that the change which due returned is recorded as in force, or left
// out.
func (t *tuner) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == nil {
		t.out.update(func(s *run.Status) { s.Pending = nil })
	}
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
func (t *tuner) begin(next Position, now sizes) {
	t.mu.Lock()
	t.at, t.now = next, now
	t.mu.Unlock()
}

// recentSteps is how many steps tell what a step usually takes.
const recentSteps = 5

// stepped tells how long the last step took.
func (t *tuner) stepped(seconds float64) {
	t.mu.Lock()
	t.recent = append(t.recent, seconds)
	t.recent = t.recent[max(0, len(t.recent)-recentSteps):]
	t.mu.Unlock()
}

// usual is what a step takes that does not wait for the compiler, as the first
// ones do; 0 where that cannot be told yet.
func (t *tuner) usual() float64 {
	if len(t.recent) < 2 {
		return 0
	}
	return slices.Min(t.recent)
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
		var err error
		if !change.vetted {
			var total int64
			total, err = t.vet(*change)
			t.mu.Lock()
			change.peak = total // under the lock: a request that comes now merges with the change
			t.mu.Unlock()
		}
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

// vet refuses a change that, with what waits already, the device's memory has
// no room for. total is the forecast peak in bytes.
func (t *tuner) vet(c Change) (total int64, err error) {
	t.mu.Lock()
	at, now := t.at, t.now
	if t.wanted != nil {
		c = t.wanted.merge(c)
	}
	t.mu.Unlock()
	return t.peaks.vet(c, at, now)
}

// walk compiles the windows from a position on at the sizes of a change.
func (t *tuner) walk(c *Change, at Position) error {
	t.mu.Lock()
	now := t.now
	t.mu.Unlock()
	then := now.with(*c)
	if then.micro == now.micro {
		return nil // the shapes are those of now
	}
	for range lookAhead {
		w, err := collect(t.feed, t.order, at, then.micro, then.accumulation)
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

// due returns the change that comes into force with the step at a position, or
// nil. possible reports whether it may, and compiled whether what that step
// needs is there.
func (t *tuner) due(possible func(Change) bool, compiled func(Change) (bool, error)) (*Change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted == nil || t.err == nil && !possible(*t.wanted) {
		return nil, nil
	}
	c := *t.wanted
	c.compiled = t.slowest
	if err := t.err; err != nil {
		t.wanted = nil
		return &c, err
	}
	ready, err := compiled(c)
	if err != nil {
		return nil, err
	}
	switch {
	case ready && (t.looked || t.slowest <= t.usual()):
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

// close ends the background work and waits for it. It returns the change that
// was asked for and did not come into force, if any.
func (t *tuner) close() *Change {
	t.mu.Lock()
	t.closed = true
	busy, waits := t.busy, t.wanted
	t.mu.Unlock()
	if busy != nil {
		<-busy
	}
	return waits
}

// takeChanges applies what is due before the next optimizer step: changes with
// a step of their own, and live ones whose shapes are compiled.
func (l *loop) takeChanges() error {
	for len(l.changes) > 0 && l.changes[0].Step <= l.state.Step+1 && l.possible(l.changes[0]) {
		c := l.changes[0]
		l.changes = l.changes[1:]
		l.apply(c)
	}
	change, err := l.tuner.due(l.possible, func(c Change) (bool, error) {
		then := l.sizes().with(c)
		if then.micro == l.state.MicroBatch {
			return true, nil
		}
		next, err := collect(l.feed, l.order, l.state.Position, then.micro, then.accumulation)
		return err == nil && l.compiled(next), err
	})
	switch {
	case change == nil:
		return err
	case err != nil:
		l.refuse(*change, err)
	default:
		l.supersede(*change)
		l.apply(*change)
		// What waits is forgotten only when the event that it is in force, which a resume goes by, has been written; on a
		// full disk it comes later.
		_, _ = l.out.events.Sync()
	}
	l.tuner.done()
	return nil
}

// possible reports whether a change may come into force with the next step. Not
// while it would pass over the rest of an epoch, too few rows for a batch of the
// new size where dataloader_drop_last drops what does not fill one, nor where it
// would leave the run no step: it waits, and the steps are made as they were.
func (l *loop) possible(c Change) bool {
	then := l.sizes().with(c)
	if then == l.sizes() {
		return true
	}
	at := l.state.Position
	if l.order.normalize(at, then.micro).Epoch != l.order.normalize(at, l.state.MicroBatch).Epoch {
		return false
	}
	return l.recipe.MaxSteps > 0 || l.order.StepsLeft(at, l.recipe.NumTrainEpochs, then.micro, then.accumulation) > 0
}

// supersede takes the options of a live change out of those that a resumed run
// is to make again: what is asked for now is newer.
func (l *loop) supersede(live Change) {
	for i := range l.changes {
		if c := &l.changes[i]; c.again {
			*c = c.without(live)
		}
	}
	l.changes = slices.DeleteFunc(l.changes, func(c Change) bool { return c.again && len(c.values()) == 0 })
}

// refuse leaves a live change out; the run goes on as it was.
func (l *loop) refuse(c Change, why error) {
	message := fmt.Sprintf("%s is left out: %v", c, why)
	l.out.emit(run.Event{Kind: run.KindChange, Step: l.state.Step, Phase: run.ChangeRefused, Changes: c.values(), Message: message})
	l.out.warn(run.CodeMemory, l.state.Step, message, nil)
}

// unmet tells of the changes that were to come into force and did not, for want
// of another step. waits is the one that was asked for last, nil for none.
func (l *loop) unmet(waits *Change) {
	late := l.changes
	if waits != nil {
		late = append(slices.Clone(late), *waits)
	}
	for _, c := range late {
		message := fmt.Sprintf("%s is left out: the run made its last step before it could come into force", c)
		l.out.emit(run.Event{Kind: run.KindChange, Step: l.state.Step, Phase: run.ChangeRefused, Changes: c.values(), Message: message})
	}
	l.out.update(func(s *run.Status) { s.Pending, s.Again = nil, nil })
}

// sizes are the batch sizes in force.
func (l *loop) sizes() sizes { return sizes{l.state.MicroBatch, l.state.Accumulation} }

// apply puts a change into force for the next step. The position in the data
// counts rows, so no row is lost or repeated; the schedule is stretched over
// the steps that the rest of the data now takes.
func (l *loop) apply(c Change) {
	c.Step = l.state.Step + 1
	then := l.sizes().with(c)
	l.state.MicroBatch, l.state.Accumulation = then.micro, then.accumulation
	l.tuner.enforce(then)
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
	var forecast int64
	if c.MicroBatch > 0 || c.Accumulation > 0 {
		// The cuts of this epoch's rows into batches depend on the step that the change came with.
		forecast = max(c.peak, l.tuner.peaks.soon(l.state.Position, then))
	}
	l.out.update(func(s *run.Status) {
		s.TotalSteps, s.LearningScale = l.state.TotalSteps, l.state.LearningScale
		s.MicroBatch, s.Accumulation, s.Again = l.state.MicroBatch, l.state.Accumulation, pastOf(l.changes)
		if forecast > 0 {
			s.MemoryForecast = uint64(forecast)
		}
	})
	l.forecast = max(l.forecast, forecast)
	l.out.emit(run.Event{Kind: run.KindChange, Step: c.Step, Phase: run.ChangeApplied, Changes: c.values(), TotalSteps: l.state.TotalSteps,
		MicroBatch: l.state.MicroBatch, Accumulation: l.state.Accumulation, MemoryForecast: uint64(max(0, forecast)),
		CompileSeconds: c.compiled, Message: fmt.Sprintf("%s from step %d on", c, c.Step)})
}
