package findings

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sftui/dataset"
)

// cacheVersion changes when facts are gathered differently.
const cacheVersion = 4

// stored is the form in which facts are kept.
type stored struct {
	Rows     []rowFacts
	Whole    bool // every row is known, and the sample was looked at
	Failures map[int]string
	Sample   []int
	Roles    map[string]*roleTokens
	Inserted map[string]int
	Special  map[int32]int
	Markers  map[string]int
	Ends     map[string]int
	Silent   []int
}

// cacheKey names the file of this data under this preparation, "" when nothing
// is kept. No limit on length is in it: facts hold for every max_length.
func cacheKey(ctx context.Context, in *Input, p *dataset.Preparer) string {
	if in.CacheDir == "" {
		return ""
	}
	content, err := dataset.Fingerprint(ctx, p.Source())
	if err != nil {
		return ""
	}
	_, stops := in.stopIDs()
	sum := sha256.Sum256(fmt.Appendf(nil, "%d|%s|%s|%v|%v|%d", cacheVersion, content, p.Fingerprint(), stops, in.Recipe.Columns, p.PadID()))
	return filepath.Join(in.CacheDir, "findings", hex.EncodeToString(sum[:12])+".gob")
}

// readCache takes facts of n rows from an earlier check; whole tells that
// nothing is missing. Anything unreadable counts as absent.
func readCache(n int, path string) (f *facts, whole bool) {
	fresh := &facts{rows: make([]rowFacts, n), failures: map[int]string{}}
	if path == "" {
		return fresh, false
	}
	file, err := os.Open(path)
	if err != nil {
		return fresh, false
	}
	defer func() { _ = file.Close() }()
	var s stored
	if gob.NewDecoder(bufio.NewReaderSize(file, 1<<20)).Decode(&s) != nil || len(s.Rows) != n {
		return fresh, false
	}
	if s.Failures == nil {
		s.Failures = map[int]string{}
	}
	return &facts{rows: s.Rows, failures: s.Failures, sample: s.Sample, roles: s.Roles, inserted: s.Inserted,
		special: s.Special, markers: s.Markers, ends: s.Ends, silent: s.Silent}, s.Whole
}

// writeCache keeps the facts. A cache that cannot be written costs time at the
// next check and nothing else, so failures are not reported.
func writeCache(path string, f *facts) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return
	}
	out := bufio.NewWriterSize(file, 1<<20)
	err = gob.NewEncoder(out).Encode(stored{Rows: f.rows, Whole: f.roles != nil, Failures: f.failures, Sample: f.sample, Roles: f.roles,
		Inserted: f.inserted, Special: f.special, Markers: f.markers, Ends: f.ends, Silent: f.silent})
	err = errors.Join(err, out.Flush(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
}
