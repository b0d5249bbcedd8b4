package dataset

import "fmt"

// IgnoreIndex is the label of a token that carries no loss.
const IgnoreIndex int32 = -100

// buildLabels makes the labels of ids: the id where every mask has a
// non-zero entry, IgnoreIndex elsewhere. A mask longer than ids is read as far
// as ids go, as TRL does.
func buildLabels(ids []int32, masks ...[]int32) []int32 {
	labels := make([]int32, len(ids))
	copy(labels, ids)
	for _, mask := range masks {
		for i := range labels {
			if mask[i] == 0 {
				labels[i] = IgnoreIndex
			}
		}
	}
	return labels
}

// trained counts the labels that carry loss.
func trained(labels []int32) int {
	n := 0
	for _, label := range labels {
		if label != IgnoreIndex {
			n++
		}
	}
	return n
}

// anyTrained says whether a label carries loss.
func anyTrained(labels []int32) bool {
	for _, label := range labels {
		if label != IgnoreIndex {
			return true
		}
	}
	return false
}

// commonPrefix is the number of leading ids that a and b share.
func commonPrefix(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// spanMask is the mask transformers makes of a template's generation spans:
// from the token of a span's first character to the token of its last one.
// offsets are the tokens' character ranges, spans and offsets in code points.
func spanMask(spans, offsets [][2]int) []int32 {
	mask := make([]int32, len(offsets))
	for _, span := range spans {
		start := tokenAt(offsets, span[0])
		if start < 0 {
			break // transformers stops at a span that begins outside the tokens
		}
		end := tokenAt(offsets, span[1]-1) + 1
		if end <= 1 { // no token, or the very first: transformers takes both for "to the end"
			end = len(offsets)
		}
		for i := start; i < end; i++ {
			mask[i] = 1
		}
	}
	return mask
}

// tokenAt is the first token whose characters include position char, -1 for none.
// Offsets do not decrease, so a binary search finds the neighbourhood.
func tokenAt(offsets [][2]int, char int) int {
	low, high := 0, len(offsets)
	for low < high { // first token that ends after char
		middle := (low + high) / 2
		if offsets[middle][1] > char {
			high = middle
		} else {
			low = middle + 1
		}
	}
	for ; low < len(offsets) && offsets[low][0] <= char; low++ {
		if offsets[low][1] > char {
			return low
		}
	}
	return -1
}

// checkMask refuses a mask with fewer entries than there are ids: TRL would
// silently shorten the labels.
func checkMask(column string, mask, ids []int32) error {
	if len(mask) < len(ids) {
		return fmt.Errorf("%s has %d entries but input_ids has %d: give it one entry a token", column, len(mask), len(ids))
	}
	return nil
}
