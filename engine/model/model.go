package model

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
)

// Param is one weight: its name in the checkpoint (within a block: without "model.layers.N."), its shape, and
// whether it is the matrix of a linear layer, which LoRA can adapt.
type Param struct {
	Name   string
	Shape  []int
	Linear bool
}

// Elements returns the number of values.
func (p Param) Elements() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Kind is what distinguishes layers of one model: layers of one kind share executables.
type Kind struct {
	Rope   Rope
	Window int // a position sees itself and Window-1 before it; 0 = all
}

// Model is everything about an architecture and its sizes that graphs are built from.
type Model struct {
	Config       *Config
	Architecture string
	HeadDim      int
	KVHeads      int
	Tied         bool
	Kinds        []Kind
	LayerKind    []int   // of every layer, an index into Kinds
	EmbedScale   float64 // embeddings are multiplied by it
	QueryScale   float64 // attention scores are multiplied by it
	PaddingIndex int     // the embedding's row that gets no gradient as an input, -1 for none
	NormOffset   float64 // added to norm weights: 1 in Gemma, where they are stored around 0
	Block        []Param // the weights of one layer

	build func(l *Layer, x *graph.Node) *graph.Node
}

// family is one supported architecture.
type family struct {
	architecture string
	modelType    string
	make         func(c *Config) (*Model, error)
	defaults     func(c *Config) // what transformers takes for keys that config.json lacks
}

func families() []family {
	return []family{
		{"LlamaForCausalLM", "llama", newLlama, llamaDefaults},
		{"Qwen2ForCausalLM", "qwen2", newQwen2, qwen2Defaults},
		{"Qwen3ForCausalLM", "qwen3", newQwen3, qwen3Defaults},
		{"MistralForCausalLM", "mistral", newMistral, mistralDefaults},
		{"Gemma3ForCausalLM", "gemma3_text", newGemma3, gemma3Defaults},
	}
}

// Supported lists the architectures that New takes.
func Supported() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.architecture)
	}
	sort.Strings(names)
	return names
}

// family finds the family of a config's architecture.
func (c *Config) family() (family, bool) {
	name := c.architecture()
	for _, f := range families() {
		if name == f.architecture || name == f.modelType {
			return f, true
		}
	}
	return family{}, false
}

// New describes the model of a config. Architectures it does not know are refused by name.
func New(c *Config) (*Model, error) {
	name := c.architecture()
	if f, known := c.family(); known {
		if err := c.check(); err != nil {
			return nil, err
		}
		m, err := f.make(c)
		if err != nil {
			return nil, err
		}
		m.Architecture = f.architecture
		m.PaddingIndex = c.paddingIndex()
		return m, nil
	}
	if name == "" {
		return nil, fmt.Errorf("config.json names no architecture; supported are %s", strings.Join(Supported(), ", "))
	}
	return nil, fmt.Errorf("the architecture %s is not supported; supported are %s", name, strings.Join(Supported(), ", "))
}

// Open reads a model folder's config.
func Open(dir string) (*Model, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	return New(c)
}

// Names of the weights outside the blocks.
const (
	EmbedName = "model.embed_tokens.weight"
	NormName  = "model.norm.weight"
	HeadName  = "lm_head.weight"
)

// LayerPrefix is what a block's weight names begin with in a checkpoint.
func LayerPrefix(layer int) string { return fmt.Sprintf("model.layers.%d.", layer) }

// Outer lists the weights outside the blocks; a tied model has no head of its own.
func (m *Model) Outer() []Param {
	v, h := m.Config.VocabSize, m.Config.HiddenSize
	params := []Param{{Name: EmbedName, Shape: []int{v, h}}, {Name: NormName, Shape: []int{h}}}
	if !m.Tied {
		params = append(params, Param{Name: HeadName, Shape: []int{v, h}, Linear: true})
	}
	return params
}

// Params lists every weight with its full name, in the order a checkpoint is read.
func (m *Model) Params() []Param {
	params := m.Outer()
	for layer := range m.LayerKind {
		for _, p := range m.Block {
			p.Name = LayerPrefix(layer) + p.Name
			params = append(params, p)
		}
	}
	return params
}

// NumParameters is the number of values in all weights.
func (m *Model) NumParameters() int64 {
	var n int64
	for _, p := range m.Params() {
		n += int64(p.Elements())
	}
	return n
}

// Build builds the graph of one block: x is [positions, hidden] float32, and so is the result.
func (m *Model) Build(l *Layer, x *graph.Node) *graph.Node { return m.build(l, x) }

// DecaysWeight says whether AdamW applies weight decay to a weight, as transformers' trainer decides by name:
// not to biases and norms.
func DecaysWeight(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"bias", "layernorm", "rmsnorm"} {
		if strings.Contains(name, part) {
			return false
		}
	}
	for _, part := range strings.Split(name, ".") {
		if part == "norm" || strings.HasSuffix(part, "_norm") {
			return false
		}
	}
	return true
}

// kindsByType makes one kind of the full and one of the sliding layers, as far as both occur.
func kindsByType(c *Config, types []string, ropeOf func(c *Config, layerType string) (ropeConfig, error)) ([]Kind, []int, error) {
	window, err := c.window(types)
	if err != nil {
		return nil, nil, err
	}
	var kinds []Kind
	index := map[string]int{}
	layers := make([]int, len(types))
	for i, t := range types {
		if _, known := index[t]; !known {
			rope, err := ropeOf(c, t)
			if err != nil {
				return nil, nil, err
			}
			kind := Kind{Rope: rope.frequencies(c.headDim())}
			if t == slidingAttention {
				kind.Window = window
			}
			index[t] = len(kinds)
			kinds = append(kinds, kind)
		}
		layers[i] = index[t]
	}
	return kinds, layers, nil
}
