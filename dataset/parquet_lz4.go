package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// The parquet reader answers any fault in an LZ4 page by asking for twice the
// memory, until there is none left and the process dies. So the pages of such a
// column are decompressed first, into the size that they claim.

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
	var data, plainData []byte
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
		var ok bool
		if ok, plainData = isLZ4(page, plain, plainData); !ok {
			return errors.New("a page is no LZ4 data of the size it claims")
		}
	}
}

// pageMost is more than any page has.
const pageMost = 1 << 30

// lz4Ratio is more than LZ4 can compress: a byte stands for at most 255.
const lz4Ratio = 256

// isLZ4 says whether block becomes size bytes; it decompresses them into buf,
// which it returns for the next one.
func isLZ4(block []byte, size int, buf []byte) (bool, []byte) {
	if len(block) == 0 || size <= 0 {
		return len(block) <= 1 && size == 0, buf
	}
	if size > len(block)*lz4Ratio {
		return false, buf
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	n, err := lz4.UncompressBlock(block, buf[:size])
	return err == nil && n == size, buf
}
