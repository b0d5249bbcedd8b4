package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sftui/engine/run"
)

// Files of a checkpoint folder beside the model's own.
const (
	stateFile    = "sftui_state.json"
	optimizerDir = "optimizer"
	stateVersion = 1
	// unfinishedPrefix begins the name of a folder that is still being written.
	unfinishedPrefix = ".unfinished-"
)

// save writes checkpoint-N for the present step. On a full disk, or one that
// cannot be written to, the run pauses and tries again until it can or it is
// asked to stop.
func (l *loop) save(ctx context.Context) error {
	if l.saved == l.state.Step {
		return nil
	}
	before := l.out.snapshot().State
	l.out.enter(run.Saving, "")
	for {
		start := time.Now()
		path, err := l.writeCheckpoint()
		if err == nil {
			l.saved = l.state.Step
			isBest := l.state.Best != nil && l.state.Best.Step == l.state.Step
			l.out.emit(run.Event{Kind: run.KindCheckpoint, Step: l.state.Step, Path: path, Best: isBest, Seconds: time.Since(start).Seconds()})
			l.prune()
			if before == run.Paused {
				l.out.enter(run.Paused, byCommand)
			}
			return nil
		}
		if !l.hold(ctx, err) {
			return fmt.Errorf("checkpoint of step %d: %w", l.state.Step, err)
		}
	}
}

// writeCheckpoint makes the folder under another name, brings it to the disk
// and renames it, so that checkpoint-N is always whole.
func (l *loop) writeCheckpoint() (path string, err error) {
	if err := l.rejoin(); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s%d", run.CheckpointPrefix, l.state.Step)
	path = l.run.Path(name)
	temporary := l.run.Path(unfinishedPrefix + name)
	if err := os.RemoveAll(temporary); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temporary))
		}
	}()
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return "", err
	}
	if err := l.trainer.Export(temporary, l.export); err != nil {
		return "", err
	}
	if !l.recipe.SaveOnlyModel {
		optimizer := filepath.Join(temporary, optimizerDir)
		if err := os.Mkdir(optimizer, 0o755); err != nil {
			return "", err
		}
		if err := l.trainer.SaveState(optimizer); err != nil {
			return "", err
		}
	}
	if l.state.Metrics, err = l.out.events.Sync(); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(temporary, run.RecipeFile), l.recipe.YAML(), 0o644); err != nil {
		return "", err
	}
	if l.state.Files, err = marksOf(temporary); err != nil {
		return "", err
	}
	if b := l.state.Best; b != nil && (b.Step == l.state.Step || l.hasCheckpoint(b.Step)) {
		l.state.BestSaved = b.Step
	}
	l.state.Version, l.state.CreatedAt = stateVersion, time.Now()
	l.state.Finger, l.state.Status = l.marks.saved(), l.out.snapshot()
	data, err := json.MarshalIndent(&l.state, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(temporary, stateFile), append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	return path, publish(temporary, path)
}

// publish brings everything under a folder to the disk and gives it its final name.
func publish(temporary, path string) error {
	err := filepath.WalkDir(temporary, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return run.SyncDir(name) // an fsync works the same for a file
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return run.SyncDir(filepath.Dir(path))
}

// keepsBest reports whether the best checkpoint stays, as in transformers: where
// load_best_model_at_end needs it, and wherever something names a metric.
func (l *loop) keepsBest() bool {
	r := l.recipe
	return l.state.BestSaved > 0 && (r.LoadBestModelAtEnd || r.MetricForBestModel != "" || isAdaptive(r.LrSchedulerType))
}

// checkpointOf is the folder of a step's checkpoint.
func (l *loop) checkpointOf(step int) string {
	return l.run.Path(fmt.Sprintf("%s%d", run.CheckpointPrefix, step))
}

func (l *loop) hasCheckpoint(step int) bool {
	_, err := os.Stat(filepath.Join(l.checkpointOf(step), stateFile))
	return err == nil
}

// prune removes the oldest checkpoints above save_total_limit, but for the best.
func (l *loop) prune() {
	limit := l.recipe.SaveTotalLimit
	if limit == nil || *limit <= 0 {
		return
	}
	list, err := l.run.Checkpoints()
	if err != nil {
		l.out.warn(run.CodeCheckpoint, l.state.Step, err.Error(), nil)
		return
	}
	keep := *limit
	bestStep := -1
	if l.keepsBest() {
		bestStep = l.state.BestSaved
		if keep == 1 && bestStep != l.state.Step {
			keep = 2 // the newest is needed to resume, the best to end with
		}
	}
	left := len(list)
	for _, c := range list {
		if left <= keep {
			return
		}
		if c.Step == bestStep || c.Step == l.state.Step {
			continue
		}
		if err := os.RemoveAll(c.Path); err != nil {
			l.out.warn(run.CodeCheckpoint, l.state.Step, fmt.Sprintf("an old checkpoint cannot be removed: %v", err), nil)
			return
		}
		left--
	}
}

// keepOnlyBest removes the newest checkpoint of a run that is over, where
// save_total_limit allows one and the best is another, as in transformers.
func (l *loop) keepOnlyBest() {
	limit, best := l.recipe.SaveTotalLimit, l.state.BestSaved
	if limit == nil || *limit != 1 || !l.keepsBest() || best == l.state.Step || !l.hasCheckpoint(best) {
		return
	}
	if err := os.RemoveAll(l.checkpointOf(l.state.Step)); err != nil {
		l.out.warn(run.CodeCheckpoint, l.state.Step, fmt.Sprintf("the last checkpoint cannot be removed: %v", err), nil)
		return
	}
	l.out.update(func(s *run.Status) { s.Checkpoint = l.checkpointOf(best) })
}

// readState reads a checkpoint's state file.
func readState(dir string) (state, error) {
	var s state
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, fmt.Errorf("%s is not a checkpoint to resume from: %w", dir, err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s is not readable: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("%s was written by another version of sftui (format %d, this one reads %d)", dir, s.Version, stateVersion)
	}
	if s.Step < 0 || s.Position.Epoch < 0 || s.Position.Offset < 0 || s.MicroBatch < 1 || s.Accumulation < 1 {
		return s, fmt.Errorf("%s is damaged: it has step %d at row %d of epoch %d with batches of %d × %d", filepath.Join(dir, stateFile), s.Step, s.Position.Offset, s.Position.Epoch, s.MicroBatch, s.Accumulation)
	}
	return s, nil
}

// removeUnfinished removes folders that a killed process was still writing.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinishedPrefix) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
