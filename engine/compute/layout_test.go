package compute

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLayOutKeepsEveryToken checks on random batches that every real token lies exactly once in the layout, in order
// within its sequence, and that the targets are the labels shifted by one.
func TestLayOutKeepsEveryToken(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		b := randomBatch(random, 1+random.IntN(9), 1+random.IntN(300))
		l, err := layOut(b, 0, maskedAttention)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []int32
		trained := 0
		for r, ids := range b.InputIDs {
			for j, id := range ids {
				if b.AttentionMask[r][j] == 1 {
					want = append(want, id)
				}
				if j > 0 && b.AttentionMask[r][j] == 1 && b.Labels[r][j] != ignored {
					trained++
				}
			}
		}
		for i, id := range l.ids {
			if l.segments[i] != 0 {
				got = append(got, id)
			}
			if l.segments[i] != 0 && l.positions[i] > 0 && l.segments[i] != l.segments[i-1] {
				t.Fatalf("round %d: position %d goes on with another segment", round, i)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("round %d: tokens were lost or repeated", round)
		}
		if len(l.targets) != trained {
			t.Fatalf("round %d: %d targets, want %d", round, len(l.targets), trained)
		}
		for _, target := range l.targets {
			if l.ids[target.at+1] != target.id {
				t.Fatalf("round %d: the target at %d is not the token after it", round, target.at)
			}
		}
	}
}

func randomBatch(random *rand.Rand, rows, longest int) Batch {
	var b Batch
	for range rows {
		n := 1 + random.IntN(longest)
		ids, labels, mask := make([]int32, longest), make([]int32, longest), make([]int32, longest)
		for j := range ids {
			labels[j] = ignored
			if j < n {
				ids[j], mask[j] = random.Int32N(1000), 1
				if random.IntN(3) > 0 {
					labels[j] = ids[j]
				}
			}
		}
		b.InputIDs, b.Labels, b.AttentionMask = append(b.InputIDs, ids), append(b.Labels, labels), append(b.AttentionMask, mask)
	}
	return b
}

func TestChooseShape(t *testing.T) {
	for _, c := range []struct {
		name      string
		lengths   []int
		maxLength int
		want      Shape
	}{
		{"one short row", []int{10}, 256, Shape{Rows: 1, Length: 64}},
		{"equal full rows", []int{256, 256, 256, 256}, 256, Shape{Rows: 4, Length: 256}},
		{"one row follows the tokens", []int{250, 120, 100, 90}, 256, Shape{Rows: 1, Length: 576}},
		{"length is bounded by max_length", []int{1000, 1000}, 1000, Shape{Rows: 2, Length: 1024}},
		{"short rows lie side by side", []int{60, 60, 60, 60}, 1024, Shape{Rows: 4, Length: 64}},
		{"uneven rows are packed", []int{500, 240, 250, 500, 480, 10}, 1024, Shape{Rows: 4, Length: 512}},
	} {
		if got := chooseShape(c.lengths, c.maxLength); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestChooseShapeHolds checks that the sequences really fit, and that little is wasted.
func TestChooseShapeHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	tokens, positions := 0, 0
	shapes := map[Shape]bool{}
	for range 500 {
		lengths := make([]int, 8)
		for i := range lengths {
			lengths[i] = 1 + random.IntN(1024)
			tokens += lengths[i]
		}
		s := chooseShape(lengths, 1024)
		shapes[s] = true
		positions += s.Positions()
		for _, p := range place(lengths, s.Length) {
			if p.row >= s.Rows {
				t.Fatalf("%v does not hold %v", s, lengths)
			}
		}
	}
	if share := float64(tokens) / float64(positions); share < 0.75 {
		t.Errorf("only %.0f%% of the positions are tokens", 100*share)
	}
	if len(shapes) > 24 {
		t.Errorf("%d shapes for batches of 8 rows of up to 1024 tokens", len(shapes))
	}
}

func TestBatchesThatCannotBeLaidOut(t *testing.T) {
	for name, b := range map[string]Batch{
		"nothing":          {},
		"only padding":     {InputIDs: [][]int32{{1, 2}}, AttentionMask: [][]int32{{0, 0}}},
		"labels too short": {InputIDs: [][]int32{{1, 2}}, Labels: [][]int32{{1}}},
		"mask too short":   {InputIDs: [][]int32{{1, 2}}, AttentionMask: [][]int32{{1}}},
	} {
		if _, err := layOut(b, 0, maskedAttention); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
