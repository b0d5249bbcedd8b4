package findings

import "sftui/recipes"

// duplicateFindings are rows that occur more than once, and rows that are both
// trained and evaluated.
func duplicateFindings(in *Input, f *facts) []Finding {
	first := make(map[uint64]bool, len(f.rows))
	again := map[int]bool{}
	for i := range f.rows {
		r := &f.rows[i]
		if r.has(flagFailed) || r.Tokens == 0 {
			continue
		}
		if first[r.Hash] {
			again[i] = true
		}
		first[r.Hash] = true
	}
	dup := &Finding{ID: "duplicates", Severity: recipes.SeverityNote, Count: len(again), Share: float64(len(again)) / float64(len(f.rows))}
	for i := range f.rows {
		if again[i] && len(dup.Rows) < maxRows {
			dup.Rows = append(dup.Rows, in.number(i))
		}
	}
	if dup.Count == 0 {
		dup = nil
	} else if dup.Share > 0.01 && dup.Count > 2 {
		dup.Severity = recipes.SeverityWarning
	}
	list := gather(dup.with(in, "%[1]d rows (%[2]s) are equal to an earlier one, token for token, and count several times.",
		"%[1]d 行（%[2]s）与之前的行逐词元相同，会被重复计入。", Fix{}))
	return append(list, overlap(in, f, first, dup != nil)...)
}

// overlap finds evaluation rows that are trained on.
func overlap(in *Input, f *facts, trained map[uint64]bool, duplicates bool) []Finding {
	var both []int
	if f.eval != nil {
		for i := range f.eval.rows {
			if r := &f.eval.rows[i]; r.Tokens > 0 && trained[r.Hash] {
				both = append(both, i)
			}
		}
	}
	switch {
	case len(both) > 0:
		share := float64(len(both)) / float64(len(f.eval.rows))
		return []Finding{{ID: "eval-overlap", Severity: recipes.SeverityWarning, Count: len(both), Share: share, Rows: few(both), OfEval: true,
			Message: format(in.say("%d evaluation rows (%s of them) are trained on too, so the evaluation loss shows memory, not skill.",
				"%d 条评估数据（占其 %s）也在训练数据中，评估损失反映的是记忆而非能力。"), len(both), percent(share))}}
	case duplicates && in.Recipe.EvalHoldout > 0 && in.Recipe.EvalDatasetName == "":
		return []Finding{{ID: "holdout-overlap", Severity: recipes.SeverityNote,
			Message: in.say("Rows are held out for evaluation while the data has duplicates, so some of them will be trained on in another copy.",
				"数据有重复而又从中留出评估行，其中一些会以另一份副本参与训练。")}}
	}
	return nil
}
