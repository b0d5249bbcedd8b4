package dataset

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzParquet changes small parquet files anywhere: that is an error, of the
// file or of a row, or rows of the columns that the file names.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"tc.parquet", "dict.parquet", "bss.parquet", "json.parquet", "nulls.parquet", "types3.parquet"} {
		data, err := os.ReadFile(filepath.Join("testdata/sources", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint(0), byte(0), uint(0), byte(0))
		f.Add(data, uint(len(data)/2), byte(0xff), uint(40), byte(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint, to byte, also uint, other byte) {
		if len(data) == 0 || len(data) > 1<<16 {
			return
		}
		data = append([]byte{}, data...)
		data[at%uint(len(data))] ^= to
		data[also%uint(len(data))] ^= other
		path := filepath.Join(t.TempDir(), "fuzz.parquet")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := Open(t.Context(), path, OpenOptions{})
		if err != nil {
			return
		}
		defer func() { _ = src.Close() }()
		for i := range min(src.Len(), 1000) {
			row, err := src.At(i)
			if err == nil && row.Len() != len(src.Columns()) {
				t.Fatalf("row %d has %d columns, the file %d", i, row.Len(), len(src.Columns()))
			}
		}
		_, _, _ = MeasureBytes(t.Context(), src, 1) // any answer will do, as long as there is one
	})
}
