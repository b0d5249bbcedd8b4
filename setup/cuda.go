package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gomlx/go-xla/installer"
)

// jaxCUDAPlugin is where a Python installation of JAX keeps the plugin that go-xla would download.
const jaxCUDAPlugin = "jax_plugins/xla_cuda1[23]/xla_cuda_plugin.so"

// cudaPlugin finds the CUDA plugin in the environment, in our cache or in a Python installation, or has go-xla's
// installer get it with NVIDIA's libraries from the Python registry, whose SHA-256 sums it checks.
func cudaPlugin(ctx context.Context, report Reporter) (string, error) {
	if path := os.Getenv("SFTUI_PJRT_CUDA"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("SFTUI_PJRT_CUDA does not name a plugin: %w", err)
		}
		return path, nil
	}
	if path := installedPlugin(CUDA); path != "" {
		return path, nil
	}
	if path := pythonCUDAPlugin(); path != "" {
		return path, nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("XLA's CUDA plugin exists for Linux on x86-64 only, not for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	inside := filepath.Join("lib", "go-xla", "nvidia", installer.NVIDIAPJRTPluginFileName)
	p := part{step: cudaStep, dir: "native/pjrt-cuda13", files: []string{inside}}
	dir, err := p.install(ctx, report, func(ctx context.Context, tmp string) error {
		report.note(cudaStep, "go-xla's installer gets the plugin and NVIDIA's libraries, several GB")
		return installCUDA(ctx, filepath.Join(tmp, "lib", "go-xla"))
	})
	if err != nil {
		return "", fmt.Errorf("%w; connect this machine to the network, set SFTUI_PJRT_CUDA to an xla_cuda_plugin.so, or use --device cpu", err)
	}
	return filepath.Join(dir, inside), nil
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

// installCUDA runs go-xla's installer and leaves it behind when ctx ends, since it knows no context. It writes its
// progress to the process's standard output, which belongs to JSON and to the workbench's screen: that is
// turned away while it runs.
func installCUDA(ctx context.Context, dir string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	stdout := os.Stdout
	done := make(chan error, 1)
	os.Stdout = null
	go func() { done <- installer.CudaInstall("cuda13", "latest", dir, false, installer.Quiet) }()
	select {
	case err = <-done:
		os.Stdout = stdout
		if err != nil {
			return err
		}
		return relinkPtxas(filepath.Join(dir, "nvidia", "bin"))
	case <-ctx.Done():
		os.Stdout = stdout
		return ctx.Err()
	}
}

// relinkPtxas makes the installer's absolute link relative, since the folder it points into gets another name.
func relinkPtxas(bin string) error {
	link := filepath.Join(bin, "ptxas")
	if err := os.Remove(link); err != nil {
		return err
	}
	return os.Symlink(filepath.Join("..", "cu13", "bin", "ptxas"), link)
}
