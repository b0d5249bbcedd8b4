package model

import (
	"encoding/json"
	"math"
	"testing"
)

// minimal is a config.json with the sizes alone, which no family has defaults for that anyone uses.
func minimal(t *testing.T, architecture string, change map[string]any) *Model {
	t.Helper()
	c := map[string]any{
		"architectures": []string{architecture}, "hidden_size": 64, "intermediate_size": 8, "num_hidden_layers": 7,
		"num_attention_heads": 32, "vocab_size": 10,
	}
	for key, value := range change {
		c[key] = value
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDefaults holds what a config.json leaves out to the values of transformers' configuration classes.
func TestDefaults(t *testing.T) {
	for _, want := range []struct {
		architecture           string
		kv, dim, window, slide int // slide layers have the window
		padding                int
		tied                   bool
	}{
		{"LlamaForCausalLM", 32, 2, 0, 0, -1, false},
		{"MistralForCausalLM", 8, 2, 4096, 7, -1, false},
		{"Qwen2ForCausalLM", 32, 2, 0, 0, -1, false},
		{"Qwen3ForCausalLM", 32, 128, 0, 0, -1, false},
		{"Gemma3ForCausalLM", 4, 256, 4096, 6, 0, true},
	} {
		m := minimal(t, want.architecture, nil)
		slide := 0
		for _, kind := range m.LayerKind {
			if w := m.Kinds[kind].Window; w > 0 {
				slide++
				if w != want.window {
					t.Errorf("%s: a window of %d, want %d", want.architecture, w, want.window)
				}
			}
		}
		if m.KVHeads != want.kv || m.HeadDim != want.dim || slide != want.slide || m.PaddingIndex != want.padding || m.Tied != want.tied {
			t.Errorf("%s: %d kv heads of %d, %d sliding layers, padding %d, tied %v; want %+v",
				want.architecture, m.KVHeads, m.HeadDim, slide, m.PaddingIndex, m.Tied, want)
		}
		if m.Config.RMSNormEps != 1e-6 {
			t.Errorf("%s: rms_norm_eps %g, want 1e-6", want.architecture, m.Config.RMSNormEps)
		}
	}
}

// TestNullIsNotAbsent: null takes a default away.
func TestNullIsNotAbsent(t *testing.T) {
	if m := minimal(t, "MistralForCausalLM", map[string]any{"sliding_window": nil, "num_key_value_heads": nil}); m.Kinds[0].Window != 0 || m.KVHeads != 32 {
		t.Errorf("Mistral with nulls has a window of %d and %d kv heads", m.Kinds[0].Window, m.KVHeads)
	}
	if m := minimal(t, "Gemma3ForCausalLM", map[string]any{"pad_token_id": nil}); m.PaddingIndex != -1 {
		t.Errorf("Gemma without padding keeps row %d from learning", m.PaddingIndex)
	}
}

// TestWhereWindowsCount: Llama has none, Mistral has one everywhere whatever layer_types says, Qwen's need use_sliding_window.
func TestWhereWindowsCount(t *testing.T) {
	full, slides := "full_attention", "sliding_attention"
	mixed := []string{full, slides, full, slides, full, slides, full}
	for name, c := range map[string]struct {
		architecture string
		change       map[string]any
		want         [2]int // windows of layers 0 and 5
	}{
		"llama":            {"LlamaForCausalLM", map[string]any{"sliding_window": 4, "layer_types": mixed}, [2]int{0, 0}},
		"mistral":          {"MistralForCausalLM", map[string]any{"sliding_window": 4, "layer_types": mixed}, [2]int{4, 4}},
		"qwen2":            {"Qwen2ForCausalLM", map[string]any{"sliding_window": 4, "use_sliding_window": true, "layer_types": mixed}, [2]int{0, 4}},
		"qwen2 by number":  {"Qwen2ForCausalLM", map[string]any{"sliding_window": 4, "use_sliding_window": true, "max_window_layers": 5}, [2]int{0, 4}},
		"qwen2 by default": {"Qwen2ForCausalLM", map[string]any{"sliding_window": 4, "use_sliding_window": true}, [2]int{0, 0}},
		"qwen3 unused":     {"Qwen3ForCausalLM", map[string]any{"sliding_window": 4, "max_window_layers": 0}, [2]int{0, 0}},
	} {
		m := minimal(t, c.architecture, c.change)
		if got := [2]int{m.Kinds[m.LayerKind[0]].Window, m.Kinds[m.LayerKind[5]].Window}; got != c.want {
			t.Errorf("%s: windows %v, want %v", name, got, c.want)
		}
	}
}

// TestWhichRopeCounts holds theta and factor to transformers' order of the keys. The second frequency of a head of two
// pairs is 1/√theta/factor.
func TestWhichRopeCounts(t *testing.T) {
	linear := map[string]any{"rope_type": "linear", "factor": 4.0}
	for name, c := range map[string]struct {
		architecture string
		change       map[string]any
		full, slides float64 // theta·factor² of layers 5 and 0
	}{
		"scaling before parameters": {"LlamaForCausalLM", map[string]any{"rope_theta": 100.0, "rope_scaling": linear,
			"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 900.0}}, 1600, 1600},
		"empty scaling": {"LlamaForCausalLM", map[string]any{"rope_scaling": map[string]any{},
			"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 900.0}}, 900, 900},
		"theta within": {"LlamaForCausalLM", map[string]any{"rope_theta": 100.0, "rope_scaling": nil,
			"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 900.0}}, 900, 900},
		"theta beside":       {"LlamaForCausalLM", map[string]any{"rope_theta": 100.0, "rope_parameters": map[string]any{"rope_type": "default"}}, 100, 100},
		"Gemma's own":        {"Gemma3ForCausalLM", nil, 1e6, 1e4},
		"Gemma's theta":      {"Gemma3ForCausalLM", map[string]any{"rope_theta": 100.0}, 100, 1e4},
		"Gemma scaled":       {"Gemma3ForCausalLM", map[string]any{"rope_theta": 100.0, "rope_local_base_freq": 400.0, "rope_scaling": linear}, 1600, 400},
		"Gemma, local alone": {"Gemma3ForCausalLM", map[string]any{"rope_local_base_freq": 400.0, "rope_scaling": linear}, 16e6, 400},
		"Gemma by type": {"Gemma3ForCausalLM", map[string]any{"rope_theta": 100.0, "rope_parameters": map[string]any{
			"full_attention": map[string]any{"rope_theta": 900.0}, "sliding_attention": map[string]any{"rope_type": "linear", "factor": 2.0}}}, 900, 4e4},
		"Gemma, flat": {"Gemma3ForCausalLM", map[string]any{"rope_parameters": map[string]any{"rope_theta": 900.0}}, 1e6, 1e4},
	} {
		change := map[string]any{"head_dim": 4, "num_key_value_heads": 1}
		for key, value := range c.change {
			change[key] = value
		}
		m := minimal(t, c.architecture, change)
		for layer, want := range map[int]float64{5: c.full, 0: c.slides} {
			got := math.Pow(float64(m.Kinds[m.LayerKind[layer]].Rope.Frequencies[1]), -2)
			if math.Abs(got-want) > 1e-5*want {
				t.Errorf("%s: layer %d turns by theta·factor² %g, want %g", name, layer, got, want)
			}
		}
	}
}

// TestOriginalLengthBesideScaling: the length outside rope_scaling wins, as in transformers.
func TestOriginalLengthBesideScaling(t *testing.T) {
	scaling := map[string]any{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
	beside := minimal(t, "LlamaForCausalLM", map[string]any{"head_dim": 16, "rope_scaling": scaling, "original_max_position_embeddings": 512})
	scaling["original_max_position_embeddings"] = 512
	within := minimal(t, "LlamaForCausalLM", map[string]any{"head_dim": 16, "rope_scaling": scaling})
	for i, want := range within.Kinds[0].Rope.Frequencies {
		if got := beside.Kinds[0].Rope.Frequencies[i]; got != want {
			t.Errorf("frequency %d is %g, want %g", i, got, want)
		}
	}
}
