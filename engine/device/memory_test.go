package device

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSystemMemory gives each case the files that Linux would have.
func TestSystemMemory(t *testing.T) {
	const gib = 1 << 30
	info := "MemTotal:       8388608 kB\nMemFree:         100 kB\nMemAvailable:    4194304 kB\n" // 8 and 4 GiB
	for name, c := range map[string]struct {
		files               map[string]string
		wantLimit, wantFree uint64
	}{
		"no control group": {nil, 8 * gib, 5 * gib},
		"version 2 without a limit": {map[string]string{
			"proc/self/cgroup": "0::/user/run\n", "cgroup/user/run/memory.max": "max\n", "cgroup/user/run/memory.current": "1073741824\n"}, 8 * gib, 5 * gib},
		"version 2, a container's root": {map[string]string{
			"proc/self/cgroup": "0::/\n", "cgroup/memory.max": "2147483648\n", "cgroup/memory.current": "1610612736\n",
			"cgroup/memory.stat": "anon 1\ninactive_file 268435456\n"}, 2 * gib, 2*gib - gib/4},
		"version 2, a limit above the group's own": {map[string]string{
			"proc/self/cgroup": "0::/user/run\n", "cgroup/user/run/memory.max": "max\n",
			"cgroup/user/memory.max": "3221225472\n", "cgroup/user/memory.current": "1073741824\n"}, 3 * gib, 3 * gib},
		"version 2, others fill the group": {map[string]string{
			"proc/self/cgroup": "0::/\n", "cgroup/memory.max": "4294967296\n", "cgroup/memory.current": "4294967296\n"}, 4 * gib, gib},
		"version 1, the host's path": {map[string]string{
			"proc/self/cgroup": "4:cpu:/x\n5:memory:/docker/1a2b\n0::/\n", "cgroup/memory/memory.limit_in_bytes": "1073741824\n",
			"cgroup/memory/memory.usage_in_bytes": "1073741824\n"}, gib, gib},
		"version 1 without a limit": {map[string]string{
			"proc/self/cgroup": "5:memory:/\n", "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"cgroup/memory/memory.usage_in_bytes": "1073741824\n"}, 8 * gib, 5 * gib},
	} {
		dir := t.TempDir()
		files := map[string]string{"proc/meminfo": info}
		for file, text := range c.files {
			files[file] = text
		}
		for file, text := range files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		limit, free := systemFiles{filepath.Join(dir, "proc"), filepath.Join(dir, "cgroup")}.memory(gib) // of which we hold one
		if limit != c.wantLimit || free != c.wantFree {
			t.Errorf("%s: limit %d and free %d MiB, want %d and %d", name, limit>>20, free>>20, c.wantLimit>>20, c.wantFree>>20)
		}
	}
	if limit, free := (systemFiles{t.TempDir(), t.TempDir()}).memory(gib); limit != 0 || free != 0 {
		t.Errorf("limit %d and free %d where the system does not tell", limit, free)
	}
}
