package setup

import (
	"context"
	"errors"
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
)

const (
	pluginFile        = "pjrt_c_api_cpu_plugin.so"
	cpuReleaseRepo    = "gomlx/pjrt-cpu-binaries"
	cpuReleaseVersion = "v0.114.0" // the one that go-xla 0.4.5 was made for
	cpuStep           = "XLA's CPU plugin"
	cudaStep          = "XLA's CUDA plugin"
)

// Plugin returns the path of XLA's PJRT plugin of a kind (CPU or CUDA), and gets it first where the cache lacks it.
// A plugin that PJRT_PLUGIN_LIBRARY_PATH (folders) or, for CUDA, SFTUI_PJRT_CUDA (a file) names is taken as it is.
func Plugin(ctx context.Context, kind string, report Reporter) (path string, err error) {
	switch kind {
	case CPU:
		return cpuPlugin(ctx, report)
	case CUDA:
		return cudaPlugin(ctx, report)
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
		if found, _ := filepath.Glob(filepath.Join(folder, "*"+kind+"*plugin*.so")); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

func cpuPlugin(ctx context.Context, report Reporter) (string, error) {
	if path := FindPlugin(CPU); path != "" {
		return path, nil
	}
	parts := cpuPluginParts()
	fromWheel, official := parts[0], parts[1]
	dir, err := official.install(ctx, report, func(ctx context.Context, tmp string) error {
		report.note(cpuStep, "trying GitHub's release %s", cpuReleaseVersion)
		return officialCPUPlugin(ctx, newFetcher(), githubAPI, tmp, report)
	})
	if err == nil {
		return filepath.Join(dir, pluginFile), nil
	}
	if ctx.Err() != nil {
		return "", err
	}
	const advice = "connect this machine to the network, set PJRT_PLUGIN_LIBRARY_PATH to a folder with " + pluginFile + ", or use --device go for tiny models"
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("%w; %s", err, advice)
	}
	report.note(cpuStep, "%v", err)
	dir, wheelErr := fromWheel.install(ctx, report, func(ctx context.Context, tmp string) error {
		report.note(cpuStep, "trying the wheel %s %s", cpuPluginWheel.name, cpuPluginWheel.version)
		return cpuPluginFromWheel(ctx, pythonRegistry, newFetcher(), tmp, report)
	})
	if wheelErr != nil {
		return "", fmt.Errorf("%w; GitHub's release: %w; %s", wheelErr, errors.Unwrap(err), advice)
	}
	return filepath.Join(dir, pluginFile), nil
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
