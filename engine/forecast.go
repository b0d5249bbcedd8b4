package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/device"
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

// Worst is the heaviest micro-batch of a run.
type Worst struct {
	Rows      []int  `json:"rows"`      // of the data set
	Tokens    int    `json:"tokens"`    // in its rows together
	Longest   int    `json:"longest"`   // tokens of its longest row
	Positions int    `json:"positions"` // computed
	Shape     string `json:"shape"`
	shape     compute.Shape
}

// Worst finds the heaviest micro-batch at a batch size; limit cuts rows to so
// many tokens, 0 for not at all.
func (f *Forecaster) Worst(micro, limit int) (Worst, error) {
	data := f.feed
	config := f.config
	if limit > 0 {
		data = &cappedFeed{feed: f.feed, limit: limit}
		config.MaxLength = limit
	}
	shapeOf := func(b compute.Batch) compute.Shape { return compute.ShapeOf(b, config.MaxLength) }
	b, shape, err := worstBatch(data, f.order.clone(), shapeOf, 0, f.epochs, micro)
	if err != nil {
		return Worst{}, err
	}
	w := Worst{Rows: flatten(b.Rows), Positions: shape.Positions(), Shape: shape.String(), shape: shape}
	for i, ids := range b.InputIDs {
		n := len(ids)
		if b.AttentionMask != nil {
			n = 0
			for _, m := range b.AttentionMask[i] {
				n += int(m)
			}
		}
		w.Tokens += n
		w.Longest = max(w.Longest, n)
	}
	return w, nil
}

// cappedFeed is a feed whose rows are cut to a length.
type cappedFeed struct {
	feed
	limit int
}

func (c *cappedFeed) Tokens(item int) int { return min(c.feed.Tokens(item), c.limit) }

func (c *cappedFeed) Batch(items []int) (compute.Batch, error) {
	b, err := c.feed.Batch(items)
	if err != nil {
		return b, err
	}
	cut := func(rows [][]int32) [][]int32 {
		if rows == nil {
			return nil
		}
		out := make([][]int32, len(rows))
		for i, r := range rows {
			out[i] = r[:min(len(r), c.limit)]
		}
		return out
	}
	b.InputIDs, b.Labels, b.AttentionMask, b.PositionIDs = cut(b.InputIDs), cut(b.Labels), cut(b.AttentionMask), cut(b.PositionIDs)
	return b, nil
}

// Memory is the forecast for the heaviest micro-batch at a batch size.
func (f *Forecaster) Memory(micro int) (compute.Memory, Worst, error) {
	w, err := f.Worst(micro, 0)
	if err != nil {
		return compute.Memory{}, w, err
	}
	return Estimate(f.model, f.config, w.shape, f.cuda), w, nil
}

// adapters is the number of values in LoRA's A and B, and of what is trained
// whole beside them.
func adapters(m *model.Model, l *compute.LoRAConfig) (adapter, whole int64) {
	for _, p := range m.Block {
		if p.Linear && targeted(p.Name, l.TargetModules) {
			adapter += int64(l.R * (p.Shape[0] + p.Shape[1]))
		}
	}
	adapter *= int64(len(m.LayerKind))
	for _, p := range m.Params() {
		for _, name := range l.ModulesToSave {
			if strings.Contains(p.Name, name) {
				whole += int64(p.Elements())
				break
			}
		}
	}
	return adapter, whole
}

// targeted reports whether LoRA adapts a block's linear layer.
func targeted(name string, modules []string) bool {
	module := strings.TrimSuffix(name, ".weight")
	for _, want := range modules {
		if want == "all-linear" || want == module || path.Base(strings.ReplaceAll(module, ".", "/")) == want {
			return true
		}
	}
	return len(modules) == 0
}

