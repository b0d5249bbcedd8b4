package dataset

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestIsLZ4 looks at blocks that the parquet writer makes, whole and cut.
func TestIsLZ4(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for name, plain := range map[string][]byte{
		"nothing": {}, "one": []byte("x"), "short": []byte("hello"), "noise": noise, "zeros": make([]byte, 70_000),
		"text": []byte(strings.Repeat("the same words again and again, ", 900)), "half": append(bytes.Repeat([]byte("ab"), 3000), noise...),
	} {
		block, err := parquet.Lz4Raw.Encode(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := isLZ4(block, len(plain), nil); !ok {
			t.Errorf("%s: a good block of %d bytes is refused", name, len(block))
		}
		for _, wrong := range []int{len(plain) + 1, len(plain) - 1, 1 << 40} {
			if ok, _ := isLZ4(block, wrong, nil); ok {
				t.Errorf("%s: %d bytes pass for %d", name, len(plain), wrong)
			}
		}
		for cut := range min(len(block), 300) {
			if ok, _ := isLZ4(block[:cut], len(plain), nil); ok && cut > 0 {
				t.Errorf("%s: %d of %d bytes pass for all", name, cut, len(block))
			}
		}
	}
}

// TestDamagedLZ4 changes bytes of an LZ4 file: an error, and the memory for it
// stays small, or rows. Without the walk the process dies.
func TestDamagedLZ4(t *testing.T) {
	good, err := os.ReadFile("testdata/sources/types3.parquet")
	if err != nil {
		t.Fatal(err)
	}
	if !open(t, "testdata/sources/types3.parquet").(*parquetSource).lz4 {
		t.Fatal("the file has no LZ4 column")
	}
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	refused := 0
	for at := 4; at < len(good)-8; at += 3 {
		data := bytes.Clone(good)
		data[at] ^= 0x5a
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := Open(t.Context(), path, OpenOptions{})
		if err != nil {
			refused++
			continue
		}
		for i := range min(src.Len(), 100) {
			if _, err := src.At(i); err != nil {
				refused++
				if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "damaged.parquet") {
					t.Errorf("byte %d: %v", at, err)
				}
				break
			}
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("no change is noticed")
	}
}
