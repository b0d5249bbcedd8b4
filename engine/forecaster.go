package engine

import (
	"context"
	"errors"

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
	cuda   bool
	feed   feed
	order  *Order
	epochs int
}

// Memory is the forecast for the heaviest micro-batch at a batch size.
func (f *Forecaster) Memory(micro int) (compute.Memory, Worst, error) {
	w, err := f.Worst(micro, 0)
	if err != nil {
		return compute.Memory{}, w, err
	}
	return Estimate(f.model, f.config, w.shape, f.cuda), w, nil
}

// NewForecaster prepares the recipe's data and describes its model. The
// returned close releases the data. progress may be nil.
func NewForecaster(ctx context.Context, r *recipes.Recipe, h Host, progress func(what string, done, total int)) (*Forecaster, *Forecast, func() error, error) {
	dir, err := h.ResolveModel(ctx, r.ModelNameOrPath, r.ModelRevision)
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := model.Open(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	tok, err := dataset.OpenTokenizer(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	defer tok.Close() //nolint:errcheck // only read from
	if progress == nil {
		progress = func(string, int, int) {}
	}
	data, err := prepare(ctx, r, tok, progress)
	if err != nil {
		return nil, nil, nil, err
	}
	f, out, err := newForecaster(r, m, dir, data.train)
	if err != nil {
		return nil, nil, nil, errors.Join(err, data.close())
	}
	out.Data, out.DroppedRows = data.source, len(data.dropped)
	return f, out, data.close, nil
}

// Scanned is training data of which only the lengths are known.
type Scanned struct {
	Name    string
	Outline *dataset.Outline
	Rows    []int            // the data set's numbers of the outline's rows, nil for the same
	Eval    *dataset.Outline // of the evaluation rows, nil without
}

// scannedForecaster is NewForecaster for scanned data.
func scannedForecaster(ctx context.Context, r *recipes.Recipe, h Host, s *Scanned) (*Forecaster, *Forecast, error) {
	dir, err := h.ResolveModel(ctx, r.ModelNameOrPath, r.ModelRevision)
	if err != nil {
		return nil, nil, err
	}
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
	out.Data, out.DroppedRows = s.Name, len(s.Outline.Dropped)
	return f, out, nil
}

// newForecaster describes a run of the recipe on prepared rows.
func newForecaster(r *recipes.Recipe, m *model.Model, dir string, train feed) (*Forecaster, *Forecast, error) {
	order, err := RecipeOrder(r, train.Len(), train.Tokens)
	if err != nil {
		return nil, nil, err
	}
	perEpoch := order.StepsFrom(0, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
	steps := r.MaxSteps
	if steps <= 0 {
		steps = order.TotalSteps(r.NumTrainEpochs, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
	}
	f := &Forecaster{model: m, config: ComputeConfig(r, dir), feed: train, order: order, epochs: 1 + steps/max(1, perEpoch)}
	out := &Forecast{
		Model: r.ModelNameOrPath, Rows: train.Len(),
		MicroBatch: r.PerDeviceTrainBatchSize, Accumulation: r.GradientAccumulationSteps, Steps: steps, StepsPerEpoch: perEpoch,
		Parameters: m.NumParameters(), Trainable: m.NumParameters(),
	}
	if f.config.LoRA != nil {
		adapter, whole := adapters(m, f.config.LoRA)
		out.Parameters, out.Trainable = out.Parameters+adapter, adapter+whole
	}
	return f, out, nil
}
