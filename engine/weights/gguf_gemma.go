package weights

import (
	"fmt"
	"strings"
)

// gemmaConfig is what config.json of Gemma 3 has beside the other families' keys.
type gemmaConfig struct {
	HiddenActivation     string  `json:"hidden_activation"`
	QueryPreAttnScalar   int     `json:"query_pre_attn_scalar"`
	SlidingWindow        int     `json:"sliding_window"`
	SlidingWindowPattern int     `json:"sliding_window_pattern"`
	RopeLocalBaseFreq    float64 `json:"rope_local_base_freq"`
}

// gemma27Layers is the depth of Gemma 3 27B, the one size that scales its queries by hidden_size/num_attention_heads;
// a GGUF file does not say so.
const gemma27Layers = 62

// gemma completes the config of a Gemma 3: what all sizes have in common is not in the file.
func (g *GGUF) gemma(arch string, c *modelConfig) error {
	for _, key := range []string{".attn_logit_softcapping", ".final_logit_softcapping"} {
		if limit, ok := g.Float(arch + key); ok && limit != 0 {
			return fmt.Errorf("%s is %g: logit softcapping is not supported", arch+key, limit)
		}
	}
	window, ok := g.Int(arch + ".attention.sliding_window")
	if !ok || window <= 0 {
		return fmt.Errorf("the metadata lacks a valid %s.attention.sliding_window", arch)
	}
	c.ModelType, c.HiddenAct = "gemma3_text", "gelu_pytorch_tanh"
	c.gemmaConfig = &gemmaConfig{
		HiddenActivation: c.HiddenAct, QueryPreAttnScalar: c.HeadDim, SlidingWindow: window, SlidingWindowPattern: 6,
		RopeLocalBaseFreq: 10_000,
	}
	if c.NumHiddenLayers == gemma27Layers {
		c.QueryPreAttnScalar = c.HiddenSize / c.NumAttentionHeads
	}
	if _, ok := g.Float(arch + ".rope.freq_base"); !ok {
		c.RopeTheta = 1_000_000
	}
	if theta, ok := g.Float(arch + ".rope.freq_base_swa"); ok {
		c.RopeLocalBaseFreq = theta
	}
	return nil
}

// aroundOne marks the norms of a plan as stored around one.
func aroundOne(plan []planned) {
	for i, p := range plan {
		if strings.HasSuffix(p.source, "norm.weight") {
			plan[i].around = 1
		}
	}
}
