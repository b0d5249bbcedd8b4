package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// readAll opens data as a file with the given extension and reads every row;
// whatever the data, it must end, and without a panic.
func readAll(t *testing.T, ext string, data []byte) (rows []Row, errs int) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "fuzz"+ext)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := Open(context.Background(), p, OpenOptions{})
	if err != nil {
		return nil, 1
	}
	defer func() { _ = src.Close() }()
	for i := range src.Len() {
		row, err := src.At(i)
		rows = append(rows, row)
		if err != nil {
			errs++
			continue // where a file breaks off there is no size
		}
		if size := src.ByteSize(i); size < 0 || size > int64(len(data)) {
			t.Fatalf("row %d has %d bytes of %d", i, size, len(data))
		}
		if src.Location(i) == "" {
			t.Fatal("a row without a place")
		}
	}
	return rows, errs
}

func FuzzJSONLines(f *testing.F) {
	for _, s := range []string{"{\"a\": 1}\n{\"a\": 2}\n", "\n\n{\"a\":\"\\n\"}\r\n  \n", "{\"a\": [1, {\"b\": null}]}", "[{\"a\": 1}]", "{\n\"a\": 1\n}\n{\"a\": 2}", "\xef\xbb\xbf{\"a\": 1}", "{\"a\": \"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, errs := readAll(t, ".jsonl", data)
		if errs > 0 || bytes.HasPrefix(bytes.TrimLeft(data, "\xef\xbb\xbf \t\r\n"), []byte("[")) {
			return
		}
		// Every line that is one object is one row, unless objects span lines.
		lines := 0
		for line := range bytes.Lines(data) {
			if line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))); len(line) == 0 {
				continue
			} else if !json.Valid(line) {
				return
			}
			lines++
		}
		if len(rows) != lines {
			t.Fatalf("%d rows from %d lines", len(rows), lines)
		}
	})
}

func FuzzJSONArray(f *testing.F) {
	for _, s := range []string{`[{"a": 1}, {"a": "x]\"}"}]`, `["a", "b"]`, `[]`, `[{"a": [[]]}`, `[{}]]`, ` [ {"a":1} , 7 ]`, `[{"a":1}{"a":2}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, errs := readAll(t, ".json", data)
		var want []map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || len(want) == 0 || bytes.Contains(data, []byte("null")) || !utf8.Valid(data) {
			return // Go reads over bytes that are no text, datasets and we refuse them
		}
		if errs > 0 && !bytes.Contains(data, []byte(`\u`)) && bytes.IndexByte(data, 0) < 0 {
			t.Fatalf("%d rows of valid JSON %q cannot be read", errs, data)
		}
		if errs == 0 && len(rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(rows), len(want))
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,a\n1.5,\"q\"\"q\"\n", "\xef\xbb\xbfa\r\n1\r\n\r\n2", "a\n\"open", "\"h\nh\",b\n1,2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, errs := readAll(t, ".csv", data)
		if errs > 0 || bytes.ContainsAny(data, "\"\r\x00") {
			return
		}
		lines := 0
		for _, line := range strings.Split(string(data), "\n") {
			if line != "" {
				lines++
			}
		}
		if rows != nil && len(rows) != lines-1 {
			t.Fatalf("%d rows from %d lines", len(rows), lines)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\nd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, errs := readAll(t, ".txt", data)
		if errs > 0 || len(rows) == 0 {
			return
		}
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(rows), len(want))
		}
		for i, row := range rows {
			if got, _ := row.Get("text"); got != want[i] {
				t.Fatalf("row %d is %q, want %q", i, got, want[i])
			}
		}
	})
}

// FuzzMapped changes a good file of prepared rows; wherever the change lies it
// is an error or gives well-formed rows. The checksums are made right again,
// so that the checks behind them are reached.
func FuzzMapped(f *testing.F) {
	good := mappedBytes(f)
	for _, at := range []int{0, 8, 12, 16, 24, 40, mappedHeader, mappedHeader + 4, mappedHeader + 9, len(good) - 1, len(good) - mappedEntry} {
		f.Add(uint32(at), byte(0xff), false)
		f.Add(uint32(at), byte(1), true)
	}
	f.Fuzz(func(t *testing.T, at uint32, flip byte, cut bool) {
		data := bytes.Clone(good)
		if cut {
			data = data[:int(at)%(len(data)+1)]
		} else {
			data[int(at)%len(data)] ^= flip
		}
		repairSums(data)
		m, err := parseMapped("fuzz", data)
		if err != nil {
			return
		}
		for i := range min(m.Len(), 1000) {
			ex, err := m.At(i)
			if err == nil && len(ex.Labels) != len(ex.InputIDs) {
				t.Fatalf("row %d: %d labels for %d ids", i, len(ex.Labels), len(ex.InputIDs))
			}
		}
	})
}

// repairSums makes the checksums of a changed file match where they can.
func repairSums(data []byte) {
	if len(data) < mappedHeader {
		return
	}
	le, table := binary.LittleEndian, crcTable()
	at, rows := le.Uint64(data[24:]), le.Uint64(data[16:])
	if at <= uint64(len(data)) && rows <= (uint64(len(data))-at)/mappedEntry {
		index := data[at : at+rows*mappedEntry]
		for e := index; len(e) >= mappedEntry; e = e[mappedEntry:] {
			from, size := le.Uint64(e), uint64(le.Uint32(e[8:]))
			if from <= uint64(len(data)) && size <= uint64(len(data))-from {
				le.PutUint32(e[16:], crc32.Checksum(data[from:from+size], table))
			}
		}
		le.PutUint32(data[32:], crc32.Checksum(index, table))
	}
	le.PutUint32(data[mappedHeader-4:], crc32.Checksum(data[:mappedHeader-4], table))
}
