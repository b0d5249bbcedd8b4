// Package device opens the accelerator that training runs on and reads how
// much of it is in use.
package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/go-xla/compute/xla"
)

// Kinds of device that Open takes.
const (
	Auto = "auto" // CUDA where an NVIDIA driver is, else CPU, else Go
	CPU  = "cpu"  // XLA's CPU plugin
	CUDA = "cuda" // XLA's CUDA plugin
	// CUDACompiler asks a PluginFinder for as much of CUDA as compiling takes, which needs no GPU.
	CUDACompiler = "cuda-compiler"
	Go           = "go" // pure Go, no plugin: for tiny models only
)

// slowWarning is what a user of the pure Go backend should know before starting anything long.
const slowWarning = "the pure Go backend computes about 5 to 20 times slower than XLA; it is meant for tiny models"

// Device is an open backend. Memory may be called from any goroutine.
type Device struct {
	Backend compute.Backend
	Kind    string // CPU, CUDA or Go
	Name    string // what to show: "CPU (2 cores)", "NVIDIA H200"
	Warning string // set when the device is much slower than it could be: how much, and why

	plugin    string     // the file, "" without one
	described *Described // the GPU that is not here
	mu        sync.Mutex
	usage     usage
	gpu       *gpu
}

// PluginFinder returns the PJRT plugin of a kind (CPU or CUDA): its .so, or the folder that holds it.
type PluginFinder func(ctx context.Context, kind string) (string, error)

// Open opens a device of the given kind. An empty kind means Auto. With Auto a missing plugin is no error: the
// next kind is tried, down to pure Go, and Device.Warning says what was lost. A nil find looks only into
// PJRT_PLUGIN_LIBRARY_PATH.
func Open(ctx context.Context, kind string, find PluginFinder) (*Device, error) {
	if find == nil {
		find = findInEnvironment
	}
	switch kind {
	case CPU, CUDA:
		return openXLA(ctx, kind, find)
	case Go:
		return openGo(slowWarning)
	case Auto, "":
		return openAuto(ctx, find)
	}
	return nil, fmt.Errorf("no device %q: choose auto, cpu, cuda or go", kind)
}

func openAuto(ctx context.Context, find PluginFinder) (*Device, error) {
	var lost []string
	kinds := []string{CPU}
	if nvidiaPresent() {
		kinds = []string{CUDA, CPU}
	}
	for _, kind := range kinds {
		d, err := openXLA(ctx, kind, find)
		if err == nil {
			if d.Warning != "" {
				lost = append(lost, d.Warning)
			}
			d.Warning = strings.Join(lost, "; ")
			return d, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		lost = append(lost, fmt.Sprintf("%s could not be used: %v", kind, err))
	}
	return openGo(strings.Join(append(lost, slowWarning), "; "))
}

func openXLA(ctx context.Context, kind string, find PluginFinder) (d *Device, err error) {
	if kind == CUDA && !nvidiaPresent() {
		// Before find, which would download gigabytes.
		return nil, errors.New("no NVIDIA driver is loaded on this machine; choose device cpu, or auto")
	}
	path, err := find(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("find XLA's %s plugin: %w", kind, err)
	}
	so, err := pluginFile(path, kind)
	if err != nil {
		return nil, err
	}
	// The plugin is foreign code; a panic while it loads must not take the workbench down.
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("load %s: %v", so, r)
		}
	}()
	oneArena()
	config := so
	if kind == CUDA {
		prepareCUDA(so)
		config += cudaOptions()
	}
	backend, err := xla.NewWithOptions(config, nil)
	if err != nil {
		return nil, fmt.Errorf("load %s: %s", so, lastReason(err))
	}
	d = &Device{Backend: backend, Kind: kind, Name: cpuName(), plugin: so}
	if kind == CUDA {
		dispatchAhead(backend)
		if d.gpu = openGPU(); d.gpu == nil {
			d.Warning = "the driver's library NVML (libnvidia-ml.so.1) cannot be opened: the GPU's memory and load stay unknown, and attention is computed without cuDNN"
		}
		d.Name = d.gpu.name("NVIDIA GPU")
		d.usage.others = d.gpu.used()
	}
	return d, nil
}

func openGo(warning string) (*Device, error) {
	backend, err := gobackend.New("")
	if err != nil {
		return nil, fmt.Errorf("open the pure Go backend: %w", err)
	}
	return &Device{Backend: backend, Kind: Go, Name: cpuName() + ", pure Go", Warning: warning}, nil
}

// pluginFile finds the .so of a kind in path, which may be the file itself.
func pluginFile(path, kind string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("XLA's %s plugin: %w", kind, err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("XLA's %s plugin: %w", kind, err)
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, pattern := range []string{"*" + kind + "*.so", "lib/*" + kind + "*.so"} {
		if found, _ := filepath.Glob(filepath.Join(path, pattern)); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("no %s plugin (*%s*.so) in %s", kind, kind, path)
}

// findInEnvironment looks for a plugin where go-xla itself would.
func findInEnvironment(_ context.Context, kind string) (string, error) {
	folders := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	for _, folder := range folders {
		if so, err := pluginFile(folder, kind); err == nil {
			return so, nil
		}
	}
	if len(folders) == 0 {
		return "", errors.New("PJRT_PLUGIN_LIBRARY_PATH is not set")
	}
	return "", fmt.Errorf("no *%s*.so in PJRT_PLUGIN_LIBRARY_PATH", kind)
}

// nvidiaPresent looks for a driver as containers, virtual machines and Windows' Linux show one.
func nvidiaPresent() bool {
	if exists("/proc/driver/nvidia/version") || exists("/dev/dxg") {
		return true
	}
	nodes, _ := filepath.Glob("/dev/nvidia[0-9]*")
	return len(nodes) > 0
}

// lastReason is what the plugin said, without the names of the calls around it, which repeat the path.
func lastReason(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, "PJRT error"); at >= 0 {
		if _, said, found := strings.Cut(text[at:], ": "); found {
			return said
		}
	}
	return text
}

func cpuName() string {
	cores := runtime.GOMAXPROCS(0)
	if cores == 1 {
		return "CPU (1 core)"
	}
	return fmt.Sprintf("CPU (%d cores)", cores)
}

// Capability is the compute capability of an NVIDIA GPU, 9 and 0 for an H200; zeros for other devices.
func (d *Device) Capability() (major, minor int) {
	if d.described != nil {
		return d.described.Major, d.described.Minor
	}
	return d.gpu.capability()
}

// FusesAttention says whether the backend has a call of cuDNN's attention.
func (d *Device) FusesAttention() bool {
	if d.described != nil {
		return true
	}
	return d.Kind == CUDA && d.Backend.Capabilities().Operations[compute.OpTypeFusedScaledDotProductAttention]
}

// UseTF32 lets an NVIDIA GPU round the operands of float32 products to TF32, in programs that are compiled afterwards.
// Bfloat16 products and other devices do not change.
func (d *Device) UseTF32(on bool) {
	switch backend := d.Backend.(type) {
	case *xla.Backend:
		backend.DotGeneralUseTF32 = on && d.Kind == CUDA
	case *Ahead:
		backend.DotGeneralUseTF32 = on
	}
}

// Close frees the backend. Buffers on it must be freed before.
func (d *Device) Close() {
	if d == nil || d.Backend == nil {
		return
	}
	d.Backend.Finalize()
	d.gpu.close()
	d.Backend, d.gpu = nil, nil
}
