package report

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaskedChecksum has CRC-32C's published check value, masked by hand.
func TestMaskedChecksum(t *testing.T) {
	f := eventFile{table: crc32.MakeTable(crc32.Castagnoli)}
	const check = 0xe3069283
	if got, want := f.masked([]byte("123456789")), uint32((check>>15|check<<17)&math.MaxUint32+0xa282ead8); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

// boardValue is one value read back from an event file.
type boardValue struct {
	step   uint64
	wall   float64
	tag    string
	scalar float32
	text   string
}

// readFields takes a message apart: field number to its values, in order.
func readFields(t *testing.T, data []byte) map[int][][]byte {
	t.Helper()
	fields := map[int][][]byte{}
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		size := 0
		if data = data[n:]; n <= 0 {
			t.Fatal("broken field")
		}
		switch key & 7 {
		case wireVarint:
			_, size = binary.Uvarint(data)
		case wireDouble:
			size = 8
		case wireFloat:
			size = 4
		case wireBytes:
			length, n := binary.Uvarint(data)
			data, size = data[n:], int(length)
		default:
			t.Fatalf("wire type %d", key&7)
		}
		fields[int(key>>3)] = append(fields[int(key>>3)], data[:size])
		data = data[size:]
	}
	return fields
}

// readBoard reads an event file back and checks every checksum.
func readBoard(t *testing.T, path string) (values []boardValue) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := eventFile{table: crc32.MakeTable(crc32.Castagnoli)}
	for first := true; len(data) > 0; first = false {
		size := binary.LittleEndian.Uint64(data)
		record := data[12 : 12+size]
		if binary.LittleEndian.Uint32(data[8:]) != f.masked(data[:8]) || binary.LittleEndian.Uint32(data[12+size:]) != f.masked(record) {
			t.Fatal("a checksum is wrong")
		}
		data = data[16+size:]
		event := readFields(t, record)
		if first {
			if string(event[eventFileVersion][0]) != "brain.Event:2" {
				t.Errorf("version %q", event[eventFileVersion])
			}
			continue
		}
		v := boardValue{wall: math.Float64frombits(binary.LittleEndian.Uint64(event[eventWallTime][0]))}
		v.step, _ = binary.Uvarint(event[eventStep][0])
		for _, raw := range readFields(t, event[eventSummary][0])[summaryValue] {
			fields := readFields(t, raw)
			v.tag, v.text, v.scalar = string(fields[valueTag][0]), "", 0
			if simple := fields[valueSimpleValue]; simple != nil {
				v.scalar = math.Float32frombits(binary.LittleEndian.Uint32(simple[0]))
			} else {
				v.text = string(readFields(t, fields[valueTensor][0])[tensorStringVal][0])
			}
			values = append(values, v)
		}
	}
	return values
}

func TestTensorBoard(t *testing.T) {
	dir := t.TempDir()
	foreign, err := Open("testdata")
	if err != nil {
		t.Fatal(err)
	}
	runs := []*Run{small(t, "one", "learning_rate: 1\n"), foreign}
	for range 2 { // writing again replaces
		if _, err := WriteTensorBoard(dir, runs); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(paths) != 2 || !strings.Contains(paths[0], "one/events.out.tfevents.") {
		t.Fatalf("files %v %v", paths, err)
	}
	own := map[string][]boardValue{}
	for _, v := range readBoard(t, paths[0]) {
		own[v.tag] = append(own[v.tag], v)
	}
	loss := own["train/loss"]
	if len(loss) != 6 || loss[0].step != 1 || loss[0].scalar != 6 || loss[0].wall != float64(began.Unix()+1) || !math.IsNaN(float64(loss[2].scalar)) {
		t.Errorf("train/loss %+v", loss)
	}
	if v := own["perf/trained_tokens_per_second"]; len(v) != 6 || v[5].scalar != 200 {
		t.Errorf("tokens/s %+v", v)
	}
	if v := own["train/num_tokens"]; len(v) != 6 || v[5].scalar != 720 {
		t.Errorf("train/num_tokens %+v", v)
	}
	if v := own["eval/loss"]; len(v) != 1 || v[0].step != 6 || v[0].scalar != 2.25 {
		t.Errorf("eval/loss %+v", v)
	}
	if v := own["samples/1/text_summary"]; len(v) != 1 || !strings.Contains(v[0].text, "日本語") || !strings.Contains(v[0].text, "    a\n    b") {
		t.Errorf("samples %+v", v)
	}
	if v := own["recipe/text_summary"]; len(v) != 1 || v[0].text != "    learning_rate: 1" {
		t.Errorf("recipe %+v", v)
	}
	steps := 0
	for _, v := range readBoard(t, paths[1]) {
		if v.tag == "train/loss" {
			steps++
			if v.wall < 1e9 {
				t.Errorf("step %d of TRL's run is dated %v", v.step, v.wall)
			}
		}
	}
	if steps != 3 {
		t.Errorf("%d losses of TRL's run", steps)
	}
}
