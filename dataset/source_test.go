package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sftui/dataset/jinja"
)

// open opens a data set and closes it when the test ends.
func open(t *testing.T, spec string) Source {
	t.Helper()
	src, err := Open(t.Context(), spec, OpenOptions{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func asJSON(v any) string { return jinja.EncodeJSON(v, jinja.JSONOptions{}) }

// rowsOf reads all rows as JSON.
func rowsOf(t *testing.T, src Source) []string {
	t.Helper()
	out := make([]string, src.Len())
	for i := range out {
		row, err := src.At(i)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = asJSON(row)
	}
	return out
}

// TestRowsEqualDatasets compares every file in testdata/sources with what HF
// datasets 5.2 yields for it (testdata/sources/datasets): values, types, nulls
// and the order of keys.
func TestRowsEqualDatasets(t *testing.T) {
	expected, err := filepath.Glob("testdata/sources/datasets/*.jsonl")
	if err != nil || len(expected) < 20 {
		t.Fatalf("%d expected files (%v)", len(expected), err)
	}
	for _, want := range expected {
		name := strings.TrimSuffix(filepath.Base(want), ".jsonl")
		t.Run(name, func(t *testing.T) {
			got := rowsOf(t, open(t, filepath.Join("testdata/sources", name)))
			data, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			if len(got) != len(lines) {
				t.Fatalf("%d rows, want %d", len(got), len(lines))
			}
			for i, line := range lines {
				v, err := jinja.DecodeJSON([]byte(line))
				if err != nil {
					t.Fatal(err)
				}
				if w := asJSON(v); got[i] != w {
					t.Errorf("row %d\n got %s\nwant %s", i, got[i], w)
				}
			}
		})
	}
}

// The same 3,000 rows as parquet of several row groups and small pages, and as
// compressed JSON lines.
func TestParquetEqualsJSONLines(t *testing.T) {
	t.Setenv("SFTUI_CACHE", t.TempDir())
	want := rowsOf(t, open(t, "testdata/sources/many.jsonl.gz"))
	src := open(t, "testdata/sources/many.parquet")
	if src.Len() != 3000 || len(want) != 3000 {
		t.Fatalf("%d and %d rows", src.Len(), len(want))
	}
	// Jumping about, from several goroutines, must give what reading through does.
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for k := range src.Len() {
				i := (k*991 + w*700) % src.Len()
				row, err := src.At(i)
				if err != nil {
					t.Error(err)
					return
				}
				if got := asJSON(row); got != want[i] {
					t.Errorf("row %d\n got %s\nwant %s", i, got, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
	sizes, ok, err := MeasureBytes(t.Context(), src, 2)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for i := range sizes {
		if text := int64(len(want[i])); sizes[i] > text {
			t.Fatalf("row %d has %d bytes of text, but %d as JSON", i, sizes[i], text)
		}
	}
}

func TestProject(t *testing.T) {
	src := open(t, "testdata/sources/many.parquet")
	view := Project(src, []string{"tags", "i"})
	if got := strings.Join(view.Columns(), ","); got != "i,tags" {
		t.Fatalf("columns %s", got)
	}
	for _, i := range []int{0, 699, 700, 2999, 5} {
		whole, err := src.At(i)
		if err != nil {
			t.Fatal(err)
		}
		part, err := view.At(i)
		if err != nil {
			t.Fatal(err)
		}
		whole = whole.Clone()
		whole.Delete("messages")
		if asJSON(part) != asJSON(whole) {
			t.Errorf("row %d: %s, want %s", i, asJSON(part), asJSON(whole))
		}
	}
}

func TestCompressedCopyIsReused(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("SFTUI_CACHE", cache)
	first := rowsOf(t, open(t, "testdata/sources/many.jsonl.gz"))
	files, _ := filepath.Glob(filepath.Join(cache, "data", "*"))
	if len(files) != 1 || strings.HasSuffix(files[0], ".part") {
		t.Fatalf("cache holds %v", files)
	}
	if second := rowsOf(t, open(t, "testdata/sources/many.jsonl.gz")); strings.Join(first, "") != strings.Join(second, "") {
		t.Error("the cached copy gives other rows")
	}
}

// A compressed file that turns out unreadable leaves nothing in the cache.
func TestBadCompressedFileLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("SFTUI_CACHE", cache)
	p := filepath.Join(t.TempDir(), "x.jsonl.gz")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("\x00binary")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p, OpenOptions{}); err == nil || !strings.Contains(err.Error(), "binary data") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(p, packed.Bytes()[:packed.Len()-6], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p, OpenOptions{}); err == nil {
		t.Error("a truncated file opens")
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "data", "*")); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

func TestFolderSplitsAndGlobs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("b/train-2.jsonl", "{\"a\": 3}\n")
	write("b/train-1.jsonl", "{\"a\": 1}\n\n{\"a\": 2}\n")
	write("b/test.jsonl", "{\"a\": 9}\n")
	write("b/notes.txt", "not data\n")
	write("b/.cache/train.jsonl", "{\"a\": -1}\n")
	src := open(t, filepath.Join(dir, "b"))
	if got := strings.Join(rowsOf(t, src), " "); got != `{"a": 1} {"a": 2} {"a": 3}` {
		t.Errorf("folder: %s", got)
	}
	if got := src.Location(1); !strings.HasSuffix(got, "train-1.jsonl line 3") {
		t.Errorf("location %q", got)
	}
	test, err := Open(t.Context(), filepath.Join(dir, "b"), OpenOptions{Split: "test"})
	if err != nil || test.Len() != 1 {
		t.Fatal(test, err)
	}
	glob := open(t, filepath.Join(dir, "**", "t*.jsonl"))
	if got := strings.Join(rowsOf(t, glob), " "); got != `{"a": 9} {"a": 1} {"a": 2} {"a": 3}` {
		t.Errorf("glob: %s", got)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "b"), OpenOptions{Split: "dev"}); err == nil || !strings.Contains(err.Error(), `"test", "train"`) {
		t.Errorf("unknown split: %v", err)
	}
	view := Select(src, []int{2, 0})
	if got := strings.Join(rowsOf(t, view), " "); got != `{"a": 3} {"a": 1}` {
		t.Errorf("selection: %s", got)
	}
}

// Each bad input is one sentence that names the file, and the row or line.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole, err := os.ReadFile("testdata/sources/many.parquet")
	if err != nil {
		t.Fatal(err)
	}
	long := `{"text": "` + strings.Repeat("x", 70_000_000-12) + `"}`
	tests := []struct {
		name, spec, want string
		row              int // the row to read when opening works
	}{
		{"missing file", filepath.Join(dir, "none.jsonl"), "does not exist", 0},
		{"nothing named", "", "no data set is named", 0},
		{"empty file", file("empty.jsonl", ""), "is empty", 0},
		{"blank lines only", file("blank.jsonl", "\n \n"), "has no rows", 0},
		{"empty array", file("empty.json", "[]"), "has no rows", 0},
		{"header only", file("head.csv", "a,b\n"), "has no rows", 0},
		{"not JSON", file("bad.jsonl", "{\"a\": 1}\n\n{\"a\": oops}\n"), "bad.jsonl line 3 is not JSON", 1},
		{"not an object", file("list.jsonl", "{\"a\": 1}\n7\n"), "line 2 is not a JSON object", 1},
		{"array cut off", file("cut.json", "[{\"a\": 1}, {\"a\": "), "cut off", 1},
		{"string cut off", file("cutstring.json", "[{\"a\": 1}, {\"a\": \"x"), "ends inside a string", 1},
		{"binary as JSON", file("bin.jsonl", "\x00\x01\x02PNG"), "binary data", 0},
		{"binary in a line", file("bin2.jsonl", "{\"a\": 1}\n"+strings.Repeat(" ", 5000)+"{\"a\": \"\x00\"}\n"), "line 2 holds binary data", 1},
		{"binary as text", file("bin.txt", "abc\x00def"), "binary data", 0},
		{"Latin-1 text", file("latin.txt", "gr\xfc\xdfe\n"), "line 1 is not UTF-8", 0},
		{"row too long", file("long.jsonl", "{\"text\": \"a\"}\n"+long+"\n"), "line 2 is 70.0 MB long, more than the 64.0 MB", 1},
		{"too many cells", file("cells.csv", "a,b\n1,2\n1,2,3\n"), "line 3 has 3 cells", 1},
		{"open quote", file("quote.csv", "a,b\n1,2\n\"x,2\n"), "closing quote is missing", 1},
		{"unknown extension", file("data.xyz", "x"), "extension", 0},
		{"damaged gzip", file("x.jsonl.gz", "not gzip"), "gzip", 0},
		{"truncated parquet", file("cut.parquet", string(whole[:len(whole)/2])), "cut off", 0},
		{"not parquet", file("no.parquet", strings.Repeat("hello ", 50)), "not a parquet file", 0},
		{"glob without match", filepath.Join(dir, "*.nothing"), "matches no data file", 0},
		{"folder without data", t.TempDir(), "no data file", 0},
	}
	t.Setenv("SFTUI_CACHE", t.TempDir())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, err := Open(t.Context(), tt.spec, OpenOptions{})
			if err == nil {
				defer func() { _ = src.Close() }()
				_, err = src.At(tt.row)
			}
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want one line with %q", err, tt.want)
			}
		})
	}
}

