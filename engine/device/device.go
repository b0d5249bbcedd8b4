// Package device opens the accelerator that training runs on and reads how
// much of it is in use.
package device

import (
	"context"
	"errors"

	"github.com/gomlx/compute"
)

// Kinds of device that Open takes beside "auto".
const (
	Auto = "auto"
	CPU  = "cpu"  // XLA's CPU plugin
	CUDA = "cuda" // XLA's CUDA plugin
	Go   = "go"   // pure Go, no plugin: for tiny models only
)

// Device is an open backend.
type Device struct {
	Backend compute.Backend
	Kind    string // CPU, CUDA or Go
	Name    string // what to show: "CPU (2 cores)", "NVIDIA H200"
	Warning string // not empty when the choice is much slower than it could be, and why
}

// Reading is one look at the device's memory and load.
type Reading struct {
	Used        uint64  // bytes: RSS of this process on CPU, device memory in use on NVIDIA
	Peak        uint64  // highest Used seen by this process
	Limit       uint64  // bytes: RAM (or the container's limit), or the GPU's memory
	RSS         uint64  // bytes of this process in RAM, whatever the device
	CPUPercent  float64 // of one core, since the last reading
	GPUPercent  float64
	PowerWatts  float64
	Temperature float64 // °C
}

var errNotYet = errors.New("the device layer is being written")

// Open opens a device. kind is "auto", "cpu", "cuda" or "go"; pluginDir finds (or fetches) the plugin of a
// kind and returns its folder or the .so itself.
func Open(ctx context.Context, kind string, pluginDir func(ctx context.Context, kind string) (string, error)) (*Device, error) {
	return nil, errNotYet
}

// Memory reads memory and load.
func (d *Device) Memory() Reading { return Reading{} }

// Close frees the backend.
func (d *Device) Close() {}
