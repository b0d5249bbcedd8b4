package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cacheKept is how long results that can be made again stay after their last use.
const cacheKept = 30 * 24 * time.Hour

// useCached marks an entry of the data cache as used now, and removes entries
// of the same kinds that have not been used for long. Failing to is no harm:
// the entries only take room.
func useCached(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < cacheKept {
			continue
		}
		if strings.HasPrefix(e.Name(), "scan-") || strings.HasPrefix(e.Name(), "cloned-") || strings.HasPrefix(e.Name(), "plain-") {
			_ = os.RemoveAll(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}
