package report

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sftui/engine/run"
)

// WriteTensorBoard writes an event file for each run to a folder of its own
// under dir and returns their paths. Tags are those of transformers' own
// TensorBoard callback (train/loss, eval/loss …), so that runs of TRL lie on
// the same plots. Writing a run again replaces its file.
func WriteTensorBoard(dir string, runs []*Run) ([]string, error) {
	var paths []string
	for i, name := range distinctNames(runs) {
		path, err := writeEvents(filepath.Join(dir, name), runs[i])
		if err != nil {
			return paths, fmt.Errorf("TensorBoard: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// writeEvents writes one run's file beside its final name, then renames it.
func writeEvents(dir string, r *Run) (path string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	start, err := r.started()
	if err != nil {
		return "", err
	}
	temporary, err := os.CreateTemp(dir, ".unfinished-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(temporary, 1<<18)
	err = r.tensorBoard(buffered, start)
	if err = errors.Join(err, buffered.Flush(), temporary.Chmod(0o644), temporary.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.sftui", max(0, start.Unix())))
	return path, os.Rename(temporary.Name(), path)
}

var errEnough = errors.New("enough read")

// started is the time of the run's first event; of a foreign run that of its start.
func (r *Run) started() (time.Time, error) {
	var start time.Time
	err := r.Each(func(e *run.Event) error { start = e.Time; return errEnough })
	if err != nil && !errors.Is(err, errEnough) {
		return start, err
	}
	if start.IsZero() {
		start = r.Modified
	}
	return start, nil
}

// boardWriter turns events into records.
type boardWriter struct {
	file            *eventFile
	at              time.Time // of the newest event that had a time
	tokens, trained int64
	foreign         bool           // of TRL: a value of 0 may not have been logged
	prompts         map[string]int // prompt → its number
}

// tensorBoard writes the run's events as an event file.
func (r *Run) tensorBoard(w *bufio.Writer, start time.Time) error {
	file, err := newEventFile(w, start)
	if err != nil {
		return err
	}
	b := &boardWriter{file: file, at: start, foreign: r.Foreign, prompts: map[string]int{}}
	if r.Recipe != "" {
		if err := file.markdown(start, 0, "recipe/text_summary", indented(r.Recipe)); err != nil {
			return err
		}
	}
	return r.Each(b.take)
}

func (b *boardWriter) take(e *run.Event) error {
	if !e.Time.IsZero() {
		b.at = e.Time
	}
	switch e.Kind {
	case run.KindStep:
		return b.file.scalars(b.at, e.Step, b.step(e))
	case run.KindEval:
		values := []scalar{{"eval/loss", float64(e.Loss)}}
		if e.Accuracy != 0 {
			values = append(values, scalar{"eval/mean_token_accuracy", float64(e.Accuracy)})
		}
		if e.Seconds > 0 {
			values = append(values, scalar{"eval/runtime", e.Seconds})
		}
		return b.file.scalars(b.at, e.Step, values)
	case run.KindSample:
		if b.prompts[e.Prompt] == 0 {
			b.prompts[e.Prompt] = len(b.prompts) + 1
		}
		tag := fmt.Sprintf("samples/%d/text_summary", b.prompts[e.Prompt])
		text := "**Prompt**\n\n" + indented(e.Prompt) + "\n\n**Reply**\n\n" + indented(e.Text)
		if e.Reference != "" {
			text += "\n\n**Reference**\n\n" + indented(e.Reference)
		}
		return b.file.markdown(b.at, e.Step, tag, text)
	case run.KindChange:
		return b.file.markdown(b.at, e.Step, "changes/text_summary", indented(changeText(e)))
	}
	return nil
}

// step are the scalars of an optimizer step. What is not recorded is left out.
func (b *boardWriter) step(e *run.Event) []scalar {
	b.tokens += e.Tokens
	b.trained += e.TrainedTokens
	values := []scalar{{"train/loss", float64(e.Loss)}, {"train/learning_rate", float64(e.LearningRate)}}
	logged := []scalar{{"train/grad_norm", float64(e.GradNorm)}, {"train/mean_token_accuracy", float64(e.Accuracy)}}
	optional := []scalar{
		{"train/epoch", e.Epoch},
		{"train/num_tokens", float64(b.tokens)},
		{"train/num_trained_tokens", float64(b.trained)},
		{"train/per_device_train_batch_size", float64(e.MicroBatch)},
		{"train/gradient_accumulation_steps", float64(e.Accumulation)},
		{"perf/step_seconds", e.Seconds},
		{"memory/used_gib", float64(e.MemoryBytes) / bytesPerGiB},
		{"memory/peak_gib", float64(e.MemoryPeak) / bytesPerGiB},
		{"device/gpu_percent", e.GPUPercent},
		{"device/power_watts", e.PowerWatts},
		{"device/temperature_c", e.TemperatureC},
	}
	if e.Seconds > 0 {
		optional = append(optional, scalar{"perf/trained_tokens_per_second", float64(e.TrainedTokens) / e.Seconds})
	}
	if b.foreign {
		optional = append(optional, logged...)
	} else {
		values = append(values, logged...)
	}
	for _, v := range optional {
		if v.value != 0 {
			values = append(values, v)
		}
	}
	return values
}

// indented makes text a block that Markdown leaves as it is.
func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
