package dataset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// packsOf describes every sequence of data.
func packsOf(t *testing.T, data Dataset) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for i := range data.Len() {
		e, err := data.At(i)
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprint(e.Rows, e.InputIDs, e.Labels, e.SeqLengths)] = true
	}
	return all
}

// TestPackedWithAgreesWithAll looks each row up in its sequences and compares
// with the sequences that All makes of all rows.
func TestPackedWithAgreesWithAll(t *testing.T) {
	var rows []string
	for i := range 2300 {
		ids := "5"
		for k := range i * 7 % 23 {
			ids += fmt.Sprintf(",%d", (i+k)%300)
		}
		rows = append(rows, fmt.Sprintf(`{"input_ids":[%s]}`, ids))
	}
	for _, strategy := range []string{PackBFD, PackBFDSplit, PackWrapped} {
		for _, shuffle := range []bool{false, true} {
			p, data, _, err := prepareAll(t, func(o *Options) {
				o.Packing, o.PackingStrategy, o.MaxLength, o.Shuffle, o.DatasetNumProc = true, strategy, 16, shuffle, 2
			}, rows...)
			if err != nil {
				t.Fatal(err)
			}
			all := packsOf(t, data)
			for _, i := range []int{0, 7, 999, 1000, 1149, 1150, 2299} {
				found, err := p.PackedWith(context.Background(), i)
				if err != nil || len(found) == 0 {
					t.Fatalf("%s: row %d: %v, %v", strategy, i, found, err)
				}
				for _, e := range found {
					if !slices.Contains(e.Rows, i) || !all[fmt.Sprint(e.Rows, e.InputIDs, e.Labels, e.SeqLengths)] {
						t.Errorf("%s, shuffle %v: row %d is shown with rows %v, which are not packed together", strategy, shuffle, i, e.Rows)
					}
				}
			}
		}
	}
}

// With the lengths of all rows the sequences are known also where long rows are
// dropped, and they are those of the whole preparation.
func TestPackedAmongAgreesWithAll(t *testing.T) {
	var rows []string
	for i := range 1300 {
		ids := "5"
		for k := range i * 7 % 23 {
			ids += fmt.Sprintf(",%d", (i+k)%300)
		}
		rows = append(rows, fmt.Sprintf(`{"input_ids":[%s]}`, ids))
	}
	for _, strategy := range []string{PackBFD, PackWrapped} {
		for _, long := range []string{LongDrop, LongTruncate} {
			p, data, _, err := prepareAll(t, func(o *Options) {
				o.Packing, o.PackingStrategy, o.MaxLength, o.Shuffle, o.LongRows = true, strategy, 16, true, long
			}, rows...)
			if err != nil {
				t.Fatal(err)
			}
			all := packsOf(t, data)
			lengths := make([]RowLength, len(rows))
			for i := range lengths {
				n := 1 + i*7%23
				lengths[i] = RowLength{Row: i, Tokens: n, Trained: n, Last: n - 1}
			}
			for _, i := range []int{0, 1, 2, 7, 999, 1000, 1299} {
				found, err := p.PackedAmong(context.Background(), i, lengths)
				if lengths[i].Tokens > 16 && long == LongDrop {
					if err == nil || !strings.Contains(err.Error(), "long_rows=drop leaves such rows out") {
						t.Errorf("%s: dropped row %d: %v, %v", strategy, i, found, err)
					}
					continue
				}
				if err != nil || len(found) == 0 {
					t.Fatalf("%s, %s: row %d: %v, %v", strategy, long, i, found, err)
				}
				for _, e := range found {
					if !slices.Contains(e.Rows, i) || !all[fmt.Sprint(e.Rows, e.InputIDs, e.Labels, e.SeqLengths)] {
						t.Errorf("%s, %s: row %d is shown with rows %v, which are not packed together", strategy, long, i, e.Rows)
					}
				}
			}
			if _, err := p.PackedAmong(context.Background(), len(rows), lengths); err == nil {
				t.Error("a row beyond the end was found")
			}
		}
	}
}
