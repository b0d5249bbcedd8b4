package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"sftui/engine/run"
)

// csvColumn is one column of the table: its name and an event's value, ""
// where the event has none.
type csvColumn struct {
	name  string
	value func(e *run.Event) string
}

func csvColumns() []csvColumn {
	return []csvColumn{
		{"event", func(e *run.Event) string { return string(e.Kind) }},
		{"time", func(e *run.Event) string { return csvTime(e.Time) }},
		{"step", func(e *run.Event) string { return strconv.Itoa(e.Step) }},
		{"epoch", func(e *run.Event) string { return csvFloat(e.Epoch) }},
		{"loss", func(e *run.Event) string { return csvFloat(float64(e.Loss)) }},
		{"grad_norm", onStep(func(e *run.Event) string { return csvFloat(float64(e.GradNorm)) })},
		{"learning_rate", onStep(func(e *run.Event) string { return csvFloat(float64(e.LearningRate)) })},
		{"mean_token_accuracy", func(e *run.Event) string { return csvFloat(float64(e.Accuracy)) }},
		{"trained_tokens", func(e *run.Event) string { return csvCount(e.TrainedTokens) }},
		{"tokens", func(e *run.Event) string { return csvCount(e.Tokens) }},
		{"positions", func(e *run.Event) string { return csvCount(e.Positions) }},
		{"seconds", func(e *run.Event) string { return csvSeconds(e.Seconds) }},
		{"per_device_train_batch_size", onStep(func(e *run.Event) string { return csvCount(int64(e.MicroBatch)) })},
		{"gradient_accumulation_steps", onStep(func(e *run.Event) string { return csvCount(int64(e.Accumulation)) })},
		{"memory_bytes", func(e *run.Event) string { return csvCount(int64(e.MemoryBytes)) }},
		{"memory_peak_bytes", func(e *run.Event) string { return csvCount(int64(e.MemoryPeak)) }},
	}
}

// WriteCSV writes one line for each optimizer step and each evaluation of the
// runs, in full precision; numbers that are not finite as NaN, inf and -inf,
// which pandas reads. What an event does not have is empty.
func WriteCSV(w io.Writer, runs []*Run) error {
	out := csv.NewWriter(w)
	columns := csvColumns()
	line := []string{"run"}
	for _, c := range columns {
		line = append(line, c.name)
	}
	if err := out.Write(line); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	names := distinctNames(runs)
	for i, r := range runs {
		line[0] = names[i]
		err := r.Each(func(e *run.Event) error {
			if e.Kind != run.KindStep && e.Kind != run.KindEval {
				return nil
			}
			for k, c := range columns {
				line[k+1] = c.value(e)
			}
			return out.Write(line)
		})
		if err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// onStep leaves a column empty but for optimizer steps.
func onStep(value func(e *run.Event) string) func(e *run.Event) string {
	return func(e *run.Event) string {
		if e.Kind != run.KindStep {
			return ""
		}
		return value(e)
	}
}

func csvFloat(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func csvSeconds(v float64) string {
	if v == 0 {
		return ""
	}
	return csvFloat(v)
}

func csvCount(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
