package model

// newQwen3 describes Qwen3ForCausalLM: Llama with a norm on every head of q and k, and heads whose size does not
// follow from hidden_size.
func newQwen3(c *Config) (*Model, error) {
	if c.HeadDim == nil {
		dim := 128 // Qwen3Config's default
		c.HeadDim = &dim
	}
	return decoder(c, decoderStyle{attentionBias: c.AttentionBias, outputBias: c.AttentionBias, qkNorm: true, window: qwenWindow})
}
