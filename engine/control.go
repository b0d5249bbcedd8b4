package engine

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"

	"sftui/engine/run"
)

// Names of the options that can be changed in a live run.
const (
	keyMicroBatch   = "per_device_train_batch_size"
	keyAccumulation = "gradient_accumulation_steps"
	keyScale        = "learning_rate_scale"
	keyLearningRate = "learning_rate"
	keyForce        = "force" // of a change that waits
)

// maxLiveBatch bounds a live batch size against a slip of the finger.
const maxLiveBatch = 4096

// Change is a change of a live run's options. Zero fields stay as they are.
type Change struct {
	// Step is the first optimizer step that has it, 0 for the next.
	Step          int     `json:"step,omitempty"`
	MicroBatch    int     `json:"per_device_train_batch_size,omitempty"`
	Accumulation  int     `json:"gradient_accumulation_steps,omitempty"`
	LearningScale float64 `json:"learning_rate_scale,omitempty"`
	// Force applies it although the forecast says that memory will not do.
	Force bool `json:"force,omitempty"`

	vetted   bool    // the forecast was asked already, for just these values
	peak     int64   // what it said, in bytes, 0 for nothing
	compiled float64 // seconds that the slowest new shape took
	again    bool    // made before the run was resumed from an older checkpoint
}

// values are the change's options by name.
func (c Change) values() map[string]string {
	v := map[string]string{}
	if c.MicroBatch > 0 {
		v[keyMicroBatch] = strconv.Itoa(c.MicroBatch)
	}
	if c.Accumulation > 0 {
		v[keyAccumulation] = strconv.Itoa(c.Accumulation)
	}
	if c.LearningScale > 0 {
		v[keyScale] = strconv.FormatFloat(c.LearningScale, 'g', -1, 64)
	}
	return v
}

// waiting are the values that the status of a run has of a change which is not
// in force yet, enough to ask for it again.
func (c Change) waiting() map[string]string {
	v := c.values()
	if c.Force {
		v[keyForce] = "true"
	}
	return v
}

// String lists the options of the change by name.
func (c Change) String() string {
	var parts []string
	for k, v := range c.values() {
		parts = append(parts, k+"="+v)
	}
	sort.Strings(parts)
	return strings.Join(parts, " ")
}

// merge puts the fields that b sets over c's.
func (c Change) merge(b Change) Change {
	if b.MicroBatch > 0 {
		c.MicroBatch = b.MicroBatch
	}
	if b.Accumulation > 0 {
		c.Accumulation = b.Accumulation
	}
	if b.LearningScale > 0 {
		c.LearningScale = b.LearningScale
	}
	// Whether both together fit is another question than whether each does, and
	// sizes that are asked for now are not forced by what was asked before.
	c.vetted, c.peak = false, 0
	if b.MicroBatch > 0 || b.Accumulation > 0 {
		c.Force = b.Force
	}
	return c
}

// without is the change less the options that b sets.
func (c Change) without(b Change) Change {
	if b.MicroBatch > 0 {
		c.MicroBatch = 0
	}
	if b.Accumulation > 0 {
		c.Accumulation = 0
	}
	if b.LearningScale > 0 {
		c.LearningScale = 0
	}
	return c
}

// ParseChange reads the values of a set command. base is the recipe's
// learning_rate, against which an absolute learning_rate becomes a scale.
func ParseChange(values map[string]string, base float64) (Change, error) {
	var c Change
	if len(values) == 0 {
		return c, fmt.Errorf("nothing to set: give %s, %s, %s or %s", keyMicroBatch, keyAccumulation, keyLearningRate, keyScale)
	}
	if _, ok := values[keyLearningRate]; ok {
		if _, both := values[keyScale]; both {
			return c, fmt.Errorf("%s and %s are two ways to say the same: give one of them", keyLearningRate, keyScale)
		}
		if base <= 0 {
			return c, fmt.Errorf("the recipe's %s is %g, of which no scale makes another", keyLearningRate, base)
		}
	}
	for key, value := range values {
		var err error
		switch key {
		case keyMicroBatch:
			c.MicroBatch, err = liveCount(key, value)
		case keyAccumulation:
			c.Accumulation, err = liveCount(key, value)
		case keyScale:
			c.LearningScale, err = liveFactor(key, value)
		case keyLearningRate:
			if c.LearningScale, err = liveFactor(key, value); err == nil {
				c.LearningScale /= base
				if c.LearningScale == 0 || math.IsInf(c.LearningScale, 0) {
					err = fmt.Errorf("%s=%s is too far from the recipe's %g", key, value, base)
				}
			}
		default:
			err = fmt.Errorf("%s cannot be changed in a live run; %s, %s, %s and %s can", key, keyMicroBatch, keyAccumulation, keyLearningRate, keyScale)
		}
		if err != nil {
			return Change{}, err
		}
	}
	return c, nil
}

