package device

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cudaPercent is the part of a GPU's memory that XLA may take, which by itself takes 75%: the rest is CUDA's own.
const cudaPercent = 95

// cudaOptions are what the plugin's client is made with. Memory is taken as it is needed, so that others on the GPU and the
// figures shown see what is used. Without tf32 a float32 product is one, as in PyTorch; UseTF32 turns it on.
func cudaOptions() string {
	return fmt.Sprintf(",preallocate=false,memory_fraction=%.2f,tf32=false", cudaPercent/100.0)
}

// cudaFree is how much of a GPU's memory a process can come to use where others held some of it before.
func cudaFree(total, others uint64) uint64 {
	return min(total/100*cudaPercent, total-min(total, others))
}

// cudaLibraries are NVIDIA's libraries that the plugin and cuDNN open by name, in the order of their dependencies and
// relative to the folder "nvidia" of their Python packages. Those that are loaded already are found wherever they lie;
// otherwise LD_LIBRARY_PATH, which counts only from the start of a process, would have to name each folder.
func cudaLibraries() []string {
	return []string{
		"cu13/lib/libcudart.so.13", "cu13/lib/libnvrtc.so.13", "cu13/lib/libnvJitLink.so.13",
		"cu13/lib/libcublasLt.so.13", "cu13/lib/libcublas.so.13", "cu13/lib/libcusparse.so.12", "cu13/lib/libcusolver.so.12",
		"cu13/lib/libcufft.so.12", "cu13/lib/libcupti.so.13", "nccl/lib/libnccl.so.2", "nvshmem/lib/libnvshmem_host.so.3",
		"cudnn/lib/libcudnn.so.9",
	}
}

// nvidiaFolder is the folder "nvidia" of the libraries that belong to a plugin, "" when it stands alone: beside the
// plugin's folder as setup makes it, or two above as in Python's site-packages.
func nvidiaFolder(plugin string) string {
	plugin, err := filepath.EvalSymlinks(plugin)
	if err != nil {
		return ""
	}
	for _, up := range []string{"..", "../.."} {
		dir := filepath.Join(filepath.Dir(plugin), up, "nvidia")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}

// prepareCUDA makes NVIDIA's libraries known and sets what the plugin reads from the environment. What the user has set
// there stays, and comes last in XLA_FLAGS, where the last one counts.
func prepareCUDA(plugin string) {
	// Programs are launched one by one, each with buffers of another layer. As CUDA graphs they would have to be updated
	// every time before the GPU may begin.
	flags := []string{"--xla_gpu_enable_command_buffer="}
	if dir := tunedFolder(plugin); dir != "" {
		flags = append(flags, "--xla_gpu_per_fusion_autotune_cache_dir="+dir)
	}
	if dir := nvidiaFolder(plugin); dir != "" {
		preload(dir, cudaLibraries())
		if toolkit := filepath.Join(dir, "cu13"); exists(filepath.Join(toolkit, "nvvm", "libdevice")) {
			flags = append(flags, "--xla_gpu_cuda_data_dir="+toolkit)
		}
	}
	setenv("XLA_FLAGS", strings.TrimSpace(strings.Join(flags, " ")+" "+os.Getenv("XLA_FLAGS")))
	// NVML counts GPUs in this order; the plugin must too, for readings to be those of the GPU that trains.
	if os.Getenv("CUDA_DEVICE_ORDER") == "" {
		setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
	}
	// go-xla warns of a layout that prepareCUDA has just taken care of.
	setenv("GOPJRT_CUDA_CHECKS", "no")
}

// tunedFolder is where XLA notes which of a product's kernels was the fastest, so that the next process need not measure
// again; one for every plugin, since another one has other kernels. It is "" where no folder can be made.
func tunedFolder(plugin string) string {
	info, err := os.Stat(plugin)
	if err != nil {
		return ""
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "sftui", "tuned", fmt.Sprintf("%x-%x", info.Size(), info.ModTime().Unix()))
	if strings.ContainsAny(dir, " \t") || os.MkdirAll(dir, 0o755) != nil {
		return "" // XLA_FLAGS is split at spaces
	}
	return dir
}

func setenv(key, value string) { _ = os.Setenv(key, value) } // fails for malformed keys only

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
