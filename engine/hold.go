package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"sftui/engine/run"
)

// diskRetry is how long a run waits before it tries to write again.
const diskRetry = 3 * time.Second

// replacedError tells that the run folder's name belongs to something else now.
type replacedError struct{ dir string }

func (e *replacedError) Error() string {
	return fmt.Sprintf("%s is not this run's folder any more: it was moved away or removed, and another run is in its place", e.dir)
}

// mendable says what keeps a run from writing, and what somebody could do about
// it while it waits; "" where nothing would help.
func (l *loop) mendable(err error) string {
	var replaced *replacedError
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf("the disk of %s is full: free some space", l.run.Dir)
	case errors.Is(err, syscall.EROFS), errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("%s cannot be written to: make it writable", l.run.Dir)
	case errors.As(err, &replaced):
		return replaced.Error() + ": move that away"
	}
	return ""
}

// hold pauses a run that cannot write, where somebody can mend that, and reports
// whether to try again.
func (l *loop) hold(ctx context.Context, err error) bool {
	what := l.mendable(err)
	if what == "" {
		return false
	}
	if l.out.snapshot().State != run.Paused {
		then := "the run goes on by itself"
		if l.control.stopping() == stopSave {
			then = "the run saves and ends as asked; stop it once more to end it without a checkpoint"
		}
		message := fmt.Sprintf("%s and %s", what, then)
		l.out.enter(run.Paused, message)
		l.out.warn(run.CodeDisk, l.state.Step, fmt.Sprintf("%s (%v)", message, err), nil)
	}
	for wait := time.Duration(0); wait < diskRetry; wait += diskRetry / 10 {
		if l.control.stopping() == stopNow || ctx.Err() != nil {
			return false
		}
		if l.control.takeRetry() {
			return true
		}
		time.Sleep(diskRetry / 10)
	}
	return true
}

// rejoin makes the run folder again where somebody removed or moved it under the
// live run: with all events so far, which the open file still has, the recipe
// and the control socket. It never writes into another run's folder.
func (t *training) rejoin() error {
	lost, err := t.out.events.Lost()
	if err != nil || !lost {
		return err
	}
	if _, err := os.Stat(t.folder.Path(run.MetricsFile)); err == nil {
		return &replacedError{t.folder.Dir}
	}
	if _, err := run.Create(t.folder.Dir); err != nil {
		return err
	}
	if err := t.lockAgain(); err != nil {
		return err
	}
	if err := run.WriteFileAtomic(t.folder.Path(run.RecipeFile), t.o.Recipe.YAML(), true); err != nil {
		return err
	}
	if err := t.out.events.Rejoin(); err != nil {
		return err
	}
	if err := t.server.Close(); err != nil {
		return err
	}
	if t.server, err = t.folder.Listen(t.o.Control.Handle); err != nil {
		return err
	}
	t.out.update(func(s *run.Status) { s.Checkpoint = "" })
	t.out.warn(run.CodeCheckpoint, t.out.snapshot().Step,
		fmt.Sprintf("%s was removed or moved away under the live run; it is made again, with all events so far and the checkpoints from now on", t.folder.Dir), nil)
	return nil
}

// lockAgain locks a folder that was made again; one that was only emptied still is.
func (t *training) lockAgain() error {
	if t.lock == nil {
		return nil
	}
	mine, err := t.lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(t.folder.Dir)
	if err != nil || os.SameFile(mine, there) {
		return err
	}
	lock, taken, err := t.folder.Lock()
	if err != nil {
		return err
	}
	if taken {
		return &replacedError{t.folder.Dir}
	}
	old := t.lock
	t.lock = lock
	return old.Close()
}
