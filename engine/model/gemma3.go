package model

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// newGemma3 describes Gemma3ForCausalLM (text only): scaled embeddings, norms stored around 0 before and after
// attention and MLP, normed heads, and five sliding layers for each that sees everything.
func newGemma3(c *Config) (*Model, error) {
	if act := c.activation(); act != "gelu_pytorch_tanh" {
		return nil, fmt.Errorf("config.json: hidden_activation %q is not supported for Gemma 3: only gelu_pytorch_tanh is", act)
	}
	if c.HeadDim == nil {
		dim := 256 // Gemma3TextConfig's default
		c.HeadDim = &dim
	}
	if c.PadTokenID == nil {
		c.PadTokenID = new(int) // Gemma3TextConfig's default is 0
	}
	scalar := c.QueryPreAttnScalar
	if scalar == 0 {
		scalar = 256
	}
	m := &Model{Config: c, HeadDim: c.headDim(), KVHeads: c.kvHeads(), Tied: c.tied(true), NormOffset: 1}
	m.EmbedScale = math.Sqrt(float64(c.HiddenSize))
	m.QueryScale = 1 / math.Sqrt(scalar)
	pattern := c.SlidingWindowPattern
	if pattern == 0 {
		pattern = 6
	}
	types, err := c.layerTypes(func(layer int) bool { return (layer+1)%pattern != 0 })
	if err != nil {
		return nil, err
	}
	window := 4096
	if c.SlidingWindow != nil {
		window = *c.SlidingWindow
	}
	m.Kinds, m.LayerKind, err = kindsByType(c, types, 1e6, window)
	if err != nil {
		return nil, err
	}
	m.Block = gemma3Params(m)
	m.build = gemma3Block
	return m, nil
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
