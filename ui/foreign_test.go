package ui

import (
	"os"
	"path/filepath"
	"testing"

	"sftui/engine/report"
)

// A folder of transformers' Trainer opens like a run of ours, NaN included.
func TestTrainerStateOpens(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "checkpoint-20")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	state := `{"epoch": 1.0, "global_step": 20, "max_steps": 20, "log_history": [
	 {"epoch": 0.5, "grad_norm": 2.5, "learning_rate": 1e-05, "loss": 3.5, "mean_token_accuracy": 0.5, "step": 10},
	 {"epoch": 1.0, "grad_norm": NaN, "learning_rate": 0.0, "loss": 2.25, "step": 20},
	 {"epoch": 1.0, "eval_loss": 2.5, "step": 20}, {"train_runtime": 5.0, "step": 20}]}`
	if err := os.WriteFile(filepath.Join(sub, report.TrainerStateFile), []byte(state), 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, 120, 40, func(o *Options) { o.Run = dir })
	d.want("finished", "step 20 / 20", "loss 2.250", "◆")
	if n := d.a.train.on.series[metricLoss].Len(); n != 2 {
		t.Errorf("%d steps", n)
	}
	for _, bad := range []string{"", "[]", "{}", `{"log_history": 3}`, `{"log_history": [1, {"loss": "x", "step": []}]}`} {
		path := filepath.Join(t.TempDir(), report.TrainerStateFile)
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if f, err := readForeign(path); err == nil && len(f.events) > 1 {
			t.Errorf("%q was read as %v", bad, f)
		}
	}
}
