package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// referenceDir is the folder of reference answers; the test is skipped without it.
func referenceDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SFTUI_REFERENCE")
	if dir == "" {
		t.Skip("SFTUI_REFERENCE is not set")
	}
	return dir
}

// readJSON decodes a file into v.
func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func digest(p []int) string {
	words := make([]string, len(p))
	for i, v := range p {
		words[i] = strconv.Itoa(v)
	}
	sum := sha256.Sum256([]byte(strings.Join(words, ",")))
	return hex.EncodeToString(sum[:])[:16]
}

func TestPermutationsEqualTorchAndNumpy(t *testing.T) {
	var file struct {
		Cases []struct {
			N         int
			Seed      int64
			Torch     string
			Numpy     string
			TorchHead []int `json:"torch_head"`
			NumpyHead []int `json:"numpy_head"`
		}
	}
	readJSON(t, filepath.Join("testdata", "permutations.json"), &file)
	for _, c := range file.Cases {
		torch, numpy := TorchPermutation(c.N, c.Seed), NumpyPermutation(c.N, c.Seed)
		if digest(torch) != c.Torch {
			t.Errorf("TorchPermutation(%d, %d) begins %v, torch's begins %v", c.N, c.Seed, torch[:min(5, c.N)], c.TorchHead)
		}
		if digest(numpy) != c.Numpy {
			t.Errorf("NumpyPermutation(%d, %d) begins %v, numpy's begins %v", c.N, c.Seed, numpy[:min(5, c.N)], c.NumpyHead)
		}
	}
}

func TestSamplerOrderOfReference(t *testing.T) {
	var file map[string]struct{ Epoch1, Epoch2 []int }
	readJSON(t, filepath.Join(referenceDir(t), "sampler_order.json"), &file)
	for name, seed := range map[string]int64{"n200_seed42": 42, "n38_seed7": 7} {
		want := file[name]
		for epoch, order := range [][]int{want.Epoch1, want.Epoch2} {
			if got := TorchPermutation(len(order), seed+int64(epoch)); !slices.Equal(got, order) {
				t.Errorf("%s epoch %d: got %v, want %v", name, epoch+1, got, order)
			}
		}
	}
}

// TestShuffleWide keeps torch's order for sets of hundreds of millions, which
// was compared with torch.randperm(214748365) once, at a size that a test can hold.
func TestShuffleWide(t *testing.T) {
	p := identity(10)
	shuffleWide(p, newMersenneTwister(7))
	if want := []int{1, 8, 7, 3, 4, 5, 9, 6, 2, 0}; !slices.Equal(p, want) {
		t.Errorf("got %v, want %v", p, want)
	}
}
