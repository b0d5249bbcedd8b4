package engine

import (
	"errors"
	"fmt"
	"os"

	"sftui/engine/run"
)

// openFolder makes or opens the run folder, locks it, and refuses one that is in use.
func openFolder(o *TrainOptions) (*run.Run, *os.File, error) {
	if o.Control == nil {
		o.Control = NewControl(nil)
	}
	folder, err := run.Create(o.RunDir)
	if err != nil {
		return nil, nil, err
	}
	lock, taken, err := folder.Lock()
	if err != nil {
		return nil, nil, fmt.Errorf("run folder: %w", err)
	}
	if err := refuseFolder(folder, o.Resume, taken); err != nil {
		return nil, nil, errors.Join(err, closeFile(lock))
	}
	return folder, lock, nil
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// refuseFolder says why a run folder cannot be trained in now. taken tells that another process has its lock: the
// status shows that process only once it has read the data and taken the folder over.
func refuseFolder(folder *run.Run, resume, taken bool) error {
	_, err := os.Stat(folder.Path(run.StatusFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var status run.Status
	if known := err == nil; known {
		if status, err = folder.Status(); err != nil {
			return err
		}
	}
	_, noEvents := os.Stat(folder.Path(run.MetricsFile))
	untouched, err := nothingIn(folder, status)
	if err != nil {
		return err
	}
	switch {
	case status.Alive:
		return fmt.Errorf("%s is being trained by process %d at this moment", folder.Dir, status.PID)
	case taken:
		return fmt.Errorf("%s is being opened by another sftui process at this moment", folder.Dir)
	case resume:
	case untouched:
		// It was refused, for want of memory say: its author mends the recipe and starts again.
		return errors.Join(os.Remove(folder.Path(run.StatusFile)), os.Remove(folder.Path(run.MetricsFile)))
	case status.State != "":
		return fmt.Errorf("%s holds a run already (%s at step %d); use --resume to go on with it, or another --run", folder.Dir, status.State, status.Step)
	case noEvents == nil:
		return fmt.Errorf("%s already has a %s; give another folder, or --resume", folder.Dir, run.MetricsFile)
	}
	return nil
}

// nothingIn reports whether a run that is over left nothing but the record that it failed or was stopped.
func nothingIn(folder *run.Run, status run.Status) (bool, error) {
	if status.Step > 0 || status.State != run.Failed && status.State != run.Stopped {
		return false, nil
	}
	list, err := folder.Checkpoints()
	return len(list) == 0, err
}
