package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// GGUF is an open GGUF file: metadata in memory, tensors memory-mapped. Its methods may be called concurrently
// until Close.
type GGUF struct {
	path    string
	file    *mapping
	keys    []string
	meta    map[string]any
	names   []string
	tensors map[string]ggufTensor
}

type ggufTensor struct {
	Tensor
	quant quantization
	raw   []byte
}

// limits that no real file comes near; they bound what a damaged one can ask for.
const (
	ggufMaxDims      = 8
	ggufMaxNesting   = 4
	ggufMagic        = "GGUF"
	ggufDefaultAlign = 32
)

// OpenGGUF opens a GGUF file of version 2 or 3.
func OpenGGUF(path string) (*GGUF, error) {
	m, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("open GGUF: %w", err)
	}
	g, err := parseGGUF(m.data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.close())
	}
	g.path, g.file = path, m
	return g, nil
}

// Close unmaps the file. A second Close does nothing.
func (g *GGUF) Close() error { return g.file.close() }

// Keys returns the metadata keys in file order.
func (g *GGUF) Keys() []string { return slices.Clone(g.keys) }

// Names returns the tensor names in file order.
func (g *GGUF) Names() []string { return slices.Clone(g.names) }

// Info returns a tensor's shape, outermost dimension first (the reverse of GGUF's own order), and as its DType the
// GGUF name of its type, such as Q4_1; false when there is no such tensor.
func (g *GGUF) Info(name string) (Tensor, bool) {
	t, ok := g.tensors[name]
	return t.Tensor, ok
}

// Float32 dequantizes a tensor.
func (g *GGUF) Float32(name string) ([]float32, error) {
	t, ok := g.tensors[name]
	if !ok {
		return nil, fmt.Errorf("%s has no tensor %q", g.path, name)
	}
	out := make([]float32, t.Elements())
	if err := t.quant.dequantize(out, t.raw); err != nil {
		return nil, fmt.Errorf("tensor %q of %s: %w", name, g.path, err)
	}
	return out, nil
}

// Value returns a metadata value: string, bool, int64, uint64, float32, float64, or a slice of one of these
// ([]any for nested arrays).
func (g *GGUF) Value(key string) (any, bool) {
	v, ok := g.meta[key]
	return v, ok
}

// String returns a string value, "" when the key is absent or of another type.
func (g *GGUF) String(key string) string {
	s, _ := g.meta[key].(string)
	return s
}

// Int returns an integer value, false when the key is absent, not an integer or out of range.
func (g *GGUF) Int(key string) (int, bool) {
	switch v := g.meta[key].(type) {
	case int64:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt
	}
	return 0, false
}

// Float returns a floating point value. A float32 becomes the float64 with the same shortest decimal form, so that
// an epsilon stored as 1e-5 is 1e-5 again.
func (g *GGUF) Float(key string) (float64, bool) {
	switch v := g.meta[key].(type) {
	case float64:
		return v, true
	case float32:
		x, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return x, err == nil
	}
	n, ok := g.Int(key)
	return float64(n), ok
}

// Bool returns a boolean value and whether the key is there.
func (g *GGUF) Bool(key string) (value, ok bool) {
	value, ok = g.meta[key].(bool)
	return value, ok
}

// Strings returns an array of strings, nil when absent.
func (g *GGUF) Strings(key string) []string {
	s, _ := g.meta[key].([]string)
	return s
}

// ggufReader reads little-endian values and remembers the first failure, so that parsing code can read on and
// check once.
type ggufReader struct {
	data []byte
	at   int
	err  error
}

func (r *ggufReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// take returns the next n bytes, or nil after a failure.
func (r *ggufReader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.data)-r.at) {
		r.fail("truncated: %d bytes wanted at byte %d of %d", n, r.at, len(r.data))
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *ggufReader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *ggufReader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *ggufReader) text() string { return string(r.take(r.u64())) }

