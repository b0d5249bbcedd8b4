package engine

import (
	"time"

	"sftui/engine/compute"
	"sftui/engine/run"
)

// window is the data of one optimizer step.
type window struct {
	at, next            Position
	micro, accumulation int
	items               [][]int // of each batch
	batches             []compute.Batch
}

// collect makes the window at a position.
func collect(f feed, o *Order, at Position, micro, accumulation int) (*window, error) {
	w := &window{at: o.normalize(at, micro), micro: micro, accumulation: accumulation}
	items, next := o.Window(at, micro, accumulation)
	w.items, w.next = items, next
	for _, part := range items {
		b, err := f.Batch(part)
		if err != nil {
			return nil, err
		}
		w.batches = append(w.batches, b)
	}
	return w, nil
}

// prefetch is a window that another goroutine makes.
type prefetch struct {
	at                  Position
	micro, accumulation int
	collected           chan struct{} // its rows are there
	done                chan struct{} // and its shapes are compiled
	window              *window
	err                 error
}

// nextWindow returns the window of the next step, usually made ahead of time,
// and starts making the one after it.
func (l *loop) nextWindow() (*window, error) {
	at, micro, accumulation := l.state.Position, l.state.MicroBatch, l.state.Accumulation
	var w *window
	var err error
	if p := l.ahead; p != nil {
		<-p.collected
		if p.at == at && p.micro == micro && p.accumulation == accumulation {
			l.tellCompiling(p.done)
			w, err = p.window, p.err
		} // else a change came between, and what is compiled for nothing need not be waited for
		l.ahead = nil
	}
	if w == nil && err == nil {
		w, err = collect(l.feed, l.order, at, micro, accumulation)
	}
	if err == nil && l.state.Step+1 < l.state.TotalSteps {
		l.startPrefetch(w.next)
	}
	return w, err
}

// startPrefetch makes the window at a position in the background and compiles
// the shapes in it that are new, so that the step which needs them does not wait.
func (l *loop) startPrefetch(at Position) {
	p := &prefetch{at: at, micro: l.state.MicroBatch, accumulation: l.state.Accumulation, collected: make(chan struct{}), done: make(chan struct{})}
	if len(l.changes) > 0 && l.changes[0].Step == l.state.Step+2 {
		then := l.sizes().with(l.changes[0]) // as they will be by then
		p.micro, p.accumulation = then.micro, then.accumulation
	}
	l.ahead = p
	order := l.order.clone()
	l.preparing.Go(func() {
		defer close(p.done)
		p.window, p.err = collect(l.feed, order, p.at, p.micro, p.accumulation)
		close(p.collected)
		if p.err != nil {
			return
		}
		// A shape that does not compile fails again, with the step's number,
		// where it is used.
		_ = l.compile(p.window)
	})
}

// compile prepares the shapes of a window that are not compiled yet.
func (l *loop) compile(w *window) error {
	for _, b := range w.batches {
		if s := l.trainer.ShapeOf(b); !l.trainer.Compiled(s) {
			if err := l.trainer.Prepare(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// untold is how long a step may wait for a shape before the run says so.
const untold = 2 * time.Second

// tellCompiling waits until the shapes of a step are compiled that no step had
// yet. Where that takes long, the run's state says what it waits for: a step
// that takes twenty times the others would look like a hang.
func (l *loop) tellCompiling(compiled <-chan struct{}) {
	soon := time.NewTimer(untold)
	defer soon.Stop()
	select {
	case <-compiled:
	case <-soon.C:
		l.out.enter(run.Compiling, "a batch of a new shape")
		<-compiled
		l.out.enter(run.Training, "")
	}
}

// compiled reports whether every shape of a window is.
func (l *loop) compiled(w *window) bool {
	for _, b := range w.batches {
		if !l.trainer.Compiled(l.trainer.ShapeOf(b)) {
			return false
		}
	}
	return true
}

// settle ends the background work of the loop. It returns the change that was
// asked for and did not come into force, if any.
func (l *loop) settle() (waits *Change) {
	l.control.end()
	l.preparing.Wait()
	l.ahead = nil
	return l.tuner.close()
}
