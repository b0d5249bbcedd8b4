package cmd

import (
	"fmt"
	"path/filepath"
	"strconv"

	"sftui/engine"
	"sftui/engine/run"
)

// resumeFromRecipe does what resume_from_checkpoint asks for, as transformers
// reads it: true goes on from the newest checkpoint of the run's folder, a path
// from that one. A checkpoint of another folder begins a run of its own, so that
// nothing there is written over.
func resumeFromRecipe(o *engine.TrainOptions) error {
	value := o.Recipe.ResumeFromCheckpoint
	newest, err := newestCheckpoint(o.RunDir)
	if value == "" || err != nil {
		return err
	}
	if yes, err := strconv.ParseBool(value); err == nil {
		if yes && newest == "" {
			return fmt.Errorf("resume_from_checkpoint is %s, but %s has no checkpoint to go on from: name its run with --run or output_dir, or leave the option out to begin one", value, o.RunDir)
		}
		o.Resume = yes
		return nil
	}
	path, err := filepath.Abs(value)
	switch {
	case err != nil:
		return fmt.Errorf("resume_from_checkpoint: %w", err)
	case path == newest:
		o.Resume = true
	case filepath.Dir(path) == o.RunDir && newest != "":
		return fmt.Errorf("resume_from_checkpoint is %s, but its run has come to %s, and going back would write over that: give another folder with --run or output_dir, or name the newest", value, newest)
	default:
		o.From = path
	}
	return nil
}

// newestCheckpoint is the folder of a run's last checkpoint, "" without one.
func newestCheckpoint(dir string) (string, error) {
	folder, err := run.Open(dir)
	if err != nil {
		return "", nil //nolint:nilerr // there is no run yet
	}
	list, err := folder.Checkpoints()
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[len(list)-1].Path, nil
}
