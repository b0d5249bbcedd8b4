package dataset

import (
	"path/filepath"
	"slices"
	"testing"
)

// lengthsOf are the lengths of packed sequences.
func lengthsOf(sequences [][]piece) (rows []int, documents [][]int) {
	for _, sequence := range sequences {
		n := 0
		var lengths []int
		for _, p := range sequence {
			n += p.length()
			lengths = append(lengths, p.length())
		}
		rows, documents = append(rows, n), append(documents, lengths)
	}
	return rows, documents
}

func TestPackDocumentedExamples(t *testing.T) {
	lengths := []int{5, 2, 3, 1} // ids 1…5, 6 7, 8 9 10, 11
	start := []int{1, 6, 8, 11}
	cases := []struct {
		strategy string
		want     [][]int
	}{
		{PackBFD, [][]int{{1, 2, 3, 4}, {8, 9, 10, 11}, {6, 7}}},
		{PackBFDSplit, [][]int{{1, 2, 3, 4}, {8, 9, 10, 5}, {6, 7, 11}}},
		{PackWrapped, [][]int{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11}}},
	}
	for _, c := range cases {
		var got [][]int
		for _, sequence := range pack(lengths, 4, c.strategy, 1) {
			var ids []int
			for _, p := range sequence {
				for i := p.from; i < p.to; i++ {
					ids = append(ids, start[p.row]+i)
				}
			}
			got = append(got, ids)
		}
		if !slices.EqualFunc(got, c.want, slices.Equal[[]int]) {
			t.Errorf("%s: got %v, want %v", c.strategy, got, c.want)
		}
	}
}

func TestPackLeavesOutEmptyRows(t *testing.T) {
	for _, strategy := range []string{PackBFD, PackBFDSplit, PackWrapped} {
		if got := pack([]int{0, 2, 0, 1, 0}, 4, strategy, 1); len(got) != 1 || len(got[0]) != 2 {
			t.Errorf("%s: got %v, want one sequence of two pieces", strategy, got)
		}
		if got := pack([]int{0, 0}, 4, strategy, 1); len(got) != 0 {
			t.Errorf("%s: got %v from empty rows, want nothing", strategy, got)
		}
	}
}

func TestSplitEqualsContiguousShards(t *testing.T) {
	got := split(10, 4) // datasets.Dataset.shard(4, i, contiguous=True)
	if want := [][2]int{{0, 3}, {3, 6}, {6, 8}, {8, 10}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := split(2, 8); len(got) != 2 {
		t.Errorf("2 rows in 8 shares: got %v, want two parts", got)
	}
}

func TestPackLargeReference(t *testing.T) {
	var file struct {
		Lens     []int
		BFD      packedReference
		BFDSplit packedReference `json:"bfd_split"`
		Wrapped  packedReference
	}
	readJSON(t, filepath.Join(referenceDir(t), "pack_large_2500.json"), &file)
	for strategy, want := range map[string]packedReference{PackBFD: file.BFD, PackBFDSplit: file.BFDSplit, PackWrapped: file.Wrapped} {
		sequences := pack(file.Lens, 128, strategy, 1)
		rows, documents := lengthsOf(sequences)
		if !slices.Equal(rows, want.RowLengths) {
			t.Errorf("%s: row lengths differ: %d rows, want %d", strategy, len(rows), want.Rows)
		}
		if want.SeqLengths != nil && !slices.EqualFunc(documents, want.SeqLengths, slices.Equal[[]int]) {
			t.Errorf("%s: seq_lengths differ", strategy)
		}
	}
}

type packedReference struct {
	Rows       int
	RowLengths []int   `json:"row_lengths"`
	SeqLengths [][]int `json:"seq_lengths"`
}

// FuzzPack checks what holds for every packing: no sequence is too long, no
// token is lost or kept twice, and tokens of a row stay in order.
func FuzzPack(f *testing.F) {
	f.Add([]byte{5, 2, 3, 1}, uint16(4), uint8(0), uint8(1))
	f.Add([]byte{0, 200, 7, 7, 7, 0}, uint16(16), uint8(1), uint8(2))
	f.Add([]byte{1, 1, 1}, uint16(1), uint8(2), uint8(9))
	f.Fuzz(func(t *testing.T, raw []byte, size uint16, which, shares uint8) {
		if size == 0 {
			return
		}
		strategy := []string{PackBFD, PackBFDSplit, PackWrapped}[which%3]
		lengths := make([]int, len(raw))
		for i, b := range raw {
			lengths[i] = int(b)
		}
		kept := make([][]bool, len(lengths))
		for i, n := range lengths {
			kept[i] = make([]bool, n)
		}
		for _, sequence := range pack(lengths, int(size), strategy, int(shares)) {
			total := 0
			for _, p := range sequence {
				total += p.length()
				if p.length() <= 0 {
					t.Fatalf("an empty piece %v", p)
				}
				for i := p.from; i < p.to; i++ {
					if kept[p.row][i] {
						t.Fatalf("token %d of row %d is there twice", i, p.row)
					}
					kept[p.row][i] = true
				}
			}
			if total == 0 || total > int(size) {
				t.Fatalf("a sequence of %d tokens, the limit is %d", total, size)
			}
		}
		for row, tokens := range kept {
			for i, is := range tokens {
				if cut := strategy == PackBFD && i >= int(size); is == cut {
					t.Fatalf("%s: token %d of row %d (length %d): kept %v", strategy, i, row, len(tokens), is)
				}
			}
		}
		if strategy == PackWrapped {
			checkWrappedOrder(t, pack(lengths, int(size), strategy, int(shares)))
		}
	})
}

// checkWrappedOrder: wrapped keeps the tokens of all rows in their order.
func checkWrappedOrder(t *testing.T, sequences [][]piece) {
	last := piece{row: -1}
	for _, sequence := range sequences {
		for _, p := range sequence {
			if p.row < last.row || p.row == last.row && p.from != last.to || p.row != last.row && p.from != 0 {
				t.Fatalf("piece %v follows %v", p, last)
			}
			last = p
		}
	}
}
