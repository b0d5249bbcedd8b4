package model

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// newGemma3 describes Gemma3ForCausalLM (text only): scaled embeddings, norms stored around 0 before and after
// attention and MLP, normed heads, and five sliding layers for each that sees everything.
func newGemma3(c *Config) (*Model, error) {
	if act := c.HiddenActivation; act != "gelu_pytorch_tanh" {
		return nil, fmt.Errorf("config.json: hidden_activation %q is not supported for Gemma 3: only gelu_pytorch_tanh is", act)
	}
	switch {
	case c.AttnLogitSoftcapping != nil:
		return nil, fmt.Errorf("config.json: attn_logit_softcapping is not supported: Gemma 3 models have null there")
	case c.FinalLogitSoftcapping != nil:
		return nil, fmt.Errorf("config.json: final_logit_softcapping is not supported: Gemma 3 models have null there")
	case c.QueryPreAttnScalar <= 0:
		return nil, fmt.Errorf("config.json: query_pre_attn_scalar is %g; a positive number is needed", c.QueryPreAttnScalar)
	case c.SlidingWindowPattern <= 0:
		return nil, fmt.Errorf("config.json: sliding_window_pattern is %d; a positive number is needed", c.SlidingWindowPattern)
	}
	m := &Model{Config: c, HeadDim: c.headDim(), KVHeads: c.kvHeads(), Tied: c.tied(true), NormOffset: 1}
	m.EmbedScale = math.Sqrt(float64(c.HiddenSize))
	m.QueryScale = 1 / math.Sqrt(c.QueryPreAttnScalar)
	types, err := c.layerTypes(func(layer int) bool { return (layer+1)%c.SlidingWindowPattern != 0 })
	if err != nil {
		return nil, err
	}
	if m.Kinds, m.LayerKind, err = kindsByType(c, types, (*Config).gemmaRope); err != nil {
		return nil, err
	}
	m.Block = gemma3Params(m)
	m.build = gemma3Block
	return m, nil
}

// gemma3Defaults are those of Gemma3TextConfig.
func gemma3Defaults(c *Config) {
	dim, kv, window := 256, 4, 4096
	c.HeadDim, c.NumKeyValueHeads, c.SlidingWindow, c.PadTokenID = &dim, &kv, &window, new(int)
	c.HiddenActivation, c.MaxPositionEmbeddings = "gelu_pytorch_tanh", 131072
	c.QueryPreAttnScalar, c.SlidingWindowPattern = 256, 6
}

func gemma3Params(m *Model) []Param {
	params := decoderParams(m, decoderStyle{attentionBias: m.Config.AttentionBias, outputBias: m.Config.AttentionBias, qkNorm: true})
	h := m.Config.HiddenSize
	return append(params,
		Param{Name: "pre_feedforward_layernorm.weight", Shape: []int{h}},
		Param{Name: "post_feedforward_layernorm.weight", Shape: []int{h}})
}

func gemma3Block(l *Layer, x *graph.Node) *graph.Node {
	a := l.Norm("post_attention_layernorm", l.attention(l.Norm("input_layernorm", x), true))
	x = l.cut(stageMiddle, graph.Add(x, a))
	h := l.Norm("pre_feedforward_layernorm", x)
	return graph.Add(x, l.Norm("post_feedforward_layernorm", l.gatedMLP(h, geluTanh)))
}
