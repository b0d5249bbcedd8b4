package device

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpu reads the first NVIDIA device through NVML, which is loaded at run time; a nil gpu reads nothing.
type gpu struct {
	library nvml.Interface
	handle  nvml.Device
}

// openGPU returns nil where NVML or a GPU is missing.
func openGPU() *gpu {
	library := nvml.New()
	if library.Init() != nvml.SUCCESS {
		return nil
	}
	handle, status := library.DeviceGetHandleByIndex(0)
	if status != nvml.SUCCESS {
		_ = library.Shutdown()
		return nil
	}
	return &gpu{library: library, handle: handle}
}

// name returns the product's name, or otherwise.
func (g *gpu) name(otherwise string) string {
	if g == nil {
		return otherwise
	}
	if name, status := g.handle.GetName(); status == nvml.SUCCESS {
		return name
	}
	return otherwise
}

// read fills in what the driver answers.
func (g *gpu) read(r *Reading) {
	if g == nil {
		return
	}
	if memory, status := g.handle.GetMemoryInfo(); status == nvml.SUCCESS {
		r.Used, r.Limit = memory.Used, memory.Total
	}
	if load, status := g.handle.GetUtilizationRates(); status == nvml.SUCCESS {
		r.GPUPercent = float64(load.Gpu)
	}
	if milliwatts, status := g.handle.GetPowerUsage(); status == nvml.SUCCESS {
		r.PowerWatts = float64(milliwatts) / 1000
	}
	if degrees, status := g.handle.GetTemperature(nvml.TEMPERATURE_GPU); status == nvml.SUCCESS {
		r.Temperature = float64(degrees)
	}
}

func (g *gpu) close() {
	if g != nil {
		_ = g.library.Shutdown()
	}
}
