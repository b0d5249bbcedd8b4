package findings

import (
	"context"
	"strings"

	"sftui/dataset"
)

// sampled is how many rows are looked at in detail, spread evenly.
const sampled = 200

// lookClosely finds, on a sample, which roles are trained and what the template adds.
func (c *collector) lookClosely() {
	f := c.f
	f.roles, f.inserted = map[string]*roleTokens{}, map[string]int{}
	n := len(f.rows)
	step := max(1, n/sampled)
	for i := 0; i < n && len(f.sample) < sampled; i += step {
		if f.rows[i].has(flagFailed) || f.rows[i].Tokens > 20_000 {
			continue
		}
		v, err := c.in.Preparer.View(i)
		if err != nil {
			continue
		}
		f.sample = append(f.sample, i)
		for _, s := range v.Roles {
			counts := f.roles[s.Role]
			if counts == nil {
				counts = &roleTokens{}
				f.roles[s.Role] = counts
			}
			for t := s.Start; t < s.End && t < len(v.Labels); t++ {
				counts.Tokens++
				if v.Labels[t] >= 0 {
					counts.Trained++
				}
			}
		}
		if added := addedText(v); added != "" {
			f.inserted[added]++
		}
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

// hashEval prepares the evaluation rows, to find those that are trained on too.
func (in *Input) hashEval(ctx context.Context, f *facts) error {
	if in.Eval == nil {
		return nil
	}
	p, err := dataset.NewPreparer(in.Eval, in.Tokenizer, in.Preparer.Options())
	if err != nil {
		in.problem("eval-data-unusable", err, Fix{"eval_dataset_name", "null"})
		return nil
	}
	for i := range in.Eval.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e, err := p.Row(i); err == nil {
			f.eval = append(f.eval, hashIDs(e.InputIDs))
		}
	}
	return nil
}
