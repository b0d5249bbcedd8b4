package weights

import (
	"fmt"
	"math"
	"strings"
)

// ropeFactors is the tensor in which llama.cpp keeps Llama 3's rope scaling, one divisor a frequency.
const ropeFactors = "rope_freqs.weight"

// modelSizes is how large a model is, as config.json says it.
type modelSizes struct {
	HiddenSize            int     `json:"hidden_size"`
	IntermediateSize      int     `json:"intermediate_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	NumKeyValueHeads      int     `json:"num_key_value_heads"`
	HeadDim               int     `json:"head_dim"`
	VocabSize             int     `json:"vocab_size"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	RMSNormEps            float64 `json:"rms_norm_eps"`
}

// modelConfig is a config.json of the supported families. It keeps to the spelling that both transformers 4 and 5 read.
type modelConfig struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	HiddenAct     string   `json:"hidden_act"`
	modelSizes
	RopeTheta         float64        `json:"rope_theta"`
	RopeScaling       map[string]any `json:"rope_scaling"`
	TieWordEmbeddings bool           `json:"tie_word_embeddings"`
	TorchDType        string         `json:"torch_dtype"`
	BOSTokenID        *int           `json:"bos_token_id"`
	EOSTokenID        *int           `json:"eos_token_id"`
	PADTokenID        *int           `json:"pad_token_id,omitempty"`
	UseCache          bool           `json:"use_cache"`
	*gemmaConfig
}

func (g *GGUF) config(arch string, family ggufArchitecture, dtype string) (*modelConfig, error) {
	c := &modelConfig{
		Architectures: []string{family.className}, ModelType: arch, HiddenAct: "silu", UseCache: true,
		TorchDType: TorchName(dtype),
		BOSTokenID: g.tokenID("bos"), EOSTokenID: g.tokenID("eos"), PADTokenID: g.tokenID("padding"),
	}
	if experts, ok := g.Int(arch + ".expert_count"); ok && experts > 0 {
		return nil, fmt.Errorf("this is a mixture of %d experts, which is not supported", experts)
	}
	for key, field := range map[string]*int{
		"embedding_length": &c.HiddenSize, "feed_forward_length": &c.IntermediateSize, "block_count": &c.NumHiddenLayers,
		"attention.head_count": &c.NumAttentionHeads, "context_length": &c.MaxPositionEmbeddings,
	} {
		n, ok := g.Int(arch + "." + key)
		if !ok || n <= 0 || n > math.MaxInt32 {
			return nil, fmt.Errorf("the metadata lacks a valid %s.%s", arch, key)
		}
		*field = n
	}
	if c.NumHiddenLayers > len(g.names) {
		return nil, fmt.Errorf("%s.block_count is %d but the file has only %d tensors", arch, c.NumHiddenLayers, len(g.names))
	}
	c.NumKeyValueHeads = g.intOr(arch+".attention.head_count_kv", c.NumAttentionHeads)
	c.HeadDim = g.intOr(arch+".attention.key_length", c.HiddenSize/c.NumAttentionHeads)
	if c.NumKeyValueHeads <= 0 || c.HeadDim <= 0 || c.HeadDim%2 != 0 || c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		return nil, fmt.Errorf("%d heads, %d key/value heads of %d elements do not make an attention layer", c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim)
	}
	if rotated := g.intOr(arch+".rope.dimension_count", c.HeadDim); rotated != c.HeadDim {
		return nil, fmt.Errorf("rope over %d of a head's %d elements is not supported", rotated, c.HeadDim)
	}
	eps, ok := g.Float(arch + ".attention.layer_norm_rms_epsilon")
	if !ok {
		return nil, fmt.Errorf("the metadata lacks %s.attention.layer_norm_rms_epsilon", arch)
	}
	c.RMSNormEps = eps
	c.RopeTheta = 10000
	if theta, ok := g.Float(arch + ".rope.freq_base"); ok {
		c.RopeTheta = theta
	}
	embedding, ok := g.Info("token_embd.weight")
	if !ok || len(embedding.Shape) != 2 {
		return nil, fmt.Errorf("tensor %q is missing or not a matrix", "token_embd.weight")
	}
	c.VocabSize = embedding.Shape[0]
	_, untied := g.tensors["output.weight"]
	c.TieWordEmbeddings = !untied
	_, c.AttentionBias = g.tensors["blk.0.attn_output.bias"]
	_, c.MLPBias = g.tensors["blk.0.ffn_gate.bias"]
	var err error
	if family.gemma {
		if err = g.gemma(arch, c); err != nil {
			return nil, err
		}
	}
	c.RopeScaling, err = g.ropeScaling(arch, c)
	return c, err
}

func (g *GGUF) intOr(key string, otherwise int) int {
	if n, ok := g.Int(key); ok {
		return n
	}
	return otherwise
}

// tokenID returns tokenizer.ggml.<which>_token_id, nil when there is none.
func (g *GGUF) tokenID(which string) *int {
	if id, ok := g.Int("tokenizer.ggml." + which + "_token_id"); ok {
		return &id
	}
	return nil
}

