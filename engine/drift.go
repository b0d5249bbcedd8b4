package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"sftui/engine/run"
	"sftui/recipes"
)

// Drift is one thing that is not as it was when a checkpoint was written, so
// that resuming from it would be refused.
type Drift struct {
	What string // "data", "model" or "recipe"
	Why  error
	// Changes are the options that are not as they were, A then and B now; of
	// "recipe" only.
	Changes []recipes.Change
}

// Drifts compares what a recipe would train on with what a run's newest
// checkpoint was trained on. dir is the run's folder or one of its checkpoints;
// a run without a checkpoint has nothing to drift from.
func Drifts(ctx context.Context, r *recipes.Recipe, h Host, dir string) ([]Drift, error) {
	p, err := resumeFrom(dir)
	if err != nil || p.checkpoint == "" {
		return nil, err
	}
	var out []Drift
	r = r.Clone()
	if err := AbsolutePaths(r); err != nil { // as the run has them
		return nil, err
	}
	if err := checkRecipe(p.recipe, r); err != nil {
		out = append(out, Drift{What: "recipe", Why: err, Changes: fixedChanges(p.recipe, r)})
	}
	model, err := TrainedModel(ctx, r, h.ResolveModel)
	if err != nil {
		return out, err
	}
	now := fingerprints{}
	if now.model, err = modelFingerprint(model); err != nil {
		return out, err
	}
	saved := p.state.Finger
	if err := (fingerprints{data: saved.Data, eval: saved.Eval, rows: saved.Rows, model: now.model}).check(saved); err != nil {
		out = append(out, Drift{What: "model", Why: err})
	}
	if err := markPrepared(ctx, r, model, &now); err != nil {
		return out, err
	}
	now.model = saved.Model
	if err := now.check(saved); err != nil {
		out = append(out, Drift{What: "data", Why: err})
	}
	return out, nil
}

// resumeFrom reads the newest checkpoint of a run, or the one that dir is.
func resumeFrom(dir string) (resumePoint, error) {
	if _, err := os.Stat(filepath.Join(dir, stateFile)); err == nil {
		return readResume(dir)
	}
	folder, err := run.Open(dir)
	if err != nil {
		return resumePoint{}, err
	}
	p, _, err := findResume(folder)
	return p, err
}

// markPrepared prepares the rows and identifies them.
func markPrepared(ctx context.Context, r *recipes.Recipe, model string, f *fingerprints) (err error) {
	tok, err := OpenTokenizer(model, r)
	if err != nil {
		return err
	}
	defer tok.Close() //nolint:errcheck // only read from
	data, err := prepare(ctx, r, tok, func(string, int, int) {})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	return data.mark(f)
}
