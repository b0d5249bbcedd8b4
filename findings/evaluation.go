package findings

import (
	"slices"
	"strconv"

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

// evalBatchFindings are evaluations without a batch, which a run refuses at its start.
func evalBatchFindings(in *Input, _ *facts) []Finding {
	r := in.Recipe
	if in.evalOutline == nil || !r.DataloaderDropLast {
		return nil
	}
	sequences := in.evalOutline.Len()
	if in.Eval == nil && r.EvalHoldout < 1 {
		sequences = in.scale(sequences) // a share of the training rows, of which only a sample may have been checked
	}
	if sequences == 0 || sequences >= r.PerDeviceEvalBatchSize {
		return nil
	}
	return []Finding{{ID: "eval-no-full-batch", Severity: recipes.SeverityError, Fix: Fix{"per_device_eval_batch_size", strconv.Itoa(sequences)},
		Message: format(in.say("dataloader_drop_last leaves out the last, smaller batch, and %d evaluation sequences do not fill one of %d: an evaluation has no batch at all.",
			"dataloader_drop_last 会略去最后较小的批，而 %d 个评估序列不足一批（%d 个）：评估没有任何批。"), sequences, r.PerDeviceEvalBatchSize)}}
}

// few bounds how many rows are named.
func few(rows []int) []int { return rows[:min(len(rows), maxRows)] }
