// Package model describes language models: it reads a Hugging Face config,
// lists the weights and builds the graphs of a model's parts. One file per
// architecture; attention, rotary positions, norms and linear layers are shared.
package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config is config.json in the two styles that transformers writes: rope_theta, rope_scaling and torch_dtype
// before version 5, rope_parameters and dtype since.
type Config struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`

	HiddenSize            int     `json:"hidden_size"`
	IntermediateSize      int     `json:"intermediate_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	NumKeyValueHeads      *int    `json:"num_key_value_heads"`
	HeadDim               *int    `json:"head_dim"`
	VocabSize             int     `json:"vocab_size"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	RMSNormEps            float64 `json:"rms_norm_eps"`
	TieWordEmbeddings     *bool   `json:"tie_word_embeddings"`
	HiddenAct             string  `json:"hidden_act"`
	HiddenActivation      string  `json:"hidden_activation"` // Gemma's name for it
	AttentionBias         bool    `json:"attention_bias"`
	AttentionDropout      float64 `json:"attention_dropout"`
	PadTokenID            *int    `json:"pad_token_id"`
	MLPBias               bool    `json:"mlp_bias"`

	RopeTheta         float64         `json:"rope_theta"`
	RopeScaling       json.RawMessage `json:"rope_scaling"`
	RopeParameters    json.RawMessage `json:"rope_parameters"`
	RopeLocalBaseFreq float64         `json:"rope_local_base_freq"`
	// OriginalLength stands beside rope_scaling in some files and then wins over the one within.
	OriginalLength float64 `json:"original_max_position_embeddings"`

	LayerTypes           []string `json:"layer_types"`
	SlidingWindow        *int     `json:"sliding_window"`
	SlidingWindowPattern int      `json:"sliding_window_pattern"`
	UseSlidingWindow     bool     `json:"use_sliding_window"`
	MaxWindowLayers      int      `json:"max_window_layers"`
	QueryPreAttnScalar   float64  `json:"query_pre_attn_scalar"`

	AttnLogitSoftcapping  *float64 `json:"attn_logit_softcapping"`
	FinalLogitSoftcapping *float64 `json:"final_logit_softcapping"`
	BidirectionalMask     bool     `json:"use_bidirectional_attention"`

	Quantization *struct {
		Method string `json:"quant_method"`
	} `json:"quantization_config"`
}

// ReadConfig reads dir/config.json.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not a model folder: it has no readable config.json: %w", dir, err)
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig parses the text of a config.json. A key that it lacks has the value that transformers gives it for
// models of its family; null is not the same as lacking.
func ParseConfig(data []byte) (*Config, error) {
	var named Config
	if err := json.Unmarshal(data, &named); err != nil {
		return nil, fmt.Errorf("config.json cannot be read: %w", err)
	}
	c := Config{RMSNormEps: 1e-6, HiddenAct: "silu"}
	if f, known := named.family(); known {
		f.defaults(&c)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("config.json cannot be read: %w", err)
	}
	return &c, nil
}

// architecture is the name the model is refused or accepted by.
func (c *Config) architecture() string {
	if len(c.Architectures) > 0 {
		return c.Architectures[0]
	}
	return c.ModelType
}

// check finds sizes that no model can have, before anything is divided or allocated by them.
func (c *Config) check() error {
	sizes := []struct {
		key   string
		value int
	}{
		{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.NumHiddenLayers}, {"num_attention_heads", c.NumAttentionHeads},
		{"vocab_size", c.VocabSize}, {"num_key_value_heads", c.kvHeads()}, {"head_dim", c.headDim()},
	}
	for _, s := range sizes {
		if s.value <= 0 || s.value > 1<<24 {
			return fmt.Errorf("config.json: %s is %d; a positive number is needed", s.key, s.value)
		}
	}
	if c.NumHiddenLayers > 1<<12 {
		return fmt.Errorf("config.json: num_hidden_layers is %d; no model has that many", c.NumHiddenLayers)
	}
	if c.NumAttentionHeads%c.kvHeads() != 0 {
		return fmt.Errorf("config.json: num_attention_heads %d is not a multiple of num_key_value_heads %d",
			c.NumAttentionHeads, c.kvHeads())
	}
	if c.headDim()%2 != 0 {
		return fmt.Errorf("config.json: head_dim %d is odd; rotary positions need an even one", c.headDim())
	}
	if q := c.Quantization; q != nil {
		return fmt.Errorf("config.json: quantization_config says that the weights are quantized (quant_method %q), which sftui cannot read: take the model in bfloat16 or float32", q.Method)
	}
	if c.AttentionDropout < 0 || c.AttentionDropout >= 1 {
		return fmt.Errorf("config.json: attention_dropout is %g; it must be at least 0 and below 1", c.AttentionDropout)
	}
	if c.BidirectionalMask {
		return fmt.Errorf("config.json: use_bidirectional_attention is not supported: only causal models can be trained here")
	}
	return nil
}

func (c *Config) kvHeads() int {
	if c.NumKeyValueHeads != nil {
		return *c.NumKeyValueHeads
	}
	return c.NumAttentionHeads
}

func (c *Config) headDim() int {
	if c.HeadDim != nil && *c.HeadDim > 0 {
		return *c.HeadDim
	}
	if c.NumAttentionHeads <= 0 {
		return 0
	}
	return c.HiddenSize / c.NumAttentionHeads
}

func (c *Config) tied(otherwise bool) bool {
	if c.TieWordEmbeddings != nil {
		return *c.TieWordEmbeddings
	}
	return otherwise
}

// paddingIndex is the row of the embedding that torch.nn.Embedding(padding_idx=pad_token_id) keeps from learning as
// an input, -1 for none. In a tied model it still learns as an output.
func (c *Config) paddingIndex() int {
	switch {
	case c.PadTokenID == nil || *c.PadTokenID >= c.VocabSize:
		return -1
	case *c.PadTokenID < 0:
		return c.VocabSize + *c.PadTokenID
	}
	return *c.PadTokenID
}

// layerTypes says for every layer whether it slides ("sliding_attention") or sees everything ("full_attention").
// slides decides where config.json has no layer_types. Sliding layers need a window.
func (c *Config) layerTypes(slides func(layer int) bool) ([]string, error) {
	types := slices.Clone(c.LayerTypes)
	if types == nil {
		types = make([]string, c.NumHiddenLayers)
		for i := range types {
			types[i] = typeOf(slides(i))
		}
	}
	if len(types) != c.NumHiddenLayers {
		return nil, fmt.Errorf("config.json: layer_types has %d entries for %d layers", len(types), c.NumHiddenLayers)
	}
	for i, t := range types {
		if t != fullAttention && t != slidingAttention {
			return nil, fmt.Errorf("config.json: layer_types[%d] is %q; only %s are supported",
				i, t, strings.Join([]string{fullAttention, slidingAttention}, " and "))
		}
	}
	return types, nil
}

func typeOf(slides bool) string {
	if slides {
		return slidingAttention
	}
	return fullAttention
}

// window is sliding_window of a model with layers of these types.
func (c *Config) window(types []string) (int, error) {
	switch slides := slices.Contains(types, slidingAttention); {
	case !slides:
		return 0, nil
	case c.SlidingWindow == nil:
		return 0, fmt.Errorf("config.json: layer_types has sliding_attention, but sliding_window is not set or not used")
	case *c.SlidingWindow <= 0:
		return 0, fmt.Errorf("config.json: sliding_window is %d; a positive number is needed", *c.SlidingWindow)
	}
	return *c.SlidingWindow, nil
}

const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)
