package findings

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"sftui/dataset"
)

// cacheVersion changes when facts are gathered differently.
const cacheVersion = 1

// stored is the form in which facts are kept.
type stored struct {
	Rows     []rowFacts
	Failures map[int]string
	Sample   []int
	Roles    map[string]*roleTokens
	Inserted map[string]int
}

// cacheKey names the file of this data under this preparation, "" when nothing is kept.
func cacheKey(ctx context.Context, in *Input) string {
	if in.CacheDir == "" {
		return ""
	}
	content, err := dataset.Fingerprint(ctx, in.Source)
	if err != nil {
		return ""
	}
	limit := 0
	if in.Recipe.MaxLength != nil && !in.Recipe.Packing {
		limit = *in.Recipe.MaxLength
	}
	_, stops := in.stopIDs()
	sum := sha256.Sum256(fmt.Appendf(nil, "%d|%s|%s|%d|%s|%v|%v", cacheVersion, content, in.Preparer.Fingerprint(), limit, in.Recipe.TruncationMode, stops, in.Recipe.Columns))
	return filepath.Join(in.CacheDir, "findings", hex.EncodeToString(sum[:12])+".gob")
}

// readCache takes facts from an earlier check; anything unreadable counts as absent.
func readCache(in *Input, path string) (*facts, bool) {
	if path == "" {
		return nil, false
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer func() { _ = file.Close() }()
	var s stored
	if gob.NewDecoder(file).Decode(&s) != nil || len(s.Rows) != in.Source.Len() {
		return nil, false
	}
	return &facts{rows: s.Rows, failures: s.Failures, sample: s.Sample, roles: s.Roles, inserted: s.Inserted}, true
}

// writeCache keeps the facts. A cache that cannot be written costs time at the
// next check and nothing else, so failures are not reported.
func writeCache(_ *Input, path string, f *facts) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return
	}
	err = gob.NewEncoder(file).Encode(stored{Rows: f.rows, Failures: f.failures, Sample: f.sample, Roles: f.roles, Inserted: f.inserted})
	if closeErr := file.Close(); err == nil && closeErr == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
}
