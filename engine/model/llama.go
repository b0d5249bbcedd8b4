package model

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// newLlama describes LlamaForCausalLM: Llama 1 to 3, SmolLM and the many models in its shape.
func newLlama(c *Config) (*Model, error) {
	return decoder(c, decoderStyle{attentionBias: c.AttentionBias, outputBias: c.AttentionBias, mlpBias: c.MLPBias, slides: slidesNowhere})
}

// llamaDefaults are those of LlamaConfig.
func llamaDefaults(c *Config) { c.MaxPositionEmbeddings = 2048 }

// slidesNowhere is for models that transformers gives no window, whatever config.json says of one.
func slidesNowhere(*Config, int) bool { return false }

// decoderStyle is how the models of Llama's shape differ from it.
type decoderStyle struct {
	attentionBias bool // q, k and v have biases
	outputBias    bool // o has one
	mlpBias       bool
	qkNorm        bool // every head of q and k is normed
	slides        func(c *Config, layer int) bool
	mixed         bool // layer_types decides where it is there
}

// decoder describes a model of Llama's shape: pre-norm blocks of attention and a gated MLP.
func decoder(c *Config, style decoderStyle) (*Model, error) {
	if act := c.HiddenAct; act != "silu" && act != "swish" {
		return nil, fmt.Errorf("config.json: hidden_act %q is not supported for %s: only silu is", act, c.architecture())
	}
	m := &Model{Config: c, HeadDim: c.headDim(), KVHeads: c.kvHeads(), Tied: c.tied(false), EmbedScale: 1}
	m.QueryScale = 1 / math.Sqrt(float64(m.HeadDim))
	slides := func(layer int) bool { return c.SlidingWindow != nil && style.slides(c, layer) }
	types, err := c.layerTypes(slides)
	if err != nil {
		return nil, err
	}
	if !style.mixed {
		for i := range types {
			types[i] = typeOf(slides(i))
		}
	}
	if m.Kinds, m.LayerKind, err = kindsByType(c, types, (*Config).rope); err != nil {
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
