package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"sync"
)

// A mapped file holds the ids and labels of prepared rows so that they need
// not be tokenized again, and is read through a memory map: only the rows that
// are looked at take memory. Its parts, all little-endian:
//
//	header   128 bytes: magic, version, width of an id (2 or 4 bytes), rows,
//	         where the index is, fingerprint, checksums of index and header
//	records  in any order: labels as spans of trained ids (or in full where
//	         they differ from the ids), then the ids
//	index    for each row: where its record is, its length, a checksum
const (
	mappedMagic   = "SFTUIIDS"
	mappedVersion = 1
	mappedHeader  = 128
	mappedEntry   = 24
	mappedKey     = 64 // bytes for the fingerprint
)

// Record flags.
const (
	recordDropped   = 1 << iota // an empty record with the reason as its text
	recordRawLabels             // labels in full
	recordSegments              // followed by sequence lengths
)

// crcTable is Castagnoli's polynomial, which processors compute.
func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Mapped gives the prepared rows of a mapped file. It is safe for concurrent use.
type Mapped struct {
	path        string
	data        []byte
	release     func() error
	rows        int
	width       int
	fingerprint string
	index       []byte
	table       *crc32.Table

	mu     sync.RWMutex // guards data against Close
	closed bool
}

// OpenMapped maps the file at path and checks its header and index.
func OpenMapped(path string) (*Mapped, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotOpen(path, err)
	}
	defer func() { _ = f.Close() }()
	data, release, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be mapped into memory: %w", path, err)
	}
	m, err := parseMapped(path, data)
	if err != nil {
		_ = release()
		return nil, err
	}
	m.release = release
	return m, nil
}

// parseMapped reads the header and index of data.
func parseMapped(path string, data []byte) (*Mapped, error) {
	bad := func(what string) error {
		return fmt.Errorf("%s is not a usable file of prepared rows (%s); delete it, it will be made again", path, what)
	}
	if len(data) < mappedHeader || string(data[:8]) != mappedMagic {
		return nil, bad("its header is missing")
	}
	m := &Mapped{path: path, data: data, table: crcTable(), release: func() error { return nil }}
	le := binary.LittleEndian
	if crc32.Checksum(data[:mappedHeader-4], m.table) != le.Uint32(data[mappedHeader-4:]) {
		return nil, bad("its header does not match its checksum")
	}
	if v := le.Uint32(data[8:]); v != mappedVersion {
		return nil, bad(fmt.Sprintf("its version is %d, not %d", v, mappedVersion))
	}
	m.width = int(le.Uint32(data[12:]))
	rows, at := le.Uint64(data[16:]), le.Uint64(data[24:])
	indexSum := le.Uint32(data[32:])
	m.fingerprint = string(bytes.TrimRight(data[40:40+mappedKey], "\x00"))
	size := uint64(len(data))
	if m.width != 2 && m.width != 4 || at < mappedHeader || at > size || rows > (size-at)/mappedEntry {
		return nil, bad("its index does not fit into it")
	}
	m.rows = int(rows)
	m.index = data[at : at+rows*mappedEntry]
	if crc32.Checksum(m.index, m.table) != indexSum {
		return nil, bad("its index does not match its checksum")
	}
	return m, nil
}

// Len is the number of rows.
func (m *Mapped) Len() int { return m.rows }

// Fingerprint is what the rows were prepared from and with.
func (m *Mapped) Fingerprint() string { return m.fingerprint }

// At decodes row i. Text and the view data are not kept in the file.
func (m *Mapped) At(i int) (Example, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return Example{}, fmt.Errorf("%s is closed", m.path)
	}
	if i < 0 || i >= m.rows {
		return Example{}, fmt.Errorf("%s has %d rows, there is no row %d", m.path, m.rows, i)
	}
	bad := func(what string) error {
		return fmt.Errorf("%s row %d: %s; delete the file, it will be made again", m.path, i, what)
	}
	le := binary.LittleEndian
	e := m.index[i*mappedEntry:]
	at, size, tokens, sum := le.Uint64(e), uint64(le.Uint32(e[8:])), le.Uint32(e[12:]), le.Uint32(e[16:])
	if at < mappedHeader || at > uint64(len(m.data)) || size > uint64(len(m.data))-at {
		return Example{}, bad("its record lies outside the file")
	}
	record := m.data[at : at+size]
	if crc32.Checksum(record, m.table) != sum {
		return Example{}, bad("its record does not match its checksum")
	}
	ex, err := decodeRecord(record, int(tokens), m.width)
	if err != nil {
		return Example{}, bad(err.Error())
	}
	ex.Row = i
	return ex, nil
}

