package engine

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"sftui/engine/compute"
	"sftui/engine/model"
)

// smolLM2 is the shape of SmolLM2-135M; tinyLlama that of a model beside whose
// buffers the process itself is large.
const (
	smolLM2 = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536,
		"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": true,
		"rms_norm_eps": 1e-5, "rope_theta": 100000, "max_position_embeddings": 8192, "hidden_act": "silu"}`
	tinyLlama = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "head_dim": 16,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 49152, "tie_word_embeddings": true,
		"rms_norm_eps": 1e-5, "rope_theta": 10000, "max_position_embeddings": 2048, "hidden_act": "silu"}`
)

// tinyQwen2 is that of the reference's tiny-qwen2.
const tinyQwen2 = `{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128,
	"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 49152, "tie_word_embeddings": true,
	"rms_norm_eps": 1e-6, "rope_theta": 10000, "max_position_embeddings": 2048, "hidden_act": "silu"}`

// The forecast is within a tenth of the peak that runs on a CPU reached
// (BENCHMARKS.md says how they were taken).
func TestEstimateAgainstMeasured(t *testing.T) {
	lora := &compute.LoRAConfig{R: 8, TargetModules: []string{"all-linear"}}
	withHead := &compute.LoRAConfig{R: 16, TargetModules: []string{"q_proj", "v_proj"}, ModulesToSave: []string{"lm_head"}}
	for _, c := range []struct {
		name          string
		model         string
		checkpointing bool
		lora          *compute.LoRAConfig
		shape         compute.Shape
		alone         bool    // one micro-batch a step
		megabytes     float64 // peak RSS
	}{
		{"full", smolLM2, false, nil, compute.Shape{Rows: 1, Length: 640}, false, 3096},
		{"full, ten steps, busy machine", smolLM2, false, nil, compute.Shape{Rows: 1, Length: 640}, false, 3489},
		{"full, checkpointing", smolLM2, true, nil, compute.Shape{Rows: 1, Length: 640}, false, 2756},
		{"full, checkpointing, 8 × 1", smolLM2, true, nil, compute.Shape{Rows: 1, Length: 1152}, false, 2691},
		{"LoRA", smolLM2, false, lora, compute.Shape{Rows: 1, Length: 640}, false, 1483},
		{"LoRA, checkpointing, 4 × 1", smolLM2, true, lora, compute.Shape{Rows: 1, Length: 640}, false, 1148},
		{"tiny", tinyLlama, false, nil, compute.Shape{Rows: 1, Length: 640}, false, 605},
		{"full, 4 × 1", smolLM2, false, nil, compute.Shape{Rows: 1, Length: 704}, true, 2672},
		{"full, checkpointing, 4 × 1", smolLM2, true, nil, compute.Shape{Rows: 1, Length: 704}, true, 2541},
		{"full, checkpointing, 1 × 1 of 2,048", smolLM2, true, nil, compute.Shape{Rows: 1, Length: 2048}, true, 2721},
		{"full, 1 × 1 of 2,048", smolLM2, false, nil, compute.Shape{Rows: 1, Length: 2048}, true, 3752},
		{"LoRA, 4 × 1", smolLM2, false, lora, compute.Shape{Rows: 1, Length: 704}, true, 1515},
		{"LoRA, head trained, 4 × 1", smolLM2, false, withHead, compute.Shape{Rows: 1, Length: 704}, true, 1957},
		{"tiny-qwen2, 30 steps", tinyQwen2, false, nil, compute.Shape{Rows: 1, Length: 704}, false, 525},
		{"tiny, LoRA, checkpointing", tinyLlama, true, lora, compute.Shape{Rows: 1, Length: 640}, false, 534},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(c.model), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		config := compute.Config{ModelDir: dir, GradientCheckpointing: c.checkpointing, LoRA: c.lora}
		e := Estimate(m, config, c.shape, Target{})
		if c.alone {
			e = alone(e, m, config, false)
		}
		got := float64(e.Total()) / 1e6
		t.Logf("%-28s forecast %5.0f MB, measured %5.0f MB, %+.1f%%", c.name, got, c.megabytes, 100*(got/c.megabytes-1))
		if math.Abs(got/c.megabytes-1) > 0.1 {
			t.Errorf("%s: forecast %.0f MB, measured %.0f MB", c.name, got, c.megabytes)
		}
	}
}

// described is a model's folder that has its config.json alone.
func described(t *testing.T, config string) (string, *model.Model) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// An adapter has r values for each input and each output of a layer that it
// changes; what modules_to_save names is trained whole.
func TestAdapters(t *testing.T) {
	_, m := described(t, tinyLlama)
	adapter, whole := adapters(m, &compute.LoRAConfig{R: 8, TargetModules: []string{"q_proj", "down_proj"}, ModulesToSave: []string{"model.norm"}})
	if want := int64(2 * 8 * ((64 + 64) + (128 + 64))); adapter != want || whole != 64 {
		t.Errorf("%d values in adapters and %d beside them, want %d and 64", adapter, whole, want)
	}
}

// TestEstimateForAnH200 compares with what `sftui bench compile` says: XLA's own sizes of what it compiles for one, and cuDNN's
// workspace. Qwen2.5-1.5B in bfloat16, 8 rows of 2,048.
func TestEstimateForAnH200(t *testing.T) {
	dir := t.TempDir()
	qwen := `{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960,
		"num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": true,
		"rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 32768, "hidden_act": "silu"}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(qwen), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := compute.Config{ModelDir: dir, DType: "bfloat16", GradientCheckpointing: true}
	e := estimateParts(m, c, compute.Shape{Rows: 8, Length: 2048, Documents: 1}, Target{true, compute.Fused{Has: true, Major: 9}})
	for _, part := range []struct {
		name      string
		got, want int64
	}{{"block", e.Block, 1636779296}, {"head", e.Head, 1873305888}} {
		if ratio := float64(part.got) / float64(part.want); ratio < 1 || ratio > 1.15 {
			t.Errorf("%s: %d bytes, XLA says %d", part.name, part.got, part.want)
		}
	}
	const parameters = 1543714304
	if m.NumParameters() != parameters {
		t.Fatalf("the model has %d parameters", m.NumParameters())
	}
	if low := e.Weights - 4*parameters; low < 199*parameters/100 || low >= 2*parameters {
		t.Errorf("the weights that products read take %d bytes beside the float32 ones of %d parameters", low, int64(parameters))
	}
}

// A forecast's lines add up to its total; of what is beside the buffers, on a CPU the allocator's is the share that a
// session lets it keep.
func TestForecastTellsTheOverhead(t *testing.T) {
	dir, m := described(t, smolLM2)
	e := Estimate(m, compute.Config{ModelDir: dir}, compute.Shape{Rows: 1, Length: 640}, Target{})
	lines := map[string]int64{}
	sum := int64(0)
	for _, item := range items(e) {
		lines[item.Name] = item.Bytes
		sum += item.Bytes
	}
	if sum != e.Total() {
		t.Errorf("the lines add up to %d bytes, the total is %d", sum, e.Total())
	}
	if rest := sum - lines["allocator"]; lines["allocator"] != int64(compute.HolesShare*float64(rest)) {
		t.Errorf("the allocator keeps %d bytes of %d beside them, want a share of %g", lines["allocator"], rest, compute.HolesShare)
	}
	if lines["process"] == 0 || lines["compiler"] == 0 {
		t.Errorf("the process takes %d bytes and the compiler %d", lines["process"], lines["compiler"])
	}
}
