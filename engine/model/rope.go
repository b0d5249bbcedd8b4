package model

import (
	"encoding/json"
	"fmt"
	"math"
)

// ropeConfig is rope_parameters (or rope_scaling with rope_theta) of one kind of layer.
type ropeConfig struct {
	Type             string  `json:"rope_type"`
	OldType          string  `json:"type"`
	Theta            float64 `json:"rope_theta"`
	Factor           float64 `json:"factor"`
	LowFreqFactor    float64 `json:"low_freq_factor"`
	HighFreqFactor   float64 `json:"high_freq_factor"`
	OriginalLength   float64 `json:"original_max_position_embeddings"`
	PartialRotary    float64 `json:"partial_rotary_factor"`
	AttentionFactor  float64 `json:"attention_factor"`
	BetaFast         float64 `json:"beta_fast"`
	BetaSlow         float64 `json:"beta_slow"`
	MScale           float64 `json:"mscale"`
	MScaleAllDim     float64 `json:"mscale_all_dim"`
	TruncateBoundary *bool   `json:"truncate"`
}

// rope returns the rotary configuration of a layer type, for all families but Gemma: rope_scaling where there is one,
// else rope_parameters, which may have one object for each layer type. A rope_theta beside them is for what has none.
func (c *Config) rope(layerType string) (ropeConfig, error) {
	r := ropeConfig{}
	key, text := "rope_parameters", c.RopeParameters
	if isObject(c.RopeScaling) && string(c.RopeScaling) != "{}" {
		key, text = "rope_scaling", c.RopeScaling
	}
	if isObject(text) {
		var byType map[string]json.RawMessage
		if err := json.Unmarshal(text, &byType); err != nil {
			return r, fmt.Errorf("config.json: %s: %w", key, err)
		}
		if inner, ok := byType[layerType]; ok && isObject(inner) {
			text = inner
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return r, fmt.Errorf("config.json: %s: %w", key, err)
		}
	}
	if c.OriginalLength > 0 {
		r.OriginalLength = c.OriginalLength
	}
	return r.complete(c, c.RopeTheta, 10_000)
}

// gemmaRope is rope for Gemma 3: rope_parameters has one object for each layer type and nothing else in it counts;
// rope_scaling changes the layers that see everything, and rope_local_base_freq is the theta of the sliding ones.
func (c *Config) gemmaRope(layerType string) (ropeConfig, error) {
	r := ropeConfig{Type: "default"}
	var byType map[string]json.RawMessage
	if isObject(c.RopeParameters) {
		r.Type = ""
		if err := json.Unmarshal(c.RopeParameters, &byType); err != nil {
			return r, fmt.Errorf("config.json: rope_parameters: %w", err)
		}
	}
	if inner := byType[layerType]; isObject(inner) {
		if err := json.Unmarshal(inner, &r); err != nil {
			return r, fmt.Errorf("config.json: rope_parameters: %w", err)
		}
	}
	r.TruncateBoundary = nil // transformers looks for it beside the objects of the layer types
	if layerType == slidingAttention {
		return r.complete(c, c.RopeLocalBaseFreq, 10_000)
	}
	if isObject(c.RopeScaling) {
		if err := json.Unmarshal(c.RopeScaling, &r); err != nil {
			return r, fmt.Errorf("config.json: rope_scaling: %w", err)
		}
	}
	return r.complete(c, c.RopeTheta, 1e6)
}

func isObject(text json.RawMessage) bool { return len(text) > 0 && text[0] == '{' }

// complete fills in what the object lacks: theta is the first of thetas that is set.
func (r ropeConfig) complete(c *Config, thetas ...float64) (ropeConfig, error) {
	if r.Type == "" {
		r.Type = r.OldType
	}
	if r.Type == "" {
		r.Type = "default"
	}
	for _, theta := range thetas {
		if r.Theta == 0 {
			r.Theta = theta
		}
	}
	if r.OriginalLength == 0 {
		r.OriginalLength = float64(c.MaxPositionEmbeddings)
	}
	if r.PartialRotary != 0 && r.PartialRotary != 1 {
		return r, fmt.Errorf("config.json: partial_rotary_factor %g is not supported", r.PartialRotary)
	}
	switch r.Type {
	case "default":
	case "linear", "llama3", "yarn":
		if r.Factor < 1 {
			return r, fmt.Errorf("config.json: rope type %q needs a factor of at least 1, not %g", r.Type, r.Factor)
		}
	default:
		return r, fmt.Errorf("config.json: rope type %q is not supported: default, linear, llama3 and yarn are", r.Type)
	}
	if r.Type == "llama3" && (r.LowFreqFactor <= 0 || r.HighFreqFactor <= r.LowFreqFactor) {
		return r, fmt.Errorf("config.json: rope type llama3 needs 0 < low_freq_factor < high_freq_factor, not %g and %g",
			r.LowFreqFactor, r.HighFreqFactor)
	}
	return r, nil
}