// Close unmaps the file.
func (m *Mapped) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.release()
}

// encodeRecord appends the stored form of ex.
func encodeRecord(out []byte, ex Example, width int) []byte {
	le := binary.LittleEndian
	if ex.Dropped != "" {
		return append(le.AppendUint32(out, recordDropped), ex.Dropped...)
	}
	spans, plain := trainedSpans(ex.InputIDs, ex.Labels)
	flags := uint32(0)
	if !plain {
		flags |= recordRawLabels
	}
	if len(ex.SeqLengths) > 0 {
		flags |= recordSegments
	}
	out = le.AppendUint32(out, flags)
	if flags&recordSegments != 0 {
		out = le.AppendUint32(out, uint32(len(ex.SeqLengths)))
		for _, n := range ex.SeqLengths {
			out = le.AppendUint32(out, uint32(n))
		}
	}
	if plain {
		out = le.AppendUint32(out, uint32(len(spans)))
		for _, s := range spans {
			out = le.AppendUint32(le.AppendUint32(out, uint32(s[0])), uint32(s[1]))
		}
	} else {
		for _, l := range ex.Labels {
			out = le.AppendUint32(out, uint32(l))
		}
	}
	for _, id := range ex.InputIDs {
		if width == 2 {
			out = le.AppendUint16(out, uint16(id))
		} else {
			out = le.AppendUint32(out, uint32(id))
		}
	}
	return out
}

// trainedSpans are the ranges in which labels equal ids; plain is false when
// some label is neither its id nor IgnoreIndex.
func trainedSpans(ids, labels []int32) (spans [][2]int, plain bool) {
	if len(labels) == 0 {
		return nil, true // nothing is trained
	}
	if len(ids) != len(labels) {
		return nil, false
	}
	for i, l := range labels {
		switch {
		case l == IgnoreIndex:
		case l != ids[i]:
			return nil, false
		case len(spans) > 0 && spans[len(spans)-1][1] == i:
			spans[len(spans)-1][1]++
		default:
			spans = append(spans, [2]int{i, i + 1})
		}
	}
	return spans, true
}

// decodeRecord reads a record of n tokens; every length is checked against
// what is left.
func decodeRecord(b []byte, n, width int) (Example, error) {
	r := recordReader{b: b}
	flags := r.uint32()
	if flags&recordDropped != 0 {
		return Example{Dropped: string(r.b)}, r.err
	}
	var ex Example
	if flags&recordSegments != 0 {
		if ex.SeqLengths = r.int32s(int64(r.uint32())); r.err != nil {
			return Example{}, r.err
		}
	}
	var spans []int32
	if flags&recordRawLabels != 0 {
		ex.Labels = r.int32s(int64(n))
	} else {
		spans = r.int32s(2 * int64(r.uint32()))
	}
	ex.InputIDs = r.ids(int64(n), width)
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("its record is longer than its %d tokens", n)
	}
	if r.err != nil {
		return Example{}, r.err
	}
	ex.FullLength = n
	if flags&recordRawLabels != 0 {
		return ex, nil
	}
	ex.Labels = slices.Repeat([]int32{IgnoreIndex}, n)
	for i := 0; i+1 < len(spans); i += 2 {
		start, end := int(spans[i]), int(spans[i+1])
		if start < 0 || start > end || end > n {
			return Example{}, fmt.Errorf("a trained span lies outside its %d tokens", n)
		}
		copy(ex.Labels[start:end], ex.InputIDs[start:end])
	}
	return ex, nil
}

// recordReader takes values from the front of b and remembers when they ran out.
type recordReader struct {
	b   []byte
	err error
}

func (r *recordReader) take(n int64) []byte {
	if r.err == nil && (n < 0 || n > int64(len(r.b))) {
		r.err = fmt.Errorf("its record ends early")
	}
	if r.err != nil {
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *recordReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *recordReader) int32s(n int64) []int32 {
	b := r.take(4 * min(n, math.MaxInt64/8))
	out := make([]int32, len(b)/4)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func (r *recordReader) ids(n int64, width int) []int32 {
	if width == 4 {
		return r.int32s(n)
	}
	b := r.take(2 * n)
	out := make([]int32, len(b)/2)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}
