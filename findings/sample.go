package findings

import (
	"regexp"
	"strings"

	"sftui/dataset"
)

// sampled is how many rows are looked at in detail, spread evenly.
const sampled = 200

// lookClosely finds, on a sample, which roles are trained, what the template
// adds, and which special tokens it uses.
func (c *collector) lookClosely() {
	f := c.f
	f.sample, f.silent = nil, nil
	f.roles, f.inserted, f.special, f.markers, f.ends = map[string]*roleTokens{}, map[string]int{}, map[int32]int{}, map[string]int{}, map[string]int{}
	n := len(f.rows)
	step := max(1, n/sampled)
	for i := 0; i < n && len(f.sample) < sampled; i += step {
		if f.rows[i].has(flagFailed) || f.rows[i].Tokens > 20_000 {
			continue
		}
		v, err := c.p.View(i)
		if err != nil {
			continue
		}
		f.sample = append(f.sample, i)
		if c.countRoles(v) {
			f.silent = append(f.silent, i)
		}
		if added := addedText(v); added != "" {
			f.inserted[added]++
		}
		seen := map[int32]bool{}
		for _, id := range v.IDs {
			if c.in.Tokenizer.IsSpecial(id) && !seen[id] {
				seen[id] = true
				f.special[id]++
			}
		}
		for j := len(v.IDs) - 1; j >= 0 && j > len(v.IDs)-4; j-- {
			if c.in.Tokenizer.IsSpecial(v.IDs[j]) {
				f.ends[c.in.Tokenizer.Piece(v.IDs[j])]++
				break
			}
		}
		c.countMarkers(v, i)
	}
}

// countRoles adds the row's tokens to those of their roles and reports whether
// an assistant turn carries no loss while another does.
func (c *collector) countRoles(v dataset.View) (silent bool) {
	turns := map[int]int64{} // trained tokens of each assistant message
	for _, s := range v.Roles {
		counts := c.f.roles[s.Role]
		if counts == nil {
			counts = &roleTokens{}
			c.f.roles[s.Role] = counts
		}
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

// countMarkers notes text in the form of a special token that the tokenizer
// does not know and the data did not bring along.
func (c *collector) countMarkers(v dataset.View, i int) {
	if v.Text == nil || !strings.Contains(*v.Text, "<|") {
		return
	}
	raw, err := c.src.At(i)
	if err != nil {
		return
	}
	var own strings.Builder
	for _, t := range turnsOf(raw, c.shape) {
		own.WriteString(t.text)
	}
	seen := map[string]bool{}
	for _, m := range markerText.FindAllString(*v.Text, 1000) {
		if _, known := c.in.Tokenizer.TokenID(m); known || seen[m] || strings.Contains(own.String(), m) {
			continue
		}
		seen[m] = true
		c.f.markers[m]++
	}
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
