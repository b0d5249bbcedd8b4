package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// openFolder opens the data files of a folder as one data set.
func openFolder(ctx context.Context, dir string, o OpenOptions) (Source, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			if hidden(filepath.ToSlash(rel)) {
				return filepath.SkipDir
			}
			return nil
		}
		paths = append(paths, filepath.ToSlash(rel))
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", dir, err)
	}
	readme, _ := os.ReadFile(filepath.Join(dir, "README.md"))
	files, err := splitFiles(dir, paths, readme, o.Config, o.Split)
	if err != nil {
		return nil, err
	}
	full := make([]string, len(files))
	for i, f := range files {
		full[i] = filepath.Join(dir, filepath.FromSlash(f))
	}
	name := o.Name
	if name == "" {
		name = dir
	}
	return openFiles(ctx, name, full, full, o)
}

// openGlob opens the files that a pattern names, in the order of their names;
// ** crosses folders.
func openGlob(ctx context.Context, pattern string, o OpenOptions) (Source, error) {
	slashed := filepath.ToSlash(pattern)
	re, err := globPattern(slashed)
	if err != nil {
		return nil, err
	}
	root := slashed[:strings.IndexAny(slashed, "*?[")]
	root = root[:strings.LastIndexByte(root, '/')+1]
	start := root
	if start == "" {
		start = "."
	}
	var files []string
	err = filepath.WalkDir(filepath.FromSlash(start), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rest := strings.TrimPrefix(filepath.ToSlash(p), root)
		if re.MatchString(filepath.ToSlash(p)) && opener(p) != nil && !hidden(rest) {
			files = append(files, p)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("%s: the folder %s cannot be read: %w", pattern, start, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s matches no data file (%s, also with .gz or .zst); check the pattern", pattern, strings.Join(extensions(), ", "))
	}
	sort.Strings(files)
	name := o.Name
	if name == "" {
		name = pattern
	}
	return openFiles(ctx, name, files, files, o)
}

// openFiles opens several files as one data set; shown are their names in
// messages.
func openFiles(ctx context.Context, name string, paths, shown []string, o OpenOptions) (Source, error) {
	paths, shown = withoutEmpty(paths, shown)
	if len(paths) == 1 {
		o.Name = shown[0]
		return openFile(ctx, paths[0], o)
	}
	c := &concat{name: name, paths: paths, ends: make([]int, 0, len(paths)), open: func(i int) (Source, error) {
		one := o
		one.Name = shown[i]
		return openFile(context.WithoutCancel(ctx), paths[i], one)
	}}
	first, err := c.part(0)
	if err != nil {
		return nil, err
	}
	c.columns = first.Columns()
	return c, nil
}

// withoutEmpty leaves out files without a byte, as datasets does, unless all are.
func withoutEmpty(paths, shown []string) (kept, keptShown []string) {
	for i, p := range paths {
		if st, err := os.Stat(p); err == nil && st.Size() == 0 {
			continue
		}
		kept, keptShown = append(kept, p), append(keptShown, shown[i])
	}
	if len(kept) == 0 {
		return paths, shown
	}
	return kept, keptShown
}

// concat is several sources one after the other. Files are opened when the
// rows before them have been counted, so that the first row does not wait for
// the last file.
type concat struct {
	name    string
	paths   []string
	columns []string
	open    func(i int) (Source, error)

	mu    sync.Mutex
	parts []Source
	ends  []int // ends[i] is the number of rows up to and with part i
	err   error // of a file that cannot be opened; rows before it stay readable

	schemaOnce sync.Once
	schema     *jsonSchema // of the first file, once a row of another is asked for
}

func (c *concat) part(i int) (Source, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.partLocked(i)
}

func (c *concat) partLocked(i int) (Source, error) {
	for len(c.parts) <= i {
		if c.err != nil {
			return nil, c.err
		}
		src, err := c.open(len(c.parts))
		if err != nil {
			c.err = err
			return nil, err
		}
		c.parts = append(c.parts, src)
	}
	return c.parts[i], nil
}

// locate finds the part and the row in it of row i.
func (c *concat) locate(i int) (Source, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := 0
	for k := range c.paths {
		src, err := c.partLocked(k)
		if err != nil {
			return nil, 0, err
		}
		if k < len(c.ends) && i < c.ends[k] {
			return src, i - before, nil
		}
		if k >= len(c.ends) {
			// Rows already seen need not wait for the count of a file that is
			// still being read.
			if r, ok := src.(incremental); ok {
				if rows, _ := r.Ready(); i-before < rows {
					return src, i - before, nil
				}
			}
			c.ends = append(c.ends, before+src.Len())
			if i < c.ends[k] {
				return src, i - before, nil
			}
		}
		before = c.ends[k]
	}
	return nil, 0, fmt.Errorf("%s has %d rows, there is no row %d", c.name, before, i)
}

// incremental is a Source that is still counting its rows.
type incremental interface {
	Ready() (rows int, complete bool)
}

// Ready is the number of rows known so far and whether that is all of them.
func (c *concat) Ready() (rows int, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.ends); n > 0 {
		rows = c.ends[n-1]
	}
	if len(c.ends) == len(c.paths) {
		return rows, true
	}
	if len(c.parts) > len(c.ends) {
		last := c.parts[len(c.parts)-1]
		if r, ok := last.(incremental); ok {
			more, _ := r.Ready()
			return rows + more, false
		}
		return rows + last.Len(), false
	}
	return rows, false
}

// Len counts the rows of all files; a file that cannot be opened ends the
// count, and At of the row after it says why.
func (c *concat) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := len(c.ends); k < len(c.paths); k++ {
		src, err := c.partLocked(k)
		if err != nil {
			break
		}
		c.ends = append(c.ends, c.before(k)+src.Len())
	}
	rows := c.before(len(c.ends))
	if c.err != nil {
		return rows + 1
	}
	return rows
}

func (c *concat) before(k int) int {
	if k == 0 {
		return 0
	}
	return c.ends[k-1]
}

func (c *concat) At(i int) (Row, error) {
	src, k, err := c.locate(i)
	if err != nil {
		return nil, err
	}
	row, err := src.At(k)
	if err != nil {
		return nil, err
	}
	first, err := c.part(0)
	if err != nil || src == first {
		return row, err
	}
	c.schemaOnce.Do(func() { c.schema = schemaOf(first) })
	if row, err = conformRow(row, c.schema, first.Name()); err != nil {
		return nil, fmt.Errorf("%s %w", src.Location(k), err)
	}
	return row, nil
}

func (c *concat) Columns() []string { return c.columns }
func (c *concat) Name() string      { return c.name }

func (c *concat) Location(i int) string {
	src, k, err := c.locate(i)
	if err != nil {
		return fmt.Sprintf("%s row %d", c.name, i)
	}
	return src.Location(k)
}

func (c *concat) ByteSize(i int) int64 {
	src, k, err := c.locate(i)
	if err != nil {
		return -1
	}
	return src.ByteSize(k)
}

func (c *concat) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first error
	for _, p := range c.parts {
		if err := p.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
