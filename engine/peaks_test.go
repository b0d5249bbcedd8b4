package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"sftui/engine/compute"
)

// The batch size that a refusal says fits is taken when it is asked for, and
// one more is not, also near the end of an epoch, where few rows are left of it
// and the heavy ones come again in the next.
func TestRefusalNamesWhatIsTaken(t *testing.T) {
	const rows, limit = 64, 130
	lengths := make(lengthFeed, rows)
	for i := range lengths {
		lengths[i] = 8 + i%24
	}
	order, err := NewOrder(rows, 42, "random", false)
	if err != nil {
		t.Fatal(err)
	}
	p := &peaks{
		feed: lengths, order: order,
		shapeOf: func(b compute.Batch) (s compute.Shape) {
			s.Rows = len(b.Rows)
			for _, ids := range b.InputIDs {
				s.Length = max(s.Length, len(ids))
			}
			return s
		},
		estimate: func(s compute.Shape, _ int) compute.Memory { return compute.Memory{Weights: int64(s.Positions())} },
		limit:    func() uint64 { return limit },
		left: func(at Position, micro, accumulation int) int {
			return order.clone().StepsLeft(at, 3, micro, accumulation)
		},
	}
	named := regexp.MustCompile(`at most (\d+) fits`)
	for offset := range rows {
		from, now := Position{Offset: offset}, sizes{1, 1}
		_, err := p.vet(Change{MicroBatch: 16}, from, now)
		found := named.FindStringSubmatch(fmt.Sprint(err))
		if found == nil {
			t.Fatalf("at row %d: %v", offset, err)
		}
		most, _ := strconv.Atoi(found[1])
		if _, err := p.vet(Change{MicroBatch: most}, from, now); err != nil {
			t.Errorf("at row %d %d was said to fit: %v", offset, most, err)
		}
		if _, err := p.vet(Change{MicroBatch: most + 1}, from, now); err == nil {
			t.Errorf("at row %d %d fits, and %d was said to be the most", offset, most+1, most)
		}
	}
}

// The rows of the epochs that a refusal looks through are sorted by length once,
// however many batch sizes it tries, and kept orders are those of a fresh one.
func TestRefusalSortsAnEpochOnce(t *testing.T) {
	looked := 0
	fresh := func() *Order {
		return newGroupedOrder(64, 42, false, grouping{batch: 4, loader: true, tokens: func(item int) int {
			looked++
			return 8 + item*7%24
		}})
	}
	order := fresh()
	order.keep = worstEpochs
	for pass := range 3 {
		for epoch := range 3 {
			before := looked
			got := order.Epoch(epoch)
			if sorted := looked > before; sorted != (pass == 0) {
				t.Errorf("pass %d: epoch %d was sorted: %v", pass, epoch, sorted)
			}
			if want := fresh().Epoch(epoch); !slices.Equal(got, want) {
				t.Errorf("pass %d, epoch %d: %v, want %v", pass, epoch, got, want)
			}
		}
	}
}
