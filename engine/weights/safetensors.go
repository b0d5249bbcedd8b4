// Package weights reads and writes the tensors of model folders: safetensors, single or sharded, memory-mapped,
// and GGUF files, which it can turn into a Hugging Face model folder.
//
// It is plain Go: it knows no device, no XLA and no tokenizer library, so that set-up and tests can use it alone.
// Every parser here checks bounds before it trusts a number from a file: a damaged file is an error, never a panic.
package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Names of the files that a Hugging Face model folder keeps its weights in.
const (
	SingleFile  = "model.safetensors"
	IndexFile   = "model.safetensors.index.json"
	AdapterFile = "adapter_model.safetensors"
)

// maxHeaderBytes is the limit that the safetensors format itself sets on its JSON header.
const maxHeaderBytes = 100_000_000

// Tensor describes one tensor of a checkpoint. Shape is row-major, outermost dimension first; a scalar has none.
type Tensor struct {
	Name  string
	DType string // F32, BF16, F16, I8 …, as safetensors spells it
	Shape []int
}

// Elements is the number of elements, 1 for a scalar.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes is the stored size of the tensor, 0 for an unknown type.
func (t Tensor) Bytes() int64 { return int64(t.Elements()) * int64(ElementSize(t.DType)) }

// Checkpoint is an open set of safetensors files. Its methods may be called concurrently until Close.
type Checkpoint struct {
	names   []string
	entries map[string]entry
	files   []*mapping
	meta    map[string]string
}

type entry struct {
	Tensor
	raw []byte
}

