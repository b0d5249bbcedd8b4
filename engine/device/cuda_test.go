package device

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNVIDIAFolder(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"site/jax_plugins/xla_cuda13", "site/nvidia/cu13", "cache/nvidia/cudnn", "alone/lib"} {
		if err := os.MkdirAll(root+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for plugin, want := range map[string]string{
		"site/jax_plugins/xla_cuda13/xla_cuda_plugin.so": "site/nvidia",
		"cache/nvidia/pjrt_c_api_cuda_plugin.so":         "cache/nvidia",
		"alone/lib/xla_cuda_plugin.so":                   "",
	} {
		file := root + "/" + plugin
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = root + "/" + want
		}
		if got := nvidiaFolder(file); got != want {
			t.Errorf("%s: %q, want %q", plugin, got, want)
		}
	}
}

// TestPrepareCUDA keeps what the user set, where XLA lets the last flag win.
func TestPrepareCUDA(t *testing.T) {
	t.Setenv("XLA_FLAGS", "--xla_gpu_autotune_level=2")
	t.Setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
	t.Setenv("GOPJRT_CUDA_CHECKS", "")
	cache, plugin := t.TempDir(), t.TempDir()+"/xla_cuda_plugin.so"
	if strings.Contains(cache, " ") {
		t.Skip("the temporary folder has a space in its name, at which XLA splits its flags")
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	if err := os.WriteFile(plugin, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	prepareCUDA(plugin)
	made, _ := filepath.Glob(cache + "/sftui/tuned/*")
	if len(made) != 1 {
		t.Fatalf("folders for XLA's measurements: %q", made)
	}
	want := "--xla_gpu_enable_command_buffer= --xla_gpu_per_fusion_autotune_cache_dir=" + made[0] + " --xla_gpu_autotune_level=2"
	if got := os.Getenv("XLA_FLAGS"); got != want {
		t.Errorf("XLA_FLAGS is %q, want %q", got, want)
	}
	if err := os.WriteFile(plugin, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if other := tunedFolder(plugin); other == made[0] {
		t.Errorf("another plugin shares %s", other)
	}
	if dir := tunedFolder(cache + "/missing.so"); dir != "" {
		t.Errorf("a missing plugin has the folder %s", dir)
	}
	if got := os.Getenv("CUDA_DEVICE_ORDER"); got != "FASTEST_FIRST" {
		t.Errorf("CUDA_DEVICE_ORDER is %q", got)
	}
}

// TestCUDAMemory holds what is forecast as free to what XLA is allowed and to what others leave.
func TestCUDAMemory(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct{ total, others, want uint64 }{
		{100 * gib, gib, 100 * gib / 100 * 95}, {100 * gib, 40 * gib, 60 * gib}, {100 * gib, 200 * gib, 0}, {0, gib, 0},
	} {
		if got := cudaFree(c.total, c.others); got != c.want {
			t.Errorf("%d of which others hold %d: %d, want %d", c.total, c.others, got, c.want)
		}
	}
	if got, want := cudaOptions(), ",preallocate=false,memory_fraction=0.95,tf32=false"; got != want {
		t.Errorf("the client's options are %q, want %q", got, want)
	}
}
