package dataset

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// TestDamagedParquetMemory plants sizes in page headers and in the footer that
// the file cannot have: each is an error of one sentence, and no memory is
// taken for them.
func TestDamagedParquetMemory(t *testing.T) {
	type row struct {
		Text string `parquet:"text,plain"`
		Kind string `parquet:"kind,dict"`
	}
	var good bytes.Buffer
	w := parquet.NewGenericWriter[row](&good, parquet.Compression(&parquet.Snappy))
	rows := make([]row, 3000)
	for i := range rows {
		rows[i] = row{strings.Repeat("word ", 20+i%9), "kind"}
	}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	f, err := parquet.OpenFile(bytes.NewReader(good.Bytes()), int64(good.Len()))
	if err != nil {
		t.Fatal(err)
	}
	start := int(f.Metadata().RowGroups[0].Columns[0].MetaData.DataPageOffset)
	huge := binary.AppendUvarint(nil, 2*2_000_000_000) // zigzag; five bytes
	refused := 0
	for at := start; at < start+80; at++ { // one of these is each field of the first page's header, and the page's own size
		data := bytes.Clone(good.Bytes())
		copy(data[at:], huge)
		refused += checkDamaged(t, path, data)
	}
	for at := good.Len() - 700; at < good.Len()-13; at += 3 {
		data := bytes.Clone(good.Bytes())
		copy(data[at:], huge)
		refused += checkDamaged(t, path, data)
	}
	if refused < 100 {
		t.Errorf("only %d changes are noticed", refused)
	}
	if got := checkDamaged(t, path, good.Bytes()); got != 0 {
		t.Error("the undamaged file is refused")
	}
}

// checkDamaged reads data as a file and says 1 when that is an error.
func checkDamaged(t *testing.T, path string, data []byte) int {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := readDamaged(t, path)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 256<<20 {
		t.Errorf("%d MB are allocated: %v", took>>20, err)
	}
	if err == nil {
		return 0
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "damaged.parquet") {
		t.Error(err)
	}
	return 1
}

func readDamaged(t *testing.T, path string) error {
	src, err := Open(t.Context(), path, OpenOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	for i := 0; i < src.Len() && i < 5000; i += 50 {
		if _, err := src.At(i); err != nil {
			return err
		}
	}
	return nil
}

// TestCheckRuns counts runs as they are written, and no further.
func TestCheckRuns(t *testing.T) {
	run := binary.AppendUvarint(nil, 2*100)
	if err := checkRuns(append(run, 1), 1, 100); err != nil {
		t.Error(err)
	}
	if err := checkRuns([]byte{3, 0xff}, 1, 8); err != nil { // bit-packed, a group of eight
		t.Error(err)
	}
	if err := checkRuns(append(binary.AppendUvarint(nil, 2*2_000_000_000), 1), 1, 100); err == nil {
		t.Error("a run of two billion passes for a hundred values")
	}
	if err := checkRuns(binary.AppendUvarint(nil, 2*1_000_000_000+1), 0, 100); err == nil {
		t.Error("runs of no width pass")
	}
	claims := binary.AppendUvarint([]byte{0x80, 1, 4}, 2_000_000_000)
	if err := checkValues(claims, format.DeltaBinaryPacked, 100); err == nil {
		t.Error("delta values claim two billion")
	}
}

// TestCheckPacked holds sizes against what compression can do.
func TestCheckPacked(t *testing.T) {
	if err := checkPacked(format.Snappy, binary.AppendUvarint(nil, 1<<31), 100, 1000); err == nil {
		t.Error("Snappy data of two gigabytes pass for a page of 1000 bytes")
	}
	if err := checkPacked(format.Gzip, nil, 100, 1<<30); err == nil {
		t.Error("a gigabyte passes for 100 bytes of gzip")
	}
	if err := checkPacked(format.Snappy, binary.AppendUvarint(nil, 1000), 100, 1000); err != nil {
		t.Error(err)
	}
}
