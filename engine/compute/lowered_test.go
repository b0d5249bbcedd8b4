package compute

import (
	"math"
	"slices"
	"testing"

	bf16 "github.com/gomlx/compute/dtypes/bfloat16"

	"sftui/engine/weights"
)

// rounded is what a weight's products read, brought back to float32.
func rounded(t *testing.T, s *Session, w *weight) []float32 {
	t.Helper()
	low, err := s.operand(w)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]bf16.BFloat16, w.elements())
	if err := low.ToFlatData(raw); err != nil {
		t.Fatal(err)
	}
	values := make([]float32, len(raw))
	for i, v := range raw {
		values[i] = v.Float32()
	}
	return values
}

// inBFloat16 rounds as safetensors files do.
func inBFloat16(t *testing.T, values []float32) []float32 {
	t.Helper()
	raw, err := weights.EncodeFloat32(values, weights.BF16)
	if err == nil {
		values, err = weights.DecodeFloat32(raw, weights.BF16)
	}
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestLoweredWeights holds what products read to the values: when opened, after a step and after loading a state.
func TestLoweredWeights(t *testing.T) {
	dir, state := tinyModel(t, nil), t.TempDir()
	s := openSession(t, Config{ModelDir: dir, DType: "bfloat16", Optimizer: OptimizerConfig{WeightDecay: 0.1}})
	b := unevenBatch(12, 40, 21)
	check := func(when string) {
		t.Helper()
		held := 0
		for _, w := range s.all {
			if !s.lowers(w) {
				continue
			}
			held++
			if !slices.Equal(rounded(t, s, w), inBFloat16(t, bufferValues(t, w))) {
				t.Errorf("%s, products read another %s than the optimizer moves", when, w.name)
			}
		}
		if want := 1 + 2*7; held != want {
			t.Errorf("%d weights are held rounded, want %d: the tied embedding and seven of every layer", held, want)
		}
	}
	check("when opened")
	if err := s.SaveState(state); err != nil {
		t.Fatal(err)
	}
	before, err := s.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	m := mustMicro(t, s, b)
	for _, w := range s.trained() {
		if norm := bufferNorm(t, w, w.grad); norm == 0 || math.IsNaN(norm) {
			t.Errorf("the gradient of %s has the norm %g", w.name, norm)
		}
	}
	mustStep(t, s, 1e-2, m.Trained)
	check("after a step")
	if err := s.LoadState(state); err != nil {
		t.Fatal(err)
	}
	check("after loading")
	if after, err := s.Eval(b); err != nil || after.LossSum != before.LossSum {
		t.Errorf("the loss of the loaded state is %v, and was %v (%v)", after.LossSum, before.LossSum, err)
	}
}

// TestFrozenWeightsAreHeldOnce trains adapters in bfloat16: the weights beside them take two bytes a value, and what is
// exported of them is the file's, not what rounding left.
func TestFrozenWeightsAreHeldOnce(t *testing.T) {
	dir, out := tinyModel(t, nil), t.TempDir()
	c := Config{ModelDir: dir, DType: "bfloat16", LoRA: &LoRAConfig{R: 4, Alpha: 8, TargetModules: []string{"q_proj"}}}
	s := openSession(t, c)
	for _, w := range s.all {
		if linear := s.lowers(w) && w != s.embed; (w.value == nil) != linear {
			t.Errorf("%s: float32 beside bfloat16 is %v", w.name, w.value != nil)
		}
	}
	if got, want := s.Stats().Memory.Weights, c.WeightBytes(s.model); got != want {
		t.Errorf("the weights hold %d bytes, forecast are %d", got, want)
	}
	m := mustMicro(t, s, unevenBatch(12, 40, 21))
	mustStep(t, s, 1e-2, m.Trained)
	if err := s.Export(out, ExportOptions{Merge: true}); err != nil {
		t.Fatal(err)
	}
	source, err := weights.OpenSafetensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close() //nolint:errcheck // opened for reading only
	merged, err := weights.OpenSafetensors(out)
	if err != nil {
		t.Fatal(err)
	}
	defer merged.Close() //nolint:errcheck // opened for reading only
	for name, changes := range map[string]bool{"model.layers.0.mlp.up_proj.weight": false, "model.layers.0.self_attn.q_proj.weight": true} {
		want, err := source.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := merged.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(got, want) == changes {
			t.Errorf("the merged %s differs from the file: %v", name, !changes)
		}
	}
}

// TestWeightBytes compares what forecasts say of weights with what sessions hold.
func TestWeightBytes(t *testing.T) {
	dir := tinyModel(t, func(config map[string]any) { config["tie_word_embeddings"] = false })
	for name, c := range map[string]Config{
		"float32":    {},
		"bfloat16":   {DType: "bfloat16"},
		"lora":       {LoRA: &LoRAConfig{R: 4, Alpha: 8}},
		"lora, bf16": {DType: "bfloat16", LoRA: &LoRAConfig{R: 4, Alpha: 8, ModulesToSave: []string{"lm_head"}}},
		"inference":  {DType: "bfloat16", Inference: true},
	} {
		c.ModelDir = dir
		s := openSession(t, c)
		if got, want := s.Stats().Memory.Weights, c.WeightBytes(s.model); got != want {
			t.Errorf("%s: %d bytes are held, forecast are %d", name, got, want)
		}
	}
}
