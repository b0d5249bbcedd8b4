package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sftui/engine/run"
	"sftui/recipes"
)

// resumePoint is where a run goes on.
type resumePoint struct {
	checkpoint string // folder, "" to begin at step 0
	state      state
	recipe     *recipes.Recipe
}

// findResume returns the newest whole checkpoint of a run. One that cannot be
// read is passed over and named in skipped; it is an error when all are, since
// to begin again would overwrite what the run has come to.
func findResume(r *run.Run) (p resumePoint, skipped []string, err error) {
	list, err := r.Checkpoints()
	if err != nil {
		return p, nil, err
	}
	slices.Reverse(list)
	for _, c := range list {
		p, err := readResume(c.Path)
		if err == nil {
			return p, skipped, nil
		}
		skipped = append(skipped, err.Error())
	}
	if len(skipped) > 0 {
		return resumePoint{}, skipped, fmt.Errorf("%s has no checkpoint to resume from: %s; start a new run in another folder, with model_name_or_path at a checkpoint whose model is whole", r.Dir, strings.Join(skipped, "; "))
	}
	return resumePoint{}, nil, nil
}

// readResume reads one checkpoint's state and recipe.
func readResume(dir string) (resumePoint, error) {
	p := resumePoint{checkpoint: dir}
	var err error
	if p.state, err = readState(dir); err != nil {
		return p, err
	}
	if err := p.state.Files.check(dir, resumesFrom); err != nil {
		return p, err
	}
	if _, err := os.Stat(filepath.Join(dir, optimizerDir)); err != nil {
		return p, fmt.Errorf("%s has no optimizer state (save_only_model), so it cannot be resumed from", dir)
	}
	p.recipe, err = recipes.Load(filepath.Join(dir, run.RecipeFile))
	return p, err
}

// laterChanges reads the live changes that a run made after a checkpoint, so
// that going on from it makes them again at the same steps.
func laterChanges(r *run.Run, offset int64, step int) ([]Change, error) {
	var changes []Change
	for {
		events, next, err := r.Events(offset)
		if errors.Is(err, run.ErrRewound) {
			return nil, nil // the events end before the checkpoint: nothing came after it
		}
		if err != nil {
			return nil, err
		}
		for i := range events {
			e := &events[i]
			if e.Kind != run.KindChange || e.Phase != run.ChangeApplied || e.Step <= step {
				continue
			}
			c, err := changeFrom(e.Changes)
			if err != nil {
				return nil, fmt.Errorf("%s: change of step %d: %w", r.Path(run.MetricsFile), e.Step, err)
			}
			c.Step = e.Step
			changes = append(changes, c)
		}
		if len(events) == 0 {
			return changes, nil
		}
		offset = next
	}
}

// changeFrom reads the values of a change event.
func changeFrom(values map[string]string) (Change, error) {
	var c Change
	var err error
	for key, value := range values {
		switch key {
		case keyMicroBatch:
			c.MicroBatch, err = strconv.Atoi(value)
		case keyAccumulation:
			c.Accumulation, err = strconv.Atoi(value)
		case keyScale:
			c.LearningScale, err = strconv.ParseFloat(value, 64)
		case keyForce:
			c.Force, err = strconv.ParseBool(value)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// cutMetrics cuts metrics.jsonl back to a checkpoint's position.
func cutMetrics(r *run.Run, offset int64) error {
	path := r.Path(run.MetricsFile)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() <= offset {
		return nil // the checkpoint was copied without its events; keep what there is
	}
	if err := os.Truncate(path, offset); err != nil {
		return fmt.Errorf("cut the events back to the checkpoint: %w", err)
	}
	return nil
}
