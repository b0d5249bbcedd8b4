package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// evaluator holds the evaluation data.
type evaluator struct {
	feed   feed
	order  *Order
	batch  int
	metric metric
}

// metric is what "best" means.
type metric struct {
	accuracy bool // mean_token_accuracy rather than the loss
	greater  bool
}

// newMetric reads metric_for_best_model and greater_is_better.
func newMetric(r *recipes.Recipe) (metric, error) {
	var m metric
	switch strings.TrimPrefix(r.MetricForBestModel, "eval_") {
	case "", "loss":
	case "mean_token_accuracy":
		m = metric{accuracy: true, greater: true}
	default:
		if r.ChoosesByMetric() {
			return m, fmt.Errorf("metric_for_best_model %q is not supported; use %s", r.MetricForBestModel, strings.Join(recipes.BestMetrics(), " or "))
		}
		return m, nil // only marks the best evaluation, which then goes by the loss
	}
	if r.GreaterIsBetter != nil {
		m.greater = *r.GreaterIsBetter
	}
	return m, nil
}

// better reports whether value beats the best one so far.
func (m metric) better(value float64, b *best) bool {
	switch {
	case math.IsNaN(value):
		return false
	case b == nil:
		return true
	case m.greater:
		return value > b.Metric
	}
	return value < b.Metric
}

// rowLoss is the mean loss of one evaluation row.
type rowLoss struct {
	row  int
	loss run.Number
}

// appendRowLosses adds the rows of an evaluated batch that have trained tokens.
func appendRowLosses(list []rowLoss, b compute.Batch, m compute.Micro) []rowLoss {
	rows, losses := rowLosses(b, m)
	for i, loss := range losses {
		if m.RowTrained[i] > 0 {
			list = append(list, rowLoss{rows[i], loss})
		}
	}
	return list
}

// evalExtremes is how many of the worst and of the best rows an eval event names.
const evalExtremes = 5

// extremes are the rows with the highest and with the lowest losses, from the
// highest on. A loss that is not a number counts as the highest.
func extremes(list []rowLoss) (rows []int, losses []run.Number) {
	size := func(r rowLoss) float64 {
		if math.IsNaN(float64(r.loss)) {
			return math.Inf(1)
		}
		return float64(r.loss)
	}
	slices.SortStableFunc(list, func(a, b rowLoss) int { return cmp.Compare(size(b), size(a)) })
	if len(list) > 2*evalExtremes {
		list = slices.Concat(list[:evalExtremes], list[len(list)-evalExtremes:])
	}
	for _, r := range list {
		rows, losses = append(rows, r.row), append(losses, r.loss)
	}
	return rows, losses
}

// evalProgress is the time between progress events of an evaluation.
const evalProgress = 500 * time.Millisecond

// evaluate runs over the evaluation data. The loss is averaged as
// transformers' evaluation loop does: the mean of each batch weighs as much as
// the batch has examples. The accuracy is the mean over the batches.
func (l *loop) evaluate(ctx context.Context) error {
	l.out.enter(run.Evaluating, "")
	start := time.Now()
	var lossSum, accuracy float64
	var batches int
	var each []rowLoss
	result := run.Event{Kind: run.KindEval, Step: l.state.Step, Epoch: l.out.snapshot().Epoch}
	told := start
	for at := (Position{}); at.Epoch == 0; {
		if l.interrupted(ctx) {
			return nil
		}
		w, err := collect(l.eval.feed, l.eval.order, at, l.eval.batch, 1)
		if err != nil {
			return fmt.Errorf("evaluation: %w", err)
		}
		m, err := l.trainer.Eval(w.batches[0])
		if err != nil {
			return fmt.Errorf("evaluation: %w", err)
		}
		rows := len(w.items[0])
		if m.Trained > 0 { // TRL counts a batch without trained tokens too, with a loss and an accuracy of 0
			lossSum += float64(rows) * m.LossSum / float64(m.Trained)
			accuracy += float64(m.Correct) / float64(m.Trained)
		}
		result.Rows += rows
		batches++
		each = appendRowLosses(each, w.batches[0], m)
		result.TrainedTokens += m.Trained
		result.Tokens += m.Tokens
		at = w.next
		if time.Since(told) >= evalProgress {
			told = time.Now()
			l.out.emit(run.Event{Kind: run.KindPhase, Phase: string(run.Evaluating), Step: l.state.Step, Done: int64(result.Rows), Total: int64(l.eval.feed.Len())})
		}
	}
	l.state.EvalDue = nil
	if result.TrainedTokens == 0 {
		l.out.warn(run.CodeNoTrained, l.state.Step, "no evaluation row has a token that carries loss", nil)
		return nil
	}
	result.Loss = run.Number(lossSum / float64(result.Rows))
	result.Accuracy = run.Number(accuracy / float64(batches))
	result.RowIDs, result.RowLosses = extremes(each)
	result.Seconds = time.Since(start).Seconds()
	value := float64(result.Loss)
	if l.eval.metric.accuracy {
		value = float64(result.Accuracy)
	}
	if l.state.Step > 0 { // transformers does not count the evaluation before training
		if l.eval.metric.better(value, l.state.Best) {
			result.Best = true
			l.state.Best = &best{Metric: value, Step: l.state.Step}
		}
		l.schedule.observe(value)
		l.state.Adaptive = l.schedule.state()
	}
	l.out.emit(result)
	return l.sample(ctx)
}
