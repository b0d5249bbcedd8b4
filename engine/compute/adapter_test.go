package compute

import (
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/weights"
)

// changedAdapter is a copy of an adapter's file with tensors taken out and added.
func changedAdapter(t *testing.T, from string, keep func(name string) bool, added ...string) string {
	t.Helper()
	c, err := weights.OpenSafetensors(filepath.Join(from, adapterFile))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // opened for reading only
	var write iter.Seq2[weights.Tensor, func() ([]byte, error)] = func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, name := range c.Names() {
			info, _ := c.Info(name)
			if keep(name) && !yield(info, func() ([]byte, error) { return c.Raw(name) }) {
				return
			}
		}
		for _, name := range added {
			one := weights.Tensor{Name: name, DType: weights.F32, Shape: []int{1}}
			if !yield(one, func() ([]byte, error) { return make([]byte, 4), nil }) {
				return
			}
		}
	}
	path := filepath.Join(t.TempDir(), adapterFile)
	if err := weights.WriteSafetensorsFile(path, write, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAdaptersOfPEFT: an adapter that leaves layers out, as layers_to_transform does, adapts the others; one with more
// than pairs is refused by the tensor's name.
func TestAdaptersOfPEFT(t *testing.T) {
	dir, out := tinyModel(t, nil), t.TempDir()
	lora := LoRAConfig{R: 2, Alpha: 8, TargetModules: []string{"q_proj", "v_proj"}}
	made := openSession(t, Config{ModelDir: dir, LoRA: &lora})
	if err := made.Export(out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	lora.InitFrom = changedAdapter(t, out, func(name string) bool { return strings.Contains(name, "layers.1.") })
	s := openSession(t, Config{ModelDir: dir, LoRA: &lora, Inference: true})
	if first, second := len(s.layers[0].adapters), len(s.layers[1].adapters); first != 0 || second != 2 {
		t.Errorf("%d adapters in layer 0 and %d in layer 1, want 0 and 2", first, second)
	}
	whole := func(string) bool { return true }
	for _, extra := range []string{
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias",
		"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
		"base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight",
		"base_model.model.model.embed_tokens.lora_embedding_A",
		"base_model.model.lm_head.weight",
	} {
		lora.InitFrom = changedAdapter(t, out, whole, extra)
		s, err := Open(openDevice(t), Config{ModelDir: dir, LoRA: &lora, Inference: true})
		if err == nil {
			s.Close()
			t.Errorf("an adapter with %s was taken without it", extra)
		} else if !strings.Contains(err.Error(), extra) {
			t.Errorf("the error %q does not name %s", err, extra)
		}
	}
	lora.InitFrom = changedAdapter(t, out, func(name string) bool { return !strings.HasSuffix(name, "layers.0.self_attn.q_proj.lora_B.weight") })
	if s, err := Open(openDevice(t), Config{ModelDir: dir, LoRA: &lora, Inference: true}); err == nil {
		s.Close()
		t.Error("half a pair was taken")
	}
}

// TestTypesOfAnAdapter: PEFT trains and saves the pairs in float32 whatever the type of the model, and in that what is
// trained whole.
func TestTypesOfAnAdapter(t *testing.T) {
	s := openSession(t, Config{ModelDir: tinyModel(t, nil), LoRA: &LoRAConfig{R: 2, Alpha: 2, TargetModules: []string{"q_proj"}, ModulesToSave: []string{"model.norm"}}})
	for _, c := range []struct {
		options      ExportOptions
		pairs, whole string
	}{
		{ExportOptions{}, weights.F32, weights.F32},
		{ExportOptions{DType: "bfloat16"}, weights.F32, weights.BF16},
		{ExportOptions{DType: "float16", PairDType: "bfloat16"}, weights.BF16, weights.F16},
	} {
		out := t.TempDir()
		if err := s.Export(out, c.options); err != nil {
			t.Fatal(err)
		}
		saved, err := openAdapter(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range saved.Names() {
			info, _ := saved.Info(name)
			want := c.pairs
			if strings.HasSuffix(name, "model.norm.weight") {
				want = c.whole
			}
			if info.DType != want {
				t.Errorf("%+v: %s is %s, want %s", c.options, name, info.DType, want)
			}
		}
		if err := saved.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Export(t.TempDir(), ExportOptions{PairDType: "int8"}); err == nil {
		t.Error("pairs of int8 were written")
	}
}
