package compute

import (
	"fmt"
	"slices"
	"sort"

	"sftui/engine/model"
)

// ignored is the label of a position that carries no loss.
const ignored = -100

// layout is a micro-batch laid out without padding: its sequences in as few rows of a bucket length as they need.
type layout struct {
	shape     Shape
	ids       []int32 // [positions]
	positions []int32 // [positions], within the sequence
	segments  []int32 // [positions], 1… within a row, 0 for filling
	targets   []target
	sequences []int64 // trained tokens of every sequence
	tokens    int64
	longest   int // positions in the batch's longest row, padding included
	fused     *fused
}

// target is one trained token.
type target struct {
	at       int32 // the position whose logits predict it
	id       int32
	sequence int32
}

// sequence is a run of real tokens of one row of the batch.
type sequence struct {
	row, start, length int
}

// layOut lays a batch out. The result is a pure function of the batch, so that a resumed run computes bit by bit
// what the interrupted one would have.
func layOut(b Batch, maxLength int, how attention) (*layout, error) {
	if err := checkBatch(b); err != nil {
		return nil, err
	}
	sequences := findSequences(b)
	if len(sequences) == 0 {
		return nil, fmt.Errorf("the micro-batch has no tokens")
	}
	lengths := make([]int, len(sequences))
	for i, s := range sequences {
		lengths[i] = s.length
	}
	shape := chooseShape(lengths, maxLength)
	if how != maskedAttention {
		shape = fusedShape(lengths, maxLength, how)
	}
	places := shape.places(lengths)
	l := &layout{shape: shape, sequences: make([]int64, len(sequences)), fused: fuse(shape, lengths, places)}
	n := shape.Positions()
	l.ids, l.positions, l.segments = make([]int32, n), make([]int32, n), make([]int32, n)
	for i, s := range sequences {
		l.longest = max(l.longest, len(b.InputIDs[s.row]))
		l.tokens += int64(s.length)
		at := places[i].row*shape.Length + places[i].offset
		for j := range s.length {
			l.ids[at+j] = b.InputIDs[s.row][s.start+j]
			l.positions[at+j] = int32(j)
			l.segments[at+j] = int32(places[i].segment)
		}
	}
	l.findTargets(b, sequences, places)
	return l, nil
}

func checkBatch(b Batch) error {
	for r, ids := range b.InputIDs {
		switch {
		case b.Labels != nil && (len(b.Labels) != len(b.InputIDs) || len(b.Labels[r]) != len(ids)):
			return fmt.Errorf("row %d of the micro-batch has %d ids but its labels differ in number", r, len(ids))
		case b.AttentionMask != nil && (len(b.AttentionMask) != len(b.InputIDs) || len(b.AttentionMask[r]) != len(ids)):
			return fmt.Errorf("row %d of the micro-batch has %d ids but its attention_mask differs in number", r, len(ids))
		case b.PositionIDs != nil && (len(b.PositionIDs) != len(b.InputIDs) || len(b.PositionIDs[r]) != len(ids)):
			return fmt.Errorf("row %d of the micro-batch has %d ids but its position_ids differ in number", r, len(ids))
		}
	}
	return nil
}

// findSequences splits the rows at padding and where position_ids do not go on counting.
func findSequences(b Batch) []sequence {
	var out []sequence
	for r, ids := range b.InputIDs {
		start := -1
		end := func(at int) {
			if start >= 0 && at > start {
				out = append(out, sequence{r, start, at - start})
			}
			start = -1
		}
		for j := range ids {
			if b.AttentionMask != nil && b.AttentionMask[r][j] == 0 {
				end(j)
				continue
			}
			if start >= 0 && b.PositionIDs != nil && b.PositionIDs[r][j] != b.PositionIDs[r][j-1]+1 {
				end(j)
			}
			if start < 0 {
				start = j
			}
		}
		end(len(ids))
	}
	return out
}

// findTargets lists the trained tokens: labels shifted by one within a row of the batch, as the loss does.
func (l *layout) findTargets(b Batch, sequences []sequence, places []placement) {
	if b.Labels == nil {
		return
	}
	for i, s := range sequences {
		at := places[i].row*l.shape.Length + places[i].offset
		for j := range s.length {
			label := b.Labels[s.row][s.start+j]
			if label == ignored || s.start+j == 0 {
				continue
			}
			previous := int32(at + j - 1)
			if j == 0 {
				// The first token of a sequence is predicted by the last one of the sequence before it in the same row.
				if i == 0 || sequences[i-1].row != s.row || sequences[i-1].start+sequences[i-1].length != s.start {
					continue
				}
				p := places[i-1]
				previous = int32(p.row*l.shape.Length + p.offset + sequences[i-1].length - 1)
			}
			l.targets = append(l.targets, target{at: previous, id: label, sequence: int32(i)})
			l.sequences[i]++
		}
	}
}

