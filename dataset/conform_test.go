package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesTogether reads two files of one folder. The rows are what HF
// datasets 5.2 gives for them, and where it refuses them we do.
func TestFilesTogether(t *testing.T) {
	for name, tt := range map[string]struct{ a, b, want string }{
		"a column is missing": {`{"a": 1, "b": "x"}`, `{"a": 2}`, `{"a": 2, "b": null}`},
		"a column too many":   {`{"a": 1}`, `{"a": 2, "b": "x"}`, `error: b.jsonl line 1 has the column "b", which`},
		"another order":       {`{"a": 1, "b": "x"}`, `{"b": "y", "a": 2}`, `{"a": 2, "b": "y"}`},
		"fractions first":     {`{"a": 1.5}`, `{"a": 2}`, `{"a": 2.0}`},
		"fractions later":     {`{"a": 1}`, `{"a": 2.5}`, `error: has "2.5" in "a", where`},
		"whole fractions":     {`{"a": 1}`, `{"a": 2.0}`, `{"a": 2}`},
		"text first":          {`{"a": "x"}`, `{"a": 2}`, `{"a": "2"}`},
		"text later":          {`{"a": 2}`, `{"a": "x"}`, `error: whole numbers: give all files the same types`},
		"digits later":        {`{"a": 2}`, `{"a": "3"}`, `{"a": 3}`},
		"keys in order":       {`{"m": [{"role": "u", "content": "x"}]}`, `{"m": [{"content": "y", "role": "u"}]}`, `{"m": [{"role": "u", "content": "y"}]}`},
		"a key is missing":    {`{"m": [{"role": "u", "content": "x", "name": "n"}]}`, `{"m": [{"content": "y", "role": "u"}]}`, `{"m": [{"role": "u", "content": "y", "name": null}]}`},
		"a key too many":      {`{"m": [{"role": "u", "content": "x"}]}`, `{"m": [{"content": "y", "role": "u", "name": "z"}]}`, `error: the key "m[].name"`},
		"mixed first":         {"{\"a\": 1}\n{\"a\": \"x\"}", `{"a": {"k": 1}}`, `{"a": {"k": 1}}`},
		"true first":          {`{"a": true}`, `{"a": 2}`, `{"a": true}`},
		"true later":          {`{"a": "s"}`, `{"a": true}`, `{"a": "true"}`},
		"an object later":     {`{"a": [1]}`, `{"a": {"k": 1}}`, `error: lists`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"a.jsonl": tt.a, "b.jsonl": tt.b} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			src := open(t, dir)
			row, err := src.At(src.Len() - 1)
			if want, ok := strings.CutPrefix(tt.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("%v %v, want an error with %q", row, err, want)
				}
				return
			}
			if err != nil || asJSON(row) != tt.want {
				t.Errorf("%s %v, want %s", asJSON(row), err, tt.want)
			}
			if again, err := src.At(src.Len() - 1); err != nil || asJSON(again) != tt.want {
				t.Errorf("the second time %s %v", asJSON(again), err)
			}
		})
	}
}

// A file that fits is not copied row by row.
func TestConformCopiesNothing(t *testing.T) {
	dir := t.TempDir()
	row := `{"m": [{"role": "u", "content": "x"}], "n": 1.5, "t": ["a"], "z": null}`
	for i := range 2 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), []byte(row), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src := open(t, filepath.Join(dir, "1.jsonl"))
	in, err := src.At(0)
	if err != nil {
		t.Fatal(err)
	}
	out, err := conformRow(in, schemaOf(src), "0.jsonl")
	if err != nil || out != in {
		t.Errorf("%s %v", asJSON(out), err)
	}
}

// TestFolderFiles picks the files of a folder as HF datasets 5.2 does.
func TestFolderFiles(t *testing.T) {
	for name, tt := range map[string]struct{ files, want string }{
		"empty files are left out": {"a.jsonl= b.jsonl=b", "b"},
		"the most of a kind":       {"a.jsonl=a b.csv=b c.jsonl=c", "a c"},
		"on a draw JSON":           {"a.jsonl=a b.csv=b", "a"},
		"on a draw parquet":        {"a.jsonl=a b.parquet=no", "error: is not a parquet file"},
		"text before nothing":      {"z.csv=z a.txt=a", "z"},
		"names in order":           {"2.jsonl=2 10.jsonl=10 1.jsonl=1", "1 10 2"},
		"all empty":                {"a.jsonl= b.jsonl=", "error: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range strings.Fields(tt.files) {
				file, value, _ := strings.Cut(f, "=")
				text := ""
				switch {
				case value == "":
				case strings.HasSuffix(file, ".csv"):
					text = "a\n" + value + "\n"
				default:
					text = fmt.Sprintf("{\"a\": %q}\n", value)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			src, err := Open(t.Context(), dir, OpenOptions{})
			if want, ok := strings.CutPrefix(tt.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want an error with %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close() }()
			var got []string
			for i := range src.Len() {
				row, err := src.At(i)
				if err != nil {
					t.Fatal(err)
				}
				a, _ := row.Get("a")
				got = append(got, fmt.Sprint(a))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}
