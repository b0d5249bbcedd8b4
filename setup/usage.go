package setup

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Usage is what one folder of the cache takes.
type Usage struct {
	Name  string `json:"name"` // relative to the cache folder: "models/SmolLM2-135M-Instruct"
	Bytes int64  `json:"bytes"`
}

// CacheUsage lists what lies in the cache folder, one entry for each model, native part and other folder or file. A cache that does
// not exist yet is empty.
func CacheUsage() ([]Usage, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	var all []Usage
	for _, pattern := range []string{"models/*", "native/*", "*"} {
		found, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			name, err := filepath.Rel(cache, path)
			if err != nil || name == "models" || name == "native" {
				continue
			}
			if size := treeSize(path); size > 0 {
				all = append(all, Usage{filepath.ToSlash(name), size})
			}
		}
	}
	return all, nil
}

// treeSize adds up regular files; what cannot be read counts nothing.
func treeSize(root string) (size int64) {
	_ = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a folder that vanished meanwhile has no size
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// DefaultModelDir returns the default model's folder if it is set up, "" otherwise.
func DefaultModelDir() string {
	cache, err := CacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "models", DefaultModelName)
	for _, name := range modelFiles {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return ""
		}
	}
	return dir
}
