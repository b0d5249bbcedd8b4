package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The Runs page writes the chosen run in every form; the files are those of
// the package report.
func TestRunsAreExported(t *testing.T) {
	d, f := liveRun(t, 100, 30, steps(40))
	dir := t.TempDir()
	write := func(key, name string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		d.press("5", key, "ctrl+u").typeText(path)
		d.press("enter").want("written to")
		return path
	}
	for _, c := range []struct{ key, name, holds string }{
		{"h", "run.html", "<!doctype html>"}, {"c", "run.csv", "learning_rate"}, {"b", "board/" + filepath.Base(f.r.Dir), ""},
	} {
		path := write(c.key, strings.Split(c.name, "/")[0])
		if c.holds == "" {
			files, err := filepath.Glob(filepath.Join(dir, c.name, "events.out.tfevents.*"))
			if err != nil || len(files) != 1 {
				t.Errorf("TensorBoard's folder holds %v (%v)", files, err)
			}
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ToLower(string(data)), c.holds) {
			t.Errorf("%s lacks %q", c.name, c.holds)
		}
	}
	d.press("5", "h", "ctrl+u").typeText(filepath.Join(dir, "no", "where.html"))
	d.press("enter").want("✗ write")
}