// Pages damaged in the middle of a parquet file are an error for their rows,
// never a panic, and leave other rows readable.
func TestDamagedParquetPages(t *testing.T) {
	data, err := os.ReadFile("testdata/sources/many.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for at := 100; at < len(data)-4000; at += 1500 {
		broken := append([]byte(nil), data...)
		for k := range 200 {
			broken[at+k] ^= 0xA5
		}
		p := filepath.Join(t.TempDir(), "broken.parquet")
		if err := os.WriteFile(p, broken, 0o644); err != nil {
			t.Fatal(err)
		}
		src, err := Open(context.Background(), p, OpenOptions{})
		if err != nil {
			continue
		}
		for i := 0; i < src.Len(); i += 100 {
			if _, err := src.At(i); err != nil && !strings.Contains(err.Error(), "broken.parquet row ") {
				t.Fatalf("%v", err)
			}
		}
		_ = src.Close()
	}
}

// TestBrokenTail checks that what a file loses at its end is an error for whoever
// reads all rows, and not a row less.
func TestBrokenTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.json")
	if err := os.WriteFile(path, []byte("[{\"text\": \"a\"},\n{\"text\":"), 0o644); err != nil {
		t.Fatal(err)
	}
	src := open(t, path)
	_, err := src.At(1)
	if src.Len() != 2 || err == nil || !strings.Contains(err.Error(), "cut.json line 2: the file ends inside a row; it seems cut off") {
		t.Errorf("%d rows, %v", src.Len(), err)
	}
}
