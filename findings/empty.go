package findings

import (
	"slices"
	"strconv"

	"sftui/engine"
	"sftui/recipes"
)

// emptyEpochs is how many epochs of the order are searched for steps without loss.
const emptyEpochs = 3

// emptyStepFindings are optimizer steps in which no token carries loss, by the
// order in which the run will take its batches. TRL divides by the number of
// trained tokens, so such a step has no meaning.
func emptyStepFindings(in *Input, f *facts) []Finding {
	r, p := in.Recipe, planOf(in, f)
	if in.picked != nil || in.outline.Len() == 0 || p.perEpoch == 0 {
		return nil
	}
	trained := make([]bool, in.outline.Len())
	for i := range trained {
		trained[i] = in.outline.Trained(i)
	}
	if !slices.Contains(trained, false) || !slices.Contains(trained, true) {
		return nil // nothing is trained at all is a finding of its own
	}
	order, err := engine.RecipeOrder(r, len(trained), in.outline.Tokens)
	if err != nil {
		return nil // the recipe's own finding sampling-not-supported says so
	}
	steps, rows, first := 0, []int{}, 0
	searched := min(p.total, emptyEpochs*p.perEpoch)
	at := engine.Position{}
	for step := 1; step <= searched; step++ {
		batches, next := order.Window(at, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
		items := slices.Concat(batches...)
		at = next
		if len(items) == 0 || slices.ContainsFunc(items, func(item int) bool { return trained[item] }) {
			continue
		}
		if steps++; steps == 1 {
			first = step
		}
		for _, item := range items {
			for _, row := range in.outline.Rows(item) {
				rows = append(rows, in.rowOf(row))
			}
		}
	}
	if steps == 0 {
		return nil
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	return []Finding{{ID: "empty-step", Severity: recipes.SeverityWarning, Count: len(rows), Share: float64(len(rows)) / float64(len(f.rows)),
		Rows: rows[:min(len(rows), maxRows)], Fix: emptyStepFix(in, f),
		Message: format(in.say("%d of the first %d optimizer steps, the first of them step %d, take only rows without any trained token (rows %s), so their loss means nothing.",
			"前 %[2]d 个优化步中有 %[1]d 步（最早为第 %[3]d 步）只取到没有受训词元的行（第 %[4]s 行），其损失毫无意义。"), steps, searched, first, rowList(rows))}}
}

// emptyStepFix lets rows without loss be left out: TRL does so under a
// max_length and without packing.
func emptyStepFix(in *Input, f *facts) Fix {
	if in.Recipe.Packing {
		return Fix{"packing", "false"}
	}
	longest := int32(1)
	for i := range f.rows {
		longest = max(longest, f.rows[i].Tokens)
	}
	return Fix{"max_length", strconv.Itoa(int(longest))}
}
