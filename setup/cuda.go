package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// cudaPluginFile is the name that go-xla's conventions give the plugin.
const cudaPluginFile = "pjrt_c_api_cuda_plugin.so"

// jaxCUDAPlugin is where a Python installation of JAX keeps the same plugin.
const jaxCUDAPlugin = "jax_plugins/xla_cuda1[23]/xla_cuda_plugin.so"

// cudaPart is the plugin with NVIDIA's libraries around it, where the plugin's own search path looks for them.
var cudaPart = part{step: cudaStep, dir: "native/pjrt-cuda13-" + cudaPluginWheel.version, files: []string{
	"nvidia/" + cudaPluginFile, "nvidia/cu13/lib/libcublasLt.so.13", "nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cu13/bin/ptxas",
}}

// cudaCompilerPart is the plugin with what it opens to compile.
var cudaCompilerPart = part{step: cudaCompilerStep, dir: "native/pjrt-cuda13-compiler-" + cudaPluginWheel.version, files: []string{
	"nvidia/" + cudaPluginFile, "nvidia/cu13/bin/ptxas", "nvidia/cu13/nvvm/libdevice/libdevice.10.bc",
}}

// cudaPluginWheel carries xla_cuda_plugin.so: the XLA of jaxlib of the same version.
var cudaPluginWheel = cudaWheel("jax-cuda13-pjrt", "0.11.2", "e5ff589d43064913bb74027682d89639c7ea48f9f81c2bae6fc75117e913f93e")

// nvidiaWheels are the libraries that the plugin opens at run time, in the versions of CUDA 13.0: a driver of any CUDA 13
// runs them, where one older than a newer toolkit would not.
func nvidiaWheels() []wheel {
	return append(compilerWheels(),
		cudaWheel("nvidia-cuda-runtime", "13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
		cudaWheel("nvidia-cuda-nvrtc", "13.0.88", "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
		cudaWheel("nvidia-nvjitlink", "13.0.88", "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b"),
		cudaWheel("nvidia-cuda-cupti", "13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
		cudaWheel("nvidia-cublas", "13.1.0.3", "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171"),
		cudaWheel("nvidia-cusparse", "12.6.3.3", "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
		cudaWheel("nvidia-cusolver", "12.0.4.66", "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
		cudaWheel("nvidia-cufft", "12.0.0.61", "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
		cudaWheel("nvidia-nccl-cu13", "2.28.9", "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42"),
		cudaWheel("nvidia-nvshmem-cu13", "3.4.5", "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
		cudaWheel("nvidia-cudnn-cu13", "9.26.1.1", "c709224270fbfb5c51248422b468dc258461a723a8d5a21f50111614b36b8c53"))
}

// compilerWheels are the assembler and the device library.
func compilerWheels() []wheel {
	return []wheel{
		cudaWheel("nvidia-cuda-nvcc", "13.0.88", "56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03"),
		cudaWheel("nvidia-nvvm", "13.0.88", "c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0"),
	}
}

func cudaWheel(name, version, sha256 string) wheel {
	return wheel{name, version, regexp.MustCompile(`x86_64\.whl$`), sha256}
}

// cudaPlugin finds the CUDA plugin in the environment, in our cache or in a Python installation, or gets it with NVIDIA's
// libraries from the Python registry.
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
	so, err := cudaPart.cuda(ctx, nvidiaWheels(), "2 GB", report)
	if err != nil {
		return "", fmt.Errorf("%w; connect this machine to the network, set SFTUI_PJRT_CUDA to an xla_cuda_plugin.so, or use --device cpu", err)
	}
	return so, nil
}

// cudaCompiler finds a CUDA plugin, or gets one with what it opens to compile.
func cudaCompiler(ctx context.Context, report Reporter) (string, error) {
	if path := FindPlugin(CUDA); path != "" {
		return path, nil
	}
	so, err := cudaCompilerPart.cuda(ctx, compilerWheels(), "250 MB", report)
	if err != nil {
		return "", fmt.Errorf("%w; connect this machine to the network, or set SFTUI_PJRT_CUDA to an xla_cuda_plugin.so", err)
	}
	return so, nil
}

// cuda installs a part that is the CUDA plugin and libraries around it, so much in all, and returns the plugin.
func (p part) cuda(ctx context.Context, libraries []wheel, size string, report Reporter) (string, error) {
	dir, err := p.install(ctx, report, func(ctx context.Context, tmp string) error {
		if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
			return errors.New("the plugin exists for Linux on x86-64 only")
		}
		return installCUDA(ctx, pythonRegistry, newFetcher(), filepath.Join(tmp, "nvidia"), libraries, size, p.step, report)
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, p.files[0]), nil
}

// installCUDA puts libraries and the plugin into dir.
func installCUDA(ctx context.Context, ask registry, f fetcher, dir string, libraries []wheel, size, step string, report Reporter) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, w := range libraries {
		report.note(step, "getting %s %s (%d of %d, %s in all)", w.name, w.version, i+1, len(libraries)+1, size)
		if err := w.extractDir(ctx, ask, f, "nvidia", dir, step, report); err != nil {
			return err
		}
	}
	target := filepath.Join(dir, cudaPluginFile)
	if err := cudaPluginWheel.extract(ctx, ask, f, "jax_plugins/xla_cuda13/xla_cuda_plugin.so", target, step, report); err != nil {
		return err
	}
	return os.Chmod(target, 0o755)
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
