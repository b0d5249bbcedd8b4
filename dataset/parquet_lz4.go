package dataset

import (
	"github.com/parquet-go/parquet-go"
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

// lz4Ratio is more than LZ4 can compress: a byte stands for at most 255.
const lz4Ratio = 256

// isLZ4 says whether block becomes size bytes; it decompresses them into buf,
// which it returns for the next one.
func isLZ4(block []byte, size int, buf []byte) (bool, []byte) {
	if len(block) == 0 || size <= 0 {
		return size == 0 && (len(block) == 0 || len(block) == 1 && block[0] == 0), buf // nothing is the byte 0
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
