package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sftui/dataset/sample"
)

// embeddedName is the name under which spec and split mean a data set that the
// binary carries, and whether they do: sftui:sample has the splits train and test.
func embeddedName(spec, split string) (string, bool) {
	if spec == sample.Name && split == "test" {
		return sample.EvalName, true
	}
	return spec, strings.HasPrefix(spec, "sftui:")
}

// openEmbedded opens a data set that the binary carries. Its text is written
// into the cache once, so that it is read exactly as a file of the user's is.
func openEmbedded(ctx context.Context, name string, o OpenOptions) (Source, error) {
	text, ok := sample.Files()[name]
	if !ok {
		return nil, fmt.Errorf("%s is not a data set that sftui carries; it has %s and %s", name, sample.Name, sample.EvalName)
	}
	dir, err := CacheDir()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	path := filepath.Join(dir, "embedded-"+hex.EncodeToString(sum[:12])+".jsonl")
	if _, err := os.Stat(path); err != nil {
		if err := writeWhole(path, text); err != nil {
			return nil, fmt.Errorf("the embedded data set %s cannot be written to the cache: %w", name, err)
		}
	}
	o.Name = name
	return openFile(ctx, path, o)
}

// writeWhole writes a file that other processes see either whole or not at all.
func writeWhole(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
