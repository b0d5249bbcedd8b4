package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/recipes"
)

// A spawned run has a session of its own, so that no terminal's end reaches
// it, and tells its story in log.txt.
func TestSpawnDetaches(t *testing.T) {
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asSftui, "1")
	t.Setenv("XDG_DATA_HOME", dataHome(t))
	p, err := engine.Spawn(exe, dir, []string{"train", "--recipe", m.recipe, "--run", dir})
	if err != nil {
		t.Fatal(err)
	}
	session, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(p.Pid), 0, 0)
	if errno != 0 || int(session) != p.Pid {
		t.Errorf("session %d of process %d (%v)", session, p.Pid, errno)
	}
	state, err := p.Wait()
	if err != nil || state.ExitCode() != exitDone {
		t.Fatalf("%v %v", state, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, run.LogFile))
	if err != nil || !strings.Contains(string(log), "finished; the model is in") || strings.Contains(string(log), "\x1b") {
		t.Errorf("log %q (%v)", log, err)
	}
}

// On a terminal one line is drawn over and never wider than the screen; every
// other line stands on its own.
func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, recipes.Default())
	p.terminal = true
	p.event(run.Event{Kind: run.KindStart, TotalSteps: 4, Rows: 10, MicroBatch: 2, Accumulation: 1})
	for step := 1; step <= 4; step++ {
		p.redrawn = p.redrawn.Add(-redrawEvery)
		p.event(run.Event{Kind: run.KindStep, Step: step, TotalSteps: 4, Loss: 2, Seconds: 100, TrainedTokens: 50})
	}
	p.event(run.Event{Kind: run.KindWarning, Message: "look here", RowIDs: []int{3, 4}})
	p.close()
	text := out.String()
	for _, want := range []string{"4 steps of 2 × 1 rows\n", "\r\x1b[K█████░", "\r\x1b[Kwarning: look here (rows 3 4)\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	for _, line := range strings.Split(strings.ReplaceAll(text, "\n", "\r"), "\r") {
		if n := len([]rune(strings.TrimPrefix(line, "\x1b[K"))); n > 80 && !strings.Contains(line, "steps of") {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}

func TestProgressPlain(t *testing.T) {
	r := recipes.Default()
	if err := r.Override([]string{"logging_steps=2", "logging_first_step=true"}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := newProgress(&out, r)
	p.event(run.Event{Kind: run.KindStart, TotalSteps: 5})
	for step := 1; step <= 5; step++ {
		p.event(run.Event{Kind: run.KindStep, Step: step, TotalSteps: 5, Loss: 2, Seconds: 1})
	}
	text := out.String()
	for _, want := range []string{"step 1/5", "step 2/5", "step 4/5", "step 5/5"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "step 3/5") || strings.Contains(text, "\x1b") {
		t.Errorf("got %q", text)
	}
}
