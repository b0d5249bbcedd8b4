package model

// newQwen2 describes Qwen2ForCausalLM (Qwen2 and Qwen2.5): Llama with biases on q, k and v; layers from
// max_window_layers on slide where use_sliding_window asks for it.
func newQwen2(c *Config) (*Model, error) {
	return decoder(c, decoderStyle{attentionBias: true, window: qwenWindow})
}

func qwenWindow(c *Config, layer int) bool {
	return c.UseSlidingWindow && layer >= c.MaxWindowLayers
}
