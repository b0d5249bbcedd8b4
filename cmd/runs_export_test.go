package cmd

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trainerState is what TRL leaves behind, as far as it is read.
const trainerState = `{"max_steps": 4, "train_batch_size": 2, "log_history": [
	{"step": 2, "loss": 3.5, "grad_norm": NaN, "learning_rate": 1e-4}, {"step": 4, "loss": 2.5}, {"step": 4, "eval_loss": 2.25}]}`

func TestRunsExport(t *testing.T) {
	dir := t.TempDir()
	for name, files := range map[string]map[string]string{
		"own": {"metrics.jsonl": `{"event":"step","time":"2026-11-23T12:00:00Z","step":1,"loss":4,"learning_rate":0,"grad_norm":1,"trained_tokens":5,"seconds":2}` + "\n", "recipe.yaml": "max_steps: 1\n"},
		"trl": {"trainer_state.json": trainerState},
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			write(t, filepath.Join(dir, name, file), text)
		}
	}
	own, trl, page := filepath.Join(dir, "own"), filepath.Join(dir, "trl"), filepath.Join(dir, "out.html")
	status, out, errText := sftui(t, "runs", "export", own, trl, "--html", page, "--tensorboard", filepath.Join(dir, "board"))
	if status != exitDone || !strings.Contains(out, `"html":`) {
		t.Fatalf("status %d: %s %s", status, out, errText)
	}
	html, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(html), "max_steps: 1") {
		t.Errorf("the page is %d bytes, %v", len(html), err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "board", "*", "events.out.tfevents.*")); err != nil || len(files) != 2 {
		t.Errorf("event files %v %v", files, err)
	}
	status, out, errText = sftui(t, "runs", "export", own, trl, "--csv", "-")
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if status != exitDone || err != nil || len(lines) != 5 || lines[1][0] != "own" || lines[4][0] != "trl" {
		t.Errorf("status %d, %v: %s %s", status, err, out, errText)
	}
	for _, wrong := range [][]string{{own}, {"--html", page}, {filepath.Join(dir, "none"), "--html", page}, {dir, "--html", page}, {own, "--html", filepath.Join(dir, "no", "folder.html")}, {own, "--pdf", "x"}} {
		if status, _, errText := sftui(t, append([]string{"runs", "export"}, wrong...)...); status != exitFailure || strings.Count(strings.TrimSpace(errText), "\n") != 0 {
			t.Errorf("%v: status %d: %s", wrong, status, errText)
		}
	}
}