// OpenSafetensors opens the weights of a model folder: model.safetensors.index.json with its shards,
// model.safetensors, or the one *.safetensors file there is (an adapter's). A path to a file opens that file.
// Nothing is read but the headers; the rest is memory-mapped.
func OpenSafetensors(path string) (*Checkpoint, error) {
	files, err := safetensorsFiles(path)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{entries: map[string]entry{}, meta: map[string]string{}}
	for _, file := range files.paths {
		if err := c.add(file, files.elsewhere(file)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	for _, name := range files.expected {
		if _, ok := c.entries[name]; !ok {
			return nil, errors.Join(fmt.Errorf("%s: the index lists tensor %q but no shard has it", path, name), c.Close())
		}
	}
	sort.Strings(c.names)
	return c, nil
}

// fileSet is what an index (or its absence) says: the files to open and the tensors they must hold together.
type fileSet struct {
	paths    []string
	expected []string
	shard    map[string]string // tensor -> the path that the index gives for it
}

// elsewhere says of a tensor in a file that the index means another file's.
func (s fileSet) elsewhere(path string) func(tensor string) bool {
	return func(tensor string) bool { return s.shard[tensor] != "" && s.shard[tensor] != path }
}

// Shard is one file of a model folder's weights and the tensors that are taken from it.
type Shard struct {
	Path    string
	Tensors []string
}

// Shards lists the files that OpenSafetensors opens for a model folder.
func Shards(dir string) ([]Shard, error) {
	files, err := safetensorsFiles(dir)
	if err != nil {
		return nil, err
	}
	var shards []Shard
	for _, path := range files.paths {
		one, err := OpenSafetensors(path)
		if err != nil {
			return nil, err
		}
		elsewhere := files.elsewhere(path)
		shards = append(shards, Shard{path, slices.DeleteFunc(one.Names(), elsewhere)})
		if err := one.Close(); err != nil {
			return nil, err
		}
	}
	return shards, nil
}

func safetensorsFiles(path string) (fileSet, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileSet{}, fmt.Errorf("open weights: %w", err)
	}
	if !info.IsDir() {
		return fileSet{paths: []string{path}}, nil
	}
	index, err := os.ReadFile(filepath.Join(path, IndexFile))
	if err == nil {
		return parseIndex(path, index)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fileSet{}, fmt.Errorf("open weights: %w", err)
	}
	for _, name := range []string{SingleFile, AdapterFile} {
		if file := filepath.Join(path, name); exists(file) {
			return fileSet{paths: []string{file}}, nil
		}
	}
	found, _ := filepath.Glob(filepath.Join(path, "*.safetensors"))
	switch {
	case len(found) == 1:
		return fileSet{paths: found}, nil
	case len(found) > 1:
		return fileSet{}, fmt.Errorf("%s has %d safetensors files but no %s that says how they belong together", path, len(found), IndexFile)
	}
	if pickled, _ := filepath.Glob(filepath.Join(path, "pytorch_model*.bin")); len(pickled) > 0 {
		return fileSet{}, fmt.Errorf("%s has its weights only as pickle (%s); save the model again as safetensors", path, filepath.Base(pickled[0]))
	}
	return fileSet{}, fmt.Errorf("%s has no %s and no %s", path, SingleFile, IndexFile)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func parseIndex(dir string, data []byte) (fileSet, error) {
	where := filepath.Join(dir, IndexFile)
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return fileSet{}, fmt.Errorf("%s is not JSON: %w", where, err)
	}
	if len(index.WeightMap) == 0 {
		return fileSet{}, fmt.Errorf("%s has no weight_map", where)
	}
	set := fileSet{shard: map[string]string{}}
	seen := map[string]bool{}
	for tensor, shard := range index.WeightMap {
		if !filepath.IsLocal(shard) {
			return fileSet{}, fmt.Errorf("%s: the shard %q of tensor %q is not a file of this folder", where, shard, tensor)
		}
		set.expected = append(set.expected, tensor)
		set.shard[tensor] = filepath.Join(dir, shard)
		if !seen[shard] {
			seen[shard] = true
			set.paths = append(set.paths, filepath.Join(dir, shard))
		}
	}
	sort.Strings(set.paths)
	sort.Strings(set.expected)
	return set, nil
}

// add opens a file for the tensors of it that are not to come from elsewhere.
func (c *Checkpoint) add(path string, elsewhere func(tensor string) bool) error {
	m, err := mapFile(path)
	if err != nil {
		return fmt.Errorf("open weights: %w", err)
	}
	c.files = append(c.files, m)
	header, err := parseHeader(m.data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for key, value := range header.metadata {
		c.meta[key] = value
	}
	for _, e := range header.entries {
		if elsewhere(e.Name) {
			continue
		}
		if _, twice := c.entries[e.Name]; twice {
			return fmt.Errorf("%s: tensor %q is already in another shard", path, e.Name)
		}
		c.entries[e.Name] = e
		c.names = append(c.names, e.Name)
	}
	return nil
}

// Names returns all tensor names in alphabetical order.
func (c *Checkpoint) Names() []string { return slices.Clone(c.names) }

// Metadata returns the __metadata__ of the header; the union over shards.
func (c *Checkpoint) Metadata() map[string]string { return c.meta }

// Info returns type and shape of a tensor, false when the checkpoint lacks it.
func (c *Checkpoint) Info(name string) (Tensor, bool) {
	e, ok := c.entries[name]
	return e.Tensor, ok
}

// Raw returns the little-endian bytes of a tensor. They lie in the memory-mapped file: read-only, valid until Close.
func (c *Checkpoint) Raw(name string) ([]byte, error) {
	e, ok := c.entries[name]
	if !ok {
		return nil, fmt.Errorf("the checkpoint has no tensor %q", name)
	}
	return e.raw, nil
}

// Float32 returns a copy of a tensor's elements as float32. 16-bit floats widen exactly; float64 and wide
// integers are rounded.
func (c *Checkpoint) Float32(name string) ([]float32, error) {
	raw, err := c.Raw(name)
	if err != nil {
		return nil, err
	}
	values, err := DecodeFloat32(raw, c.entries[name].DType)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return values, nil
}

// Close unmaps the files; slices from Raw must not be used after it. A second Close does nothing.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, m := range c.files {
		errs = append(errs, m.close())
	}
	c.files, c.entries, c.names = nil, nil, nil
	return errors.Join(errs...)
}

