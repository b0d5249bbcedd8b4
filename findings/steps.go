package findings

import (
	"fmt"
	"math"
	"strconv"

	"sftui/dataset"
	"sftui/engine"
	"sftui/recipes"
)

// plan is how many sequences and steps the recipe makes of the rows.
type plan struct {
	rows      int // that are trained on
	sequences int // after packing; the rows otherwise
	perEpoch  int // optimizer steps in an epoch
	total     int
}

// outlineRows arranges the rows that are trained on as a run would.
func (in *Input) outlineRows(f *facts) {
	r, lengths := in.Recipe, f.lengths()
	if r.EvalHoldout > 0 && r.EvalDatasetName == "" && (r.EvalStrategy != "no" || r.EvalOnStart) {
		kept, held := engine.HeldOut(len(lengths), r.EvalHoldout, int64(r.Seed))
		in.outlineEval(chosen(lengths, held))
		lengths, in.kept = chosen(lengths, kept), kept
	} else if f.eval != nil {
		in.outlineEval(f.eval.lengths())
	}
	in.outline = in.actual.Outline(lengths)
}

// outlineEval arranges the evaluation rows, which may be packed otherwise.
func (in *Input) outlineEval(lengths []dataset.RowLength) {
	in.evalOutline = in.actual.Arranging(engine.EvalOptions(in.actual.Options(), in.Recipe)).Outline(lengths)
}

// chosen are the lengths of some of the rows, in their order.
func chosen(lengths []dataset.RowLength, rows []int) []dataset.RowLength {
	out := make([]dataset.RowLength, len(rows))
	for i, row := range rows {
		out[i] = lengths[row]
	}
	return out
}

// rowOf is the data set's number of a row of the outline.
func (in *Input) rowOf(i int) int {
	if in.kept != nil {
		i = in.kept[i]
	}
	return in.number(i)
}

// Scanned is the training data by its lengths, for a forecast; nil before Check
// and where only a sample was checked.
func (in *Input) Scanned() *engine.Scanned {
	if in.outline == nil || in.picked != nil || in.outline.Len() == 0 {
		return nil
	}
	return &engine.Scanned{Name: in.Source.Name(), Outline: in.outline, Rows: in.kept, Eval: in.evalOutline}
}

// planOf computes the run's size; where a sample was checked it stands for all rows.
func planOf(in *Input, f *facts) plan {
	r := in.Recipe
	rows := len(f.rows)
	if in.kept != nil {
		rows = len(in.kept)
	}
	p := plan{rows: in.scale(rows - len(in.outline.Dropped)), sequences: in.scale(in.outline.Len())}
	micro := (p.sequences + r.PerDeviceTrainBatchSize - 1) / r.PerDeviceTrainBatchSize
	if r.DataloaderDropLast {
		micro = p.sequences / r.PerDeviceTrainBatchSize
	}
	p.perEpoch = (micro + r.GradientAccumulationSteps - 1) / r.GradientAccumulationSteps
	p.total = int(math.Ceil(float64(p.perEpoch) * r.NumTrainEpochs))
	if r.MaxSteps > 0 {
		p.total = r.MaxSteps
	}
	return p
}

// scale makes a count of the rows checked one of all rows.
func (in *Input) scale(n int) int {
	if in.picked == nil {
		return n
	}
	return int(int64(n) * int64(in.total) / int64(len(in.picked)))
}

// fewSteps is from how many updates on a fine-tuning usually shows an effect.
const fewSteps = 10