func liveCount(key, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxLiveBatch {
		return 0, fmt.Errorf("%s must be a whole number from 1 to %d, found %q", key, maxLiveBatch, value)
	}
	return n, nil
}

func liveFactor(key, value string) (float64, error) {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f > 0) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s must be a number above 0, found %q", key, value)
	}
	return f, nil
}

// stopKind is how a run is asked to end.
type stopKind int

const (
	stopNot stopKind = iota
	stopSave
	stopNow
)

// Control takes commands for a live run from the control socket, signals or
// the caller, at any time and from any goroutine. The loop looks at it between
// optimizer steps.
type Control struct {
	mu       sync.Mutex
	wake     *sync.Cond
	stop     stopKind
	save     bool
	paused   bool
	retry    bool    // resume was asked for while waiting for disk space
	pending  *Change // asked for before the run was set up
	base     float64
	fixed    bool // replaying: the micro-batches are given
	kill     func()
	snapshot func() run.Status
	ended    bool                                  // there is no further step
	vet      func(Change) (total int64, err error) // forecasts a change, nil before the run is set up
	taken    func(Change) error                    // takes a change over at once, nil before that
	note     func(Change)                          // writes down what waits until then
}

// NewControl returns a control for one run. kill ends the process at once.
func NewControl(kill func()) *Control {
	c := &Control{kill: kill}
	c.wake = sync.NewCond(&c.mu)
	return c
}

// Stop ends the run after the current optimizer step, with a checkpoint when save is set. Asked twice, the last word
// counts.
func (c *Control) Stop(save bool) {
	if save {
		_ = c.take(run.StopAndSave)
	} else {
		_ = c.take(run.Stop)
	}
}

// Save asks for a checkpoint after the current optimizer step.
func (c *Control) Save() { _ = c.take(run.Save) }

// Pause holds the run after the current optimizer step; Resume lets it go on.
func (c *Control) Pause() { _ = c.take(run.Pause) }

// Resume ends a pause, and looks at once whether a full disk has room again.
func (c *Control) Resume() { _ = c.take(run.Resume) }

// take notes what a verb without values asks of the loop, in the same moment in
// which it is known not to come too late, so that what was accepted is done.
func (c *Control) take(verb run.Verb) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended && verb != run.Stop && verb != run.Resume {
		return errEnding
	}
	switch verb {
	case run.Save:
		c.save = true
	case run.Pause:
		c.paused = true
	case run.Resume:
		c.paused, c.retry = false, true
	case run.Stop:
		c.stop = stopNow
	case run.StopAndSave:
		c.stop = stopSave
	}
	c.wake.Broadcast()
	return nil
}

// Set asks for new options from the next optimizer step on that they are
// compiled for. It may be called again before the last change took effect:
// later values win. It refuses what the forecast says cannot fit, unless forced.
func (c *Control) Set(change Change) error {
	_, err := c.set(change)
	return err
}

// set is Set; it also returns the forecast peak in bytes, 0 where none was made.
func (c *Control) set(change Change) (total int64, err error) {
	c.mu.Lock()
	fixed, vet, ended := c.fixed, c.vet, c.ended
	c.mu.Unlock()
	if ended {
		return 0, errEnding
	}
	if fixed && change.MicroBatch > 0 {
		return 0, fmt.Errorf("%s cannot change while given batches are replayed", keyMicroBatch)
	}
	if vet != nil {
		if total, err = vet(change); err != nil {
			return total, err
		}
		change.vetted, change.peak = true, total
	}
	c.mu.Lock()
	if c.pending != nil {
		change = c.pending.merge(change)
	}
	taken := c.taken
	note := c.note
	if taken == nil {
		c.pending = &change
		if note != nil {
			note(change)
		}
	}
	c.mu.Unlock()
	if taken != nil {
		return total, taken(change)
	}
	return total, nil
}

