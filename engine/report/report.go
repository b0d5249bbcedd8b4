// Package report makes what can be taken away from training runs: one HTML
// file with plots, TensorBoard event files and CSV. It reads run folders of
// sftui and the trainer_state.json of TRL and transformers, and streams: a run
// of millions of steps is never held in memory.
package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sftui/engine/run"
)

// Run is a training run opened for reading, of sftui or of TRL.
type Run struct {
	Name string
	Dir  string
	// Recipe is the effective recipe as YAML, "" where the folder has none.
	Recipe string
	// Foreign says that the run is read from a trainer_state.json, whose
	// entries are means over logging_steps and carry no time of their own.
	Foreign bool
	// Modified is when the foreign run's file was written.
	Modified time.Time

	run    *run.Run    // nil for a foreign run
	events []run.Event // of a foreign run
}

// Open opens a run folder of sftui, an output_dir of TRL's trainer (or one
// checkpoint-N of it), or a trainer_state.json itself.
func Open(path string) (*Run, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", path, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return openTrainerState(abs, filepath.Dir(abs))
	}
	own, ownErr := run.Open(abs)
	if ownErr == nil {
		r := &Run{Name: own.Name(), Dir: abs, run: own}
		recipe, err := os.ReadFile(own.Path(run.RecipeFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("run %s: %w", path, err)
		}
		r.Recipe = string(recipe)
		return r, nil
	}
	state, err := FindTrainerState(abs)
	if err != nil {
		return nil, fmt.Errorf("%w, and no %s of TRL either", ownErr, TrainerStateFile)
	}
	return openTrainerState(state, abs)
}

// openTrainerState reads a trainer_state.json as the run in dir.
func openTrainerState(path, dir string) (*Run, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", path, errors.Unwrap(err))
	}
	events, err := ReadTrainerState(path)
	if err != nil {
		return nil, err
	}
	return &Run{Name: filepath.Base(dir), Dir: dir, Foreign: true, Modified: info.ModTime(), events: events}, nil
}

// Each calls f with every event in order. A run that is live ends where it is
// now. The event is f's only until it returns.
func (r *Run) Each(f func(*run.Event) error) error {
	if r.run == nil {
		for i := range r.events {
			e := r.events[i]
			if err := f(&e); err != nil {
				return err
			}
		}
		return nil
	}
	for offset := int64(0); ; {
		events, next, err := r.run.Events(offset)
		if err != nil {
			return fmt.Errorf("run %s: %w", r.Name, err)
		}
		if len(events) == 0 {
			return nil
		}
		for i := range events {
			if err := f(&events[i]); err != nil {
				return err
			}
		}
		offset = next
	}
}

// Checkpoints lists the checkpoint folders that are still there, by step.
func (r *Run) Checkpoints() ([]run.Checkpoint, error) {
	folder := run.Run{Dir: r.Dir}
	return folder.Checkpoints()
}

// Status sums the run up. A run of TRL whose log has no end is given as died,
// as a folder of sftui's events without a run.json is.
func (r *Run) Status() (run.Status, error) {
	if r.run != nil {
		return r.run.Status()
	}
	s := run.Status{State: run.Died, Message: "only its log is here"}
	for i := range r.events {
		s.Apply(&r.events[i])
	}
	return s, nil
}

// distinctNames gives each run a name that no other has: its own, and where
// two are alike the name of the folder above, then a number.
func distinctNames(runs []*Run) []string {
	names := make([]string, len(runs))
	taken := map[string]bool{}
	for i, r := range runs {
		name := r.Name
		alike := slices.ContainsFunc(runs, func(o *Run) bool { return o != r && o.Name == r.Name })
		if alike {
			name = filepath.Base(filepath.Dir(r.Dir)) + "-" + name
		}
		base := name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[name], names[i] = true, name
	}
	return names
}
