package device

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Described is a GPU that need not be here: programs can be compiled for it, and what they need of its memory be told.
type Described struct {
	Name         string
	Major, Minor int    // compute capability
	Memory       uint64 // bytes

	cores, unitsPerCore, threadsPerCore  int
	sharedPerCore, sharedPerBlock, cache int     // bytes
	bandwidth                            int     // bytes a second
	clock                                float64 // GHz
	accelerated                          bool    // the architecture's own instructions, "a" behind its number
}

// described are the GPUs known by name, as XLA itself describes them.
func described() map[string]Described {
	hopper := Described{
		Major: 9, cores: 132, unitsPerCore: 128, threadsPerCore: 2048, sharedPerCore: 233472, sharedPerBlock: 232448,
		cache: 52428800, clock: 1.98, accelerated: true,
	}
	h100, h200 := hopper, hopper
	h100.Name, h100.Memory, h100.bandwidth = "NVIDIA H100 80GB HBM3", 84942979072, 3352320000000
	h200.Name, h200.Memory, h200.bandwidth = "NVIDIA H200", 151397597184, 4800000000000
	return map[string]Described{
		"h100": h100,
		"h200": h200,
		"a100": {
			Name: "NVIDIA A100-SXM4-80GB", Major: 8, Memory: 85100068864, cores: 108, unitsPerCore: 64, threadsPerCore: 2048,
			sharedPerCore: 167936, sharedPerBlock: 166912, cache: 41943040, bandwidth: 2039040000000, clock: 1.41,
		},
		"a6000": {
			Name: "NVIDIA RTX A6000", Major: 8, Minor: 6, Memory: 51041271808, cores: 84, unitsPerCore: 128, threadsPerCore: 1536,
			sharedPerCore: 102400, sharedPerBlock: 101376, cache: 6291456, bandwidth: 768096000000, clock: 1.8,
		},
	}
}

// DescribedNames are the GPUs that Describe knows.
func DescribedNames() []string { return slices.Sorted(maps.Keys(described())) }

// Describe returns the GPU of a name such as "h200".
func Describe(name string) (Described, error) {
	gpu, known := described()[strings.ToLower(name)]
	if !known {
		return Described{}, fmt.Errorf("no description of a GPU %q: %s are known", name, strings.Join(DescribedNames(), ", "))
	}
	return gpu, nil
}

// Device is the GPU without a compiler: how much memory it has and which attention it computes is known, and no more.
func (g Described) Device() *Device {
	return &Device{Kind: CUDA, Name: g.Name, described: &g}
}

// Described says whether the device is a description only, which holds no buffers and runs nothing.
func (d *Device) Described() bool { return d.described != nil }

// Free is how many bytes a process that has the GPU to itself can come to use.
func (g Described) Free() uint64 { return cudaFree(g.Memory, 0) }

// target is XLA's GpuTargetConfigProto as text.
func (g Described) target() string {
	extension := "NONE"
	if g.accelerated {
		extension = "ACCELERATED_FEATURES"
	}
	return fmt.Sprintf(`gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: %d
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  shared_memory_per_block: 49152 shared_memory_per_core: %d shared_memory_per_block_optin: %d
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  core_count: %d fpus_per_core: %d clock_rate_ghz: %g
  memory_bandwidth: %d l2_cache_size: %d device_memory_size: %d
  cuda_compute_capability { major: %d minor: %d feature_extension: %s }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: 13 minor: 0 }
device_description_str: %q`,
		g.threadsPerCore, g.sharedPerCore, g.sharedPerBlock, g.cores, g.unitsPerCore, g.clock,
		g.bandwidth, g.cache, g.Memory, g.Major, g.Minor, extension, g.Name)
}
