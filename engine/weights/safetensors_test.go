package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sequence turns tensors and their values into what the writer takes.
func sequence(t *testing.T, tensors []Tensor, values map[string][]float32) iter.Seq2[Tensor, func() ([]byte, error)] {
	t.Helper()
	return func(yield func(Tensor, func() ([]byte, error)) bool) {
		for _, tensor := range tensors {
			if !yield(tensor, func() ([]byte, error) { return EncodeFloat32(values[tensor.Name], tensor.DType) }) {
				return
			}
		}
	}
}

func sample(t *testing.T) (iter.Seq2[Tensor, func() ([]byte, error)], []Tensor, map[string][]float32) {
	tensors := []Tensor{
		{Name: "b", DType: BF16, Shape: []int{3}},
		{Name: "a", DType: F32, Shape: []int{2, 2}},
		{Name: "scalar", DType: F16},
		{Name: "empty", DType: F32, Shape: []int{0, 4}},
	}
	values := map[string][]float32{"a": {1, 2, 3, -4}, "b": {0.5, -0.5, 8}, "scalar": {7}, "empty": {}}
	return sequence(t, tensors, values), tensors, values
}

func check(t *testing.T, dir string, tensors []Tensor, values map[string][]float32) {
	t.Helper()
	c, err := OpenSafetensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read-only
	if len(c.Names()) != len(tensors) {
		t.Fatalf("names %v", c.Names())
	}
	for _, want := range tensors {
		info, ok := c.Info(want.Name)
		if !ok || info.DType != want.DType || info.Elements() != want.Elements() || len(info.Shape) != len(want.Shape) {
			t.Errorf("%s: %+v, want %+v", want.Name, info, want)
		}
		got, err := c.Float32(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values[want.Name] {
			if got[i] != v {
				t.Errorf("%s[%d] = %g, want %g", want.Name, i, got[i], v)
			}
		}
	}
	if c.Metadata()["format"] != "pt" {
		t.Errorf("metadata %v", c.Metadata())
	}
}

func TestWriteAndReadSingle(t *testing.T) {
	dir := t.TempDir()
	seq, tensors, values := sample(t)
	if err := WriteSafetensors(dir, seq, 0, nil); err != nil {
		t.Fatal(err)
	}
	check(t, dir, tensors, values)
	check(t, filepath.Join(dir, SingleFile), tensors, values)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files left behind: %v %v", left, err)
	}
}

func TestWriteAndReadShards(t *testing.T) {
	dir := t.TempDir()
	seq, tensors, values := sample(t)
	if err := WriteSafetensors(dir, seq, 10, nil); err != nil {
		t.Fatal(err)
	}
	shards, _ := filepath.Glob(filepath.Join(dir, "model-0000?-of-00003.safetensors"))
	if len(shards) != 3 {
		t.Fatalf("shards %v", shards)
	}
	check(t, dir, tensors, values)

	if err := os.Remove(shards[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSafetensors(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing shard gave %v", err)
	}
}

func TestWriterReportsWrongSizesAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	seq := func(yield func(Tensor, func() ([]byte, error)) bool) {
		yield(Tensor{Name: "x", DType: F32, Shape: []int{2}}, func() ([]byte, error) { return make([]byte, 7), nil })
	}
	err := WriteSafetensors(dir, seq, 0, nil)
	if err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// file assembles a safetensors file from a header text and data.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

func TestDamagedFiles(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"short":         {[]byte{1, 2}, "only 2 bytes"},
		"huge header":   {bytes.Repeat([]byte{0xff}, 16), "not a safetensors file"},
		"cut header":    {file(`{"a":{}}`, 0)[:12], "truncated"},
		"not json":      {file(`hello`, 0), "not JSON"},
		"cut data":      {file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 12), "truncated"},
		"wrong size":    {file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}`, 12), "do not fit"},
		"unknown type":  {file(`{"a":{"dtype":"Q9","shape":[4],"data_offsets":[0,4]}}`, 4), `unknown type "Q9"`},
		"negative":      {file(`{"a":{"dtype":"I8","shape":[-4],"data_offsets":[0,4]}}`, 4), "impossible shape"},
		"overflow":      {file(`{"a":{"dtype":"I8","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}`, 4), "impossible shape"},
		"one offset":    {file(`{"a":{"dtype":"I8","shape":[4],"data_offsets":[4]}}`, 4), "two numbers"},
		"overlap":       {file(`{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}}`, 4), "overlap"},
		"trailing":      {file(`{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}`, 6), "belong to none"},
		"bad metadata":  {file(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
		"entry no dict": {file(`{"a":[1]}`, 0), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), SingleFile)
			if err := os.WriteFile(path, test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenSafetensors(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q and the path", err, test.want)
			}
		})
	}
}

func TestFolders(t *testing.T) {
	write := func(t *testing.T, files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	one := string(file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1))
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":       {nil, "has no model.safetensors"},
		"pickle":      {map[string]string{"pytorch_model.bin": ""}, "pickle"},
		"two unnamed": {map[string]string{"x.safetensors": one, "y.safetensors": one}, "2 safetensors files"},
		"escape":      {map[string]string{IndexFile: `{"weight_map":{"a":"../x"}}`}, "not a file of this folder"},
		"no map":      {map[string]string{IndexFile: `{}`}, "weight_map"},
		"missing":     {map[string]string{IndexFile: `{"weight_map":{"a":"x.safetensors","b":"x.safetensors"}}`, "x.safetensors": one}, `"b"`},
		"twice":       {map[string]string{IndexFile: `{"weight_map":{"b":"x.safetensors","c":"y.safetensors"}}`, "x.safetensors": one, "y.safetensors": one}, "another shard"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := OpenSafetensors(write(t, test.files)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := OpenSafetensors(write(t, map[string]string{"x.safetensors": one})); err != nil {
		t.Errorf("a single file of any name: %v", err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}`, 8))
	f.Add(file(`{"a":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Add(file(`{"a":{"dtype":"I8","shape":[18446744073709551615],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err != nil {
			return
		}
		total := 0
		for _, e := range h.entries {
			if int64(len(e.raw)) != e.Bytes() {
				t.Errorf("%+v has %d bytes", e.Tensor, len(e.raw))
			}
			total += len(e.raw)
		}
		if total > len(data) {
			t.Errorf("tensors of %d bytes out of a file of %d", total, len(data))
		}
	})
}
