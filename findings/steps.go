package findings

import (
	"fmt"
	"math"
	"strconv"

	"sftui/recipes"
)

// plan is how many sequences and steps the recipe makes of the rows.
type plan struct {
	rows      int // that are trained on
	sequences int // after packing; the rows otherwise
	perEpoch  int // optimizer steps in an epoch
	total     int
	tokens    int64 // mean tokens of a step
}

// planOf computes the run's size. With packing the number of sequences is the
// tokens divided by max_length, which best-fit packing comes within a few percent of.
func planOf(in *Input, f *facts) plan {
	r := in.Recipe
	var p plan
	var tokens int64
	limit := int64(math.MaxInt32)
	if r.MaxLength != nil {
		limit = int64(*r.MaxLength)
	}
	for i := range f.rows {
		row := &f.rows[i]
		if row.has(flagFailed) || row.KeptTrained == 0 && row.Trained == 0 {
			continue
		}
		p.rows++
		tokens += min(int64(row.Tokens), limit)
	}
	if r.EvalHoldout >= 1 && r.EvalDatasetName == "" && r.EvalStrategy != "no" {
		p.rows = max(0, p.rows-int(r.EvalHoldout))
	} else if r.EvalHoldout > 0 && r.EvalDatasetName == "" && r.EvalStrategy != "no" {
		p.rows -= int(r.EvalHoldout * float64(p.rows))
	}
	p.sequences = p.rows
	if r.Packing && r.MaxLength != nil {
		p.sequences = int((tokens + limit - 1) / limit)
	}
	batch := r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps
	p.perEpoch = (p.sequences + batch - 1) / batch
	p.total = int(math.Ceil(float64(p.perEpoch) * r.NumTrainEpochs))
	if r.MaxSteps > 0 {
		p.total = r.MaxSteps
	}
	p.tokens = tokens / int64(max(1, p.perEpoch))
	return p
}

// fewSteps is from how many updates on a fine-tuning usually shows an effect.
const fewSteps = 10

// stepFindings are about batch, accumulation and length of the run for this much data.
func stepFindings(in *Input, f *facts) []Finding {
	r, p := in.Recipe, planOf(in, f)
	batch := r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps
	var list []Finding
	if r.Packing && p.sequences > 0 {
		list = append(list, Finding{ID: "packing-steps", Severity: recipes.SeverityNote,
			Message: format(in.say("Packing makes about %d sequences of %d rows, so an epoch has about %d optimizer steps instead of %d.",
				"打包把 %[2]d 行变成约 %[1]d 个序列，因此每轮约 %[3]d 个优化步，而不是 %[4]d。"), p.sequences, p.rows, p.perEpoch, (p.rows+batch-1)/batch)})
	}
	if p.rows == 0 {
		return append(list, Finding{ID: "no-rows-left", Severity: recipes.SeverityError,
			Message: in.say("No row is left to train on.", "没有剩下可训练的行。")})
	}
	if batch > p.sequences && r.MaxSteps <= 0 {
		list = append(list, Finding{ID: "batch-exceeds-data", Severity: recipes.SeverityWarning, Fix: smallerBatch(r, p),
			Message: format(in.say("One step takes %d sequences (%d × %d), but there are only %d: each epoch is a single, smaller step.",
				"每步取 %d 个序列（%d × %d），但总共只有 %d 个：每轮只有一个较小的步。"), batch, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps, p.sequences)})
	} else if p.total < fewSteps && r.MaxSteps <= 0 {
		list = append(list, Finding{ID: "few-steps", Severity: recipes.SeverityWarning, Fix: smallerBatch(r, p),
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
			Message: format(in.say("max_steps %d goes through the %d rows %s times, which learns them by heart.", "max_steps %d 会把 %d 行过 %s 遍，即背下它们。"), r.MaxSteps, p.rows, fmt.Sprintf("%.0f", epochs))})
	}
	return list
}

// smallerBatch proposes an accumulation, or a batch, with which an epoch has several steps.
func smallerBatch(r *recipes.Recipe, p plan) Fix {
	if r.GradientAccumulationSteps > 1 {
		return Fix{"gradient_accumulation_steps", strconv.Itoa(max(1, p.sequences/(fewSteps*r.PerDeviceTrainBatchSize)))}
	}
	return Fix{"per_device_train_batch_size", strconv.Itoa(max(1, p.sequences/fewSteps))}
}
