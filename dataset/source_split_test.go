package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSplitSlices takes rows of a split. The rows are what HF datasets 5.2
// gives for the same words, and what it refuses is refused.
func TestSplitSlices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seven.jsonl")
	var text strings.Builder
	for i := range 7 {
		fmt.Fprintf(&text, "{\"a\": %d}\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for split, want := range map[string]string{
		"train": "0123456", "train[:3]": "012", "train[3:]": "3456", "train[2:4]": "23", "train[-2:]": "56", "train[:-2]": "01234",
		"train[:50%]": "0123", "train[50%:]": "456", "train[10%:90%]": "12345", "train[-30%:]": "56", "train[:35%]": "01", "train[:-50%]": "012",
		"train[:100]": "0123456", "train[-100:2]": "01", "train[:1_0]": "0123456", "train[:30%](closest)": "01", "train[:]": "0123456",
		"train[:3]+train[-1:]": "0126", "train+train[:1]": "01234560", " train[:2] + train[5:] ": "0156",
		"train[5:2]": "error: has no rows in the split", "train[:150%]": "error: from -100 to 100", "train[2]": "error: cannot be read",
		"train[]": "error: cannot be read", "train[a:b]": "error: cannot be read", "train[:2": "error: cannot be read", "train[:2]+": "error: cannot be read",
		"train[1.5:]": "error: cannot be read", "train[10%:3]": "error: mixes rows and per cent", "test[:2]": "error: train", "train[:-200%]": "error: from -100 to 100",
		"train[:99999999999999999999]": "error: no number of rows",
	} {
		src, err := Open(t.Context(), path, OpenOptions{Split: split})
		if message, ok := strings.CutPrefix(want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), message) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %v, want an error with %q", split, err, message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", split, err)
			continue
		}
		got := ""
		for i := range src.Len() {
			row, err := src.At(i)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := row.Get("a")
			got += fmt.Sprint(a)
		}
		if got != want {
			t.Errorf("%q: rows %s, want %s", split, got, want)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}