// Rope turns positions into rotation angles: cos and sin of position × frequency, scaled.
type Rope struct {
	Frequencies []float32 // inv_freq, head_dim/2 of them
	Scaling     float64   // attention_scaling: cos and sin are multiplied by it
}

// frequencies computes inv_freq as transformers does, in float32 where it does.
func (r ropeConfig) frequencies(headDim int) Rope {
	out := Rope{Frequencies: make([]float32, headDim/2), Scaling: 1}
	for i := range out.Frequencies {
		exponent := float32(2*i) / float32(headDim)
		out.Frequencies[i] = 1 / float32(math.Pow(r.Theta, float64(exponent)))
	}
	switch r.Type {
	case "linear":
		for i := range out.Frequencies {
			out.Frequencies[i] /= float32(r.Factor)
		}
	case "llama3":
		r.llama3(out.Frequencies)
	case "yarn":
		out.Scaling = r.yarn(out.Frequencies, headDim)
	}
	return out
}

// llama3 divides low frequencies by the factor, keeps high ones, and blends between.
func (r ropeConfig) llama3(freq []float32) {
	lowWavelength := r.OriginalLength / r.LowFreqFactor
	highWavelength := r.OriginalLength / r.HighFreqFactor
	for i, f := range freq {
		wavelength := 2 * math.Pi / float64(f)
		switch {
		case wavelength < highWavelength:
		case wavelength > lowWavelength:
			freq[i] = f / float32(r.Factor)
		default:
			smooth := (r.OriginalLength/wavelength - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
			freq[i] = float32((1-smooth)*float64(f)/r.Factor + smooth*float64(f))
		}
	}
}

// yarn interpolates by frequency and returns the factor that cos and sin are scaled by.
func (r ropeConfig) yarn(freq []float32, headDim int) float64 {
	fast, slow := r.BetaFast, r.BetaSlow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	boundary := func(rotations float64) float64 {
		return float64(headDim) * math.Log(r.OriginalLength/(rotations*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := boundary(fast), boundary(slow)
	if r.TruncateBoundary == nil || *r.TruncateBoundary {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(headDim-1))
	if low == high {
		high += 0.001
	}
	for i, f := range freq {
		keep := 1 - min(max((float64(i)-low)/(high-low), 0), 1)
		freq[i] = float32(float64(f)/r.Factor*(1-keep) + float64(f)*keep)
	}
	return r.yarnScaling()
}

func (r ropeConfig) yarnScaling() float64 {
	if r.AttentionFactor != 0 {
		return r.AttentionFactor
	}
	scale := func(m float64) float64 {
		if r.Factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(r.Factor) + 1
	}
	if r.MScale != 0 && r.MScaleAllDim != 0 {
		return scale(r.MScale) / scale(r.MScaleAllDim)
	}
	return scale(1)
}

// Tables returns cos and sin for the positions, each [len(positions), head_dim]. The first half of a sin row is
// negated, so that rotating is x·cos + swap(x)·sin with swap exchanging the halves.
func (r Rope) Tables(positions []int32) (cos, sin []float32) {
	half := len(r.Frequencies)
	cos = make([]float32, len(positions)*2*half)
	sin = make([]float32, len(positions)*2*half)
	for t, p := range positions {
		row := t * 2 * half
		for i, f := range r.Frequencies {
			angle := float64(float32(p) * f)
			c, s := float32(math.Cos(angle)*r.Scaling), float32(math.Sin(angle)*r.Scaling)
			cos[row+i], cos[row+half+i] = c, c
			sin[row+i], sin[row+half+i] = -s, s
		}
	}
	return cos, sin
}