// placement is where a sequence lies: segment is its number within its row, or within all, from 1.
type placement struct{ row, offset, segment int }

// places are where sequences of the given lengths lie in the shape's rows.
func (s Shape) places(lengths []int) []placement {
	switch s.Documents {
	case 0:
		return place(lengths, s.Length)
	case 1:
		return separate(lengths)
	}
	return endToEnd(lengths, s.Length)
}

// place puts sequences of the given lengths into rows, longest first into the first row with room.
func place(lengths []int, rowLength int) []placement {
	order := make([]int, len(lengths))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return lengths[order[a]] > lengths[order[b]] })
	out := make([]placement, len(lengths))
	var used, count []int
	for _, i := range order {
		row := slices.IndexFunc(used, func(u int) bool { return u+lengths[i] <= rowLength })
		if row < 0 {
			row = len(used)
			used, count = append(used, 0), append(count, 0)
		}
		count[row]++
		out[i] = placement{row, used[row], count[row]}
		used[row] += lengths[i]
	}
	return out
}

// separate gives every sequence a row of its own, in the batch's order.
func separate(lengths []int) []placement {
	out := make([]placement, len(lengths))
	for i := range out {
		out[i] = placement{row: i, segment: 1}
	}
	return out
}

// endToEnd lays one sequence behind the other, in the batch's order; they go on in the next row.
func endToEnd(lengths []int, rowLength int) []placement {
	out := make([]placement, len(lengths))
	at := 0
	for i, n := range lengths {
		out[i] = placement{at / rowLength, at % rowLength, i + 1}
		at += n
	}
	return out
}

// attentionShare is how many visible positions cost one position as much as its matrix products do; it weighs rows
// that are long against rows that are full. Measured on SmolLM2-135M on two CPU cores.
const attentionShare = 1024

// chooseShape picks rows and length for sequences of these lengths: the cheapest of a few shapes, so that few are
// compiled. Either several rows of a bucket length, or everything in one row, whose length can follow the number of
// tokens closely.
func chooseShape(lengths []int, maxLength int) Shape {
	longest, total := 0, 0
	for _, n := range lengths {
		longest = max(longest, n)
		total += n
	}
	best := Shape{Rows: 1, Length: bucketTotal(total)}
	bestCost := best.cost()
	for _, length := range bucketLengths(longest, maxLength) {
		rows := 0
		for _, p := range place(lengths, length) {
			rows = max(rows, p.row+1)
		}
		s := Shape{Rows: bucketRows(rows), Length: length}
		if cost := s.cost(); cost < bestCost {
			best, bestCost = s, cost
		}
	}
	return best
}

// cost is proportional to the time of a pass.
func (s Shape) cost() float64 {
	seen := 0.0
	for start := 0; start < s.Length; start += model.QueryBlock {
		end := min(start+model.QueryBlock, s.Length)
		seen += float64((end - start) * end)
	}
	return float64(s.Rows) * (float64(s.Length) + seen/attentionShare)
}

// bucketTotal rounds a number of tokens up by at most an eighth.
func bucketTotal(n int) int {
	step := 64
	for step*16 <= n {
		step *= 2
	}
	return roundUp(n, step)
}

// bucketLengths lists the lengths that rows may have: 64, 96, 128, 192, 256 …, from the first that holds the longest
// sequence to twice it. A length beyond maxLength is that, rounded up.
func bucketLengths(longest, maxLength int) []int {
	var out []int
	top := roundUp(max(longest, maxLength), 64)
	for power := 64; ; power *= 2 {
		for _, length := range []int{power, power + power/2} {
			length = min(length, top)
			if length < longest || len(out) > 0 && length == out[len(out)-1] {
				continue
			}
			if len(out) > 0 && length > 2*longest {
				return out
			}
			out = append(out, length)
		}
		if power >= top {
			return out
		}
	}
}

// bucketRows rounds the number of rows up where one more row is cheap beside one more compilation.
func bucketRows(rows int) int {
	switch {
	case rows <= 8:
		return rows
	case rows <= 16:
		return roundUp(rows, 2)
	case rows <= 32:
		return roundUp(rows, 4)
	}
	return roundUp(rows, 8)
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
