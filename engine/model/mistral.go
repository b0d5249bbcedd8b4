package model

// newMistral describes MistralForCausalLM: Llama whose layers all slide where sliding_window is set.
func newMistral(c *Config) (*Model, error) {
	return decoder(c, decoderStyle{slides: func(*Config, int) bool { return true }})
}

// mistralDefaults are those of MistralConfig.
func mistralDefaults(c *Config) {
	kv, window := 8, 4096
	c.NumKeyValueHeads, c.SlidingWindow, c.MaxPositionEmbeddings = &kv, &window, 131072
}
