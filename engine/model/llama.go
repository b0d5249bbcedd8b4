package model

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// newLlama describes LlamaForCausalLM: Llama 1 to 3, SmolLM and the many models in its shape.
func newLlama(c *Config) (*Model, error) {
	return decoder(c, decoderStyle{attentionBias: c.AttentionBias, outputBias: c.AttentionBias, mlpBias: c.MLPBias})
}

// decoderStyle is how the models of Llama's shape differ from it.
type decoderStyle struct {
	attentionBias bool // q, k and v have biases
	outputBias    bool // o has one
	mlpBias       bool
	qkNorm        bool // every head of q and k is normed
	window        func(c *Config, layer int) bool
}

// decoder describes a model of Llama's shape: pre-norm blocks of attention and a gated MLP.
func decoder(c *Config, style decoderStyle) (*Model, error) {
	if act := c.activation(); act != "silu" {
		return nil, fmt.Errorf("config.json: hidden_act %q is not supported for %s: only silu is", act, c.architecture())
	}
	m := &Model{Config: c, HeadDim: c.headDim(), KVHeads: c.kvHeads(), Tied: c.tied(false), EmbedScale: 1}
	m.QueryScale = 1 / math.Sqrt(float64(m.HeadDim))
	slides := style.window
	if slides == nil || c.SlidingWindow == nil {
		slides = func(*Config, int) bool { return false }
	}
	types, err := c.layerTypes(func(layer int) bool { return slides(c, layer) })
	if err != nil {
		return nil, err
	}
	window := 0
	if c.SlidingWindow != nil {
		window = *c.SlidingWindow
	}
	m.Kinds, m.LayerKind, err = kindsByType(c, types, 10000, window)
	if err != nil {
		return nil, err
	}
	m.Block = decoderParams(m, style)
	m.build = func(l *Layer, x *graph.Node) *graph.Node {
		h := l.Norm("input_layernorm", x)
		x = l.cut(stageMiddle, graph.Add(x, cast(l.attention(h, style.qkNorm), x.DType())))
		h = l.Norm("post_attention_layernorm", x)
		return graph.Add(x, cast(l.gatedMLP(h, silu), x.DType()))
	}
	return m, nil
}

func decoderParams(m *Model, style decoderStyle) []Param {
	c := m.Config
	h, q, kv, i := c.HiddenSize, c.NumAttentionHeads*m.HeadDim, m.KVHeads*m.HeadDim, c.IntermediateSize
	params := []Param{{Name: "input_layernorm.weight", Shape: []int{h}}}
	params = append(params, linear("self_attn.q_proj", q, h, style.attentionBias)...)
	params = append(params, linear("self_attn.k_proj", kv, h, style.attentionBias)...)
	params = append(params, linear("self_attn.v_proj", kv, h, style.attentionBias)...)
	params = append(params, linear("self_attn.o_proj", h, q, style.outputBias)...)
	if style.qkNorm {
		params = append(params,
			Param{Name: "self_attn.q_norm.weight", Shape: []int{m.HeadDim}},
			Param{Name: "self_attn.k_norm.weight", Shape: []int{m.HeadDim}})
	}
	params = append(params, Param{Name: "post_attention_layernorm.weight", Shape: []int{h}})
	params = append(params, linear("mlp.gate_proj", i, h, style.mlpBias)...)
	params = append(params, linear("mlp.up_proj", i, h, style.mlpBias)...)
	return append(params, linear("mlp.down_proj", h, i, style.mlpBias)...)
}

// linear lists the weights of one linear layer.
func linear(name string, out, in int, bias bool) []Param {
	params := []Param{{Name: name + ".weight", Shape: []int{out, in}, Linear: true}}
	if bias {
		params = append(params, Param{Name: name + ".bias", Shape: []int{out}})
	}
	return params
}
