package dataset

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

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
			all := map[string]bool{}
			for i := range data.Len() {
				e, err := data.At(i)
				if err != nil {
					t.Fatal(err)
				}
				all[fmt.Sprint(e.Rows, e.InputIDs, e.Labels, e.SeqLengths)] = true
			}
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
