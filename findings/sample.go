package findings

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"sftui/dataset"
)

// sampled is how many rows are looked at in detail, spread evenly.
const sampled = 200

// look is what a close look at one row finds.
type look struct {
	Roles   map[string]roleTokens
	Silent  bool     // an assistant turn carries no loss while another does
	Added   string   // a sentence that the template wrote by itself
	Special []int32  // special tokens
	End     string   // the special token at the row's end
	Markers []string // text that looks like a special token and is none
}

// isSampled says whether row i of n is looked at closely.
func isSampled(i, n int) bool {
	if n <= sampled {
		return true
	}
	k := (i*sampled + n - 1) / n
	return k < sampled && k*n/sampled == i
}

// lookClosely finds which roles of row i are trained, what the template adds,
// and which special tokens it uses; nil where the row is not of the sample.
func (c *collector) lookClosely(i int) *look {
	if !isSampled(i, len(c.f.rows)) || c.f.rows[i].Tokens > 20_000 {
		return nil
	}
	v, err := c.p.View(i)
	if err != nil {
		return nil
	}
	l := &look{Roles: map[string]roleTokens{}, Added: addedText(v), Markers: c.markers(v, i)}
	l.Silent = l.countRoles(v)
	for _, id := range v.IDs {
		if c.tok.IsSpecial(id) && !slices.Contains(l.Special, id) {
			l.Special = append(l.Special, id)
		}
	}
	for j := len(v.IDs) - 1; j >= 0 && j > len(v.IDs)-4 && l.End == ""; j-- {
		if c.tok.IsSpecial(v.IDs[j]) {
			l.End = c.tok.Piece(v.IDs[j])
		}
	}
	c.keep(i, l)
	return l
}

// keep remembers a close look.
func (c *collector) keep(i int, l *look) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks[i] = l
}

// sumUp adds the close looks up, in the order of the rows.
func (c *collector) sumUp() {
	f := c.f
	f.roles, f.inserted, f.special, f.markers, f.ends = map[string]*roleTokens{}, map[string]int{}, map[int32]int{}, map[string]int{}, map[string]int{}
	for _, i := range slices.Sorted(maps.Keys(c.looks)) {
		l := c.looks[i]
		f.sample = append(f.sample, i)
		if l.Silent {
			f.silent = append(f.silent, i)
		}
		for role, counts := range l.Roles {
			if f.roles[role] == nil {
				f.roles[role] = &roleTokens{}
			}
			f.roles[role].Tokens += counts.Tokens
			f.roles[role].Trained += counts.Trained
		}
		if l.Added != "" {
			f.inserted[l.Added]++
		}
		for _, id := range l.Special {
			f.special[id]++
		}
		if l.End != "" {
			f.ends[l.End]++
		}
		for _, m := range l.Markers {
			f.markers[m]++
		}
	}
}

// countRoles adds the row's tokens to those of their roles and reports whether
// an assistant turn carries no loss while another does.
func (l *look) countRoles(v dataset.View) (silent bool) {
	turns := map[int]int64{} // trained tokens of each assistant message
	for _, s := range v.Roles {
		counts := l.Roles[s.Role]
		if s.Role == "assistant" {
			turns[s.Message] += 0
		}
		for t := s.Start; t < s.End && t < len(v.Labels); t++ {
			counts.Tokens++
			if v.Labels[t] >= 0 {
				counts.Trained++
				if s.Role == "assistant" {
					turns[s.Message]++
				}
			}
		}
		l.Roles[s.Role] = counts
	}
	without, with := false, false
	for _, trained := range turns {
		without = without || trained == 0
		with = with || trained > 0
	}
	return without && with
}

// markerText is text in the form of a special token.
var markerText = regexp.MustCompile(`<\|[A-Za-z][A-Za-z0-9_]*\|>`)

// markers lists text in the form of a special token that the tokenizer does not
// know and the data did not bring along.
func (c *collector) markers(v dataset.View, i int) []string {
	if v.Text == nil || !strings.Contains(*v.Text, "<|") {
		return nil
	}
	raw, err := c.src.At(i)
	if err != nil {
		return nil
	}
	var own strings.Builder
	for _, t := range turnsOf(raw, c.shape) {
		own.WriteString(t.text)
	}
	var found []string
	for _, m := range markerText.FindAllString(*v.Text, 1000) {
		if _, known := c.tok.TokenID(m); known || slices.Contains(found, m) || strings.Contains(own.String(), m) {
			continue
		}
		found = append(found, m)
	}
	return found
}

// addedText returns a sentence that the template wrote by itself: a stretch of
// template text with at least five words.
func addedText(v dataset.View) string {
	if v.Text == nil {
		return ""
	}
	runes := []rune(*v.Text)
	for _, s := range v.Roles {
		if s.Role != "" || s.End-s.Start < 6 || s.End > len(v.Offsets) {
			continue
		}
		from, to := v.Offsets[s.Start][0], v.Offsets[s.End-1][1]
		if from < 0 || to > len(runes) || from >= to {
			continue
		}
		if part := strings.TrimSpace(string(runes[from:to])); len(strings.Fields(part)) >= 5 {
			return part
		}
	}
	return ""
}
