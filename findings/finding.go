// Package findings looks at data, template, recipe, model and device together,
// before a run, and lists what would fail, train garbage, or surprise: one list
// for `sftui check` and for the workbench's Findings page. Each finding names
// the rows it is about, says why in a sentence, and, where one change of the
// recipe resolves it, which.
package findings

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sftui/dataset"
	"sftui/recipes"
)

// Fix is a change of the recipe that resolves a finding; empty Key when there is none.
type Fix struct{ Key, Value string }

// Finding is one thing worth knowing before a run.
type Finding struct {
	ID       string
	Severity recipes.Severity
	Count    int     // rows concerned; 0 when it is not about rows
	Share    float64 // of all rows, 0 to 1
	Rows     []int   // rows concerned, from 0; at most maxRows of them
	OfEval   bool    // they are rows of the evaluation data
	Message  string  // one sentence in the language asked for
	Fix      Fix
	Advice   string // what to do in words, where no change of the recipe resolves it
}

// maxRows bounds how many rows a finding names.
const maxRows = 1000

// Check runs every check on what the input holds. The error tells that checking
// itself was impossible (a cancelled context); faults of recipe, data or model
// are findings.
func Check(ctx context.Context, in *Input) ([]Finding, error) {
	list := recipeFindings(in)
	if in.Preparer == nil {
		return Sorted(append(list, in.problems...)), nil
	}
	found, err := in.collectAll(ctx)
	if err != nil {
		return nil, err
	}
	in.outlineRows(found)
	for _, family := range []func(*Input, *facts) []Finding{rowFindings, valueFindings, maskFindings, unusedMaskFindings, stopFindings, lengthFindings,
		textFindings, columnFindings, duplicateFindings, stepFindings, emptyStepFindings, tokenFindings, adapterFindings, exportFindings, evalFindings, evalBatchFindings} {
		list = append(list, family(in, found)...)
	}
	return Sorted(append(list, in.problems...)), nil
}

// collectAll gathers the facts of training and evaluation rows.
func (in *Input) collectAll(ctx context.Context) (*facts, error) {
	found, err := collect(ctx, in, in.Preparer)
	if err != nil || in.Eval == nil {
		return found, err
	}
	p, err := dataset.NewPreparer(in.Eval, in.Tokenizer, in.Preparer.Options())
	if err != nil {
		in.problem("eval-data-unusable", fmt.Errorf("the evaluation data cannot be prepared: %w", err), Fix{"eval_strategy", "no"})
		return found, nil
	}
	found.eval, err = collect(ctx, in, p)
	return found, err
}

// Worst returns the highest severity in the list, "" for none.
func Worst(list []Finding) recipes.Severity {
	var worst recipes.Severity
	for _, f := range list {
		if worst == "" || rank(f.Severity) < rank(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// rank orders severities, errors first.
func rank(s recipes.Severity) int {
	return slices.Index([]recipes.Severity{recipes.SeverityError, recipes.SeverityWarning, recipes.SeverityNote}, s)
}

// Sorted puts errors first and keeps the order of the checks otherwise.
func Sorted(list []Finding) []Finding {
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	return list
}

// recipeFindings are the recipe's conflicts and the notes of its reading.
func recipeFindings(in *Input) []Finding {
	var list []Finding
	for _, c := range in.Recipe.Conflicts() {
		list = append(list, Finding{ID: c.ID, Severity: c.Severity, Message: c.In(in.Language), Fix: Fix(c.Fix)})
	}
	for _, n := range in.Recipe.Notes() {
		found := Finding{ID: "old-name", Severity: recipes.SeverityNote, Message: in.say(n.English, n.Chinese)}
		if n.Severity == recipes.SeverityWarning {
			found.ID, found.Severity = "key-without-effect", n.Severity
		}
		list = append(list, found)
	}
	return list
}

// rowsFinding makes a finding about rows; nil when there are none.
func rowsFinding(in *Input, f *facts, id string, severity recipes.Severity, hit func(*rowFacts) bool) *Finding {
	found := &Finding{ID: id, Severity: severity}
	for i := range f.rows {
		if !hit(&f.rows[i]) {
			continue
		}
		found.Count++
		if len(found.Rows) < maxRows {
			found.Rows = append(found.Rows, in.number(i))
		}
	}
	if found.Count == 0 {
		return nil
	}
	found.Share = float64(found.Count) / float64(len(f.rows))
	return found
}

// with sets the message and the fix. The sentences get count and share as their
// first two arguments: %[1]d rows and %[2]s, then args from %[3].
func (f *Finding) with(in *Input, english, chinese string, fix Fix, args ...any) *Finding {
	if f == nil {
		return nil
	}
	all := append([]any{f.Count, percent(f.Share)}, args...)
	f.Message, f.Fix = fmt.Sprintf(in.say(english, chinese), all...), fix
	return f
}

// percent writes a share without rounding a few rows to nothing.
func percent(share float64) string {
	switch {
	case share >= 0.9995:
		return "100%"
	case share >= 0.1:
		return fmt.Sprintf("%.0f%%", 100*share)
	case share >= 0.001:
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	return "<0.1%"
}

// gather drops the findings that were not made.
func gather(list ...*Finding) []Finding {
	var out []Finding
	for _, f := range list {
		if f != nil {
			out = append(out, *f)
		}
	}
	return out
}