// Metadata types of the format.
const (
	ggufUint8 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

var ggufValueSize = map[uint32]uint64{
	ggufUint8: 1, ggufInt8: 1, ggufUint16: 2, ggufInt16: 2, ggufUint32: 4, ggufInt32: 4, ggufFloat32: 4,
	ggufBool: 1, ggufString: 8, ggufArray: 12, ggufUint64: 8, ggufInt64: 8, ggufFloat64: 8,
}

func (r *ggufReader) value(kind uint32, depth int) any {
	little := binary.LittleEndian
	switch kind {
	case ggufString:
		return r.text()
	case ggufArray:
		return r.array(depth + 1)
	}
	size, known := ggufValueSize[kind]
	if !known {
		r.fail("unknown metadata type %d at byte %d", kind, r.at)
	}
	b := r.take(size)
	if b == nil {
		return nil
	}
	switch kind {
	case ggufUint8:
		return uint64(b[0])
	case ggufInt8:
		return int64(int8(b[0]))
	case ggufUint16:
		return uint64(little.Uint16(b))
	case ggufInt16:
		return int64(int16(little.Uint16(b)))
	case ggufUint32:
		return uint64(little.Uint32(b))
	case ggufInt32:
		return int64(int32(little.Uint32(b)))
	case ggufUint64:
		return little.Uint64(b)
	case ggufInt64:
		return int64(little.Uint64(b))
	case ggufFloat32:
		return math.Float32frombits(little.Uint32(b))
	case ggufFloat64:
		return math.Float64frombits(little.Uint64(b))
	}
	return b[0] != 0 // ggufBool
}

func (r *ggufReader) array(depth int) any {
	kind, count := r.u32(), r.u64()
	if depth > ggufMaxNesting {
		r.fail("arrays nested more than %d deep at byte %d", ggufMaxNesting, r.at)
	}
	size, known := ggufValueSize[kind]
	if !known {
		r.fail("unknown metadata type %d at byte %d", kind, r.at)
		return nil
	}
	if count > uint64(len(r.data)-r.at)/size {
		r.fail("truncated: an array of %d values at byte %d of %d", count, r.at, len(r.data))
	}
	if r.err != nil {
		return nil
	}
	switch kind {
	case ggufString:
		return readArray[string](r, kind, count, depth)
	case ggufBool:
		return readArray[bool](r, kind, count, depth)
	case ggufFloat32:
		return readArray[float32](r, kind, count, depth)
	case ggufFloat64:
		return readArray[float64](r, kind, count, depth)
	case ggufArray:
		return readArray[any](r, kind, count, depth)
	case ggufUint8, ggufUint16, ggufUint32, ggufUint64:
		return readArray[uint64](r, kind, count, depth)
	}
	return readArray[int64](r, kind, count, depth)
}

func readArray[T any](r *ggufReader, kind uint32, count uint64, depth int) []T {
	out := make([]T, 0, count)
	for range count {
		v, _ := r.value(kind, depth).(T)
		if r.err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

func parseGGUF(data []byte) (*GGUF, error) {
	r := &ggufReader{data: data}
	if string(r.take(4)) != ggufMagic {
		return nil, errors.New("not a GGUF file")
	}
	switch version := r.u32(); {
	case r.err == nil && version != 2 && version != 3:
		return nil, fmt.Errorf("GGUF version %d is not supported, only 2 and 3 (little-endian)", version)
	}
	tensorCount, keyCount := r.u64(), r.u64()
	g := &GGUF{meta: map[string]any{}, tensors: map[string]ggufTensor{}}
	for i := uint64(0); i < keyCount && r.err == nil; i++ {
		key := r.text()
		g.meta[key] = r.value(r.u32(), 0)
		g.keys = append(g.keys, key)
	}
	var infos []ggufTensorInfo
	for i := uint64(0); i < tensorCount && r.err == nil; i++ {
		infos = append(infos, r.tensorInfo())
	}
	if r.err != nil {
		return nil, r.err
	}
	align := ggufDefaultAlign
	if n, ok := g.Int("general.alignment"); ok {
		align = n
	}
	if align <= 0 || align > 1<<20 {
		return nil, fmt.Errorf("general.alignment %d is not an alignment", align)
	}
	start := (r.at + align - 1) / align * align
	if start > len(data) {
		start = len(data) // a file without tensors need not be padded
	}
	return g, g.place(infos, data[start:])
}

type ggufTensorInfo struct {
	name   string
	dims   []uint64
	kind   uint32
	offset uint64
}

func (r *ggufReader) tensorInfo() ggufTensorInfo {
	info := ggufTensorInfo{name: r.text()}
	n := r.u32()
	if n > ggufMaxDims {
		r.fail("tensor %q has %d dimensions", info.name, n)
		return info
	}
	for range n {
		info.dims = append(info.dims, r.u64())
	}
	info.kind, info.offset = r.u32(), r.u64()
	return info
}

// place checks each tensor against the data part and remembers its bytes.
func (g *GGUF) place(infos []ggufTensorInfo, data []byte) error {
	for _, info := range infos {
		quant, known := quantizations[info.kind]
		if !known {
			return fmt.Errorf("tensor %q has the unknown GGUF type %d", info.name, info.kind)
		}
		elements := uint64(1)
		shape := make([]int, len(info.dims))
		for i, d := range info.dims {
			if d > math.MaxInt32 || d != 0 && elements > math.MaxInt32*uint64(1024)/d {
				return fmt.Errorf("tensor %q has the impossible shape %v", info.name, info.dims)
			}
			elements *= d
			shape[len(shape)-1-i] = int(d)
		}
		if len(shape) > 0 && shape[len(shape)-1]%quant.block != 0 {
			return fmt.Errorf("tensor %q: rows of %d elements are not whole blocks of %s", info.name, shape[len(shape)-1], quant.name)
		}
		size := elements / uint64(quant.block) * uint64(quant.bytes)
		if info.offset > uint64(len(data)) || size > uint64(len(data))-info.offset {
			return fmt.Errorf("truncated: tensor %q ends at byte %d of the data, which has %d", info.name, info.offset+size, len(data))
		}
		if _, twice := g.tensors[info.name]; twice {
			return fmt.Errorf("tensor %q is there twice", info.name)
		}
		g.tensors[info.name] = ggufTensor{
			Tensor: Tensor{Name: info.name, DType: quant.name, Shape: shape},
			quant:  quant,
			raw:    data[info.offset : info.offset+size],
		}
		g.names = append(g.names, info.name)
	}
	return nil
}
