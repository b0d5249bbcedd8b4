package engine

import (
	"sync"
	"time"

	"sftui/engine/device"
	"sftui/engine/run"
)

// statusEvery bounds how often run.json is rewritten while steps stream.
const statusEvery = 300 * time.Millisecond

// recorder is where everything that happens in a run goes: metrics.jsonl,
// run.json and whoever watches in this process. Its methods may be called from
// several goroutines.
type recorder struct {
	mu      sync.Mutex
	run     *run.Run
	events  *run.Writer
	status  run.Status
	written time.Time
	onEvent func(run.Event)
	memory  func() device.Reading // nil until the device is open
	err     error                 // why run.json could not be written last
}

// emit records an event and folds it into the status.
func (r *recorder) emit(e run.Event) {
	e.Time = time.Now()
	r.mu.Lock()
	if r.memory != nil && (e.Kind == run.KindStep || e.Kind == run.KindMemory || e.Kind == run.KindEval) {
		withMemory(&e, r.memory())
	}
	r.status.Apply(&e)
	r.events.Write(e)
	if e.Kind == run.KindDone || time.Since(r.written) >= statusEvery {
		r.write(e.Kind == run.KindDone)
	}
	r.mu.Unlock()
	if r.onEvent != nil {
		r.onEvent(e)
	}
}

// withMemory fills in what the device says.
func withMemory(e *run.Event, m device.Reading) {
	e.MemoryBytes, e.MemoryPeak, e.MemoryLimit = m.Used, m.Peak, m.Limit
	e.CPUPercent, e.GPUPercent = m.CPUPercent, m.GPUPercent
	e.PowerWatts, e.TemperatureC = m.PowerWatts, m.Temperature
}

// enter records that the run is in another state.
func (r *recorder) enter(s run.State, message string) {
	r.mu.Lock()
	r.status.State, r.status.Message = s, message
	step := r.status.Step
	r.write(false)
	r.mu.Unlock()
	r.emit(run.Event{Kind: run.KindPhase, Phase: string(s), Step: step, Message: message})
}

// update changes the status by hand and writes it.
func (r *recorder) update(change func(*run.Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
	r.write(false)
}

// waits writes down a change that is not in force yet.
func (r *recorder) waits(c Change) {
	r.update(func(s *run.Status) { s.Pending = c.waiting() })
}

// write replaces run.json; the caller holds mu. A failure (a full disk) must
// not stop training, and the next write may work again.
func (r *recorder) write(durable bool) {
	if r.events != nil {
		if lost, err := r.events.Lost(); lost || err != nil {
			r.err = err // it could be another run's folder by now; a lost one is made again with the next checkpoint
			return
		}
	}
	r.err = r.run.WriteStatus(r.status, durable)
	r.written = time.Now()
}

// snapshot is the status now.
func (r *recorder) snapshot() run.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Alive, s.Updated = true, time.Now()
	return s
}

// warn records a warning.
func (r *recorder) warn(code run.Code, step int, message string, rows []int) {
	r.emit(run.Event{Kind: run.KindWarning, Code: code, Step: step, Message: message, RowIDs: rows})
}

// log records a line for the log pane.
func (r *recorder) log(message string) {
	r.emit(run.Event{Kind: run.KindLog, Message: message})
}

// memoryEvery is the time between memory readings while a step takes longer.
const memoryEvery = 5 * time.Second

// watchMemory emits a memory event every few seconds until stop is closed.
func (r *recorder) watchMemory(stop <-chan struct{}, done *sync.WaitGroup) {
	defer done.Done()
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			r.emit(run.Event{Kind: run.KindMemory, Step: r.snapshot().Step})
		}
	}
}
