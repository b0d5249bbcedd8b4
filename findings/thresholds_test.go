package findings

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sftui/engine"
	"sftui/engine/weights"
	"sftui/recipes"
)

// TestThresholds has rows on either side of what a finding begins at.
func TestThresholds(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	answer := func(words int) string {
		return `{"messages": [` + user + `, {"role": "assistant", "content": "` + strings.Repeat("word ", words) + `"}]}`
	}
	masked := `{"input_ids": [5, 6, 0], "labels": [-100, -100, -100]}`
	tests := []struct {
		name, id string
		model    string
		rows     []string
		options  []string
		severity recipes.Severity // "" for a finding that must not be there
		count    int
	}{
		{"two equal rows", "duplicates", good, append(chats(40), chats(2)...), nil, recipes.SeverityNote, 2},
		{"three equal rows", "duplicates", good, append(chats(40), chats(3)...), nil, recipes.SeverityWarning, 3},
		{"a short row without loss is not cut", "answers-cut", good, append(ids(40), masked), []string{"max_length=64"}, "", 0},
		{"many times the mean and yet short", "monster-row", good, append(chats(40), answer(300)), []string{"max_length=null"}, "", 0},
		{"long, and so are the others", "monster-row", good, []string{answer(3000), answer(3001), answer(3002)}, []string{"max_length=null"}, "", 0},
		{"a row that failed begins with nothing", "missing-bos", beginning(t), append(chats(40), `{"messages": "not a list"}`), nil, recipes.SeverityWarning, 40},
		{"warm-up that ends one step before", "warmup-exceeds-run", good, chats(40), []string{"warmup_steps=59"}, "", 0},
		{"warm-up as long as the run", "warmup-exceeds-run", good, chats(40), []string{"warmup_steps=60"}, recipes.SeverityWarning, 0},
		{"sequences where nothing is packed", "packing-steps", good, chats(40), nil, "", 0},
		{"every column is read", "unused-columns", good, chats(40), nil, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := find(checkRows(t, tt.model, tt.rows, tt.options...), tt.id)
			switch {
			case tt.severity == "" && f != nil:
				t.Errorf("found %+v", f)
			case tt.severity != "" && (f == nil || f.Severity != tt.severity || f.Count != tt.count):
				t.Errorf("found %+v, want %s of %d rows", f, tt.severity, tt.count)
			}
		})
	}
}

// TestEmptyStepFix: the length that leaves rows without loss out keeps all others whole.
func TestEmptyStepFix(t *testing.T) {
	rows := append(ids(40), `{"input_ids": [5, 6, 0], "labels": [-100, -100, -100]}`)
	f := find(checkRows(t, makeModel(t, chatTemplate, nil), rows, "max_length=null", "gradient_accumulation_steps=1"), "empty-step")
	if f == nil || f.Fix != (Fix{"max_length", "4"}) {
		t.Errorf("found %+v, want the longest row's 4 tokens as max_length", f)
	}
}

// TestDiskForecast: what is free is unknown at 0, and a run may fill the disk to the last byte.
func TestDiskForecast(t *testing.T) {
	for free, want := range map[int64]int{0: 0, 999: 1, 1000: 0, 1001: 0} {
		f := engine.Forecast{Fits: true, DiskBytes: 1000, FreeDiskBytes: free}
		if list := FromForecast(&f, recipes.English); len(list) != want {
			t.Errorf("1000 bytes needed, %d free: %+v", free, list)
		}
	}
}

// TestSampleIsSpread: a sample of rows is as large as it says and has no gaps.
func TestSampleIsSpread(t *testing.T) {
	for _, n := range []int{1, sampled, sampled + 1, 333, 1000, 220_000} {
		count, last := 0, -1
		for i := range n {
			if !isSampled(i, n) {
				continue
			}
			if gap := i - last; gap > n/sampled+1 {
				t.Errorf("of %d rows none between %d and %d", n, last, i)
			}
			count, last = count+1, i
		}
		if count != min(n, sampled) {
			t.Errorf("%d of %d rows are looked at, want %d", count, n, min(n, sampled))
		}
	}
}

// TestRowEndTie: of two tokens that end as many rows, the same is named every time.
func TestRowEndTie(t *testing.T) {
	for range 20 {
		f := facts{ends: map[string]int{"<b>": 3, "<a>": 3, "<c>": 2}}
		if got := f.rowEnd(); got != "<a>" {
			t.Fatalf("rows end with %s", got)
		}
	}
}

func TestEmbeddingRow(t *testing.T) {
	raw, err := weights.EncodeFloat32([]float32{1, 2, 3, 4}, weights.F32)
	if err != nil {
		t.Fatal(err)
	}
	e := embedding{raw: raw, dtype: weights.F32, rows: 2, width: 2}
	if row, err := e.row(1); err != nil || !slices.Equal(row, []float32{3, 4}) {
		t.Errorf("row 1 is %v (%v)", row, err)
	}
	for _, i := range []int{-1, 2} {
		if row, err := e.row(i); err == nil {
			t.Errorf("there is a row %d: %v", i, row)
		}
	}
}

// TestUnlearntWithoutEmbedding: a model file without an embedding of two dimensions tells nothing about its rows.
func TestUnlearntWithoutEmbedding(t *testing.T) {
	for _, shape := range [][]int{{4}, {0, 4}, {4, 0}} {
		dir := t.TempDir()
		elements := 1
		for _, n := range shape {
			elements *= n
		}
		err := weights.WriteSafetensors(dir, func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
			yield(weights.Tensor{Name: "model.embed_tokens.weight", DType: weights.F32, Shape: shape}, func() ([]byte, error) { return make([]byte, 4*elements), nil })
		}, 1<<30, nil)
		if err != nil {
			t.Fatal(err)
		}
		if fresh, known := unlearnt(dir, []int32{0}); known {
			t.Errorf("an embedding of shape %s knows %v", fmt.Sprint(shape), fresh)
		}
	}
}

// TestLongerKeepsMoreRows: a max_length is proposed where it keeps a row whole that is cut now; the model's positions
// bound it, and a row that is longer than they are is left out instead.
func TestLongerKeepsMoreRows(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.json", `{"model_type": "llama", "max_position_embeddings": 2048}`)
	for _, c := range []struct {
		long []int32 // beside 200 short rows
		want Fix
	}{
		{[]int32{600, 700, 800, 900}, Fix{"max_length", "832"}},
		{[]int32{6000, 7000, 8000, 9000}, Fix{"long_rows", "drop"}},
		{[]int32{1500, 7000, 8000, 9000}, Fix{"max_length", "2048"}},
	} {
		f := &facts{}
		for range 200 {
			f.rows = append(f.rows, rowFacts{Tokens: 80})
		}
		for _, n := range c.long {
			f.rows = append(f.rows, rowFacts{Tokens: n})
		}
		if got := longer(&Input{ModelDir: dir}, f, 512); got != c.want {
			t.Errorf("with rows of %d tokens: %+v, want %+v", c.long, got, c.want)
		}
	}
}
