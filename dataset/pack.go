package dataset

import (
	"math/bits"
	"sort"
)

// packBatch is how many rows TRL packs at a time: the batch of datasets.map.
const packBatch = 1000

// piece is tokens from up to to (exclusive) of a prepared row.
type piece struct{ row, from, to int }

func (p piece) length() int { return p.to - p.from }

// pack lays out rows of the given lengths in sequences of at most size
// tokens. The rows are taken a thousand at a time within each of shares equal
// parts (TRL packs every process's part for itself). Each result is one
// sequence: its pieces in order. bfd cuts rows to size, bfd_split and wrapped
// keep every token; empty rows vanish.
func pack(lengths []int, size int, strategy string, shares int) [][]piece {
	var out [][]piece
	for _, share := range split(len(lengths), shares) {
		for from := share[0]; from < share[1]; from += packBatch {
			to := min(from+packBatch, share[1])
			if strategy == PackWrapped {
				out = packWrapped(out, lengths, from, to, size)
			} else {
				out = packBestFit(out, fragments(lengths, from, to, size, strategy == PackBFDSplit), size)
			}
		}
	}
	return out
}

// split cuts 0…n into the contiguous parts that datasets gives its processes.
func split(n, shares int) [][2]int {
	shares = max(1, min(shares, n))
	parts := make([][2]int, shares)
	for i := range parts {
		parts[i][0] = n/shares*i + min(i, n%shares)
		parts[i][1] = n/shares*(i+1) + min(i+1, n%shares)
	}
	return parts
}

// fragments are the rows from…to as pieces of at most size tokens: cut off
// there, or cut into several.
func fragments(lengths []int, from, to, size int, keepAll bool) []piece {
	pieces := make([]piece, 0, to-from)
	for row := from; row < to; row++ {
		for at := 0; at < lengths[row]; at += size {
			pieces = append(pieces, piece{row: row, from: at, to: min(at+size, lengths[row])})
			if !keepAll {
				break
			}
		}
	}
	return pieces
}

// packBestFit appends sequences made by best-fit decreasing: the longest
// pieces first, each into the sequence with the least room that suffices, the
// oldest of them when there are several.
func packBestFit(out [][]piece, pieces []piece, size int) [][]piece {
	sort.SliceStable(pieces, func(i, j int) bool { return pieces[i].length() > pieces[j].length() })
	free := newFreeSpace(size)
	for _, p := range pieces {
		bin, room := free.take(p.length())
		if bin < 0 {
			bin, room = len(out), size
			out = append(out, nil)
		}
		out[bin] = append(out[bin], p)
		free.put(bin, room-p.length())
	}
	return out
}

// freeSpace finds, among bins with some room left, the one with the least
// room that is enough. used has a bit for each amount of room that some bin has.
type freeSpace struct {
	used []uint64
	bins map[int][]int // by room left, oldest first
}

func newFreeSpace(size int) *freeSpace {
	return &freeSpace{used: make([]uint64, size/64+1), bins: make(map[int][]int)}
}

// take removes and returns the bin with the least room of at least n, and
// that room; -1 when there is none.
func (f *freeSpace) take(n int) (bin, room int) {
	word, mask := n/64, ^uint64(0)<<(n%64)
	for ; word < len(f.used); word++ {
		if left := f.used[word] & mask; left != 0 {
			room = word*64 + bits.TrailingZeros64(left)
			queue := f.bins[room]
			if len(queue) == 1 {
				f.used[word] &^= 1 << (room % 64)
				delete(f.bins, room)
			} else {
				f.bins[room] = queue[1:]
			}
			return queue[0], room
		}
		mask = ^uint64(0)
	}
	return -1, 0
}

// put offers bin with the given room left; a full one is not offered again.
func (f *freeSpace) put(bin, room int) {
	if room > 0 {
		f.bins[room] = append(f.bins[room], bin)
		f.used[room/64] |= 1 << (room % 64)
	}
}

// packWrapped appends the rows from…to laid end to end and cut every size
// tokens; the last sequence may be shorter.
func packWrapped(out [][]piece, lengths []int, from, to, size int) [][]piece {
	var sequence []piece
	room := size
	for row := from; row < to; row++ {
		for at := 0; at < lengths[row]; {
			n := min(room, lengths[row]-at)
			sequence = append(sequence, piece{row: row, from: at, to: at + n})
			at += n
			if room -= n; room == 0 {
				out, sequence, room = append(out, sequence), nil, size
			}
		}
	}
	if len(sequence) > 0 {
		out = append(out, sequence)
	}
	return out
}
