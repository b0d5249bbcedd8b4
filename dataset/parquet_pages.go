package dataset

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The parquet reader allocates what a page claims before it looks whether the
// page can hold that: one damaged byte can cost all memory. So the headers of a
// column chunk's pages are compared with the chunk's metadata first, and what
// pages say of themselves inside with their headers.

const (
	pageMost    = 1 << 30  // bytes; more than any page has
	pageUsual   = 64 << 20 // bytes up to which a page may be larger than its chunk's metadata says, which some writers get wrong
	pageInside  = 64 << 10 // bytes up to which every page is looked into
	gzipRatio   = 1100     // more than Deflate can compress
	snappyRatio = 32       // more than Snappy can compress
	runsSpare   = 4096     // values by which padded runs may be too long
)

// leafLevels is how often a leaf column can repeat and be null.
type leafLevels struct{ repetition, definition int }

// levelsOf lists the leaf columns below c.
func levelsOf(c *parquet.Column) []leafLevels {
	if c.Leaf() {
		return []leafLevels{{c.MaxRepetitionLevel(), c.MaxDefinitionLevel()}}
	}
	var out []leafLevels
	for _, child := range c.Columns() {
		out = append(out, levelsOf(child)...)
	}
	return out
}

// checkGroup checks the pages that a reader of row group g will read, once.
func (s *parquetSource) checkGroup(g int) error {
	if _, done := s.checked.Load(g); done {
		return nil
	}
	columns := s.file.Metadata().RowGroups[g].Columns
	levels := levelsOf(s.file.Root())
	if len(levels) != len(columns) {
		return fmt.Errorf("row group %d has %d columns, the schema %d", g, len(columns), len(levels))
	}
	check := func(leaf int) error {
		if rows := s.firsts[g+1] - s.firsts[g]; levels[leaf].repetition == 0 && columns[leaf].MetaData.NumValues != rows {
			return fmt.Errorf("row group %d has %d rows, but a column of it %d values", g, rows, columns[leaf].MetaData.NumValues)
		}
		w := pageWalk{file: s.in.file, chunk: &columns[leaf].MetaData, values: columns[leaf].MetaData.NumValues, levels: levels[leaf], starts: map[int64]bool{}}
		err := w.walk()
		if k := g*len(columns) + leaf; err == nil && s.indexed && k < len(s.file.OffsetIndexes()) {
			err = w.checkIndex(s.file.OffsetIndexes()[k].PageLocations)
		}
		if err != nil {
			return fmt.Errorf("row group %d: %w", g, err)
		}
		return nil
	}
	leaves := s.leaves
	if leaves == nil {
		for k := range columns {
			leaves = append(leaves, k)
		}
	}
	for _, leaf := range leaves {
		if err := check(leaf); err != nil {
			return err
		}
	}
	s.checked.Store(g, true)
	return nil
}

// pageWalk goes over the pages of a column chunk.
type pageWalk struct {
	file   io.ReaderAt
	chunk  *format.ColumnMetaData
	values int64 // that the pages ahead may have
	levels leafLevels
	starts map[int64]bool // where pages begin
	data   []byte         // of the page
	plain  []byte         // the same decompressed
}

