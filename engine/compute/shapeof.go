package compute

import (
	"sftui/engine/device"
	"sftui/engine/model"
)

// Fused is the attention that a device computes by itself; the zero value is
// none. Layouts follow it.
type Fused struct {
	Has          bool
	Major, Minor int // compute capability
}

// FusedOn is what a device has.
func FusedOn(dev *device.Device) Fused {
	major, minor := dev.Capability()
	return Fused{dev.FusesAttention(), major, minor}
}

// ShapesOf returns a function for the shape that a session with a configuration
// would run a batch of the model in, so that forecasts need no open session; it
// returns the zero Shape when the batch has no tokens.
func (f Fused) ShapesOf(c Config, m *model.Model) func(b Batch) Shape {
	attention := f.choose(c, m)
	return func(b Batch) Shape {
		l, err := layOut(b, c.MaxLength, attention)
		if err != nil {
			return Shape{}
		}
		return l.shape
	}
}
