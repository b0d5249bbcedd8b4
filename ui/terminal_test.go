package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// screenBuffer collects what a program writes to its terminal.
type screenBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screenBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screenBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// The whole program, with Bubble Tea's own loop: it opens, draws, takes a key,
// leaves, gives the terminal back and leaves no goroutine behind.
func TestProgramOpensAndLeaves(t *testing.T) {
	signals := make(chan os.Signal, 1) // Go's own goroutine for signals stays for ever once it runs
	signal.Notify(signals, syscall.SIGUSR1)
	signal.Stop(signals)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	a := newApp(ctx, Options{Recipe: "testdata/recipe.yaml", RunsRoot: t.TempDir(), Plain: true, DataOptions: testDataOptions})
	in, keys := io.Pipe()
	var out screenBuffer
	p := tea.NewProgram(a, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(&out), tea.WithWindowSize(100, 30),
		tea.WithEnvironment([]string{"TERM=xterm-256color", "NO_COLOR=1"}), tea.WithFilter(calmWheel()), tea.WithoutSignals())
	done := make(chan error, 1)
	go func() {
		_, err := p.Run()
		done <- err
	}()
	wait := func(text string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !strings.Contains(out.String(), text); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never showed %q", text)
			}
		}
	}
	wait("40 rows")
	wait("exact")
	if _, err := keys.Write([]byte("3")); err != nil {
		t.Fatal(err)
	}
	wait("attn_implementation")
	if _, err := keys.Write([]byte("q")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("q does not leave")
	}
	cancel()
	if err := keys.Close(); err != nil {
		t.Error(err)
	}
	const altScreenOff = "\x1b[?1049l"
	if s := out.String(); !strings.Contains(s, altScreenOff) || strings.Contains(s, "\x1b[38;") {
		t.Errorf("the terminal is not given back, or NO_COLOR has colours")
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
	a.data.set.close()
}

// What native code writes to descriptor 2 goes to the log and not to the screen.
func TestErrorStreamGoesToTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "workbench.log")
	restore, err := redirectErrors(path)
	if err != nil {
		t.Fatal(err)
	}
	_, writeErr := unix.Write(2, []byte("a line of C++\n"))
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if writeErr != nil {
		t.Fatal(writeErr)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "a line of C++\n" {
		t.Fatalf("the log holds %q, %v", data, err)
	}
}

// panicMsg makes the workbench crash in Update, and in a command.
type panicMsg struct{ later bool }

func (m panicMsg) apply(*app) tea.Cmd {
	if m.later {
		return func() tea.Msg { panic("a command of the test crashes") }
	}
	panic("the test crashes the screen")
}

// A crash gives the terminal back and sends nothing to the run.
func TestCrashGivesTheTerminalBack(t *testing.T) {
	for _, later := range []bool{false, true} {
		root := t.TempDir()
		f := newFakeRun(t, filepath.Join(root, "live"))
		f.write(steps(5)...)
		ctx, cancel := context.WithCancel(context.Background())
		a := newApp(ctx, Options{Recipe: "testdata/recipe.yaml", RunsRoot: root, Plain: true, DataOptions: testDataOptions})
		in, keys := io.Pipe()
		var out screenBuffer
		p := tea.NewProgram(a, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(&out), tea.WithWindowSize(100, 30),
			tea.WithEnvironment([]string{"TERM=xterm-256color", "NO_COLOR=1"}), tea.WithoutSignals())
		done := make(chan error, 1)
		go func() {
			_, err := p.Run()
			done <- err
		}()
		for end := time.Now().Add(time.Minute); !strings.Contains(out.String(), "step 5"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the live run is never shown")
			}
		}
		p.Send(panicMsg{later})
		select {
		case err := <-done:
			if !errors.Is(err, tea.ErrProgramPanic) {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a crash does not end the program")
		}
		cancel()
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
		if s := out.String(); strings.LastIndex(s, "\x1b[?1049l") < strings.LastIndex(s, "\x1b[?1049h") {
			t.Error("the terminal is left in its other screen")
		}
		if sent := f.commands(); len(sent) != 0 {
			t.Errorf("the run was sent %v", sent)
		}
	}
}
