package weights

import (
	"slices"
	"strings"
	"testing"
)

// TestConvertGemma: a Gemma 3 has four norms a layer, stored with the 1 that transformers adds to them, rows in order,
// and in its config what the file leaves to the reader.
func TestConvertGemma(t *testing.T) {
	dir := loadConverted(t, littleGGUF("gemma3"), "float32")
	c, err := OpenSafetensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read-only
	for name, norm := range map[string]bool{
		"model.norm.weight": true, "model.layers.0.input_layernorm.weight": true, "model.layers.0.post_attention_layernorm.weight": true,
		"model.layers.0.pre_feedforward_layernorm.weight": true, "model.layers.0.post_feedforward_layernorm.weight": true,
		"model.layers.0.self_attn.q_norm.weight": true, "model.layers.0.self_attn.k_norm.weight": true,
		"model.layers.0.self_attn.q_proj.weight": false, "model.layers.0.mlp.down_proj.weight": false, "model.embed_tokens.weight": false,
	} {
		got, err := c.Float32(name)
		if err != nil {
			t.Error(err)
			continue
		}
		want := ramp(len(got))
		for i := range want {
			if norm {
				want[i]--
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	config := readJSON(t, dir+"/config.json")
	for key, want := range map[string]any{
		"model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 16.0, "sliding_window_pattern": 6.0,
		"query_pre_attn_scalar": float64(littleHeadDim), "rope_theta": 500000.0, "rope_local_base_freq": 10000.0, "tie_word_embeddings": true,
	} {
		if config[key] != want {
			t.Errorf("%s is %v, want %v", key, config[key], want)
		}
	}
}

// TestConvertGemmaRefuses: what would be computed otherwise than the file says is an error that names the key.
func TestConvertGemmaRefuses(t *testing.T) {
	capped := littleGGUF("gemma3")
	capped.meta("gemma3.final_logit_softcapping", float32(30))
	boundless := littleGGUF("gemma3")
	boundless.set("gemma3.attention.sliding_window", uint32(0))
	for says, b := range map[string]*ggufBuilder{"gemma3.final_logit_softcapping": capped, "gemma3.attention.sliding_window": boundless} {
		if err := ConvertGGUF(b.write(t), t.TempDir(), "float32"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not name %s", err, says)
		}
	}
}