// Sizes of what depends on the plugin more than on the model, measured on the
// CPU and CUDA plugins.
const (
	pluginBytes    = 320 << 20 // process, plugin, tokenizer and compiled code
	headBytesCPU   = 64 << 20  // most that one chunk of logits takes
	headBytesCUDA  = 1 << 30
	headRows       = 1024 // most trained positions in a chunk
	headCopies     = 3    // logits, their exponentials, their gradient
	updateElements = 4    // buffers of the largest weight during its update
)

// Estimate adds up the memory of training a model in batches of a shape.
func Estimate(m *model.Model, c compute.Config, shape compute.Shape, cuda bool) compute.Memory {
	parameters := m.NumParameters()
	trainable := parameters
	var e compute.Memory
	e.Weights = float32Bytes * parameters
	if c.LoRA != nil {
		adapter, whole := adapters(m, c.LoRA)
		trainable = adapter + whole
		e.Weights += float32Bytes * adapter
	}
	e.Gradients = float32Bytes * trainable
	e.Moments = 2 * float32Bytes * trainable
	e.Activations = activationBytes(m, c, shape)
	e.Block = blockBytes(m, c, shape)
	e.Head = headCopies * headBytes(m, shape, cuda)
	e.Optimizer = updateElements * float32Bytes * largestTrained(m, c)
	e.Code = overheadBytes(e, cuda)
	return e
}

// overheadBytes is what a run needs beside its buffers: the process, the
// plugin and its code and, on a CPU, what the allocator keeps of freed buffers
// of other shapes, which measures about as much again as they took.
func overheadBytes(m compute.Memory, cuda bool) int64 {
	if cuda {
		return pluginBytes
	}
	return pluginBytes + m.Activations + max(m.Block, m.Head)
}

// headBytes is the size of one chunk of logits.
func headBytes(m *model.Model, shape compute.Shape, cuda bool) int64 {
	most := int64(headBytesCPU)
	if cuda {
		most = headBytesCUDA
	}
	row := float32Bytes * int64(m.Config.VocabSize)
	return row * max(1, min(int64(shape.Positions()), headRows, most/row))
}

// elementBytes is the size of a value in the type that products are computed in.
func elementBytes(c compute.Config) int64 {
	if c.DType == "bfloat16" {
		return 2
	}
	return float32Bytes
}

// activationBytes is what lives between forward and backward: each layer's
// input, and without checkpointing the results of its matrix products.
func activationBytes(m *model.Model, c compute.Config, shape compute.Shape) int64 {
	hidden := int64(m.Config.HiddenSize)
	perPosition := float32Bytes * hidden
	if !c.GradientCheckpointing {
		q, kv := int64(m.Config.NumAttentionHeads*m.HeadDim), int64(m.KVHeads*m.HeadDim)
		perPosition += elementBytes(c)*(2*q+2*kv+2*int64(m.Config.IntermediateSize)) + float32Bytes*hidden
	}
	return perPosition * int64(len(m.LayerKind)) * int64(shape.Positions())
}

// blockBytes is what one block's backward pass needs at its peak: attention
// scores of all heads and their gradient, and the wide part of the MLP.
func blockBytes(m *model.Model, c compute.Config, shape compute.Shape) int64 {
	const scoreCopies, wideCopies, narrowCopies = 3, 5, 8
	positions, length := int64(shape.Positions()), int64(shape.Length)
	scores := scoreCopies * float32Bytes * int64(m.Config.NumAttentionHeads) * positions * length
	wide := wideCopies * elementBytes(c) * int64(m.Config.IntermediateSize) * positions
	narrow := narrowCopies * float32Bytes * int64(m.Config.HiddenSize) * positions
	var weights int64
	for _, p := range m.Block {
		weights += float32Bytes * int64(p.Elements())
	}
	return max(scores, wide) + narrow + weights
}

