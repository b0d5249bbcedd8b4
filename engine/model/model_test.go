package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a config.json with replacements.
func small(t testing.TB, change map[string]any) []byte {
	t.Helper()
	c := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
		"max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0,
	}
	for key, value := range change {
		c[key] = value
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// gemma adds what makes small's config one of Gemma 3.
func gemma(change map[string]any) map[string]any {
	change["architectures"], change["model_type"] = []string{"Gemma3ForCausalLM"}, "gemma3_text"
	return change
}

func parse(data []byte) (*Model, error) {
	c, err := ParseConfig(data)
	if err != nil {
		return nil, err
	}
	return New(c)
}

func TestRefusedConfigs(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		says   string
	}{
		"architecture":    {map[string]any{"architectures": []string{"FalconForCausalLM"}}, "FalconForCausalLM is not supported; supported are Gemma3ForCausalLM, LlamaForCausalLM"},
		"no name":         {map[string]any{"architectures": []string{}, "model_type": ""}, "names no architecture"},
		"multimodal":      {map[string]any{"architectures": []string{"Gemma3ForConditionalGeneration"}}, "Gemma3ForConditionalGeneration"},
		"activation":      {map[string]any{"hidden_act": "relu"}, "relu"},
		"heads":           {map[string]any{"num_key_value_heads": 3}, "not a multiple"},
		"no layers":       {map[string]any{"num_hidden_layers": 0}, "num_hidden_layers"},
		"a negative size": {map[string]any{"hidden_size": -4}, "hidden_size"},
		"odd heads":       {map[string]any{"head_dim": 15}, "odd"},
		"rope type":       {map[string]any{"rope_scaling": map[string]any{"type": "dynamic", "factor": 2}}, "dynamic"},
		"rope factor":     {map[string]any{"rope_scaling": map[string]any{"rope_type": "linear"}}, "factor"},
		"partial rotary":  {map[string]any{"rope_parameters": map[string]any{"rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "partial_rotary_factor"},
		"softcapping":     {gemma(map[string]any{"final_logit_softcapping": 30.0}), "final_logit_softcapping"},
		"attention cap":   {gemma(map[string]any{"attn_logit_softcapping": 50.0}), "attn_logit_softcapping"},
		"no scalar":       {gemma(map[string]any{"query_pre_attn_scalar": 0}), "query_pre_attn_scalar"},
		"no pattern":      {gemma(map[string]any{"sliding_window_pattern": 0}), "sliding_window_pattern"},
		"Gemma's window":  {gemma(map[string]any{"sliding_window": nil}), "sliding_window is not set"},
		"no window":       {gemma(map[string]any{"sliding_window": 0}), "sliding_window is 0"},
		"unused window":   {map[string]any{"architectures": []string{"Qwen2ForCausalLM"}, "sliding_window": 4, "layer_types": []string{"full_attention", "sliding_attention"}}, "sliding_window is not set or not used"},
		"quantized":       {map[string]any{"quantization_config": map[string]any{"quant_method": "fp8"}}, `quantization_config says that the weights are quantized (quant_method "fp8")`},
		"dropout":         {map[string]any{"attention_dropout": 1.5}, "attention_dropout"},
		"layer types":     {map[string]any{"layer_types": []string{"full_attention"}}, "1 entries for 2 layers"},
		"a layer type":    {map[string]any{"layer_types": []string{"full_attention", "linear_attention"}}, "linear_attention"},
		"a wrong type":    {map[string]any{"hidden_size": "large"}, "config.json"},
	} {
		_, err := parse(small(t, c.change))
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error %q does not say %q", name, err, c.says)
		}
	}
}

// TestBothStylesOfConfig reads rope and sizes from the spelling before transformers 5 and since.
func TestBothStylesOfConfig(t *testing.T) {
	scaling := map[string]any{
		"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 512,
	}
	parameters := map[string]any{"rope_theta": 500000.0}
	for key, value := range scaling {
		parameters[key] = value
	}
	older, err := parse(small(t, map[string]any{"rope_theta": 500000.0, "rope_scaling": scaling}))
	if err != nil {
		t.Fatal(err)
	}
	newer, err := parse(small(t, map[string]any{"rope_theta": nil, "rope_parameters": parameters}))
	if err != nil {
		t.Fatal(err)
	}
	// inv_freq of transformers for this configuration.
	want := []float64{1.0, 0.193922758102417, 0.02734413370490074, 0.0009115831344388425,
		0.00017677668074611574, 3.428102354519069e-05, 6.647869668086059e-06, 1.289173155782919e-06}
	for style, m := range map[string]*Model{"older": older, "newer": newer} {
		for i, f := range m.Kinds[0].Rope.Frequencies {
			if math.Abs(float64(f)-want[i]) > 1e-6*want[i] {
				t.Errorf("%s style: frequency %d is %g, want %g", style, i, f, want[i])
			}
		}
	}
}

func TestTables(t *testing.T) {
	r := Rope{Frequencies: []float32{1, 0.25}, Scaling: 2}
	cos, sin := r.Tables([]int32{0, 3})
	for i, want := range []float64{2, 2, 2, 2, 2 * math.Cos(3), 2 * math.Cos(0.75), 2 * math.Cos(3), 2 * math.Cos(0.75)} {
		if math.Abs(float64(cos[i])-want) > 1e-6 {
			t.Errorf("cos[%d] is %g, want %g", i, cos[i], want)
		}
	}
	for i, want := range []float64{0, 0, 0, 0, -2 * math.Sin(3), -2 * math.Sin(0.75), 2 * math.Sin(3), 2 * math.Sin(0.75)} {
		if math.Abs(float64(sin[i])-want) > 1e-6 {
			t.Errorf("sin[%d] is %g, want %g", i, sin[i], want)
		}
	}
}

func TestGemma3Kinds(t *testing.T) {
	m, err := parse(small(t, map[string]any{
		"architectures": []string{"Gemma3ForCausalLM"}, "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
		"num_hidden_layers": 7, "sliding_window": 512, "rope_theta": 1e6, "rope_local_base_freq": 1e4,
	}))
	if err != nil {
		t.Fatal(err)
	}
	for layer, kind := range m.LayerKind {
		window := 512
		if layer == 5 {
			window = 0
		}
		if m.Kinds[kind].Window != window {
			t.Errorf("layer %d sees %d positions, want %d", layer, m.Kinds[kind].Window, window)
		}
	}
	if !m.Tied || m.EmbedScale != 8 || m.PaddingIndex != 0 || m.NormOffset != 1 {
		t.Errorf("tied %v, embedding scale %g, padding %d, norm offset %g", m.Tied, m.EmbedScale, m.PaddingIndex, m.NormOffset)
	}
}

func TestParamsOfTheDefaultModel(t *testing.T) {
	m, err := parse(small(t, map[string]any{
		"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
		"num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.NumParameters(); got != 134515008 {
		t.Errorf("%d parameters, want 134515008", got)
	}
}

func TestReadConfigNeedsAFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("half a config.json was read")
	}
}

// FuzzConfig: no config.json makes the reader panic or describe a model with impossible sizes.
func FuzzConfig(f *testing.F) {
	f.Add(small(f, nil))
	f.Add(small(f, map[string]any{"rope_parameters": map[string]any{"full_attention": map[string]any{"rope_theta": 0}}}))
	f.Add(small(f, map[string]any{"architectures": []string{"Gemma3ForCausalLM"}, "hidden_activation": "gelu_pytorch_tanh", "sliding_window_pattern": -1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err != nil {
			return
		}
		if m.HeadDim <= 0 || m.KVHeads <= 0 || len(m.LayerKind) != m.Config.NumHiddenLayers || len(m.Kinds) == 0 {
			t.Errorf("accepted with head_dim %d, %d kv heads, %d layers", m.HeadDim, m.KVHeads, len(m.LayerKind))
		}
	})
}
