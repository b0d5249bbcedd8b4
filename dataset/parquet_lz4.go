package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The parquet reader answers any fault in an LZ4 page by asking for twice the
// memory, until there is none left and the process dies. So the pages of such a
// column are walked first, which takes no memory.

// usesLZ4 says whether a column of f is compressed with LZ4.
func usesLZ4(f *parquet.File) bool {
	for _, group := range f.Metadata().RowGroups {
		for i := range group.Columns {
			if group.Columns[i].MetaData.Codec == format.Lz4Raw {
				return true
			}
		}
	}
	return false
}

// checkLZ4 walks the LZ4 pages of row group g.
func (s *parquetSource) checkLZ4(g int) error {
	if !s.lz4 {
		return nil
	}
	for i := range s.file.Metadata().RowGroups[g].Columns {
		chunk := &s.file.Metadata().RowGroups[g].Columns[i].MetaData
		if chunk.Codec != format.Lz4Raw {
			continue
		}
		start := chunk.DataPageOffset
		if chunk.DictionaryPageOffset != 0 {
			start = chunk.DictionaryPageOffset
		}
		if err := walkPages(io.NewSectionReader(s.in.file, start, chunk.TotalCompressedSize)); err != nil {
			return fmt.Errorf("row group %d: %w", g, err)
		}
	}
	return nil
}

// walkPages checks every page of a column chunk.
func walkPages(chunk io.Reader) error {
	in := bufio.NewReaderSize(chunk, 64<<10)
	decoder := thrift.NewDecoder((&thrift.CompactProtocol{}).NewReader(in))
	var data []byte
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		var header format.PageHeader
		if err := decoder.Decode(&header); err != nil {
			return fmt.Errorf("a page header is damaged: %w", err)
		}
		size, plain := int(header.CompressedPageSize), int(header.UncompressedPageSize)
		if size < 0 || plain < 0 || size > pageMost {
			return fmt.Errorf("a page claims %d bytes", size)
		}
		if cap(data) < size {
			data = make([]byte, size)
		}
		data = data[:size]
		if _, err := io.ReadFull(in, data); err != nil {
			return fmt.Errorf("a page ends early: %w", err)
		}
		page := data
		if v2 := header.DataPageHeaderV2; v2.Valid { // its levels come first, uncompressed
			levels := int(v2.V.DefinitionLevelsByteLength) + int(v2.V.RepetitionLevelsByteLength)
			if levels < 0 || levels > size || levels > plain {
				return fmt.Errorf("a page of %d bytes claims %d bytes of levels", size, levels)
			}
			page, plain = page[levels:], plain-levels
			if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
				continue
			}
		}
		if got, ok := lz4Size(page); !ok || got != plain {
			return errors.New("a page is no LZ4 data of the size it claims")
		}
	}
}

// pageMost is more than any page has.
const pageMost = 1 << 30

// lz4Size walks an LZ4 block and says how many bytes it becomes.
func lz4Size(block []byte) (size int, ok bool) {
	take := func(first byte) (int, bool) { // a length of four bits and what follows it
		n := int(first)
		for first == 15 {
			if len(block) == 0 {
				return 0, false
			}
			n += int(block[0])
			more := block[0] == 255
			block = block[1:]
			if !more {
				break
			}
		}
		return n, true
	}
	if len(block) == 0 {
		return 0, true
	}
	for len(block) > 0 {
		token := block[0]
		block = block[1:]
		literals, fine := take(token >> 4)
		if !fine || literals > len(block) {
			return 0, false
		}
		size += literals
		if block = block[literals:]; len(block) == 0 {
			return size, true // the last sequence has no match
		}
		if len(block) < 2 {
			return 0, false
		}
		offset := int(block[0]) | int(block[1])<<8
		block = block[2:]
		length, fine := take(token & 15)
		if !fine || offset == 0 || offset > size {
			return 0, false
		}
		size += length + 4
	}
	return 0, false // it ends with a match, which no writer does
}
