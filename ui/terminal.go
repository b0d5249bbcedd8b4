package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// Run opens the workbench on the terminal and returns when it is left. The
// error stream goes to o.LogFile meanwhile, because one line of a native
// library would tear the screen. A run that was started stays alive.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	restore, err := redirectErrors(o.LogFile)
	if err != nil {
		return err
	}
	a := newApp(ctx, o)
	_, err = tea.NewProgram(a, tea.WithContext(ctx), tea.WithFilter(calmWheel())).Run()
	if restoreErr := restore(); err == nil {
		err = restoreErr
	}
	switch {
	case err == nil, errors.Is(err, tea.ErrInterrupted):
		return nil
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("the workbench crashed; a run goes on without it and `sftui` finds it again; details are in %s", o.LogFile)
	case errors.Is(err, tea.ErrProgramKilled):
		return nil // the context ended: asked to leave by a signal
	}
	return err
}

// redirectErrors sends file descriptor 2 to a file until restore is called.
// Native libraries write to the descriptor, not to os.Stderr.
func redirectErrors(path string) (restore func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	const stderr = 2
	saved, err := unix.Dup(stderr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep the error stream: %w", err), f.Close())
	}
	if err := unix.Dup2(int(f.Fd()), stderr); err != nil {
		return nil, errors.Join(fmt.Errorf("redirect the error stream: %w", err), unix.Close(saved), f.Close())
	}
	return func() error {
		return errors.Join(unix.Dup2(saved, stderr), unix.Close(saved), f.Close())
	}, nil
}

// calmWheel drops wheel events that come faster than frames are drawn: a
// touch pad sends hundreds a second.
func calmWheel() func(tea.Model, tea.Msg) tea.Msg {
	const frame = 12 * time.Millisecond
	var last time.Time
	return func(_ tea.Model, msg tea.Msg) tea.Msg {
		if _, ok := msg.(tea.MouseWheelMsg); ok {
			now := time.Now()
			if now.Sub(last) < frame {
				return nil
			}
			last = now
		}
		return msg
	}
}