// largestTrained is the number of values of the largest weight that is updated.
func largestTrained(m *model.Model, c compute.Config) int64 {
	var most int64
	for _, p := range m.Params() {
		if c.LoRA == nil {
			most = max(most, int64(p.Elements()))
		}
	}
	if c.LoRA != nil {
		most = int64(c.LoRA.R * m.Config.IntermediateSize)
	}
	return most
}

// ForecastOptions says what to forecast.
type ForecastOptions struct {
	Recipe *recipes.Recipe
	Host   Host
	// Compile confirms the formula by compiling the heaviest micro-batch.
	Compile bool
	// Scanned is the training data where its lengths are known already; nil prepares it.
	Scanned *Scanned
	RunDir  string // where the run would write, for the disk; "" for the working folder
}

// MemoryItem is one part of a forecast.
type MemoryItem struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Remedy is a change of the recipe that needs less memory.
type Remedy struct {
	Set        map[string]string `json:"set"`
	TotalBytes int64             `json:"total_bytes"`
	SavesBytes int64             `json:"saves_bytes"`
	Effect     string            `json:"effect"`
}

// Forecast is what a run will need.
type Forecast struct {
	Model         string       `json:"model"`
	Data          string       `json:"data"`
	Device        string       `json:"device"`
	Rows          int          `json:"rows"`
	DroppedRows   int          `json:"dropped_rows"`
	MicroBatch    int          `json:"per_device_train_batch_size"`
	Accumulation  int          `json:"gradient_accumulation_steps"`
	Steps         int          `json:"steps"`
	StepsPerEpoch int          `json:"steps_per_epoch"`
	Parameters    int64        `json:"parameters"`
	Trainable     int64        `json:"trainable"`
	Worst         Worst        `json:"worst"`
	Memory        []MemoryItem `json:"memory"` // held for the whole run, then the largest passing need
	TotalBytes    int64        `json:"total_bytes"`
	LimitBytes    int64        `json:"limit_bytes"`
	Fits          bool         `json:"fits"`
	EvalBytes     int64        `json:"eval_bytes,omitempty"` // peak of an evaluation, where its rows are known
	EvalShape     string       `json:"eval_shape,omitempty"`
	Confirmed     bool         `json:"confirmed"` // by compiling the heaviest micro-batch
	Remedies      []Remedy     `json:"remedies"`
	Disk          diskForecast `json:"disk"`
	DiskBytes     int64        `json:"disk_total_bytes"`
	FreeDiskBytes int64        `json:"disk_free_bytes"`
	Notes         []string     `json:"notes,omitempty"`
}

// items lists a forecast's parts in the order in which they come about.
func items(m compute.Memory) []MemoryItem {
	return []MemoryItem{
		{"weights", m.Weights}, {"moments", m.Moments}, {"gradients", m.Gradients}, {"activations", m.Activations},
		{"block", m.Block}, {"head", m.Head}, {"optimizer", m.Optimizer}, {"overhead", m.Code},
	}
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
	order, err := RecipeOrder(r, train.Len())
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

// MakeForecast forecasts memory and disk for a recipe's actual data.
func MakeForecast(ctx context.Context, o ForecastOptions, progress func(what string, done, total int)) (out *Forecast, err error) {
	if o.Scanned != nil {
		f, out, err := scannedForecaster(ctx, o.Recipe, o.Host, o.Scanned)
		if err != nil {
			return nil, err
		}
		if err := f.fill(ctx, o, out); err != nil {
			return nil, err
		}
		return out, f.evaluation(o, out)
	}
	f, out, closeData, err := NewForecaster(ctx, o.Recipe, o.Host, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeData()) }()
	return out, f.fill(ctx, o, out)
}

