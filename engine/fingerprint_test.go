package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// TestModelFingerprintSeesEveryByte changes single bytes of a weights file far from both ends.
func TestModelFingerprintSeesEveryByte(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	data := make([]byte, 3<<20)
	seen := map[string]int{}
	for _, at := range []int{-1, 0, 1 << 19, 1<<20 + 7777, 2_345_678, len(data) - 1} {
		if at >= 0 {
			data[at] ^= 1
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		mark, err := modelFingerprint(dir)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[mark]; ok {
			t.Errorf("a change at byte %d gives the fingerprint of that at %d", at, before)
		}
		seen[mark] = at
	}
}
