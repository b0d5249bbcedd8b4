package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine/run"
)

// fileMark is what a file was when it was written.
type fileMark struct {
	Bytes int64  `json:"bytes"`
	CRC   uint32 `json:"crc32c"`
}

// markOf reads a file. The checksum is one that processors compute as fast as
// memory is read, for all of a large model.
func markOf(path string) (fileMark, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileMark{}, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	n, err := io.CopyBuffer(sum, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return fileMark{Bytes: n, CRC: sum.Sum32()}, err
}

// fileMarks are the files of a checkpoint by their names in it, with slashes.
type fileMarks map[string]fileMark

// marksOf reads every file under a folder.
func marksOf(dir string) (fileMarks, error) {
	marks := fileMarks{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			marks[filepath.ToSlash(name)], err = markOf(path)
		}
		return err
	})
	return marks, err
}

// check names the first file under a folder that is not what was written.
func (m fileMarks) check(dir string, concerned func(name string) bool) error {
	var names []string
	for name := range m {
		if concerned(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		path, want := filepath.Join(dir, filepath.FromSlash(name)), m[name]
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is missing", path)
		case err != nil:
			return err
		case info.Size() != want.Bytes:
			return fmt.Errorf("%s is damaged: it has %d bytes, %d were written", path, info.Size(), want.Bytes)
		}
		now, err := markOf(path)
		if err != nil {
			return err
		}
		if now != want {
			return fmt.Errorf("%s is damaged: its checksum is %08x, that of what was written %08x", path, now.CRC, want.CRC)
		}
	}
	return nil
}

// resumesFrom reports whether a file of a checkpoint is needed to resume from
// it: the trained weights lie beside the optimizer's state.
func resumesFrom(name string) bool {
	return name == run.RecipeFile || strings.HasPrefix(name, optimizerDir+"/")
}

// exported reports whether a file of a checkpoint belongs to its model.
func exported(name string) bool {
	return name != run.RecipeFile && !strings.Contains(name, "/")
}
