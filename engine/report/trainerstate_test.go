package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

// TestTrainerStateOfTRL reads a file that TRL 1.16 wrote: six steps, logging_steps 2, eval_steps 3.
func TestTrainerStateOfTRL(t *testing.T) {
	events, err := ReadTrainerState("testdata/trainer_state.json")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for i := range events {
		kinds = append(kinds, string(events[i].Kind))
	}
	if got := strings.Join(kinds, " "); got != "start step eval step step eval done" {
		t.Fatalf("events are %s", got)
	}
	first, last, eval := events[1], events[4], events[5]
	if first.Step != 2 || first.Loss != 10.733213424682617 || first.GradNorm != 3.2532925605773926 || first.LearningRate != 0.0008333333333333334 || first.Tokens != 128 {
		t.Errorf("first step %+v", first)
	}
	if last.Step != 6 || last.Tokens != 128 || last.Accuracy != 0.05645161122083664 {
		t.Errorf("last step %+v", last)
	}
	if eval.Step != 6 || eval.Loss != 9.904595375061035 || eval.Seconds != 0.2517 || !eval.Best || events[2].Best {
		t.Errorf("evaluations %+v, %+v", events[2], eval)
	}
	if start := events[0]; start.TotalSteps != 6 || start.MicroBatch != 2 || start.Epochs != 1 {
		t.Errorf("start %+v", start)
	}
	var s run.Status
	for i := range events {
		s.Apply(&events[i])
	}
	if s.Step != 6 || s.State != run.Finished || s.BestStep != 6 {
		t.Errorf("status %+v", s)
	}
}

func TestTrainerStateNotFinite(t *testing.T) {
	const text = `{"best_model_checkpoint": "NaN \" Infinity", "best_global_step": 4, "max_steps": 9, "log_history": [
		{"step": 1, "loss": NaN, "grad_norm": Infinity, "learning_rate": 0.1}, {"step": 2, "loss": -Infinity, "note": "NaN"},
		{"step": 3, "eval_loss": 1}, {"step": 4, "eval_loss": 2}, {"step": 4, "something": 1}]}`
	events, err := parseTrainerState([]byte(text), time.Now())
	if err != nil || len(events) != 5 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if !math.IsNaN(float64(events[1].Loss)) || !math.IsInf(float64(events[1].GradNorm), 1) || !math.IsInf(float64(events[2].Loss), -1) {
		t.Errorf("%+v %+v", events[1], events[2])
	}
	if events[3].Best || !events[4].Best {
		t.Error("the evaluation of best_global_step is the best")
	}
}

func TestTrainerStateErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "ends too early",
		`{"log_history": [{"step"`:    "ends too early",
		"[]":                          "not a trainer_state.json",
		`{"a": 1}`:                    `no "log_history"`,
		`{"log_history": {"step":1}}`: "not a trainer_state.json",
	} {
		if _, err := parseTrainerState([]byte(text), time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzTrainerState(f *testing.F) {
	f.Add([]byte(`{"log_history": [{"step": 1, "loss": NaN, "num_tokens": 1e300}, {"eval_loss": 1}, {"train_runtime": 1e300}]}`))
	f.Add([]byte(`{"log_history": null, "max_steps": -Infinity}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := parseTrainerState(data, time.Unix(0, 0))
		if err == nil && (len(events) == 0 || events[0].Kind != run.KindStart) {
			t.Errorf("%q gave %v", data, events)
		}
	})
}
