package compute

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/device"
)

// openDescribed opens a session for an H200, which needs no GPU but the CUDA plugin that SFTUI_PJRT_CUDA names
// (`make cuda` gets it).
func openDescribed(t *testing.T, c Config) *Session {
	t.Helper()
	plugin := os.Getenv("SFTUI_PJRT_CUDA")
	if plugin == "" {
		t.Skip("SFTUI_PJRT_CUDA names no plugin")
	}
	gpu, err := device.Describe("h200")
	if err != nil {
		t.Fatal(err)
	}
	dev, err := device.OpenDescribed(context.Background(), gpu, func(context.Context, string) (string, error) { return plugin, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Close)
	s, err := Open(dev, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestCompilesForH200 compiles all programs of training steps for a GPU that is not here: bfloat16 with cuDNN's attention of
// packed rows, kept and recomputed, with and without adapters, and float32, whose attention is XLA's.
func TestCompilesForH200(t *testing.T) {
	wide := func(config map[string]any) { config["hidden_size"], config["head_dim"] = 64, 16 }
	batch := Batch{InputIDs: [][]int32{make([]int32, 100), make([]int32, 60), make([]int32, 40)}}
	batch.Labels = batch.InputIDs
	for name, c := range map[string]Config{
		"bfloat16":               {DType: "bfloat16", MaxLength: 128},
		"gradient checkpointing": {DType: "bfloat16", MaxLength: 128, GradientCheckpointing: true},
		"adapters":               {DType: "bfloat16", MaxLength: 128, LoRA: &LoRAConfig{R: 4, Alpha: 8, Dropout: 0.1}},
		"8-bit moments":          {DType: "bfloat16", MaxLength: 128, Optimizer: OptimizerConfig{Name: "adamw_bnb_8bit"}},
		"float32":                {MaxLength: 128},
	} {
		t.Run(name, func(t *testing.T) {
			c.ModelDir = tinyModel(t, wide)
			if err := os.Remove(filepath.Join(c.ModelDir, "model.safetensors")); err != nil {
				t.Fatal(err) // no weights are needed
			}
			s := openDescribed(t, c)
			shape := s.ShapeOf(batch)
			if fused := shape.Documents > 0; fused != (c.DType == "bfloat16") {
				t.Errorf("the rows lie as %#v", shape)
			}
			if err := errors.Join(s.Prepare(shape), s.PrepareStep(true)); err != nil {
				t.Fatal(err)
			}
			m := s.Stats().Memory
			if m.Weights != c.WeightBytes(s.model) || m.Block <= 0 || m.Head <= 0 {
				t.Errorf("implausible memory %+v", m)
			}
			moved := map[string]bool{}
			for _, p := range s.Programs() {
				kind, _, _ := strings.Cut(p.Name, " ")
				moved[kind] = true
				if kind == "update" && (p.Aliases == 0 || p.Inputs <= p.Aliases) {
					t.Errorf("%s moves nothing in place: %+v", p.Name, p)
				}
			}
			for _, kind := range []string{"block", "embed", "head", "pick", "put", "squares", "update", "add", "join"} {
				if !moved[kind] {
					t.Errorf("nothing of %q was compiled", kind)
				}
			}
			if _, err := s.Micro(batch); err == nil {
				t.Error("a micro-batch ran on a GPU that is not here")
			}
		})
	}
}
