// Package run is a training run on disk: its folder, its events, its status
// and its control socket. It starts no device and imports no tensor library,
// so the workbench can open any run, live or finished, at once.
package run

import (
	"encoding/json"
	"time"
)

// Event is one line of metrics.jsonl. Kind says which group of fields is set;
// the rest are left out of the JSON. Numbers that are not finite are written
// as the strings "NaN", "Infinity" and "-Infinity".
type Event struct {
	Kind Kind      `json:"event"`
	Time time.Time `json:"time"`
	// Step is the optimizer step the event belongs to, from 1; 0 before the first.
	Step int `json:"step,omitempty"`

	// phase
	Phase string `json:"phase,omitempty"` // loading, preparing, compiling, training, evaluating, saving, paused
	Done  int64  `json:"done,omitempty"`  // progress of the phase
	Total int64  `json:"total,omitempty"`

	// start
	TotalSteps int     `json:"total_steps,omitempty"`
	Epochs     float64 `json:"epochs,omitempty"`
	Rows       int     `json:"rows,omitempty"`
	Model      string  `json:"model,omitempty"`
	Data       string  `json:"data,omitempty"`
	Device     string  `json:"device,omitempty"`
	Resumed    bool    `json:"resumed,omitempty"`
	Parameters int64   `json:"parameters,omitempty"`
	Trainable  int64   `json:"trainable,omitempty"`

	// step (and eval, which sets loss, tokens and accuracy)
	Epoch         float64 `json:"epoch,omitempty"`
	Loss          Number  `json:"loss,omitempty"`
	GradNorm      Number  `json:"grad_norm,omitempty"`
	LearningRate  Number  `json:"learning_rate,omitempty"`
	TrainedTokens int64   `json:"trained_tokens,omitempty"`      // tokens that carry loss in this step
	Tokens        int64   `json:"tokens,omitempty"`              // real (not padding) tokens in this step
	Positions     int64   `json:"positions,omitempty"`           // computed positions, padding included
	Accuracy      Number  `json:"mean_token_accuracy,omitempty"` // share of trained tokens predicted by argmax
	Seconds       float64 `json:"seconds,omitempty"`
	MicroBatch    int     `json:"per_device_train_batch_size,omitempty"`
	Accumulation  int     `json:"gradient_accumulation_steps,omitempty"`
	MemoryBytes   uint64  `json:"memory_bytes,omitempty"`      // RSS on CPU, NVML used on NVIDIA
	MemoryPeak    uint64  `json:"memory_peak_bytes,omitempty"` // highest so far
	MemoryLimit   uint64  `json:"memory_limit_bytes,omitempty"`
	CPUPercent    float64 `json:"cpu_percent,omitempty"`
	GPUPercent    float64 `json:"gpu_percent,omitempty"`
	PowerWatts    float64 `json:"power_watts,omitempty"`
	TemperatureC  float64 `json:"temperature_c,omitempty"`
	// RowIDs are the data set rows of a step in order, or those that a warning
	// is about. An eval event has the rows of the evaluation data (of the data
	// set that they were held out from, with eval_holdout) with the five highest
	// losses and the five lowest, from the highest on; all when there are no
	// more than ten, none with wrapped packing. RowLosses are their mean losses.
	RowIDs    []int    `json:"rows_in_step,omitempty"`
	RowLosses []Number `json:"row_losses,omitempty"`

	// sample: a short generation from a fixed prompt
	Prompt    string `json:"prompt,omitempty"`
	Text      string `json:"text,omitempty"`
	Reference string `json:"reference,omitempty"`

	// checkpoint, export
	Path string `json:"path,omitempty"`
	Best bool   `json:"best,omitempty"`

	// warning, log, change, done
	Message string `json:"message,omitempty"`
	// Changes of a change event: option name to new value. Its Phase is one of
	// the Change… constants; an applied one has the forecast for what it leads to.
	Changes        map[string]string `json:"changes,omitempty"`
	MemoryForecast uint64            `json:"memory_forecast_bytes,omitempty"`
	// CompileSeconds is what the slowest new shape of an applied change took to
	// compile in the background; 0 when nothing was compiled for it.
	CompileSeconds float64 `json:"compile_seconds,omitempty"`
	// Reason of the done event: finished, stopped, failed.
	Reason string `json:"reason,omitempty"`
	// Code of a warning event, for programs and for marks on a curve.
	Code Code `json:"code,omitempty"`
}

// MarshalJSON writes the event with the fields of its kind first. A step event
// always has its loss, grad_norm, learning_rate, trained_tokens, seconds and
// mean_token_accuracy, and an eval event its loss, even when they are zero (the first step of a
// warm-up has a learning rate of 0, and readers must not take it for missing).
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	w := struct {
		Kind          Kind      `json:"event"`
		Time          time.Time `json:"time"`
		Step          int       `json:"step,omitempty"`
		Epoch         float64   `json:"epoch,omitempty"`
		Loss          *Number   `json:"loss,omitempty"`
		GradNorm      *Number   `json:"grad_norm,omitempty"`
		LearningRate  *Number   `json:"learning_rate,omitempty"`
		TrainedTokens *int64    `json:"trained_tokens,omitempty"`
		Seconds       *float64  `json:"seconds,omitempty"`
		Accuracy      *Number   `json:"mean_token_accuracy,omitempty"`
		plain
	}{Kind: e.Kind, Time: e.Time, Step: e.Step, Epoch: e.Epoch, plain: plain(e)}
	step, eval := e.Kind == KindStep, e.Kind == KindEval
	if step || eval || e.Loss != 0 {
		w.Loss = &e.Loss
	}
	if step || e.GradNorm != 0 {
		w.GradNorm = &e.GradNorm
	}
	if step || e.LearningRate != 0 {
		w.LearningRate = &e.LearningRate
	}
	if step || eval || e.TrainedTokens != 0 {
		w.TrainedTokens = &e.TrainedTokens
	}
	if step || eval || e.Accuracy != 0 {
		w.Accuracy = &e.Accuracy
	}
	if step || eval || e.Seconds != 0 {
		w.Seconds = &e.Seconds
	}
	return json.Marshal(w)
}

// Code names what a warning event warns of.
type Code string

// The codes of warning events.
const (
	CodeNaN         Code = "nan"          // loss or gradient is not finite; rows_in_step tells the rows
	CodeSpike       Code = "spike"        // the loss jumped; rows_in_step tells the rows
	CodeNoTrained   Code = "zero_trained" // a step without a trained token
	CodeDisk        Code = "disk"         // a full disk, or one that will be full
	CodeMemory      Code = "memory"
	CodeCheckpoint  Code = "checkpoint" // a checkpoint could not be written or read
	CodeNotHonoured Code = "not_honoured"
	CodeData        Code = "data"
)

// The phases of a live change.
const (
	ChangeCompiling = "compiling" // its shapes are compiled while steps go on as before
	ChangeApplied   = "applied"   // Step is the first that has it
	ChangeRefused   = "refused"   // it does not fit or does not compile; nothing changes
)

// Kind names what an event tells.
type Kind string

// The kinds of events.
const (
	KindStart      Kind = "start"
	KindPhase      Kind = "phase"
	KindStep       Kind = "step"
	KindEval       Kind = "eval"
	KindSample     Kind = "sample"
	KindCheckpoint Kind = "checkpoint"
	KindChange     Kind = "change"
	KindWarning    Kind = "warning"
	KindLog        Kind = "log"
	KindMemory     Kind = "memory" // a memory reading between steps
	KindDone       Kind = "done"   // always last, exactly once a process
)
