package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/recipes"
)

// resume_from_checkpoint is true or a path, in the run's own folder or another.
func TestResumeFromRecipe(t *testing.T) {
	root := t.TempDir()
	old, fresh := filepath.Join(root, "old"), filepath.Join(root, "fresh")
	for _, dir := range []string{"old/checkpoint-2", "old/checkpoint-4", "fresh"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(old, run.MetricsFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, fourth := filepath.Join(old, "checkpoint-2"), filepath.Join(old, "checkpoint-4")
	for _, c := range []struct {
		value, dir string
		resume     bool
		from, fail string
	}{
		{value: "", dir: old},
		{value: "false", dir: old},
		{value: "true", dir: old, resume: true},
		{value: "true", dir: fresh, fail: "has no checkpoint to go on from"},
		{value: fourth, dir: old, resume: true},
		{value: second, dir: old, fail: "has come to " + fourth},
		{value: second, dir: fresh, from: second},
		{value: fourth, dir: filepath.Join(root, "new"), from: fourth},
	} {
		o := engine.TrainOptions{Recipe: recipes.Default(), RunDir: c.dir}
		o.Recipe.ResumeFromCheckpoint = c.value
		err := resumeFromRecipe(&o)
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s in %s: %v, want %q", c.value, c.dir, err, c.fail)
			}
			continue
		}
		if err != nil || o.Resume != c.resume || o.From != c.from {
			t.Errorf("%q in %s: resume %t, from %q, %v", c.value, c.dir, o.Resume, o.From, err)
		}
	}
}
