package dataset

import (
	"cmp"
	"slices"
)

// RowOrder is how a list of rows is sorted.
type RowOrder int

// Orders of Scan.Sorted.
const (
	ByRow     RowOrder = iota // as in the file
	ByLength                  // longest first
	ByTrained                 // smallest share of tokens with loss first
)

// Sorted lists the known rows that keep accepts (all when nil) in the given
// order; equal rows stay in file order.
func (s *Scan) Sorted(order RowOrder, keep func(RowLength) bool) []RowLength {
	s.mu.Lock()
	out := make([]RowLength, 0, s.known)
	for _, r := range s.lengths {
		if r.Tokens >= 0 && (keep == nil || keep(r)) {
			out = append(out, r)
		}
	}
	s.mu.Unlock()
	switch order {
	case ByLength:
		slices.SortStableFunc(out, func(a, b RowLength) int { return cmp.Compare(b.Tokens, a.Tokens) })
	case ByTrained:
		slices.SortStableFunc(out, func(a, b RowLength) int { return cmp.Compare(a.TrainedShare(), b.TrainedShare()) })
	}
	return out
}

// TrainedShare is the share of the row's tokens that carry loss, 0 to 1.
func (r RowLength) TrainedShare() float64 {
	if r.Tokens == 0 {
		return 0
	}
	return float64(r.Trained) / float64(r.Tokens)
}

// PolicyReport says what a policy for rows above max_length keeps.
type PolicyReport struct {
	Policy    string  // LongTruncate, LongDrop or LongSplit
	Rows      float64 // rows or pieces that remain
	Tokens    float64 // tokens that remain
	LostRows  float64
	LostShare float64 // of all tokens, 0 to 1
}

// Policy says what would remain under policy with the given max_length.
func (s *Scan) Policy(policy string, maxLength int) PolicyReport {
	rows := s.sampleView().rows
	p := PolicyReport{Policy: policy}
	all := 0.0
	for _, r := range rows {
		tokens := float64(r.Tokens)
		all += r.weight * tokens
		long := maxLength > 0 && r.Tokens > maxLength
		switch {
		case long && policy == LongDrop:
			p.LostRows += r.weight
			continue
		case long && policy == LongTruncate:
			tokens = float64(maxLength)
			if r.First >= maxLength { // nothing to train on is left
				p.LostRows += r.weight
				continue
			}
			p.Rows += r.weight
		case long && policy == LongSplit:
			p.Rows += r.weight * float64((r.Tokens+maxLength-1)/maxLength)
		default:
			p.Rows += r.weight
		}
		p.Tokens += r.weight * tokens
	}
	if all > 0 {
		p.LostShare = 1 - p.Tokens/all
	}
	return p
}
