package weights

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// exportedConfig is what of config.json a GGUF file tells. Where a key is missing, it has what transformers takes.
type exportedConfig struct {
	Architectures []string `json:"architectures"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	modelSizes
	TieWordEmbeddings bool `json:"tie_word_embeddings"`

	RopeTheta      float64        `json:"rope_theta"`
	RopeScaling    map[string]any `json:"rope_scaling"`
	RopeParameters map[string]any `json:"rope_parameters"`

	SlidingWindow    *int     `json:"sliding_window"`
	UseSlidingWindow bool     `json:"use_sliding_window"`
	MaxWindowLayers  int      `json:"max_window_layers"`
	LayerTypes       []string `json:"layer_types"`
}

// exportedDefaults are transformers' defaults of the families that can be exported.
func exportedDefaults(class string) exportedConfig {
	c := exportedConfig{modelSizes: modelSizes{RMSNormEps: 1e-6, MaxPositionEmbeddings: 2048}, RopeTheta: 10_000}
	window := 4096
	switch class {
	case "MistralForCausalLM":
		c.NumKeyValueHeads, c.SlidingWindow, c.MaxPositionEmbeddings = 8, &window, 131072
	case "Qwen2ForCausalLM", "Qwen3ForCausalLM":
		c.NumKeyValueHeads, c.SlidingWindow, c.MaxPositionEmbeddings, c.MaxWindowLayers = 32, &window, 32768, 28
		if class == "Qwen3ForCausalLM" {
			c.HeadDim = 128
		}
	}
	return c
}

// readConfig fills in what m is from config.json and finds the family it is written as.
func (m *exportedModel) readConfig() error {
	path := filepath.Join(m.dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("export GGUF: %w", err)
	}
	var named struct {
		Architectures []string `json:"architectures"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	class := strings.Join(named.Architectures, ", ")
	found := cmp.Or(map[string]string{mistral: "LlamaForCausalLM"}[class], class)
	for name, family := range ggufArchitectures {
		if family.className == found && !family.gemma {
			m.name, m.family = name, family
		}
	}
	if m.name == "" {
		return fmt.Errorf("%s: a GGUF file cannot be written for %s; it can for Llama, Mistral, Qwen2 and Qwen3. The folder itself loads in transformers, and llama.cpp's convert_hf_to_gguf.py takes it", m.dir, class)
	}
	c := exportedDefaults(class)
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := m.take(c); err != nil {
		return fmt.Errorf("%s: config.json: %w", m.dir, err)
	}
	return nil
}

const mistral = "MistralForCausalLM"

// take fills in the sizes and brings the rope settings of both spellings to one.
func (m *exportedModel) take(c exportedConfig) error {
	if c.NumAttentionHeads <= 0 || c.HiddenSize <= 0 || c.NumHiddenLayers <= 0 || c.VocabSize <= 0 {
		return errors.New("num_attention_heads, hidden_size, num_hidden_layers and vocab_size must be positive numbers")
	}
	m.modelConfig = modelConfig{
		AttentionBias: c.AttentionBias && !m.family.qkvBias, MLPBias: c.MLPBias, // Qwen2 has its biases by itself
		modelSizes: c.modelSizes, RopeTheta: c.RopeTheta, RopeScaling: c.RopeScaling, TieWordEmbeddings: c.TieWordEmbeddings,
	}
	m.NumKeyValueHeads, m.HeadDim = cmp.Or(c.NumKeyValueHeads, c.NumAttentionHeads), cmp.Or(c.HeadDim, c.HiddenSize/c.NumAttentionHeads)
	switch query := m.NumAttentionHeads * m.HeadDim; {
	case m.family.qkvBias && query != m.HiddenSize:
		return fmt.Errorf("llama.cpp loads %s only with heads that add up to hidden_size %d, and these have %d×%d", m.family.className, m.HiddenSize, m.NumAttentionHeads, m.HeadDim)
	case m.family.headNorm && m.AttentionBias:
		return fmt.Errorf("llama.cpp does not load %s with attention_bias", m.family.className)
	}
	if len(m.RopeScaling) == 0 {
		m.RopeScaling = c.RopeParameters
	}
	if theta, ok := m.RopeScaling["rope_theta"].(float64); ok {
		m.RopeTheta = theta
	}
	m.context = m.MaxPositionEmbeddings
	if window := c.window(); window > 0 {
		m.context = min(m.context, window)
	}
	return nil
}

// window is the sliding window of a model whose layers have one, else 0. The format has none for these families, but
// as far as it reaches attention is the same: the context ends with it.
func (c *exportedConfig) window() int {
	class := strings.Join(c.Architectures, ", ")
	switch {
	case c.SlidingWindow == nil:
		return 0
	case class == mistral:
		return *c.SlidingWindow
	case !c.UseSlidingWindow:
		return 0
	case c.LayerTypes == nil && c.MaxWindowLayers < c.NumHiddenLayers, slices.Contains(c.LayerTypes, "sliding_attention"):
		return *c.SlidingWindow
	}
	return 0
}

// addRope writes how the rotary embedding is stretched: as metadata, or for Llama 3 as a tensor of factors.
func (m *exportedModel) addRope(w *ggufWriter) error {
	number := func(key string) float64 {
		x, _ := m.RopeScaling[key].(float64)
		return x
	}
	kind, _ := m.RopeScaling["rope_type"].(string)
	if kind == "" {
		kind, _ = m.RopeScaling["type"].(string)
	}
	switch kind {
	case "", "default":
		return nil
	case "linear":
		w.set(m.name+".rope.scaling.type", "linear")
		w.set(m.name+".rope.scaling.factor", float32(number("factor")))
		return nil
	case "yarn":
		if key := m.ownYarn(); key != "" {
			return fmt.Errorf("rope scaling of type yarn is written to GGUF with transformers' defaults only, and %s is %v", key, m.RopeScaling[key])
		}
		w.set(m.name+".rope.scaling.type", "yarn")
		w.set(m.name+".rope.scaling.factor", float32(number("factor")))
		original := cmp.Or(int(number("original_max_position_embeddings")), m.MaxPositionEmbeddings)
		w.set(m.name+".rope.scaling.original_context_length", uint32(original))
		return nil
	case "llama3":
		if number("low_freq_factor") != 1 || number("high_freq_factor") != 4 {
			return errors.New("rope scaling of type llama3 is written to GGUF with low_freq_factor 1 and high_freq_factor 4 only")
		}
		factors := llama3Factors(&m.modelConfig, number("factor"), int(number("original_max_position_embeddings")))
		values := make([]float32, len(factors))
		for i, f := range factors {
			values[i] = float32(f)
		}
		w.tensor(Tensor{Name: ropeFactors, DType: F32, Shape: []int{len(values)}}, func() ([]byte, error) { return EncodeFloat32(values, F32) })
		return nil
	}
	return fmt.Errorf("rope scaling of type %q is not written to GGUF", kind)
}

// ownYarn is the first key by which a yarn scaling differs from transformers' defaults, which are llama.cpp's too.
func (m *exportedModel) ownYarn() string {
	defaults := map[string]any{"attention_factor": nil, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": nil, "mscale_all_dim": nil, "truncate": true}
	for _, key := range []string{"attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"} {
		if value, set := m.RopeScaling[key]; set && value != nil && value != defaults[key] {
			return key
		}
	}
	return ""
}
