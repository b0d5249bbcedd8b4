package model

// newQwen3 describes Qwen3ForCausalLM: Llama with a norm on every head of q and k, and heads whose size does not
// follow from hidden_size.
func newQwen3(c *Config) (*Model, error) {
	return qwen(c, decoderStyle{attentionBias: c.AttentionBias, outputBias: c.AttentionBias, qkNorm: true})
}

// qwen3Defaults are those of Qwen3Config.
func qwen3Defaults(c *Config) {
	qwen2Defaults(c)
	dim := 128
	c.HeadDim = &dim
}
