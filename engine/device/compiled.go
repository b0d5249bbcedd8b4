package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/go-xla/compute/xla"
)

// CompiledStore is a folder of compiled programs, which later processes load instead of compiling them again. A file is
// named after all that the compiler's result depends on: the plugin, the processor, the flags, the program and its
// options. Nothing that goes wrong with it is an error: the program is compiled as if there were no store. Its methods
// may be called from any goroutine, and several processes may use one folder.
type CompiledStore struct {
	dir      string
	machine  []byte
	maxBytes int64
}

// compiledBytes is what a store may take on the disk: thousands of programs of models of every size.
const compiledBytes = 1 << 30

// compiledMark begins every file; the checksum of the rest follows it.
const compiledMark = "sftui compiled 1\n"

const compiledSuffix = ".xla"

// KeepCompiled makes the device load compiled programs from a folder and keep new ones there. It says whether the device
// can: only XLA's CPU plugin does.
func (d *Device) KeepCompiled(dir string) bool {
	backend, ok := d.Backend.(*xla.Backend)
	if !ok || d.Kind != CPU || dir == "" {
		return false
	}
	store, err := openCompiled(dir, d.plugin, compiledBytes)
	return err == nil && loadFrom(backend, store)
}

// openCompiled opens the store in a folder, which is made where it is missing.
func openCompiled(dir, plugin string, maxBytes int64) (*CompiledStore, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("keep compiled programs: %w", err)
	}
	machine, err := machineMark(plugin)
	if err != nil {
		return nil, err
	}
	s := &CompiledStore{dir: dir, machine: machine, maxBytes: maxBytes}
	s.prune()
	return s, nil
}

// machineMark is what a compiled program depends on beside the program: the plugin's file, the processor's features,
// how many threads share its work, and what the environment tells XLA.
func machineMark(plugin string) ([]byte, error) {
	info, err := os.Stat(plugin)
	if err != nil {
		return nil, fmt.Errorf("keep compiled programs: %w", err)
	}
	h := sha256.New()
	part(h, []byte(fmt.Sprint(plugin, info.Size(), info.ModTime().UnixNano(), runtime.GOARCH, runtime.NumCPU())))
	for _, name := range []string{"XLA_FLAGS", "PJRT_NPROC", "NPROC", "TF_XLA_FLAGS", "OMP_NUM_THREADS"} {
		part(h, []byte(name+"="+os.Getenv(name)))
	}
	part(h, processor())
	return h.Sum(nil), nil
}

// processor is what /proc/cpuinfo says of the first processor's model and features; empty where there is no such file.
func processor() []byte {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "" {
			break // the next processor
		}
		for _, field := range []string{"vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU "} {
			if strings.HasPrefix(line, field) {
				out.WriteString(line)
			}
		}
	}
	return out.Bytes()
}

// part adds bytes to a hash with their length, so that no two lists of parts have one sum.
func part(h hash.Hash, b []byte) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(b)))
	h.Write(size[:])
	h.Write(b)
}

// path is the file of a program.
func (s *CompiledStore) path(code, options []byte) string {
	h := sha256.New()
	part(h, s.machine)
	part(h, code)
	part(h, options)
	return filepath.Join(s.dir, hex.EncodeToString(h.Sum(nil))+compiledSuffix)
}

// find returns a program's compiled form, nil where there is none that is whole.
func (s *CompiledStore) find(code, options []byte) []byte {
	path := s.path(code, options)
	file, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	body := file[min(len(file), len(compiledMark)+sha256.Size):]
	if len(body) == 0 || !bytes.Equal(file, seal(body)) {
		s.drop(code, options)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // prune removes what was used longest ago
	return body
}

// keep files a program's compiled form, whole or not at all.
func (s *CompiledStore) keep(code, options, body []byte) {
	out, err := os.CreateTemp(s.dir, "new-*")
	if err != nil {
		return
	}
	defer os.Remove(out.Name()) //nolint:errcheck // gone already when it was renamed
	_, err = out.Write(seal(body))
	if out.Close() == nil && err == nil {
		_ = os.Rename(out.Name(), s.path(code, options))
	}
}

// seal is a file's content: what it is, the checksum, the program.
func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(compiledMark), sum[:], body)
}

// drop removes a program that is of no use.
func (s *CompiledStore) drop(code, options []byte) { _ = os.Remove(s.path(code, options)) }

// unfinishedAge is how old a file that was never renamed must be to have been left behind.
const unfinishedAge = time.Hour

// prune removes what was used longest ago until the rest fits, and what interrupted processes left behind.
func (s *CompiledStore) prune() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case strings.HasSuffix(e.Name(), compiledSuffix):
			files = append(files, info)
			total += info.Size()
		case strings.HasPrefix(e.Name(), "new-") && time.Since(info.ModTime()) > unfinishedAge:
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= s.maxBytes {
			return
		}
		if os.Remove(filepath.Join(s.dir, f.Name())) == nil {
			total -= f.Size()
		}
	}
}
