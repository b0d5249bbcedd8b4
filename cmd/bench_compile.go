package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sftui/engine"
	"sftui/engine/compute"
	"sftui/engine/device"
)

// compileBench is what `sftui bench compile` prints: what XLA compiles for a GPU that need not be here.
type compileBench struct {
	GPU           string            `json:"gpu"`
	Model         string            `json:"model"`
	DType         string            `json:"dtype"`
	Checkpointing bool              `json:"gradient_checkpointing"`
	Shape         string            `json:"shape"`
	Positions     int               `json:"positions"`
	Programs      []compute.Program `json:"programs"`
	Seconds       float64           `json:"compile_seconds"`
	Memory        compute.Memory    `json:"memory"` // by XLA's own sizes
	TotalBytes    int64             `json:"total_bytes"`
	Formula       compute.Memory    `json:"formula"` // what a forecast says without compiling
	FormulaBytes  int64             `json:"formula_bytes"`
	GPUBytes      uint64            `json:"gpu_bytes"`
}

// benchCompile compiles every program of a training step for a GPU by its description.
func benchCompile(ctx context.Context, args []string, s streams) error {
	a, err := flagSet{values: []string{"recipe", "batches", "gpu", "random"}, options: true}.parse(args)
	if err != nil {
		return err
	}
	if a.values["gpu"] == "" {
		return fmt.Errorf("--gpu names what to compile for: %s", strings.Join(device.DescribedNames(), ", "))
	}
	r, err := a.recipe()
	if err != nil {
		return err
	}
	h := host(s.err)
	dir, remove, err := benchModel(ctx, h, a.values["random"], r, false)
	if err != nil {
		return err
	}
	defer remove()
	opened, err := h.OpenDescribed(ctx, a.values["gpu"], engine.ComputeConfig(r, dir))
	if err != nil {
		return err
	}
	defer opened.Close()
	session, ok := opened.Trainer.(*compute.Session)
	if !ok {
		return errors.New("the trainer keeps its programs to itself")
	}
	info := session.Info()
	batches, err := benchBatches(a.values["batches"], r, info, 1)
	if err != nil {
		return err
	}
	shape := session.ShapeOf(batches[0])
	begin := time.Now()
	if err := errors.Join(session.Prepare(shape), session.PrepareStep(r.GradientAccumulationSteps > 1)); err != nil {
		return err
	}
	stats := session.Stats()
	b := compileBench{
		GPU: opened.Name, Model: dir, DType: info.DType, Checkpointing: engine.ComputeConfig(r, dir).GradientCheckpointing,
		Shape: shape.String(), Positions: shape.Positions(), Programs: session.Programs(), Seconds: time.Since(begin).Seconds(),
		Memory: stats.Memory, TotalBytes: stats.Memory.Total(), Formula: opened.Estimate(shape), GPUBytes: opened.Memory().Limit,
	}
	if a.values["random"] != "" {
		b.Model = a.values["random"]
	}
	if r.GradientAccumulationSteps == 1 {
		b.Formula = opened.Alone(b.Formula)
	}
	b.FormulaBytes = b.Formula.Total()
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", " ")
	return encoder.Encode(b)
}
