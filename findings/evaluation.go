package findings

import (
	"slices"

	"sftui/recipes"
)

// evalFindings are evaluation rows that would stop the run or tell nothing.
func evalFindings(in *Input, f *facts) []Finding {
	if f.eval == nil {
		return nil
	}
	w := in.cut()
	var failed, silent []int
	for i := range f.eval.rows {
		switch r := &f.eval.rows[i]; {
		case r.has(flagFailed):
			failed = append(failed, i)
		case !w.trains(r):
			silent = append(silent, i)
		}
	}
	total := len(f.eval.rows)
	var list []Finding
	if len(failed) > 0 {
		list = append(list, Finding{ID: "eval-row-error", Severity: recipes.SeverityError, Count: len(failed), Share: float64(len(failed)) / float64(total), Rows: few(failed), OfEval: true, Fix: Fix{"eval_strategy", "no"},
			Message: format(in.say("%d evaluation rows (%s) cannot be prepared and would stop the run; the first: %s",
				"%d 条评估数据（%s）无法预处理，会使运行停止；第一处：%s"), len(failed), percent(float64(len(failed))/float64(total)), f.eval.failures[slices.Min(failed)])})
	}
	if len(silent) > 0 {
		found := Finding{ID: "eval-nothing-scored", Severity: recipes.SeverityWarning, Count: len(silent), Share: float64(len(silent)) / float64(total), Rows: few(silent), OfEval: true,
			Message: format(in.say("%d evaluation rows (%s) have no token that carries loss within max_length, so they score nothing.",
				"%d 条评估数据（%s）在 max_length 之内没有承担损失的词元，得不到评分。"), len(silent), percent(float64(len(silent))/float64(total)))}
		if len(silent) == total {
			found.Severity, found.Fix = recipes.SeverityError, Fix{"eval_strategy", "no"}
		}
		list = append(list, found)
	}
	return list
}

// few bounds how many rows are named.
func few(rows []int) []int { return rows[:min(len(rows), maxRows)] }