func (w *pageWalk) walk() error {
	at := w.chunk.DataPageOffset
	if w.chunk.DictionaryPageOffset != 0 {
		at = w.chunk.DictionaryPageOffset
	}
	end := at + w.chunk.TotalCompressedSize
	in := bufio.NewReader(nil)
	for at < end {
		w.starts[at] = true
		in.Reset(io.NewSectionReader(w.file, at, end-at))
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		r := thriftReader{in: in, left: end - at}
		if err := r.structure(0); err != nil {
			return fmt.Errorf("a page header is damaged: %w", err)
		}
		var header format.PageHeader
		if err := thrift.Unmarshal(&thrift.CompactProtocol{}, r.seen, &header); err != nil {
			return fmt.Errorf("a page header is damaged: %w", err)
		}
		at += int64(len(r.seen))
		size := int64(header.CompressedPageSize)
		if size < 0 || size > end-at {
			return fmt.Errorf("a page claims %d bytes, but its column has %d left", size, end-at)
		}
		if err := w.page(&header, at); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// checkIndex sees that the index leads to pages.
func (w *pageWalk) checkIndex(pages []format.PageLocation) error {
	for _, p := range pages {
		if !w.starts[p.Offset] {
			return errors.New("its page index leads to a place where no page begins")
		}
	}
	return nil
}

// page checks the page whose data lie at at.
func (w *pageWalk) page(h *format.PageHeader, at int64) error {
	size, plain := int(h.CompressedPageSize), int(h.UncompressedPageSize)
	if plain < 0 || plain > pageMost || int64(plain) > max(w.chunk.TotalUncompressedSize, pageUsual) {
		return fmt.Errorf("a page claims %d bytes, but all of its column has %d", plain, w.chunk.TotalUncompressedSize)
	}
	c, err := w.contents(h)
	if err != nil {
		return err
	}
	values, encoding, levels, packed := c.values, c.encoding, c.levels, c.packed
	if !h.DictionaryPageHeader.Valid {
		if values < 0 || values > w.values {
			return fmt.Errorf("a page claims %d values, but its column has %d left", values, w.values)
		}
		w.values -= values
	}
	if !w.looksInto(encoding, plain, packed) {
		return w.begins(at+int64(levels), size-levels, plain-levels, packed)
	}
	if err := w.read(at, size); err != nil {
		return err
	}
	front, body := w.data[:levels], w.data[levels:]
	if packed {
		if body, err = w.unpack(body, plain-levels); err != nil {
			return err
		}
	}
	switch {
	case h.DataPageHeader.Valid:
		return w.inside(body, encoding, values)
	case h.DataPageHeaderV2.Valid:
		return w.insideV2(front, body, h, values)
	}
	return nil
}

// pageContents is what a page's header says of its data.
type pageContents struct {
	values   int64 // 0 for a dictionary
	encoding format.Encoding
	levels   int  // bytes of levels that come first, uncompressed
	packed   bool // the rest is compressed
}

// contents reads a page's header, whose sizes page has checked.
func (w *pageWalk) contents(h *format.PageHeader) (pageContents, error) {
	size, plain := int(h.CompressedPageSize), int(h.UncompressedPageSize)
	c := pageContents{encoding: format.Plain, packed: w.chunk.Codec != format.Uncompressed}
	switch {
	case h.DataPageHeader.Valid:
		c.values, c.encoding = int64(h.DataPageHeader.V.NumValues), h.DataPageHeader.V.Encoding
	case h.DataPageHeaderV2.Valid:
		v2 := &h.DataPageHeaderV2.V
		c.values, c.encoding = int64(v2.NumValues), v2.Encoding
		c.levels = int(v2.RepetitionLevelsByteLength) + int(v2.DefinitionLevelsByteLength)
		if min(v2.RepetitionLevelsByteLength, v2.DefinitionLevelsByteLength) < 0 || c.levels > size || c.levels > plain {
			return c, fmt.Errorf("a page of %d bytes claims %d bytes of levels", size, c.levels)
		}
		c.packed = c.packed && (!v2.IsCompressed.Valid || v2.IsCompressed.V)
	case h.DictionaryPageHeader.Valid:
		if n := int(h.DictionaryPageHeader.V.NumValues); n < 0 || n > 8*max(size, plain) {
			return c, fmt.Errorf("a dictionary of %d bytes claims %d values", plain, n)
		}
	}
	return c, nil
}

// looksInto says whether a page's data are read: pages of text are too large
// for that, and say little of themselves. LZ4 see isLZ4.
func (w *pageWalk) looksInto(e format.Encoding, plain int, packed bool) bool {
	return packed && w.chunk.Codec == format.Lz4Raw || plain <= pageInside || e != format.Plain
}

// begins checks what the first bytes of compressed data say of their size.
func (w *pageWalk) begins(at int64, size, plain int, packed bool) error {
	if !packed {
		return nil
	}
	if err := w.read(at, min(size, 32)); err != nil {
		return err
	}
	return checkPacked(w.chunk.Codec, w.data, size, plain)
}

func (w *pageWalk) read(at int64, size int) error {
	if cap(w.data) < size {
		w.data = make([]byte, size)
	}
	w.data = w.data[:size]
	if _, err := w.file.ReadAt(w.data, at); err != nil {
		return fmt.Errorf("a page ends early: %w", err)
	}
	return nil
}

// checkPacked compares the size that compressed data of size bytes, of which
// head is the beginning, can have or claim with plain, that of their page.
func checkPacked(codec format.CompressionCodec, head []byte, size, plain int) error {
	claim, ratio := uint64(0), 0
	switch codec {
	case format.Snappy:
		claim, _ = binary.Uvarint(head)
		ratio = snappyRatio
	case format.Gzip:
		ratio = gzipRatio
	case format.Zstd:
		var h zstd.Header
		if err := h.Decode(head); err == nil && h.HasFCS {
			claim = h.FrameContentSize
		}
	}
	if claim > uint64(plain) || ratio > 0 && size > 0 && plain > ratio*(size+32) {
		return fmt.Errorf("a page of %d bytes cannot become %d bytes", size, max(claim, uint64(plain)))
	}
	return nil
}

// unpack decompresses data, which is a page of size bytes.
func (w *pageWalk) unpack(data []byte, size int) ([]byte, error) {
	if w.chunk.Codec == format.Lz4Raw {
		var ok bool
		if ok, w.plain = isLZ4(data, size, w.plain); !ok {
			return nil, errors.New("a page is no LZ4 data of the size it claims")
		}
		return w.plain[:size], nil
	}
	if len(data) == 0 {
		return nil, nil
	}
	if err := checkPacked(w.chunk.Codec, data, len(data), size); err != nil {
		return nil, err
	}
	if cap(w.plain) < size {
		w.plain = make([]byte, size)
	}
	out, err := parquet.LookupCompressionCodec(w.chunk.Codec).Decode(w.plain[:size], bytes.Clone(data))
	if err != nil {
		return nil, fmt.Errorf("a page cannot be decompressed: %w", err)
	}
	return out, nil
}

// insideV2 is inside for a page whose levels are front, without lengths.
func (w *pageWalk) insideV2(front, body []byte, h *format.PageHeader, values int64) error {
	n := int(h.DataPageHeaderV2.V.RepetitionLevelsByteLength)
	if err := checkRuns(front[:n], w.levels.repetition, values); err != nil {
		return err
	}
	if err := checkRuns(front[n:], w.levels.definition, values); err != nil {
		return err
	}
	return checkValues(body, h.DataPageHeaderV2.V.Encoding, values)
}

// inside checks the levels and the values of a page of version 1.
func (w *pageWalk) inside(body []byte, e format.Encoding, values int64) error {
	for _, level := range []int{w.levels.repetition, w.levels.definition} {
		if level == 0 {
			continue
		}
		if len(body) < 4 || int64(binary.LittleEndian.Uint32(body)) > int64(len(body)-4) {
			return errors.New("the levels of a page end early")
		}
		n := int(binary.LittleEndian.Uint32(body))
		if err := checkRuns(body[4:4+n], level, values); err != nil {
			return err
		}
		body = body[4+n:]
	}
	return checkValues(body, e, values)
}

// checkValues checks values whose encoding says how many they are.
func checkValues(b []byte, e format.Encoding, values int64) error {
	switch e {
	case format.RLEDictionary, format.PlainDictionary: //nolint:staticcheck // older writers use it
		if len(b) > 0 {
			return checkRuns(b[1:], 1<<min(b[0], 32)-1, values)
		}
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.DeltaByteArray:
		count := uint64(0)
		for range 3 { // size of a block, its parts, the values
			var n int
			if count, n = binary.Uvarint(b); n <= 0 {
				return errors.New("the values of a page end early")
			}
			b = b[n:]
		}
		if count > uint64(values) {
			return fmt.Errorf("a page of %d values claims %d", values, count)
		}
	case format.RLE:
		if len(b) > 4 {
			return checkRuns(b[4:], 1, values)
		}
	}
	return nil
}

// checkRuns walks runs of numbers up to most, of which there should be values.
func checkRuns(b []byte, most int, values int64) error {
	width := uint64(bits.Len(uint(most)))
	for total := uint64(0); len(b) > 0; {
		head, n := binary.Uvarint(b)
		if n <= 0 {
			return errors.New("a run of values in a page ends early")
		}
		b = b[n:]
		count, bytes := head>>1, (width+7)/8
		if head&1 != 0 {
			count, bytes = 8*(head>>1&(1<<32-1)), width*(head>>1&(1<<32-1))
		}
		if total += min(count, 1<<40); total > uint64(values)+runsSpare {
			return fmt.Errorf("a page of %d values claims runs of %d", values, total)
		}
		b = b[min(bytes, uint64(len(b))):]
	}
	return nil
}