// stepFindings are about batch, accumulation and length of the run for this much data.
func stepFindings(in *Input, f *facts) []Finding {
	r, p := in.Recipe, planOf(in, f)
	batch := r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps
	// A small set is small; what the recipe does about it by accumulating is a choice.
	short := recipes.SeverityNote
	if r.GradientAccumulationSteps > 1 {
		short = recipes.SeverityWarning
	}
	var list []Finding
	if r.Packing && p.sequences > 0 {
		list = append(list, Finding{ID: "packing-steps", Severity: recipes.SeverityNote,
			Message: format(in.say("Packing makes %d sequences of %d rows, so an epoch has %d optimizer steps instead of %d.",
				"打包把 %[2]d 行变成 %[1]d 个序列，因此每轮 %[3]d 个优化步，而不是 %[4]d。"), p.sequences, p.rows, p.perEpoch, (p.rows+batch-1)/batch)})
	}
	if p.rows == 0 {
		return append(list, Finding{ID: "no-rows-left", Severity: recipes.SeverityError,
			Message: in.say("No row is left to train on.", "没有剩下可训练的行。")})
	}
	if r.DataloaderDropLast && p.sequences < r.PerDeviceTrainBatchSize {
		return append(list, Finding{ID: "no-full-batch", Severity: recipes.SeverityError, Fix: moreSteps(r, p),
			Message: format(in.say("dataloader_drop_last leaves out the last, smaller batch, and %d sequences do not fill one of %d: an epoch has no step at all.",
				"dataloader_drop_last 会略去最后较小的批，而 %d 个序列不足一批（%d 个）：一轮没有任何步。"), p.sequences, r.PerDeviceTrainBatchSize)})
	}
	if batch > p.sequences && r.MaxSteps <= 0 {
		if batch >= 2*p.sequences {
			short = recipes.SeverityWarning
		}
		list = append(list, Finding{ID: "batch-exceeds-data", Severity: short, Fix: moreSteps(r, p),
			Message: format(in.say("One step takes %d sequences (%d × %d), but there are only %d: each epoch is a single, smaller step.",
				"每步取 %d 个序列（%d × %d），但总共只有 %d 个：每轮只有一个较小的步。"), batch, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps, p.sequences)})
	} else if p.total < fewSteps && r.MaxSteps <= 0 {
		list = append(list, Finding{ID: "few-steps", Severity: short, Fix: moreSteps(r, p),
			Message: format(in.say("The whole run has only %d optimizer steps; fewer rows a step or more epochs would let it learn.",
				"整个运行只有 %d 个优化步；减少每步行数或增加轮数才能学到东西。"), p.total)})
	}
	if w := r.WarmupSteps; w >= 1 && p.total > 0 && w >= float64(p.total) && r.MaxSteps <= 0 {
		list = append(list, Finding{ID: "warmup-exceeds-run", Severity: recipes.SeverityWarning, Fix: Fix{"warmup_steps", "0.03"},
			Message: format(in.say("warmup_steps %g is not shorter than the run of %d steps, so the learning rate never reaches its value.",
				"warmup_steps %g 不短于总步数 %d，学习率始终达不到设定值。"), w, p.total)})
	}
	if epochs := float64(p.total) / float64(max(1, p.perEpoch)); r.MaxSteps > 0 && epochs > 20 && p.rows > 1 {
		list = append(list, Finding{ID: "many-epochs", Severity: recipes.SeverityWarning,
			Fix:     Fix{"max_steps", strconv.Itoa(3 * p.perEpoch)},
			Message: format(in.say("max_steps %d goes through the %d rows %s times, which learns them by heart.", "max_steps %d 会把 %d 行过 %s 遍，相当于把它们背下来。"), r.MaxSteps, p.rows, fmt.Sprintf("%.0f", epochs))})
	}
	return list
}

// moreSteps proposes the one change with which the run has enough steps that are full.
func moreSteps(r *recipes.Recipe, p plan) Fix {
	micro, accumulation := r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps
	full := func(batch int) bool {
		perEpoch := (p.sequences + batch - 1) / batch
		return batch <= p.sequences && math.Ceil(float64(perEpoch)*r.NumTrainEpochs) >= fewSteps
	}
	wanted := max(1, int(float64(p.sequences)*math.Max(1, r.NumTrainEpochs)/fewSteps)) // sequences a step
	if a := max(1, wanted/micro); a < accumulation && full(micro*a) {
		return Fix{"gradient_accumulation_steps", strconv.Itoa(a)}
	}
	if m := max(1, wanted/accumulation); m < micro && full(m*accumulation) {
		return Fix{"per_device_train_batch_size", strconv.Itoa(m)}
	}
	if micro*accumulation > p.sequences {
		if micro <= p.sequences {
			return Fix{"gradient_accumulation_steps", strconv.Itoa(max(1, p.sequences/micro))}
		}
		return Fix{"per_device_train_batch_size", strconv.Itoa(max(1, p.sequences/accumulation))}
	}
	return Fix{"num_train_epochs", strconv.Itoa(int(math.Ceil(float64(fewSteps) / float64(max(1, p.perEpoch)))))}
}
