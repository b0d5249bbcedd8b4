package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"

	"sftui/engine"
	"sftui/engine/compute"
	"sftui/recipes"
)

// trainBench is what `sftui bench train` prints.
type trainBench struct {
	Model           string          `json:"model"`
	Device          string          `json:"device"`
	Warning         string          `json:"warning,omitempty"` // what makes the device slower than it could be
	Parameters      int64           `json:"parameters"`
	Trainable       int64           `json:"trainable"`
	MicroBatch      int             `json:"per_device_train_batch_size"`
	Accumulation    int             `json:"gradient_accumulation_steps"`
	Checkpointing   bool            `json:"gradient_checkpointing"`
	DType           string          `json:"dtype"`
	OpenSeconds     float64         `json:"open_seconds"`       // device and weights
	FirstStep       float64         `json:"first_step_seconds"` // from the start of the command to the end of step 1
	Steps           []trainBenchRow `json:"steps"`
	MedianSeconds   float64         `json:"median_seconds_per_step"`   // of the steps that compiled nothing
	CPUSeconds      float64         `json:"median_cpu_seconds"`        // processor time of those steps, all cores
	TokensPerSecond float64         `json:"trained_tokens_per_second"` // over those steps
	TokensSeconds   float64         `json:"tokens_per_second"`         // all real tokens, over those steps
	MFU             float64         `json:"mfu,omitempty"`             // with --peak-tflops: share of the device's peak
	NewShapeSeconds float64         `json:"new_shape_seconds"`         // to compile one more shape
	Compile         float64         `json:"compile_seconds"`
	Executables     int             `json:"executables"`
	Shapes          []string        `json:"shapes"`
	RSSBytes        uint64          `json:"rss_bytes"`
	PeakBytes       uint64          `json:"peak_bytes"`
	Memory          compute.Memory  `json:"memory"`
}

type trainBenchRow struct {
	Loss      float64 `json:"loss"`
	GradNorm  float64 `json:"grad_norm"`
	Trained   int64   `json:"trained_tokens"`
	Tokens    int64   `json:"tokens"`
	Positions int64   `json:"positions"`
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpu_seconds"`
	Compiled  bool    `json:"compiled"` // the step compiled something, so its time is no measure of training
}

// benchTrain measures training steps on given or made-up micro-batches.
func benchTrain(ctx context.Context, args []string, s streams) error {
	start := time.Now()
	a, err := flagSet{values: []string{"recipe", "batches", "steps", "device", "random", "peak-tflops"}, options: true}.parse(args)
	if err != nil {
		return err
	}
	r, err := a.recipe()
	if err != nil {
		return err
	}
	steps := 8
	if text := a.values["steps"]; text != "" {
		if steps, err = strconv.Atoi(text); err != nil || steps < 1 {
			return fmt.Errorf("--steps is %q; a positive number is needed", text)
		}
	}
	h := host(s.err)
	dir, remove, err := benchModel(ctx, h, a.values["random"], r, true)
	if err != nil {
		return err
	}
	defer remove()
	config := engine.ComputeConfig(r, dir)
	opened, err := h.OpenModel(ctx, a.values["device"], config)
	if err != nil {
		return err
	}
	defer opened.Close()
	info := opened.Trainer.Info()
	batches, err := benchBatches(a.values["batches"], r, info, steps)
	if err != nil {
		return err
	}
	b := trainBench{
		Model: dir, Device: info.Device, Warning: opened.Warning, Parameters: info.Parameters, Trainable: info.Trainable,
		MicroBatch: len(batches[0].InputIDs), Accumulation: r.GradientAccumulationSteps,
		Checkpointing: config.GradientCheckpointing, DType: info.DType, OpenSeconds: time.Since(start).Seconds(),
	}
	if err := b.run(ctx, opened, batches, r, steps, start); err != nil {
		return err
	}
	if err := b.utilization(a.values["peak-tflops"], info, r); err != nil {
		return err
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", " ")
	return encoder.Encode(b)
}

func (b *trainBench) run(ctx context.Context, opened *engine.Opened, batches []compute.Batch, r *recipes.Recipe, steps int, start time.Time) error {
	trainer := opened.Trainer
	for step := range steps {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := step * b.Accumulation % len(batches)
		window := batches[at:min(at+b.Accumulation, len(batches))]
		row, err := benchStep(trainer, window, r)
		if err != nil {
			return err
		}
		b.Steps = append(b.Steps, row)
		if step == 0 {
			b.FirstStep = time.Since(start).Seconds()
		}
	}
	m := opened.Memory()
	b.RSSBytes, b.PeakBytes = m.RSS, m.Peak
	b.summarize()
	if err := b.newShape(trainer); err != nil {
		return err
	}
	stats := trainer.Stats()
	b.Compile, b.Executables, b.Memory = stats.CompileSeconds, stats.Executables, stats.Memory
	for _, shape := range stats.Shapes {
		b.Shapes = append(b.Shapes, shape.String())
	}
	return nil
}

func benchStep(trainer compute.Trainer, window []compute.Batch, r *recipes.Recipe) (trainBenchRow, error) {
	row := trainBenchRow{}
	before, begin, cpu := trainer.Stats().Executables, time.Now(), processorSeconds()
	for _, batch := range window {
		m, err := trainer.Micro(batch)
		if err != nil {
			return row, err
		}
		row.Loss += m.LossSum
		row.Trained += m.Trained
		row.Tokens += m.Tokens
		row.Positions += m.Positions
	}
	done, err := trainer.Step(r.LearningRate, r.MaxGradNorm, row.Trained)
	if err != nil {
		return row, err
	}
	row.GradNorm = done.GradNorm
	row.Loss /= float64(row.Trained)
	row.Seconds, row.CPU = time.Since(begin).Seconds(), processorSeconds()-cpu
	row.Compiled = trainer.Stats().Executables != before
	return row, nil
}

// summarize fills in the medians over the steps that only trained.
func (b *trainBench) summarize() {
	var seconds, cpu []float64
	total, trained, tokens := 0.0, int64(0), int64(0)
	for _, row := range b.Steps {
		if row.Compiled {
			continue
		}
		seconds, cpu = append(seconds, row.Seconds), append(cpu, row.CPU)
		total += row.Seconds
		trained += row.Trained
		tokens += row.Tokens
	}
	if len(seconds) == 0 {
		return
	}
	b.MedianSeconds, b.CPUSeconds = median(seconds), median(cpu)
	b.TokensPerSecond, b.TokensSeconds = float64(trained)/total, float64(tokens)/total
}

// utilization sets the share of a device's peak: 6·N + 12·layers·hidden·length operations a token.
func (b *trainBench) utilization(peak string, info compute.Info, r *recipes.Recipe) error {
	if peak == "" {
		return nil
	}
	tera, err := strconv.ParseFloat(peak, 64)
	if err != nil || tera <= 0 {
		return fmt.Errorf("--peak-tflops is %q; a positive number is needed", peak)
	}
	perToken := 6*float64(info.Parameters) + 12*float64(info.Layers*info.Hidden*rowLength(r))
	b.MFU = perToken * b.TokensSeconds / (tera * 1e12)
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// newShape measures what compiling a shape that has not been used costs.
func (b *trainBench) newShape(trainer compute.Trainer) error {
	shape := compute.Shape{Rows: 1, Length: 64}
	for trainer.Compiled(shape) {
		shape.Rows++
	}
	begin := time.Now()
	err := trainer.Prepare(shape)
	b.NewShapeSeconds = time.Since(begin).Seconds()
	return err
}

// processorSeconds is the processor time of this process so far, on all cores.
func processorSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
