package ui

import (
	"math"
	"slices"
	"sort"
)

// rowLength is what preparation makes of a row, in tokens.
type rowLength struct {
	full    int // before max_length cuts
	kept    int // after
	trained int // of the kept, those that carry loss
	dropped bool
}

// exactUpTo is the length up to which rows are counted by their exact length;
// the few longer ones are kept in a sorted list.
const exactUpTo = 1 << 16

// lengths collects rowLengths while a scan looks at rows in any order. It is
// small: 12 bytes a row, so that 220,000 rows cost 2.6 MB, and its statistics
// are read off a table of counts, so that drawing them stays cheap while rows
// pour in.
type lengths struct {
	full, kept, trained []int32 // full is -1 while a row is not known
	known               int
	sumTrained, sumFull int64
	counts              []int32 // rows of each length up to exactUpTo
	over                []int32 // longer lengths, sorted
	longest             int     // row with the most tokens
}

// newLengths knows nothing of n rows.
func newLengths(n int) *lengths {
	l := &lengths{full: make([]int32, n), kept: make([]int32, n), trained: make([]int32, n)}
	for i := range l.full {
		l.full[i] = -1
	}
	return l
}

// put notes a row's lengths; a row that is known already is replaced.
func (l *lengths) put(row int, r rowLength) {
	if row < 0 || row >= len(l.full) || r.full < 0 {
		return
	}
	if l.full[row] >= 0 {
		l.sumTrained -= int64(l.trained[row])
		l.sumFull -= int64(l.full[row])
		l.known--
		l.count(l.full[row], -1)
	}
	l.full[row], l.kept[row], l.trained[row] = int32(r.full), int32(r.kept), int32(r.trained)
	if r.dropped {
		l.kept[row] = -1
	}
	l.known++
	l.sumTrained += int64(r.trained)
	l.sumFull += int64(r.full)
	l.count(l.full[row], 1)
	if l.full[row] > l.full[l.longest] {
		l.longest = row
	}
}

// at is a row's lengths, when known.
func (l *lengths) at(row int) (rowLength, bool) {
	if row < 0 || row >= len(l.full) || l.full[row] < 0 {
		return rowLength{}, false
	}
	r := rowLength{full: int(l.full[row]), kept: int(l.kept[row]), trained: int(l.trained[row])}
	if r.kept < 0 {
		r.kept, r.dropped = 0, true
	}
	return r, true
}

// count adds a row of length n to the table, or takes it out.
func (l *lengths) count(n, d int32) {
	if n < exactUpTo {
		for len(l.counts) <= int(n) {
			l.counts = append(l.counts, make([]int32, max(1024, len(l.counts)))...)
		}
		l.counts[n] += d
		return
	}
	i := sort.Search(len(l.over), func(i int) bool { return l.over[i] >= n })
	if d > 0 {
		l.over = slices.Insert(l.over, i, n)
	} else {
		l.over = slices.Delete(l.over, i, i+1)
	}
}

// quantile is the length that a share q of the known rows does not exceed.
func (l *lengths) quantile(q float64) int {
	if l.known == 0 {
		return 0
	}
	rank := min(max(int(math.Ceil(q*float64(l.known))), 1), l.known)
	for n, c := range l.counts {
		rank -= int(c)
		if rank <= 0 {
			return n
		}
	}
	return int(l.over[min(rank, len(l.over))-1])
}

// shareUpTo is the share of known rows of at most n tokens.
func (l *lengths) shareUpTo(n int) float64 {
	if l.known == 0 {
		return 0
	}
	sum := 0
	for i := 0; i <= n && i < len(l.counts); i++ {
		sum += int(l.counts[i])
	}
	sum += sort.Search(len(l.over), func(i int) bool { return int(l.over[i]) > n })
	return float64(sum) / float64(l.known)
}

// meanTrained is the mean number of trained tokens of a known row.
func (l *lengths) meanTrained() float64 {
	if l.known == 0 {
		return 0
	}
	return float64(l.sumTrained) / float64(l.known)
}
