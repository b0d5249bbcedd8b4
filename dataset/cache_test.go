package dataset

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUseCached(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * cacheKept)
	for _, name := range []string{"scan-old", "plain-old", "scan-used", "mine", "scan-new"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(p, "x"), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "scan-new" {
			if err := os.Chtimes(p, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	useCached(filepath.Join(dir, "scan-used"))
	for name, want := range map[string]bool{"scan-old": false, "plain-old": false, "scan-used": true, "mine": true, "scan-new": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}
