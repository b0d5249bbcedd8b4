package engine

import (
	"cmp"
	"context"
	"fmt"

	"sftui/engine/compute"
	"sftui/engine/device"
	"sftui/recipes"
)

// ForecastOptions says what to forecast.
type ForecastOptions struct {
	Recipe *recipes.Recipe
	Host   Host
	// GPU names a GPU that need not be here ("h200") to forecast for, in place of the recipe's device.
	GPU string
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
	Chinese    string            `json:"effect_zh"`
}

// Forecast is what a run will need.
type Forecast struct {
	Model         string       `json:"model"`
	Data          string       `json:"data"`
	Device        string       `json:"device"`
	Described     bool         `json:"described,omitempty"` // the device is a GPU that need not be here
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
	LimitBytes    int64        `json:"limit_bytes"`  // that other processes leave of the device's memory
	DeviceBytes   int64        `json:"device_bytes"` // of all the device's memory
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
		{"block", m.Block}, {"head", m.Head}, {"optimizer", m.Optimizer},
		{"process", m.Process}, {"compiler", m.Code}, {"allocator", m.Holes},
	}
}

// MakeForecast forecasts memory and disk for a recipe's actual data, of which
// it needs the lengths only.
func MakeForecast(ctx context.Context, o ForecastOptions, progress func(what string, done, total int)) (*Forecast, error) {
	dir, err := TrainedModel(ctx, o.Recipe, o.Host.ResolveModel)
	if err != nil {
		return nil, err
	}
	if o.Scanned == nil {
		if o.Scanned, err = scanData(ctx, o.Recipe, dir, progress); err != nil {
			return nil, err
		}
	}
	f, out, err := newScannedForecaster(o.Recipe, dir, o.Scanned)
	if err != nil {
		return nil, err
	}
	if err := f.fill(ctx, o, out); err != nil {
		return nil, err
	}
	return out, f.evaluation(o, out)
}

// fill computes memory, remedies and disk.
func (f *Forecaster) fill(ctx context.Context, o ForecastOptions, out *Forecast) error {
	if err := f.readDevice(ctx, o, out); err != nil {
		return err
	}
	memory, worst, err := f.Memory(o.Recipe)
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
	rows := newOutlineFeed(o.Scanned.Eval, nil, EvalOptions(options, o.Recipe))
	order, err := NewOrder(rows.Len(), 0, "sequential", false)
	if err != nil {
		return err
	}
	micro := o.Recipe.PerDeviceEvalBatchSize
	list, err := candidates(rows, order, f.on.Fused.ShapesOf(f.config, f.model), ahead{steps: order.StepsFrom(0, micro, 1), micro: micro, accumulation: 1})
	if err != nil {
		return err
	}
	weigh := func(s compute.Shape) int64 {
		return evaluationMemory(Estimate(f.model, f.config, s, f.on), f.on.CUDA).Total()
	}
	worst := heaviestOf(list, weigh)
	out.EvalBytes, out.EvalShape = weigh(worst.shape), worst.shape.String()
	return nil
}

// evaluationMemory is what evaluating in a shape needs beside what training
// holds between two steps, by what training in that shape would need.
func evaluationMemory(m compute.Memory, cuda bool) compute.Memory {
	m.Activations, m.Optimizer, m.Gradients = 0, 0, 0 // between two steps there are none
	return withOverhead(m, cuda)
}

// device opens what the forecast is for.
func (o ForecastOptions) device(ctx context.Context) (*device.Device, error) {
	if o.GPU == "" {
		return device.Open(ctx, deviceKind(o.Recipe), o.Host.Plugin)
	}
	gpu, err := device.Describe(o.GPU)
	if err != nil {
		return nil, err
	}
	return gpu.Device(), nil
}

// open opens the model on it, or for a GPU that is not here.
func (o ForecastOptions) open(ctx context.Context, c compute.Config) (*Opened, error) {
	if o.GPU == "" {
		return o.Host.OpenModel(ctx, deviceKind(o.Recipe), c)
	}
	return o.Host.OpenDescribed(ctx, o.GPU, c)
}

// readDevice opens the device to learn its name and how much memory it has.
func (f *Forecaster) readDevice(ctx context.Context, o ForecastOptions, out *Forecast) error {
	dev, err := o.device(ctx)
	if err != nil {
		if o.Compile || o.GPU != "" {
			return err
		}
		out.Notes = append(out.Notes, fmt.Sprintf("the device cannot be opened, so its memory is unknown: %v", err))
		return nil
	}
	defer dev.Close()
	reading := dev.Memory()
	out.Described = dev.Described()
	out.Device, out.LimitBytes, out.DeviceBytes = dev.Name, int64(cmp.Or(reading.Free, reading.Limit)), int64(reading.Limit)
	f.on = targetOf(dev)
	if f.config.DType == "" {
		f.config.DType = defaultType(dev.Kind)
	}
	return nil
}

// confirm compiles the heaviest micro-batch and asks for the sizes of its buffers.
func (f *Forecaster) confirm(ctx context.Context, o ForecastOptions, w Worst) (compute.Memory, error) {
	opened, err := o.open(ctx, f.config)
	if err != nil {
		return compute.Memory{}, err
	}
	defer opened.Close()
	if err := opened.Trainer.Prepare(w.shape); err != nil {
		return compute.Memory{}, fmt.Errorf("compile the heaviest micro-batch (%s positions): %w", w.Shape, err)
	}
	return measured(opened, o.Recipe.GradientAccumulationSteps), nil
}

// measured is the memory of what a session compiled, by XLA's own buffer
// sizes, with the overhead that those do not show, for steps of so many
// micro-batches.
func measured(o *Opened, accumulation int) compute.Memory {
	m := atOnce(o.Trainer.Stats().Memory, o.CUDA)
	if accumulation == 1 && o.Alone != nil {
		m = o.Alone(m)
	}
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
