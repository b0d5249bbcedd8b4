package device

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
)

// TestDispatchAhead queues programs that consume one another's results, and frees their inputs at once.
func TestDispatchAhead(t *testing.T) {
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		t.Skip("no plugin")
	}
	d, err := Open(context.Background(), CPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const n = 256
	g := graph.NewGraph(d.Backend, "step")
	x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, n, n))
	if err := g.Compile(graph.AddScalar(graph.MulScalar(graph.DotGeneral(x, []int{1}, nil, x, []int{0}, nil), 1.0/n), 0.5)); err != nil {
		t.Fatal(err)
	}
	last := func() []float32 {
		values := make([]float32, n*n)
		for i := range values {
			values[i] = float32(i%7) / 7
		}
		buffer, err := d.Backend.BufferFromFlatData(0, values, shapes.Make(dtypes.Float32, n, n))
		if err != nil {
			t.Fatal(err)
		}
		clear(values) // the upload must have taken them
		for step := range 40 {
			outputs, err := g.Executable().Execute([]compute.Buffer{buffer}, []bool{step%2 == 0}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if step%2 == 1 {
				if err := buffer.Finalize(); err != nil {
					t.Fatal(err)
				}
			}
			buffer = outputs[0]
		}
		if err := buffer.ToFlatData(values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	want := last()
	backend := d.Backend.(*xla.Backend)
	if !dispatchAhead(backend) {
		t.Fatal("this go-xla's programs cannot be queued: its fields have moved")
	}
	if dispatchAhead(backend) {
		t.Error("it was changed twice")
	}
	for i, v := range last() {
		if v != want[i] {
			t.Fatalf("element %d is %g, and %g when every program is waited for", i, v, want[i])
		}
	}
}

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
