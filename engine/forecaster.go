package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/model"
	"sftui/recipes"
)

// Forecaster adds up what training needs, in bytes, for the actual data: no
// device and no weights are needed for it.
type Forecaster struct {
	model  *model.Model
	config compute.Config
	on     Target
	rows   *Scanned
	feed   *outlineFeed
	order  *Order
}

// Memory is the forecast for a recipe's heaviest micro-batch.
func (f *Forecaster) Memory(r *recipes.Recipe) (compute.Memory, Worst, error) {
	list, err := f.candidates(r)
	if err != nil {
		return compute.Memory{}, Worst{}, err
	}
	w := f.worst(r, list)
	return f.estimate(r, w.shape), w, nil
}

// estimate is the memory of training in a shape by a recipe.
func (f *Forecaster) estimate(r *recipes.Recipe, shape compute.Shape) compute.Memory {
	e := Estimate(f.model, f.config, shape, f.on)
	if r.GradientAccumulationSteps == 1 {
		e = alone(e, f.model, f.config, f.on.CUDA)
	}
	return e
}

// Scanned is training data of which only the lengths are known.
type Scanned struct {
	Name    string
	Outline *dataset.Outline
	Rows    []int            // the data set's numbers of the outline's rows, nil for the same
	Eval    *dataset.Outline // of the evaluation rows, nil without
}

// scanData finds the lengths of a recipe's rows for the model in dir; progress
// may be nil.
func scanData(ctx context.Context, r *recipes.Recipe, dir string, progress func(what string, done, total int)) (s *Scanned, err error) {
	tok, err := OpenTokenizer(dir, r)
	if err != nil {
		return nil, err
	}
	defer tok.Close() //nolint:errcheck // only read from
	if progress == nil {
		progress = func(string, int, int) {}
	}
	options, err := DataOptions(r)
	if err != nil {
		return nil, err
	}
	train, eval, err := openSources(ctx, r, func(done, total int64) { progress("reading", int(done), int(total)) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeSources(train, eval)) }()
	lengths := func(src *part, what string) (*dataset.Outline, error) {
		p, err := dataset.NewPreparer(src.Source, tok, options)
		if err != nil {
			return nil, err
		}
		return p.AllLengths(ctx, "", runtime.NumCPU(), func(done, total int) { progress(what, done, total) })
	}
	s = &Scanned{Name: train.Name(), Rows: train.rows}
	if s.Outline, err = lengths(train, "tokenizing"); err != nil || eval == nil {
		return s, err
	}
	options = EvalOptions(options, r)
	if s.Eval, err = lengths(eval, "tokenizing evaluation rows"); err != nil {
		err = fmt.Errorf("evaluation data: %w", err)
	}
	return s, err
}

// newScannedForecaster describes a run on scanned data.
func newScannedForecaster(r *recipes.Recipe, dir string, s *Scanned) (*Forecaster, *Forecast, error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	options, err := DataOptions(r)
	if err != nil {
		return nil, nil, err
	}
	f, out, err := newForecaster(r, m, dir, newOutlineFeed(s.Outline, s.Rows, options))
	if err != nil {
		return nil, nil, err
	}
	f.rows = s
	out.Data, out.DroppedRows = s.Name, len(s.Outline.Dropped)
	return f, out, nil
}

// newForecaster describes a run of the recipe on prepared rows.
func newForecaster(r *recipes.Recipe, m *model.Model, dir string, train *outlineFeed) (*Forecaster, *Forecast, error) {
	order, err := RecipeOrder(r, train.Len(), train.Tokens)
	if err != nil {
		return nil, nil, err
	}
	perEpoch := order.StepsFrom(0, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
	steps := recipeSteps(r, order)
	f := &Forecaster{model: m, config: ComputeConfig(r, dir), feed: train, order: order}
	out := &Forecast{
		Model: r.ModelNameOrPath, Rows: train.Len(),
		MicroBatch: r.PerDeviceTrainBatchSize, Accumulation: r.GradientAccumulationSteps, Steps: steps, StepsPerEpoch: perEpoch,
		Parameters: m.NumParameters(), Trainable: m.NumParameters(),
	}
	if f.config.LoRA != nil {
		m = asTrained(m, f.config.LoRA)
		out.Parameters = m.NumParameters()
		adapter, whole := adapters(m, f.config.LoRA)
		out.Parameters, out.Trainable = out.Parameters+adapter, adapter+whole
	}
	return f, out, nil
}
