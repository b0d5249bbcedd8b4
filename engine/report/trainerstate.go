package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sftui/engine/run"
)

// TrainerStateFile is the name that transformers' Trainer gives its state.
const TrainerStateFile = "trainer_state.json"

// FindTrainerState returns the trainer_state.json of a folder: its own, or
// that of its newest checkpoint-N, because Trainer writes one in each
// checkpoint and only save_state writes it beside them.
func FindTrainerState(dir string) (string, error) {
	own := filepath.Join(dir, TrainerStateFile)
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	folder := run.Run{Dir: dir}
	list, err := folder.Checkpoints()
	if err != nil {
		return "", err
	}
	for i := len(list) - 1; i >= 0; i-- {
		path := filepath.Join(list[i].Path, TrainerStateFile)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s has no %s", dir, TrainerStateFile)
}

// trainerState is the part of transformers' TrainerState that is read.
type trainerState struct {
	LogHistory     *[]logEntry `json:"log_history"`
	MaxSteps       int         `json:"max_steps"`
	NumTrainEpochs float64     `json:"num_train_epochs"`
	TrainBatchSize *int        `json:"train_batch_size"`
	BestCheckpoint string      `json:"best_model_checkpoint"`
	BestStep       *int        `json:"best_global_step"`
}

// logEntry is one entry of log_history: of training (loss), of an evaluation
// (eval_loss), or the summary at the end (train_loss, train_runtime).
type logEntry struct {
	Step         int         `json:"step"`
	Epoch        float64     `json:"epoch"`
	Loss         *run.Number `json:"loss"`
	GradNorm     *run.Number `json:"grad_norm"`
	LearningRate *run.Number `json:"learning_rate"`
	Accuracy     *run.Number `json:"mean_token_accuracy"`
	NumTokens    *float64    `json:"num_tokens"` // real tokens of the run so far
	EvalLoss     *run.Number `json:"eval_loss"`
	EvalAccuracy *run.Number `json:"eval_mean_token_accuracy"`
	EvalRuntime  float64     `json:"eval_runtime"`
	TrainLoss    *run.Number `json:"train_loss"`
	TrainRuntime float64     `json:"train_runtime"`
}

// ReadTrainerState reads the log_history of TRL's (transformers') trainer as
// events. A step event stands for the logging_steps steps up to it: loss,
// grad_norm and learning_rate are what was logged, Tokens is what num_tokens
// grew by since the entry before. Times and seconds of steps are not in the
// file and stay zero; only the start and done events have one, from the file's
// own time and train_runtime.
func ReadTrainerState(path string) ([]run.Event, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	events, err := parseTrainerState(data, info.ModTime())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return events, nil
}

func parseTrainerState(data []byte, modified time.Time) ([]run.Event, error) {
	var s trainerState
	decoder := json.NewDecoder(bytes.NewReader(quoteNotFinite(data)))
	if err := decoder.Decode(&s); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("the file ends too early to be a trainer_state.json; copy it again")
		}
		return nil, fmt.Errorf("not a trainer_state.json: %w", err)
	}
	if s.LogHistory == nil {
		return nil, errors.New(`not a trainer_state.json: it has no "log_history"`)
	}
	start := run.Event{Kind: run.KindStart, Time: modified, TotalSteps: s.MaxSteps, Epochs: s.NumTrainEpochs}
	if s.TrainBatchSize != nil {
		start.MicroBatch = *s.TrainBatchSize
	}
	events := []run.Event{start}
	tokens, best := 0.0, s.bestEntry()
	for i := range *s.LogHistory {
		l := &(*s.LogHistory)[i]
		switch {
		case l.TrainLoss != nil || l.TrainRuntime > 0:
			events[0].Time = modified.Add(-time.Duration(l.TrainRuntime * float64(time.Second)))
			events = append(events, run.Event{Kind: run.KindDone, Time: modified, Step: l.Step, Reason: string(run.Finished)})
		case l.EvalLoss != nil:
			events = append(events, run.Event{Kind: run.KindEval, Step: l.Step, Epoch: l.Epoch, Loss: *l.EvalLoss,
				Accuracy: value(l.EvalAccuracy), Seconds: l.EvalRuntime, Best: i == best})
		case l.Loss != nil:
			e := run.Event{Kind: run.KindStep, Step: l.Step, Epoch: l.Epoch, Loss: *l.Loss, GradNorm: value(l.GradNorm),
				LearningRate: value(l.LearningRate), Accuracy: value(l.Accuracy), TotalSteps: s.MaxSteps, MicroBatch: start.MicroBatch}
			if l.NumTokens != nil {
				e.Tokens, tokens = int64(max(0, *l.NumTokens-tokens)), *l.NumTokens
			}
			events = append(events, e)
		}
	}
	return events, nil
}

// bestEntry is the index in log_history of the evaluation that Trainer kept as
// the best; without its mark, of the first with the lowest finite loss; -1
// without any.
func (s *trainerState) bestEntry() int {
	best := -1
	for i, l := range *s.LogHistory {
		if l.EvalLoss == nil || !l.EvalLoss.Finite() {
			continue
		}
		if s.BestStep != nil && l.Step == *s.BestStep {
			return i
		}
		if best < 0 || *l.EvalLoss < *(*s.LogHistory)[best].EvalLoss {
			best = i
		}
	}
	return best
}

// value is a logged number, 0 where it was not logged.
func value(n *run.Number) run.Number {
	if n == nil {
		return 0
	}
	return *n
}

// quoteNotFinite puts quotes around the bare words NaN, Infinity and
// -Infinity that Python's json writes, so that they can be read as JSON.
func quoteNotFinite(data []byte) []byte {
	if !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	inString := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		if inString {
			out = append(out, c)
			if c == '\\' && i+1 < len(data) {
				i++
				out = append(out, data[i])
			} else if c == '"' {
				inString = false
			}
			continue
		}
		inString = c == '"'
		word := notFiniteWord(data[i:])
		if word == "" {
			out = append(out, c)
			continue
		}
		out = append(append(append(out, '"'), word...), '"')
		i += len(word) - 1
	}
	return out
}

func notFiniteWord(data []byte) string {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(data, []byte(word)) {
			return word
		}
	}
	return ""
}
