package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// cudaPluginFile is the name that go-xla's installer gives the plugin.
const cudaPluginFile = "pjrt_c_api_cuda_plugin.so"

// jaxCUDAPlugin is where a Python installation of JAX keeps the plugin that go-xla would download.
const jaxCUDAPlugin = "jax_plugins/xla_cuda1[23]/xla_cuda_plugin.so"

// cudaPart is the plugin with NVIDIA's libraries around it, in the layout that go-xla's installer makes.
var cudaPart = part{step: cudaStep, dir: "native/pjrt-cuda13", files: []string{"lib/go-xla/nvidia/" + cudaPluginFile}}

// cudaPlugin finds the CUDA plugin in the environment, in our cache or in a Python installation, or has go-xla's
// installer get it with NVIDIA's libraries from the Python registry, whose SHA-256 sums it checks.
func cudaPlugin(ctx context.Context, report Reporter) (string, error) {
	if path := os.Getenv("SFTUI_PJRT_CUDA"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("SFTUI_PJRT_CUDA does not name a plugin: %w", err)
		}
		return path, nil
	}
	if path := FindPlugin(CUDA); path != "" {
		return path, nil
	}
	dir, err := cudaPart.install(ctx, report, func(ctx context.Context, tmp string) error {
		report.note(cudaStep, "go-xla's installer gets the plugin and NVIDIA's libraries, several GB")
		return installCUDA(ctx, filepath.Join(tmp, "lib", "go-xla"))
	})
	if err != nil {
		return "", fmt.Errorf("%w; connect this machine to the network, set SFTUI_PJRT_CUDA to an xla_cuda_plugin.so, or use --device cpu", err)
	}
	return filepath.Join(dir, cudaPart.files[0]), nil
}

// pythonCUDAPlugin looks where Python packages usually lie, and in the active virtual environment.
func pythonCUDAPlugin() string {
	home, _ := os.UserHomeDir()
	roots := []string{filepath.Join(home, ".local"), "/usr/local", "/usr"}
	if venv := os.Getenv("VIRTUAL_ENV"); venv != "" {
		roots = append([]string{venv}, roots...)
	}
	for _, root := range roots {
		for _, packages := range []string{"site-packages", "dist-packages"} {
			for _, lib := range []string{"lib/python3*", "lib/python3", "local/lib/python3*"} {
				if found, _ := filepath.Glob(filepath.Join(root, lib, packages, jaxCUDAPlugin)); len(found) > 0 {
					return found[len(found)-1]
				}
			}
		}
	}
	return ""
}
