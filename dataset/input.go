package dataset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// input is an opened data file: random access to its plain bytes through
// file, and a stream of the same bytes for the pass that builds the index. A
// compressed file is decompressed during that pass into a cache file.
type input struct {
	name   string // as given, for messages
	path   string
	ext    string // ".jsonl" …, without the compression's
	file   *os.File
	source io.Reader // plain bytes of a compressed file, nil for a plain one
	raw    *os.File  // the compressed file
	closer func()    // frees the decompressor
	cache  string    // final name of the decompressed copy
	total  int64     // bytes of raw or file
	report func(done, total int64)

	finished bool // finish has been called
}

// openInput opens path, shown as name.
func openInput(path, name string, o OpenOptions) (*input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, cannotOpen(name, err)
	}
	lower := strings.ToLower(path)
	in := &input{name: name, path: path, file: f, total: st.Size(), report: o.Progress}
	switch packed := filepath.Ext(lower); packed {
	case ".gz", ".zst", ".zstd":
		in.ext = filepath.Ext(strings.TrimSuffix(lower, packed))
		if err := in.decompress(packed, path, st); err != nil {
			_ = f.Close()
			return nil, err
		}
	default:
		in.ext = packed
	}
	return in, nil
}

func cannotOpen(name string, err error) error {
	if os.IsNotExist(err) {
		return fmt.Errorf("%s does not exist; check the path", name)
	}
	return fmt.Errorf("%s cannot be opened: %w", name, err)
}

// decompress makes in.file the plain copy of the file: an earlier one out of
// the cache, or a new one that the index pass fills.
func (in *input) decompress(packed, path string, st os.FileInfo) error {
	dir, err := CacheDir()
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", abs, st.Size(), st.ModTime().UnixNano()))
	in.cache = filepath.Join(dir, "plain-"+hex.EncodeToString(key[:12]))
	if plain, err := os.Open(in.cache); err == nil {
		useCached(in.cache)
		_ = in.file.Close()
		in.file, in.cache = plain, ""
		if st, err := plain.Stat(); err == nil {
			in.total = st.Size()
		}
		return nil
	}
	in.raw = in.file
	var r io.Reader = &countingReader{r: in.raw, report: in.progress}
	switch packed {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("%s is not a gzip file: %w; download it again", in.name, err)
		}
		in.source, in.closer = z, func() { _ = z.Close() }
	default:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return fmt.Errorf("%s is not a zstd file: %w; download it again", in.name, err)
		}
		in.source, in.closer = z, z.Close
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("the cache folder %s cannot be made: %w", dir, err)
	}
	in.file, err = os.CreateTemp(dir, "plain-*.part")
	if err != nil {
		return fmt.Errorf("the cache folder %s cannot be written: %w", dir, err)
	}
	return nil
}

// peek is the first bytes of the plain text, at most n; the stream still
// begins at its beginning.
func (in *input) peek(n int) ([]byte, error) {
	head := make([]byte, n)
	if in.source == nil {
		got, err := in.file.ReadAt(head, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s cannot be read: %w", in.name, err)
		}
		return head[:got], nil
	}
	got, err := io.ReadFull(in.source, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s is damaged and cannot be decompressed: %w; download it again", in.name, err)
	}
	in.source = io.MultiReader(bytes.NewReader(head[:got:got]), in.source)
	return head[:got], nil
}

// stream is a fresh pass over the plain bytes.
func (in *input) stream() io.Reader {
	if in.source == nil {
		return &countingReader{r: io.NewSectionReader(in.file, 0, 1<<62), report: in.progress}
	}
	return &unpackReader{from: in.source, into: in.file, name: in.name}
}

func (in *input) progress(done int64) {
	if in.report != nil {
		in.report(min(done, in.total), in.total)
	}
}

// finish ends the pass: a whole decompressed copy goes into the cache, a
// partial one is removed once it is closed.
func (in *input) finish(whole bool) {
	if in.source == nil || in.finished {
		return
	}
	in.finished = true
	in.closer()
	_ = in.raw.Close()
	if whole {
		_ = os.Rename(in.file.Name(), in.cache) // else: the copy still serves this run
		return
	}
	_ = os.Remove(in.file.Name())
}

// discard gives up a file that cannot be read.
func (in *input) discard() {
	in.finish(false)
	_ = in.file.Close()
}

// drain runs the pass for formats that need no index of their own.
func (in *input) drain() error {
	if in.source == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, in.stream())
	in.finish(err == nil)
	return err
}

// unpackReader writes what it reads to the plain copy before it hands it on,
// so that a record can be read back as soon as it is indexed.
type unpackReader struct {
	from io.Reader
	into io.Writer
	name string
}

func (u *unpackReader) Read(p []byte) (int, error) {
	n, err := u.from.Read(p)
	if n > 0 {
		if _, werr := u.into.Write(p[:n]); werr != nil {
			return n, fmt.Errorf("%s cannot be decompressed into the cache: %w", u.name, werr)
		}
	}
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract is the bare io.EOF
		err = fmt.Errorf("%s is damaged and cannot be decompressed: %w; download it again", u.name, err)
	}
	return n, err
}

type countingReader struct {
	r      io.Reader
	n      int64
	report func(done int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// CacheDir is the folder for copies and results that can be made again, the
// same on every system as the workbench's and the models'.
func CacheDir() (string, error) {
	if dir := os.Getenv("SFTUI_CACHE"); dir != "" {
		return filepath.Join(dir, "data"), nil
	}
	if base := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "sftui", "data"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no cache folder: %w; set XDG_CACHE_HOME or HOME", err)
	}
	return filepath.Join(home, ".cache", "sftui", "data"), nil
}
