package compute

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// TestResize draws new rows around the mean of the old ones, or cuts the last
// off, and leaves all else where it was.
func TestResize(t *testing.T) {
	for _, tied := range []bool{true, false} {
		from := tinyModel(t, func(c map[string]any) { c["tie_word_embeddings"] = tied; c["eos_token_id"] = 3 })
		for _, rows := range []int{128, 64} {
			to := t.TempDir()
			if err := (Resize{From: from, To: to, Rows: rows, EOS: Token{"<end>", 60}, Seed: 5}).Write(); err != nil {
				t.Fatal(err)
			}
			config, err := model.ReadConfig(to)
			if err != nil || config.VocabSize != rows {
				t.Fatalf("vocab_size %v (%v)", config, err)
			}
			generation, err := readObject(filepath.Join(to, generationFile))
			if err != nil {
				t.Fatal(err)
			}
			if ids, _ := generation.ids("eos_token_id"); !slices.Equal(ids, []int32{60}) {
				t.Errorf("generation_config.json ends at %v", ids)
			}
			compareResized(t, from, to, rows, tied)
		}
	}
}

// compareResized holds a resized folder to its source.
func compareResized(t *testing.T, from, to string, rows int, tied bool) {
	t.Helper()
	old, err := weights.OpenSafetensors(from)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close() //nolint:errcheck // opened for reading only
	now, err := weights.OpenSafetensors(to)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close() //nolint:errcheck // opened for reading only
	if !slices.Equal(old.Names(), now.Names()) || slices.Contains(now.Names(), model.HeadName) == tied {
		t.Fatalf("the tensors are %v", now.Names())
	}
	for _, name := range now.Names() {
		a, errA := old.Float32(name)
		b, errB := now.Float32(name)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		same := min(len(a), len(b))
		if !slices.Equal(a[:same], b[:same]) {
			t.Errorf("%s: the old values changed", name)
		}
		if name != model.EmbedName && name != model.HeadName {
			continue
		}
		if width := len(a) / 97; len(b) != rows*width {
			t.Errorf("%s has %d values", name, len(b))
		} else if len(b) > len(a) {
			checkDrawn(t, a, b[len(a):], width)
		}
	}
}

// checkDrawn compares the rows that were drawn with the mean and spread of the old ones.
func checkDrawn(t *testing.T, old, drawn []float32, width int) {
	t.Helper()
	mean := meanRow(old, width)
	var square, want float64
	for i, v := range drawn {
		d := float64(v) - mean[i%width]
		square += d * d / float64(len(drawn))
	}
	for i, v := range old {
		d := float64(v) - mean[i%width]
		want += d * d / float64(len(old))
	}
	if ratio := square / (want * 1e-9); math.Abs(ratio-1) > 0.2 {
		t.Errorf("the variance of the new rows is %.3g of what transformers draws", ratio)
	}
	if slices.Equal(drawn[:width], drawn[width:2*width]) {
		t.Error("two new rows are equal")
	}
}

// TestResizedTrains opens a resized model, trains nothing, and exports it whole
// in the type that it came in.
func TestResizedExport(t *testing.T) {
	from := tinyModel(t, nil)
	narrow := t.TempDir()
	s := openSession(t, Config{ModelDir: from})
	if err := s.Export(narrow, ExportOptions{DType: "bfloat16"}); err != nil {
		t.Fatal(err)
	}
	to, out := t.TempDir(), t.TempDir()
	if err := (Resize{From: narrow, To: to, Rows: 128, Seed: 5}).Write(); err != nil {
		t.Fatal(err)
	}
	resized := openSession(t, Config{ModelDir: to})
	if n := resized.Info().Vocabulary; n != 128 {
		t.Errorf("the session has %d tokens", n)
	}
	if err := resized.Export(out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := weights.OpenSafetensors(out)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // opened for reading only
	if info, _ := c.Info(model.EmbedName); info.DType != "BF16" || info.Shape[0] != 128 {
		t.Errorf("exported as %+v", info)
	}
	if _, err := os.Stat(filepath.Join(out, weights.SingleFile)); err != nil {
		t.Error(err)
	}
}