// Handle answers one command of the control socket.
func (c *Control) Handle(cmd run.Command) run.Reply {
	reply := run.Reply{OK: true}
	if len(cmd.Values) > 0 && cmd.Verb != run.Set {
		return run.Reply{Message: fmt.Sprintf("values belong to set, not to %s", cmd.Verb)}
	}
	switch cmd.Verb {
	case run.Set:
		return c.handleSet(cmd)
	case run.Save, run.Pause, run.Resume, run.Stop, run.StopAndSave:
		if err := c.take(cmd.Verb); err != nil {
			return run.Reply{Message: err.Error()}
		}
		reply.Message = promise(cmd.Verb)
	case run.Kill:
		if c.kill == nil {
			return run.Reply{Message: "this run cannot be killed from here"}
		}
		c.kill()
		reply.Message = "the process ends now"
	case run.Query:
	default:
		return run.Reply{Message: fmt.Sprintf("no command %q: use set, save, pause, resume, stop, stop_and_save, kill or status", cmd.Verb)}
	}
	return c.withStatus(reply)
}

// promise says what becomes of a command that was taken.
func promise(verb run.Verb) string {
	switch verb {
	case run.Save:
		return "a checkpoint will be written after this step"
	case run.Pause:
		return "the run will pause after this step"
	case run.Resume:
		return "the run goes on"
	case run.Stop:
		return "the run will stop after this step, without a checkpoint"
	}
	return "the run will stop after this step, with a checkpoint"
}

func (c *Control) handleSet(cmd run.Command) run.Reply {
	c.mu.Lock()
	base := c.base
	c.mu.Unlock()
	change, err := ParseChange(cmd.Values, base)
	if err != nil {
		return run.Reply{Message: err.Error()}
	}
	change.Force = cmd.Force
	total, err := c.set(change)
	if err != nil {
		return run.Reply{Message: err.Error(), MemoryForecast: uint64(max(0, total))}
	}
	reply := run.Reply{OK: true, Message: change.String() + " will take effect at the next optimizer step that it is compiled for", MemoryForecast: uint64(max(0, total))}
	if total > 0 {
		reply.Message += ", with a peak of about " + Bytes(total) + " of memory"
	}
	return c.withStatus(reply)
}

func (c *Control) withStatus(reply run.Reply) run.Reply {
	c.mu.Lock()
	snapshot := c.snapshot
	c.mu.Unlock()
	if snapshot != nil {
		s := snapshot()
		reply.Status = &s
	}
	return reply
}

// attach tells the control about the run it controls. note writes down a change
// that waits for the run to be set up, so that it outlives the process.
func (c *Control) attach(base float64, fixed bool, snapshot func() run.Status, note func(Change)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.fixed, c.snapshot, c.note = base, fixed, snapshot, note
}

// goOn asks again for what was not in force yet when a resumed run ended; what
// was asked for since wins.
func (c *Control) goOn(old Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil {
		old = old.merge(*c.pending)
	}
	c.pending = &old
}

// stopping is how the run was asked to end, if it was.
func (c *Control) stopping() stopKind {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop
}

// takeSave reports whether a checkpoint was asked for, once.
func (c *Control) takeSave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	save := c.save
	c.save = false
	return save
}

// serve tells the control that the run is set up: vet forecasts a change, and
// taken takes one over from any goroutine. What was asked for before is handed
// over now.
func (c *Control) serve(vet func(Change) (int64, error), taken func(Change) error) {
	c.mu.Lock()
	c.vet, c.taken = vet, taken
	early := c.pending
	c.pending = nil
	c.mu.Unlock()
	if early != nil {
		_ = taken(*early) // the run begins only now
	}
}

// end tells the control that the run makes no further step.
func (c *Control) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

// isPaused reports whether the run should hold.
func (c *Control) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused && c.stop == stopNot
}

// wait blocks until the pause ends, the run is to stop, or a checkpoint is
// asked for.
func (c *Control) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.paused && c.stop == stopNot && !c.save {
		c.wake.Wait()
	}
}

// takeRetry reports, once, that resume was asked for.
func (c *Control) takeRetry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	retry := c.retry
	c.retry = false
	return retry
}
