package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// State is what a run is doing.
type State string

// The states of a run. Died is never written: it is what a reader finds when
// the process of a run that is not over no longer exists.
const (
	Starting   State = "starting"
	Preparing  State = "preparing"
	Compiling  State = "compiling"
	Training   State = "training"
	Evaluating State = "evaluating"
	Saving     State = "saving"
	Paused     State = "paused"
	Stopped    State = "stopped"
	Finished   State = "finished"
	Failed     State = "failed"
	Died       State = "died"
)

// Over reports whether a run in this state has ended.
func (s State) Over() bool {
	return s == Stopped || s == Finished || s == Failed || s == Died
}

// Status is run.json: where the run is, small enough to be rewritten often.
type Status struct {
	State   State  `json:"state"`
	Message string `json:"message,omitempty"` // why it failed or paused

	PID          int    `json:"pid"`
	ProcessStart uint64 `json:"process_start,omitempty"` // the kernel's start time of PID, so that a reused number is not taken for the run
	Host         string `json:"host,omitempty"`
	Boot         string `json:"boot,omitempty"` // identity of the machine's boot, where known
	Alive        bool   `json:"-"`              // filled by Run.Status

	Started time.Time `json:"started"` // of the run's first process
	Updated time.Time `json:"updated"`
	Resumes int       `json:"resumes,omitempty"` // how often it was resumed; metrics.jsonl is cut back each time

	Model     string   `json:"model,omitempty"`
	Data      string   `json:"data,omitempty"`
	Device    string   `json:"device,omitempty"`
	Parent    string   `json:"parent,omitempty"` // checkpoint folder that the run was forked from
	Arguments []string `json:"arguments,omitempty"`

	Step         int     `json:"step"`
	TotalSteps   int     `json:"total_steps,omitempty"`
	Epoch        float64 `json:"epoch,omitempty"`
	Epochs       float64 `json:"epochs,omitempty"`
	Loss         Number  `json:"loss,omitempty"`      // of the last step
	BestLoss     Number  `json:"best_loss,omitempty"` // lowest step loss
	EvalLoss     Number  `json:"eval_loss,omitempty"` // of the last evaluation
	BestEval     Number  `json:"best_eval,omitempty"` // best evaluation loss
	BestStep     int     `json:"best_step,omitempty"` // the step of BestEval
	GradNorm     Number  `json:"grad_norm,omitempty"`
	LearningRate Number  `json:"learning_rate,omitempty"`

	TrainedTokens  int64   `json:"trained_tokens,omitempty"` // all steps so far
	TrainSeconds   float64 `json:"train_seconds,omitempty"`  // time spent in those steps
	StepSeconds    float64 `json:"step_seconds,omitempty"`   // recent mean
	SecondsLeft    float64 `json:"seconds_left,omitempty"`
	MicroBatch     int     `json:"per_device_train_batch_size,omitempty"`
	Accumulation   int     `json:"gradient_accumulation_steps,omitempty"`
	LearningScale  float64 `json:"learning_rate_scale,omitempty"` // set live; 0 means 1
	MemoryBytes    uint64  `json:"memory_bytes,omitempty"`
	MemoryPeak     uint64  `json:"memory_peak_bytes,omitempty"`
	MemoryLimit    uint64  `json:"memory_limit_bytes,omitempty"`
	MemoryForecast uint64  `json:"memory_forecast_bytes,omitempty"` // peak of the settings in force
	// Pending are options that were asked for and are not in force yet.
	Pending map[string]string `json:"pending_change,omitempty"`
	// Again are changes that were in force before the run went on from an older
	// checkpoint, and are to be made again at their steps.
	Again      []PastChange `json:"changes_again,omitempty"`
	Checkpoint string       `json:"checkpoint,omitempty"` // the newest one
	Export     string       `json:"export,omitempty"`     // folder of the final model
}

// PastChange is a live change of options and the first step that had it.
type PastChange struct {
	Step   int               `json:"step"`
	Values map[string]string `json:"values"`
}

// Status reads run.json. A run whose process is gone before it was over comes
// back as Died. A folder with only a metrics.jsonl (copied from elsewhere, or
// written by another tool) is summed up from its events.
func (r *Run) Status() (Status, error) {
	data, err := os.ReadFile(r.Path(StatusFile))
	if errors.Is(err, os.ErrNotExist) {
		return r.statusFromEvents()
	}
	if err != nil {
		return Status{}, fmt.Errorf("read the run's status: %w", err)
	}
	var s Status
	if err := json.Unmarshal(data, &s); err != nil {
		// It is replaced in one step, so no process writes it now: a power cut or a damaged disk left it so.
		s, eventsErr := r.statusFromEvents()
		if eventsErr != nil {
			return Status{}, fmt.Errorf("%s is not a run's status: %w", r.Path(StatusFile), err)
		}
		s.Message = fmt.Sprintf("%s cannot be read (%v), so that only its events are known", StatusFile, err)
		return s, nil
	}
	s.Alive = !s.State.Over() && s.processLives()
	if !s.State.Over() && !s.Alive {
		s.State = Died
		if s.Message == "" {
			s.Message = s.epitaph()
		}
	}
	return s, nil
}