// shape is the shape of a tensor of the new model.
func (c *modelConfig) shape(target string) []int {
	query, key := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	rows := map[string][]int{
		"embed_tokens": {c.VocabSize, c.HiddenSize}, "lm_head": {c.VocabSize, c.HiddenSize},
		"norm": {c.HiddenSize}, "input_layernorm": {c.HiddenSize}, "post_attention_layernorm": {c.HiddenSize},
		"pre_feedforward_layernorm": {c.HiddenSize}, "post_feedforward_layernorm": {c.HiddenSize},
		"q_norm": {c.HeadDim}, "k_norm": {c.HeadDim},
		"q_proj": {query, c.HiddenSize}, "k_proj": {key, c.HiddenSize}, "v_proj": {key, c.HiddenSize}, "o_proj": {c.HiddenSize, query},
		"gate_proj": {c.IntermediateSize, c.HiddenSize}, "up_proj": {c.IntermediateSize, c.HiddenSize}, "down_proj": {c.HiddenSize, c.IntermediateSize},
	}
	parts := strings.Split(target, ".")
	shape := rows[parts[len(parts)-2]]
	if parts[len(parts)-1] == "bias" {
		return shape[:1]
	}
	return shape
}

// ropeScaling translates the scaling metadata, and Llama 3's tensor of factors, into transformers' rope_scaling.
func (g *GGUF) ropeScaling(arch string, c *modelConfig) (map[string]any, error) {
	if _, ok := g.tensors[ropeFactors]; ok {
		return g.llama3Scaling(c)
	}
	factor, _ := g.Float(arch + ".rope.scaling.factor")
	switch kind := g.String(arch + ".rope.scaling.type"); kind {
	case "", "none":
		return nil, nil
	case "linear":
		if factor <= 0 {
			return nil, fmt.Errorf("%s.rope.scaling.type is linear but there is no factor", arch)
		}
		return map[string]any{"rope_type": "linear", "factor": factor}, nil
	case "yarn":
		original, ok := g.Int(arch + ".rope.scaling.original_context_length")
		if factor <= 0 || !ok {
			return nil, fmt.Errorf("%s.rope.scaling.type is yarn but factor or original_context_length is missing", arch)
		}
		if err := g.plainYarn(arch); err != nil {
			return nil, err
		}
		return map[string]any{"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}, nil
	default:
		return nil, fmt.Errorf("rope scaling of type %q is not supported", kind)
	}
}

// plainYarn refuses a yarn scaling with settings of its own: llama.cpp's defaults are transformers'.
func (g *GGUF) plainYarn(arch string) error {
	for _, setting := range []struct {
		key   string
		plain float64
	}{{"attn_factor", 1}, {"yarn_attn_factor", 1}, {"yarn_ext_factor", 1}, {"yarn_beta_fast", 32}, {"yarn_beta_slow", 1}} {
		key := arch + ".rope.scaling." + setting.key
		if value, ok := g.Float(key); ok && value != setting.plain && value >= 0 { // below 0 stands for the default
			return fmt.Errorf("%s is %g: yarn is supported with %g there only", key, value, setting.plain)
		}
	}
	return nil
}

// llama3Scaling finds the settings whose factors the file stores. The format keeps only the factors; Llama 3 models
// all use low_freq_factor 1 and high_freq_factor 4, the largest stored factor is the scaling factor, and the original
// context length is searched among powers of two. Factors that no such setting explains are an error, not a guess.
func (g *GGUF) llama3Scaling(c *modelConfig) (map[string]any, error) {
	stored, err := g.Float32(ropeFactors)
	if err != nil {
		return nil, err
	}
	if len(stored) != c.HeadDim/2 {
		return nil, fmt.Errorf("%s has %d factors for heads of %d elements", ropeFactors, len(stored), c.HeadDim)
	}
	factor := 0.0
	for _, f := range stored {
		factor = max(factor, float64(f))
	}
	if factor == 1 {
		return nil, nil
	}
	for original := 1; original <= 1<<20; original *= 2 {
		if matches(stored, llama3Factors(c, factor, original)) {
			return map[string]any{
				"rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
				"original_max_position_embeddings": original,
			}, nil
		}
	}
	return nil, fmt.Errorf("the factors in %s are not those of a llama3 rope scaling", ropeFactors)
}

// llama3Factors computes what each inverse frequency is divided by: 1 for short wavelengths, factor for long ones,
// in between a blend of the two inverse frequencies.
func llama3Factors(c *modelConfig, factor float64, original int) []float64 {
	const lowFreq, highFreq = 1.0, 4.0
	out := make([]float64, c.HeadDim/2)
	for i := range out {
		wavelength := 2 * math.Pi * math.Pow(c.RopeTheta, float64(2*i)/float64(c.HeadDim))
		turns := float64(original) / wavelength
		switch {
		case turns > highFreq:
			out[i] = 1
		case turns < lowFreq:
			out[i] = factor
		default:
			smooth := (turns - lowFreq) / (highFreq - lowFreq)
			out[i] = 1 / ((1-smooth)/factor + smooth)
		}
	}
	return out
}

func matches(stored []float32, computed []float64) bool {
	for i, f := range computed {
		if math.Abs(float64(stored[i])-f) > 1e-3*f {
			return false
		}
	}
	return true
}
