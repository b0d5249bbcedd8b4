package device

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpenRefuses(t *testing.T) {
	missing := func(context.Context, string) (string, error) { return "", errors.New("no network") }
	empty := t.TempDir()
	broken := filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(broken, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind string
		find PluginFinder
		says string
	}{
		"an unknown kind":  {"tpu", missing, "tpu"},
		"no plugin":        {CPU, missing, "no network"},
		"an empty folder":  {CPU, func(context.Context, string) (string, error) { return empty, nil }, empty},
		"a missing folder": {CPU, func(context.Context, string) (string, error) { return "/nowhere", nil }, "/nowhere"},
		"no library":       {CPU, func(context.Context, string) (string, error) { return broken, nil }, broken},
	} {
		d, err := Open(context.Background(), c.kind, c.find)
		if err == nil {
			d.Close()
			t.Errorf("%s was opened", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error %q does not say %q", name, err, c.says)
		}
	}
}

// TestNoDriver refuses before anything is downloaded.
func TestNoDriver(t *testing.T) {
	if nvidiaPresent() {
		t.Skip("there is a driver")
	}
	_, err := Open(context.Background(), CUDA, func(context.Context, string) (string, error) {
		t.Error("the plugin was looked for")
		return "", errors.New("no network")
	})
	if err == nil || !strings.Contains(err.Error(), "NVIDIA driver") {
		t.Errorf("got %v", err)
	}
}

func TestLastReason(t *testing.T) {
	long := errors.New("while creating plugin /a/b.so: PJRT error (code=9): no GPU is visible")
	if got := lastReason(long); got != "no GPU is visible" {
		t.Errorf("got %q", got)
	}
	if got := lastReason(errors.New("plain")); got != "plain" {
		t.Errorf("got %q", got)
	}
}

// TestAutoFallsBackToGo says why, and how slow.
func TestAutoFallsBackToGo(t *testing.T) {
	d, err := Open(context.Background(), Auto, func(context.Context, string) (string, error) { return "", errors.New("no network") })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Kind != Go || !strings.Contains(d.Warning, "no network") || !strings.Contains(d.Warning, "slower") {
		t.Errorf("got %s, warning %q", d.Kind, d.Warning)
	}
}

// openCPU opens XLA's CPU plugin for a test.
func openCPU(t *testing.T) *Device {
	t.Helper()
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		t.Skip("no plugin")
	}
	d, err := Open(context.Background(), CPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestMemory(t *testing.T) {
	d, err := Open(context.Background(), Go, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc")
	}
	first := d.Memory()
	if first.Used == 0 || first.Peak < first.Used || first.Limit < first.Used || first.RSS != first.Used {
		t.Errorf("implausible: %+v", first)
	}
	for begin := worked(t); worked(t)-begin < 60*time.Millisecond; { // by the clock a busy machine may have let it wait
		if busy() == 0 {
			t.Fatal("no work was done")
		}
	}
	if second := d.Memory(); second.CPUPercent <= 0 {
		t.Errorf("60 ms of work are %g%% of a core", second.CPUPercent)
	}
}

// worked is the processor time that this process has had.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func busy() (n int) {
	for i := range 100000 {
		n += i * i
	}
	return n
}

func TestKibibytes(t *testing.T) {
	text := "VmPeak:\t  10 kB\nVmRSS:\t  123 kB\nVmBad:\t\n"
	for key, want := range map[string]uint64{"VmRSS:": 123 << 10, "VmPeak:": 10 << 10, "VmBad:": 0, "VmNone:": 0} {
		if got := kibibytes(text, key); got != want {
			t.Errorf("%s %d, want %d", key, got, want)
		}
	}
}
