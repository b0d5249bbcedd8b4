package engine

import (
	"fmt"

	"sftui/engine/run"
)

// lookAhead is how many optimizer steps of a new batch size are looked through
// for shapes to compile before it comes into force.
const lookAhead = 2

// maxChases bounds how often a change waits once more because the next window
// has yet another shape; then the step compiles it.
const maxChases = 3

// liveChange is a change whose shapes are being compiled.
type liveChange struct {
	change  Change
	done    chan struct{}
	err     error
	chases  int
	waiting bool // a "compiling" event was sent
}

// takeChanges applies what is due before the next optimizer step: changes with
// a step of their own, and live ones whose shapes are compiled.
func (l *loop) takeChanges() error {
	for len(l.changes) > 0 && l.changes[0].Step <= l.state.Step+1 {
		l.apply(l.changes[0])
		l.changes = l.changes[1:]
	}
	if c := l.control.takeChange(); c != nil {
		if l.live != nil {
			<-l.live.done
			*c = l.live.change.merge(*c)
		}
		l.live = &liveChange{change: *c}
		l.prepareLive()
	}
	if l.live == nil {
		return nil
	}
	select {
	case <-l.live.done:
	default:
		return nil // still compiling: this step goes on with the old shape
	}
	return l.finishLive()
}

// finishLive applies a live change once the shapes that it needs next are there.
func (l *loop) finishLive() error {
	live := l.live
	if live.err != nil {
		l.live = nil
		l.out.warn(run.CodeMemory, l.state.Step, fmt.Sprintf("%s does not compile and is left out: %v", live.change, live.err), nil)
		return nil //nolint:nilerr // the run goes on as it was, and the warning says why
	}
	micro, accumulation := l.sizes(live.change)
	next, err := collect(l.feed, l.order, l.state.Position, micro, accumulation)
	if err != nil {
		return err
	}
	if live.chases < maxChases && !l.compiled(next) {
		live.chases++
		l.prepareLive()
		return nil
	}
	l.live = nil
	l.apply(live.change)
	return nil
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

// prepareLive compiles the shapes of the next windows at the new batch size in
// the background.
func (l *loop) prepareLive() {
	live, at, order := l.live, l.state.Position, l.order.clone()
	live.done = make(chan struct{})
	micro, accumulation := l.sizes(live.change)
	if micro == l.state.MicroBatch {
		close(live.done) // the shapes are those of now
		return
	}
	if !live.waiting {
		live.waiting = true
		l.out.emit(run.Event{Kind: run.KindChange, Step: l.state.Step, Phase: "compiling", Changes: live.change.values(),
			Message: fmt.Sprintf("compiling %s in the background", live.change)})
	}
	go func() {
		defer close(live.done)
		for range lookAhead {
			w, err := collect(l.feed, order, at, micro, accumulation)
			if err == nil {
				err = l.compile(w)
			}
			if err != nil {
				live.err = err
				return
			}
			at = w.next
		}
	}()
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
	l.out.update(func(s *run.Status) {
		s.TotalSteps, s.LearningScale = l.state.TotalSteps, l.state.LearningScale
		s.MicroBatch, s.Accumulation = l.state.MicroBatch, l.state.Accumulation
	})
	l.out.emit(run.Event{Kind: run.KindChange, Step: c.Step, Phase: "applied", Changes: c.values(), TotalSteps: l.state.TotalSteps,
		MicroBatch: l.state.MicroBatch, Accumulation: l.state.Accumulation,
		Message: fmt.Sprintf("%s from step %d on", c, c.Step)})
}
