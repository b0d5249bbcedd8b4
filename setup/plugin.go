package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gomlx/go-xla/installer"
)

// Kinds of PJRT plugin.
const (
	CPU  = "cpu"
	CUDA = "cuda"
	// CUDACompiler is CUDA's plugin with as much around it as compiling takes, for a GPU that need not be here.
	CUDACompiler = "cuda-compiler"
)

const (
	pluginFile        = "pjrt_c_api_cpu_plugin.so"
	cpuReleaseRepo    = "gomlx/pjrt-cpu-binaries"
	cpuReleaseVersion = "v0.114.0" // the one that go-xla 0.4.5 was made for
	cpuStep           = "XLA's CPU plugin"
	cudaStep          = "XLA's CUDA plugin"
	cudaCompilerStep  = "XLA's CUDA compiler"
)

// Plugin returns the path of XLA's PJRT plugin of a kind (CPU or CUDA), and gets it first where the cache lacks it.
// A plugin that PJRT_PLUGIN_LIBRARY_PATH (folders) or, for CUDA, SFTUI_PJRT_CUDA (a file) names is taken as it is.
func Plugin(ctx context.Context, kind string, report Reporter) (path string, err error) {
	switch kind {
	case CPU:
		return cpuPlugin(ctx, report)
	case CUDA:
		return cudaPlugin(ctx, report)
	case CUDACompiler:
		return cudaCompiler(ctx, report)
	}
	return "", fmt.Errorf("there is no XLA plugin for %q, only for %s and %s", kind, CPU, CUDA)
}

// HasNVIDIA reports whether this machine seems to have an NVIDIA GPU.
func HasNVIDIA() bool { return installer.HasNvidiaGPU() }

// FindPlugin returns the path of a plugin that is on this machine already, "" when Plugin would have to get it.
func FindPlugin(kind string) string {
	if path := installedPlugin(kind); path != "" {
		return path
	}
	cache, err := CacheDir()
	if err != nil {
		return ""
	}
	var parts []part
	switch kind {
	case CPU:
		parts = cpuPluginParts()
	case CUDA:
		if path := os.Getenv("SFTUI_PJRT_CUDA"); path != "" {
			return path
		}
		parts = []part{cudaPart}
	}
	for _, p := range parts {
		if dir := filepath.Join(cache, p.dir); p.complete(dir) {
			return filepath.Join(dir, p.files[0])
		}
	}
	if kind == CUDA {
		return pythonCUDAPlugin()
	}
	return ""
}

// cpuPluginParts has the two versions that may be in the cache: from the wheel and from GitHub's release.
func cpuPluginParts() []part {
	return []part{
		{step: cpuStep, dir: "native/pjrt-cpu-" + cpuPluginWheel.version, files: []string{pluginFile}},
		{step: cpuStep, dir: "native/pjrt-cpu-" + strings.TrimPrefix(cpuReleaseVersion, "v"), files: []string{pluginFile}},
	}
}

// installedPlugin looks into the folders of PJRT_PLUGIN_LIBRARY_PATH.
func installedPlugin(kind string) string {
	for _, folder := range filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH")) {
		if found, _ := filepath.Glob(filepath.Join(folder, "*"+kind+"*.so")); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// cpuPlugin keeps the two versions in folders of their own, so that it can be seen which one is used.
func cpuPlugin(ctx context.Context, report Reporter) (string, error) {
	if path := FindPlugin(CPU); path != "" {
		return path, nil
	}
	const advice = "connect this machine to the network, set PJRT_PLUGIN_LIBRARY_PATH to a folder with " + pluginFile + ", or use --device go for tiny models"
	parts := cpuPluginParts()
	into := func(p part, fill func(ctx context.Context, tmp string) error) func(context.Context, string) error {
		return func(ctx context.Context, _ string) error {
			_, err := p.install(ctx, report, fill)
			return err
		}
	}
	sources := []source{{"GitHub's release " + cpuReleaseVersion, into(parts[1], func(ctx context.Context, tmp string) error {
		return officialCPUPlugin(ctx, newFetcher(), githubAPI, tmp, report)
	})}}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		sources = append(sources, source{"the wheel " + cpuPluginWheel.name + " " + cpuPluginWheel.version, into(parts[0], func(ctx context.Context, tmp string) error {
			return cpuPluginFromWheel(ctx, pythonRegistry, newFetcher(), tmp, report)
		})})
	}
	if err := firstOf(ctx, cpuStep, advice, report, "", sources...); err != nil {
		return "", fmt.Errorf("%s: %w", cpuStep, err)
	}
	return FindPlugin(CPU), nil
}

func officialCPUPlugin(ctx context.Context, f fetcher, api, tmp string, report Reporter) error {
	asset := releaseAsset{repo: cpuReleaseRepo, tag: cpuReleaseVersion, api: api,
		file: fmt.Sprintf("pjrt_cpu_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)}
	return asset.unpack(ctx, f, func(name string) bool {
		return strings.HasPrefix(name, "pjrt_c_api_cpu") && strings.HasSuffix(name, "plugin.so")
	}, filepath.Join(tmp, pluginFile), cpuStep, report)
}

func cpuPluginFromWheel(ctx context.Context, ask registry, f fetcher, tmp string, report Reporter) error {
	target := filepath.Join(tmp, pluginFile)
	if err := cpuPluginWheel.extract(ctx, ask, f, "lammps_jax_pjrt_cpu/"+pluginFile, target, cpuStep, report); err != nil {
		return err
	}
	return os.Chmod(target, 0o755)
}