type header struct {
	entries  []entry
	metadata map[string]string
}

type headerEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parseHeader reads the header of a whole safetensors file and checks that the tensors tile the data part
// exactly, as the format demands: no overlap, no hole, nothing missing at the end.
func parseHeader(file []byte) (header, error) {
	if len(file) < 8 {
		return header{}, fmt.Errorf("not a safetensors file: it has only %d bytes", len(file))
	}
	length := binary.LittleEndian.Uint64(file)
	if length > maxHeaderBytes {
		return header{}, fmt.Errorf("not a safetensors file: its header would have %d bytes", length)
	}
	if length > uint64(len(file)-8) {
		return header{}, fmt.Errorf("truncated: the header has %d bytes, the file only %d", length, len(file))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+length], &raw); err != nil {
		return header{}, fmt.Errorf("the safetensors header is not JSON: %w", err)
	}
	h := header{metadata: map[string]string{}}
	if meta, ok := raw["__metadata__"]; ok {
		if err := json.Unmarshal(meta, &h.metadata); err != nil {
			return header{}, fmt.Errorf("__metadata__ is not a map of strings: %w", err)
		}
		delete(raw, "__metadata__")
	}
	return h, h.fill(raw, file[8+length:])
}

func (h *header) fill(raw map[string]json.RawMessage, data []byte) error {
	type placed struct {
		entry
		begin, end uint64
	}
	all := make([]placed, 0, len(raw))
	for name, text := range raw {
		var e headerEntry
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&e); err != nil {
			return fmt.Errorf("tensor %q: the header entry is malformed: %w", name, err)
		}
		tensor, size, err := e.tensor(name)
		if err != nil {
			return err
		}
		begin, end := e.Offsets[0], e.Offsets[1]
		if end > uint64(len(data)) {
			return fmt.Errorf("truncated: tensor %q ends at byte %d of the data, which has %d", name, end, len(data))
		}
		if begin > end || end-begin != size {
			return fmt.Errorf("tensor %q: offsets [%d, %d] do not fit %s of shape %v (%d bytes)", name, begin, end, e.DType, e.Shape, size)
		}
		all = append(all, placed{entry{tensor, data[begin:end:end]}, begin, end})
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].begin != all[j].begin {
			return all[i].begin < all[j].begin
		}
		return all[i].end < all[j].end
	})
	var next uint64
	for _, p := range all {
		if p.begin != next {
			return fmt.Errorf("tensor %q begins at byte %d where %d was expected: tensors overlap or leave a hole", p.Name, p.begin, next)
		}
		next = p.end
		h.entries = append(h.entries, p.entry)
	}
	if next != uint64(len(data)) {
		return fmt.Errorf("%d bytes after the last tensor belong to none", uint64(len(data))-next)
	}
	return nil
}

// tensor checks type and shape and returns the tensor with its size in bytes.
func (e headerEntry) tensor(name string) (Tensor, uint64, error) {
	size := uint64(ElementSize(e.DType))
	if size == 0 {
		return Tensor{}, 0, fmt.Errorf("tensor %q has the unknown type %q", name, e.DType)
	}
	if len(e.Offsets) != 2 {
		return Tensor{}, 0, fmt.Errorf("tensor %q: data_offsets must be two numbers", name)
	}
	shape := make([]int, len(e.Shape))
	for i, d := range e.Shape {
		if d < 0 || d > math.MaxInt32 || (d != 0 && size > math.MaxInt64/uint64(d)) {
			return Tensor{}, 0, fmt.Errorf("tensor %q has the impossible shape %v", name, e.Shape)
		}
		shape[i] = int(d)
		size *= uint64(d)
	}
	return Tensor{Name: strings.Clone(name), DType: e.DType, Shape: shape}, size, nil
}