// fill computes memory, remedies and disk.
func (f *Forecaster) fill(ctx context.Context, o ForecastOptions, out *Forecast) error {
	if err := f.readDevice(ctx, o, out); err != nil {
		return err
	}
	memory, worst, err := f.Memory(o.Recipe.PerDeviceTrainBatchSize)
	if err != nil {
		return err
	}
	out.Worst = worst
	if o.Compile {
		if memory, err = f.confirm(ctx, o, worst); err != nil {
			return err
		}
		out.Confirmed = true
	}
	out.Memory, out.TotalBytes = items(memory), memory.Total()
	out.Fits = out.LimitBytes == 0 || out.TotalBytes <= out.LimitBytes
	if out.Remedies, err = f.remedies(o.Recipe); err != nil {
		return err
	}
	return f.disk(o, out)
}

// evaluation forecasts the peak of an evaluation: a forward pass, which keeps
// nothing for a backward one, beside all that training holds.
func (f *Forecaster) evaluation(o ForecastOptions, out *Forecast) error {
	if o.Scanned.Eval == nil || o.Scanned.Eval.Len() == 0 {
		return nil
	}
	options, err := DataOptions(o.Recipe)
	if err != nil {
		return err
	}
	rows := newOutlineFeed(o.Scanned.Eval, nil, options)
	order, err := NewOrder(rows.Len(), 0, "sequential", false)
	if err != nil {
		return err
	}
	shapeOf := func(b compute.Batch) compute.Shape { return compute.ShapeOf(b, f.config.MaxLength) }
	_, shape, err := worstBatch(rows, order, shapeOf, 0, 1, o.Recipe.PerDeviceEvalBatchSize)
	if err != nil {
		return err
	}
	m := Estimate(f.model, f.config, shape, f.cuda)
	m.Activations, m.Optimizer = 0, 0
	out.EvalBytes, out.EvalShape = m.Total(), shape.String()
	return nil
}

// readDevice opens the device to learn its name and how much memory it has.
func (f *Forecaster) readDevice(ctx context.Context, o ForecastOptions, out *Forecast) error {
	dev, err := device.Open(ctx, deviceKind(o.Recipe), o.Host.Plugin)
	if err != nil {
		if o.Compile {
			return err
		}
		out.Notes = append(out.Notes, fmt.Sprintf("the device cannot be opened, so its memory is unknown: %v", err))
		return nil
	}
	defer dev.Close()
	out.Device, out.LimitBytes = dev.Name, int64(dev.Memory().Limit)
	f.cuda = dev.Kind == device.CUDA
	if f.config.DType == "" {
		f.config.DType = defaultType(dev.Kind)
	}
	return nil
}

// confirm compiles the heaviest micro-batch and asks for the sizes of its buffers.
func (f *Forecaster) confirm(ctx context.Context, o ForecastOptions, w Worst) (compute.Memory, error) {
	opened, err := o.Host.OpenModel(ctx, deviceKind(o.Recipe), f.config)
	if err != nil {
		return compute.Memory{}, err
	}
	defer opened.Close()
	if err := opened.Trainer.Prepare(w.shape); err != nil {
		return compute.Memory{}, fmt.Errorf("compile the heaviest micro-batch (%s positions): %w", w.Shape, err)
	}
	return measured(opened), nil
}

// measured is the memory of what a session compiled, by XLA's own buffer
// sizes, with the overhead that those do not show.
func measured(o *Opened) compute.Memory {
	m := o.Trainer.Stats().Memory
	m.Code = max(m.Code, overheadBytes(m, o.CUDA))
	return m
}

// disk forecasts what the run writes.
func (f *Forecaster) disk(o ForecastOptions, out *Forecast) error {
	c, err := newCadence(o.Recipe, out.Steps)
	if err != nil {
		return err
	}
	out.Disk = forecastDisk(o.Recipe, compute.Info{Parameters: out.Parameters, Trainable: out.Trainable}, c, out.Steps, out.StepsPerEpoch)
	out.DiskBytes = out.Disk.Total()
	dir := o.RunDir
	if dir == "" {
		dir = "."
	}
	free, err := freeDisk(dir)
	if err != nil {
		return err
	}
	out.FreeDiskBytes = int64(free)
	return nil
}
