package recipes

import "strings"

// nearest returns the candidates closest to word, at most limit of them, all at
// the same smallest edit distance; none when even the closest is too far to be
// what was meant.
func nearest(word string, candidates []string, limit int) []string {
	w := fold(word)
	best := max(2, len([]rune(w))/3) + 1
	var out []string
	for _, c := range candidates {
		d := editDistance(w, fold(c))
		switch {
		case d < best:
			best, out = d, append(out[:0:0], c)
		case d == best && len(out) > 0:
			out = append(out, c)
		}
	}
	if len(out) > limit {
		out = out[:limit]
	}
	return out
}

// having returns the candidates of which word is a part, at most limit of them;
// a word of one or two letters is a part of too many.
func having(word string, candidates []string, limit int) []string {
	w := fold(word)
	var out []string
	for _, c := range candidates {
		if len(w) > 2 && strings.Contains(fold(c), w) && len(out) < limit {
			out = append(out, c)
		}
	}
	return out
}

// fold makes spellings that differ only in case or in - for _ equal.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), "-", "_")
}

// editDistance is the Damerau–Levenshtein distance (optimal string alignment):
// insertions, deletions, substitutions and swaps of neighbours.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	older := make([]int, len(y)+1)
	old := make([]int, len(y)+1)
	row := make([]int, len(y)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(y)]
}