// crowded is the share of the device's memory above which the want of it is
// named as a likely end of a process that says nothing.
const crowded = 0.95

// epitaph says what is known of a process that ended without a word.
func (s *Status) epitaph() string {
	why, then := "", "resume continues from the last checkpoint"
	if held := max(s.MemoryPeak, s.MemoryForecast); s.MemoryLimit > 0 && float64(held) > crowded*float64(s.MemoryLimit) {
		why = ", perhaps for want of memory"
	}
	if s.Checkpoint == "" {
		then = "it had no checkpoint yet"
	}
	return "its process ended without a word" + why + "; " + then
}

// processLives reports whether the process that wrote the status still runs.
func (s *Status) processLives() bool {
	host, boot := machine()
	if s.PID <= 0 || s.Host != host || (s.Boot != "" && s.Boot != boot) {
		return false
	}
	start, ok := processStart(s.PID)
	return ok && (s.ProcessStart == 0 || start == 0 || start == s.ProcessStart)
}

// Mine fills the fields that identify the calling process.
func (s *Status) Mine() {
	s.PID = os.Getpid()
	s.Host, s.Boot = machine()
	s.ProcessStart, _ = processStart(s.PID)
}

// WriteStatus replaces run.json in one step, so that a reader never sees half
// of it. With durable the file is on the disk before it returns.
func (r *Run) WriteStatus(s Status, durable bool) error {
	s.Updated = time.Now()
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the run's status: %w", err)
	}
	if err := WriteFileAtomic(r.Path(StatusFile), append(data, '\n'), durable); err != nil {
		return fmt.Errorf("write the run's status: %w", err)
	}
	return nil
}

// WriteFileAtomic writes a file beside its final name and renames it, so that
// the name holds either the old content or all of the new one.
func WriteFileAtomic(path string, data []byte, durable bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if durable {
		if err = f.Sync(); err != nil {
			return err
		}
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if durable {
		return SyncDir(filepath.Dir(path))
	}
	return nil
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Apply folds one event into the status. The process that trains and readers
// of a foreign metrics.jsonl use the same rules.
func (s *Status) Apply(e *Event) {
	switch e.Kind {
	case KindStart:
		if s.Started.IsZero() {
			s.Started = e.Time
		}
		s.Model, s.Data, s.Device = e.Model, e.Data, e.Device
		s.TotalSteps, s.Epochs = e.TotalSteps, e.Epochs
	case KindStep:
		s.applyStep(e)
	case KindEval:
		s.EvalLoss = e.Loss
		if e.Best {
			s.BestEval, s.BestStep = e.Loss, e.Step
		}
	case KindCheckpoint:
		s.Checkpoint = e.Path
	case KindMemory:
		s.applyMemory(e)
	case KindDone:
		s.State, s.Message = State(e.Reason), e.Message
		if e.Path != "" {
			s.Export = e.Path
		}
	}
}

// recentSteps is the span of the running mean of a step's seconds.
const recentSteps = 10

func (s *Status) applyStep(e *Event) {
	s.Step, s.Epoch = e.Step, e.Epoch
	s.Loss, s.GradNorm, s.LearningRate = e.Loss, e.GradNorm, e.LearningRate
	if e.Loss.Finite() && (s.BestLoss == 0 || e.Loss < s.BestLoss) {
		s.BestLoss = e.Loss
	}
	s.TrainedTokens += e.TrainedTokens
	first := s.TrainSeconds == 0
	second := !first && s.StepSeconds == s.TrainSeconds
	s.TrainSeconds += e.Seconds
	if first || second {
		// The first step of a run compiles; it would poison the mean.
		s.StepSeconds = e.Seconds
	} else {
		s.StepSeconds += (e.Seconds - s.StepSeconds) / recentSteps
	}
	if e.TotalSteps > 0 {
		s.TotalSteps = e.TotalSteps
	}
	s.SecondsLeft = float64(max(0, s.TotalSteps-s.Step)) * s.StepSeconds
	if first { // it says nothing of the others
		s.SecondsLeft = 0
	}
	s.MicroBatch, s.Accumulation = e.MicroBatch, e.Accumulation
	s.applyMemory(e)
}

func (s *Status) applyMemory(e *Event) {
	if e.MemoryBytes == 0 {
		return
	}
	s.MemoryBytes, s.MemoryLimit = e.MemoryBytes, e.MemoryLimit
	s.MemoryPeak = max(s.MemoryPeak, e.MemoryPeak, e.MemoryBytes)
}
