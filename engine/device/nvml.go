package device

import (
	"os"
	"strconv"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpu reads the first visible NVIDIA device through NVML, which is loaded at run time; a nil gpu reads nothing.
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
	handle, status := visibleGPU(library, os.Getenv("CUDA_VISIBLE_DEVICES"))
	if status != nvml.SUCCESS {
		_ = library.Shutdown()
		return nil
	}
	return &gpu{library: library, handle: handle}
}

// visibleGPU is the device that CUDA counts as the first one: visible is CUDA_VISIBLE_DEVICES, numbers or UUIDs.
func visibleGPU(library nvml.Interface, visible string) (nvml.Device, nvml.Return) {
	first, _, _ := strings.Cut(visible, ",")
	first = strings.TrimSpace(first)
	if strings.HasPrefix(first, "GPU-") || strings.HasPrefix(first, "MIG-") {
		return library.DeviceGetHandleByUUID(first)
	}
	index, err := strconv.Atoi(first)
	if err != nil {
		index = 0
	}
	return library.DeviceGetHandleByIndex(index)
}

// capability returns the compute capability, zeros where it is unknown.
func (g *gpu) capability() (major, minor int) {
	if g == nil {
		return 0, 0
	}
	if major, minor, status := g.handle.GetCudaComputeCapability(); status == nvml.SUCCESS {
		return major, minor
	}
	return 0, 0
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

// GPUPresent says whether an NVIDIA driver is loaded, so that Auto tries a GPU first.
func GPUPresent() bool { return nvidiaPresent() }

// used is how much of the GPU's memory is in use, in bytes, by whomever.
func (g *gpu) used() uint64 {
	var r Reading
	g.read(&r)
	return r.Used
}

func (g *gpu) close() {
	if g != nil {
		_ = g.library.Shutdown()
	}
}
