package dataset

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// openParquetFile opens a file of size bytes, with its page index where it
// has one.
func openParquetFile(in *input, size int64) (*parquet.File, error) {
	if err := checkFooter(in, size); err != nil {
		return nil, err
	}
	open := func(skipIndex bool) (*parquet.File, error) {
		return parquet.OpenFile(in.file, size, parquet.SkipPageIndex(skipIndex), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	}
	f, err := open(true)
	if err != nil {
		return nil, err
	}
	indexed := false
	for k := range f.Metadata().RowGroups {
		for i := range f.Metadata().RowGroups[k].Columns {
			chunk := &f.Metadata().RowGroups[k].Columns[i]
			if err := checkChunk(in, size, chunk); err != nil {
				return nil, fmt.Errorf("row group %d: %w", k, err)
			}
			indexed = indexed || chunk.OffsetIndexLength > 0
		}
	}
	if !indexed {
		return f, nil
	}
	return open(false)
}

// checkFooter walks the footer of a file of size bytes. What is no parquet file
// is left to the parquet reader to refuse.
func checkFooter(in *input, size int64) error {
	tail := make([]byte, 8)
	if size < 12 {
		return nil
	}
	if _, err := in.file.ReadAt(tail, size-8); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if magic := string(tail[4:]); magic != "PAR1" && magic != "PARE" {
		return nil
	}
	if length > size-12 { // the reader would ask for as much memory first
		return fmt.Errorf("its footer claims %d bytes, but the file has %d", length, size)
	}
	if string(tail[4:]) == "PARE" { // encrypted, which the reader refuses
		return nil
	}
	if err := checkThrift(in.file, size-8-length, length); err != nil {
		return fmt.Errorf("its footer is damaged: %w", err)
	}
	return nil
}

// checkChunk sees that a column chunk's pages and indexes lie within the file,
// and that the indexes claim no more than they have.
func checkChunk(in *input, size int64, c *format.ColumnChunk) error {
	within := func(at, length int64) bool { return at >= 0 && length >= 0 && at <= size && length <= size-at }
	start := c.MetaData.DataPageOffset
	if c.MetaData.DictionaryPageOffset != 0 {
		start = c.MetaData.DictionaryPageOffset
	}
	if !within(start, c.MetaData.TotalCompressedSize) || c.MetaData.NumValues < 0 {
		return fmt.Errorf("a column claims %d bytes at %d, but the file has %d", c.MetaData.TotalCompressedSize, start, size)
	}
	for _, index := range [][2]int64{{c.ColumnIndexOffset, int64(c.ColumnIndexLength)}, {c.OffsetIndexOffset, int64(c.OffsetIndexLength)}} {
		if index[0] == 0 && index[1] == 0 {
			continue
		}
		if !within(index[0], index[1]) {
			return fmt.Errorf("a page index claims %d bytes at %d, but the file has %d", index[1], index[0], size)
		}
		if err := checkThrift(in.file, index[0], index[1]); err != nil {
			return fmt.Errorf("a page index is damaged: %w", err)
		}
	}
	return nil
}
