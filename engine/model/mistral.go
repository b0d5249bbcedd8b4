package model

// newMistral describes MistralForCausalLM: Llama whose layers all slide where sliding_window is set.
func newMistral(c *Config) (*Model, error) {
	return decoder(c, decoderStyle{window: func(*Config, int) bool { return true }})
}
