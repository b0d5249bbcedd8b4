package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestOutlineArrangesAsAll compares the outline of a data set with the data set itself.
func TestOutlineArrangesAsAll(t *testing.T) {
	tok, err := OpenTokenizer(filepath.Join("testdata", "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close() //nolint:errcheck // only read from
	var rows strings.Builder
	for i := range 37 {
		fmt.Fprintf(&rows, "{\"prompt\": \"say%s\\n\", \"completion\": \"%s\"}\n", strings.Repeat(" a", i%11*3), strings.Repeat("b ", 1+i*7%13))
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	src := open(t, path)
	for name, change := range map[string]func(*Options){
		"cut":      func(o *Options) { o.MaxLength = 16 },
		"keep end": func(o *Options) { o.MaxLength, o.TruncationMode = 12, KeepEnd },
		"dropped":  func(o *Options) { o.MaxLength, o.LongRows = 16, LongDrop },
		"split":    func(o *Options) { o.MaxLength, o.LongRows = 16, LongSplit },
		"whole":    func(o *Options) { o.MaxLength = 0 },
		"packed":   func(o *Options) { o.MaxLength, o.Packing = 24, true },
		"wrapped":  func(o *Options) { o.MaxLength, o.Packing, o.PackingStrategy = 24, true, PackWrapped },
		"shuffled": func(o *Options) { o.MaxLength, o.Shuffle = 20, true },
		"nothing":  func(o *Options) { o.MaxLength = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := DefaultOptions()
			change(&o)
			p, err := NewPreparer(src, tok, o)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := p.Whole()
			if err != nil {
				t.Fatal(err)
			}
			lengths := make([]RowLength, src.Len())
			for i := range lengths {
				e, err := whole.Row(i)
				if err != nil {
					t.Fatal(err)
				}
				lengths[i] = lengthOf(i, e, nil)
			}
			outline := p.Outline(lengths)
			data, dropped, err := p.All(context.Background(), 1, nil)
			if err != nil && !errors.Is(err, ErrAllDropped) {
				t.Fatal(err)
			}
			if len(dropped) != len(outline.Dropped) || data.Len() != outline.Len() {
				t.Fatalf("%d sequences and %d dropped, want %d and %d", outline.Len(), len(outline.Dropped), data.Len(), len(dropped))
			}
			for i := range data.Len() {
				want, err := data.At(i)
				if err != nil {
					t.Fatal(err)
				}
				got, err := outline.At(i)
				if err != nil {
					t.Fatal(err)
				}
				rows := want.Rows
				if rows == nil {
					rows = []int{want.Row}
				}
				if outline.Tokens(i) != len(want.InputIDs) || !o.Packing && outline.Trained(i) != anyTrained(want.Labels[1:]) || !reflect.DeepEqual(outline.Rows(i), rows) ||
					!reflect.DeepEqual(got.SeqLengths, want.SeqLengths) || !reflect.DeepEqual(got.PositionIDs, want.PositionIDs) || trained(got.Labels) != trained(want.Labels) {
					t.Errorf("sequence %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}
