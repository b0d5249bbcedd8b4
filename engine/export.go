package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sftui/engine/run"
	"sftui/recipes"
)

// ExportOptions says which weights of a run to write where.
type ExportOptions struct {
	Run    *run.Run
	Step   int    // of the checkpoint, 0 for the newest
	Out    string // folder, which must not hold anything yet
	Merge  bool   // fold a LoRA adapter into the weights
	DType  string // "" as the recipe says
	Device string // "" as the recipe says
	Host   Host
}

// Export writes a checkpoint of a run as a model folder that transformers (or,
// for an adapter that is not merged, PEFT) loads.
func Export(ctx context.Context, o ExportOptions) error {
	checkpoint, err := chooseCheckpoint(o.Run, o.Step)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; give a new folder", o.Out)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("export: %w", err)
	}
	r, err := recipes.Load(filepath.Join(checkpoint, run.RecipeFile))
	if err != nil {
		return fmt.Errorf("%s: its recipe: %w", checkpoint, err)
	}
	if o.Merge && !r.UsePeft {
		return errors.New("--merge: this run trained all weights, so there is no adapter to merge")
	}
	if o.Device != "" {
		r.Device, r.UseCPU = o.Device, false
	}
	dir, err := o.Host.ResolveModel(ctx, r.ModelNameOrPath, r.ModelRevision)
	if err != nil {
		return err
	}
	opened, err := o.Host.OpenModel(ctx, deviceKind(r), ComputeConfig(r, dir))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Trainer.LoadState(filepath.Join(checkpoint, optimizerDir)); err != nil {
		return fmt.Errorf("checkpoint %s: %w", checkpoint, err)
	}
	options, err := exportOptions(r)
	if err != nil {
		return err
	}
	options.Merge = o.Merge
	if o.DType != "" {
		options.DType = o.DType
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return exportTo(opened.Trainer, out, options)
}

// chooseCheckpoint finds the checkpoint of a step, or the newest.
func chooseCheckpoint(r *run.Run, step int) (string, error) {
	list, err := r.Checkpoints()
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s has no checkpoint; a finished run has its model in %s", r.Dir, r.Path(run.ModelDir))
	}
	if step == 0 {
		return list[len(list)-1].Path, nil
	}
	steps := ""
	for _, c := range list {
		if c.Step == step {
			return c.Path, nil
		}
		steps += fmt.Sprintf(" %d", c.Step)
	}
	return "", fmt.Errorf("%s has no checkpoint of step %d; there are those of steps%s", r.Dir, step, steps)
}
