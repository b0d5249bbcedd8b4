package model

// newQwen2 describes Qwen2ForCausalLM (Qwen2 and Qwen2.5): Llama with biases on q, k and v; layers from
// max_window_layers on slide where use_sliding_window asks for it.
func newQwen2(c *Config) (*Model, error) {
	return qwen(c, decoderStyle{attentionBias: true})
}

func qwen(c *Config, style decoderStyle) (*Model, error) {
	if !c.UseSlidingWindow {
		c.SlidingWindow = nil
	}
	style.mixed = true
	style.slides = func(c *Config, layer int) bool { return layer >= c.MaxWindowLayers }
	return decoder(c, style)
}

// qwen2Defaults are those of Qwen2Config.
func qwen2Defaults(c *Config) {
	kv, window := 32, 4096
	c.NumKeyValueHeads, c.SlidingWindow, c.MaxPositionEmbeddings, c.MaxWindowLayers = &kv, &window, 32768, 28
}
