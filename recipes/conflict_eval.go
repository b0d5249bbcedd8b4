package recipes

import (
	"fmt"
	"math"
	"strings"
)

// evalRules are about evaluation and what depends on it.
func evalRules() []rule {
	return append(append(evalDataRules(), bestRules()...), evalStepRules()...)
}

// evalDataRules are about the rows that are evaluated.
func evalDataRules() []rule {
	return []rule{
		{"eval-without-data", SeverityError, "eval_strategy eval_dataset_name eval_holdout dataset_test_split", func(r *Recipe) *clash {
			return when(r.EvalStrategy != "no" && !r.canEvaluate(),
				fmt.Sprintf("eval_strategy %s asks for evaluation, but nothing says on which rows: %s has no test split of its own.", r.EvalStrategy, orMixture(r.DatasetName)),
				fmt.Sprintf("eval_strategy %s 要求评估，却没有说明用哪些行：%s 没有自己的测试划分。", r.EvalStrategy, orMixture(r.DatasetName)), "eval_holdout", "0.02")
		}},
		{"eval-split-assumed", SeverityNote, "eval_strategy dataset_test_split", func(r *Recipe) *clash {
			return when(r.EvalStrategy != "no" && !r.HasEvalData() && r.DatasetName != "" && !r.localData(),
				fmt.Sprintf("Evaluation reads the split %q of %s; if it has none, name eval_dataset_name or eval_holdout.", r.DatasetTestSplit, r.DatasetName),
				fmt.Sprintf("评估会读取 %[2]s 的 %[1]q 划分；若没有，请设置 eval_dataset_name 或 eval_holdout。", r.DatasetTestSplit, r.DatasetName), "eval_holdout", "0.02")
		}},
		{"eval-data-unused", SeverityNote, "eval_strategy eval_dataset_name eval_holdout", func(r *Recipe) *clash {
			return when(r.EvalStrategy == "no" && !r.EvalOnStart && (r.EvalDatasetName != "" || r.EvalHoldout > 0),
				"Rows are set aside for evaluation, but eval_strategy is no, so they are never used.",
				"已为评估留出数据，但 eval_strategy 为 no，永远不会用到。", "eval_strategy", r.evaluating())
		}},
		{"two-eval-sources", SeverityNote, "eval_dataset_name eval_holdout", func(r *Recipe) *clash {
			return when(r.EvalDatasetName != "" && r.EvalHoldout > 0,
				"Both eval_dataset_name and eval_holdout are given; the data set is used and nothing is held out.",
				"同时给出了 eval_dataset_name 与 eval_holdout；使用前者，不再留出数据。", "eval_holdout", "0")
		}},
		{"holdout-fraction", SeverityError, "eval_holdout", func(r *Recipe) *clash {
			return when(r.EvalHoldout > 1 && r.EvalHoldout != math.Trunc(r.EvalHoldout),
				fmt.Sprintf("eval_holdout %g is neither a share below 1 nor a whole number of rows.", r.EvalHoldout),
				fmt.Sprintf("eval_holdout %g 既不是小于 1 的比例，也不是整数行数。", r.EvalHoldout), "eval_holdout", fmt.Sprint(int(r.EvalHoldout)))
		}},
	}
}

// evalStepRules are about how often and how much is evaluated.
func evalStepRules() []rule {
	return []rule{
		{"eval-every-log", SeverityNote, "eval_steps logging_steps", func(r *Recipe) *clash {
			return when(r.EvalStrategy == "steps" && (r.EvalSteps == nil || *r.EvalSteps == 0) && r.LoggingSteps > 0,
				fmt.Sprintf("eval_steps is not set, so evaluation runs at every logging step (every %g steps), which can cost more time than training.", r.LoggingSteps),
				fmt.Sprintf("未设置 eval_steps，因此每次记录日志（每 %g 步）都会评估，可能比训练还费时。", r.LoggingSteps), "eval_steps", "100")
		}},
		{"eval-steps-unknown", SeverityError, "eval_steps logging_steps", func(r *Recipe) *clash {
			return when(r.EvalStrategy == "steps" && r.EvalEvery() == 0,
				"eval_strategy steps needs eval_steps or logging_steps above 0.",
				"eval_strategy 为 steps 时，eval_steps 或 logging_steps 必须大于 0。", "eval_steps", "100")
		}},
		{"eval-after-the-end", SeverityWarning, "eval_steps max_steps eval_delay", lateEvaluation},
		{"samples-without-eval", SeverityNote, "sample_prompts eval_strategy", func(r *Recipe) *clash {
			fix := Fix{"eval_strategy", r.evaluating()}
			if !r.canEvaluate() {
				fix = Fix{"sample_prompts", "null"}
			}
			return when(len(r.SamplePrompts) > 0 && r.EvalStrategy == "no" && !r.EvalOnStart,
				"sample_prompts are answered at each evaluation, but eval_strategy is no.",
				"sample_prompts 在每次评估时回答，而 eval_strategy 为 no。", fix.Key, fix.Value)
		}},
		{"eval-batch-large", SeverityNote, "per_device_eval_batch_size per_device_train_batch_size", func(r *Recipe) *clash {
			return when(r.EvalStrategy != "no" && r.PerDeviceEvalBatchSize >= 8 && r.PerDeviceEvalBatchSize > 4*r.PerDeviceTrainBatchSize,
				fmt.Sprintf("Evaluation takes %d rows at once and training %d: the memory's peak may come with the first evaluation.", r.PerDeviceEvalBatchSize, r.PerDeviceTrainBatchSize),
				fmt.Sprintf("评估一次取 %d 行而训练取 %d 行：显存峰值可能出现在第一次评估时。", r.PerDeviceEvalBatchSize, r.PerDeviceTrainBatchSize), "per_device_eval_batch_size", fmt.Sprint(r.PerDeviceTrainBatchSize))
		}},
	}
}

// lateEvaluation tells when the only evaluation is the one after the last step, or when eval_delay leaves out even that.
func lateEvaluation(r *Recipe) *clash {
	last := float64(r.MaxSteps)
	if r.EvalStrategy != "steps" || r.MaxSteps <= 0 {
		return nil
	}
	switch {
	case r.EvalDelay > last:
		return say(fmt.Sprintf("eval_delay %g is behind the last step (%d), so nothing is evaluated.", r.EvalDelay, r.MaxSteps),
			fmt.Sprintf("eval_delay %g 晚于最后一步（%d），因此不会评估。", r.EvalDelay, r.MaxSteps), "eval_delay", "0")
	case r.EvalDelay == last:
		return say(fmt.Sprintf("eval_delay %g leaves only one evaluation, after the last step (%d): nothing shows how the loss gets there.", r.EvalDelay, r.MaxSteps),
			fmt.Sprintf("eval_delay %g 使评估只在最后一步（%d）之后进行一次，看不到损失的变化过程。", r.EvalDelay, r.MaxSteps), "eval_delay", "0")
	}
	return when(r.EvalEvery() > last,
		fmt.Sprintf("Evaluation comes every %g steps and the run has %d, so there is only one, after the last step: nothing shows how the loss gets there.", r.EvalEvery(), r.MaxSteps),
		fmt.Sprintf("每 %g 步评估一次，而总共只有 %d 步，因此只在最后一步之后评估一次，看不到损失的变化过程。", r.EvalEvery(), r.MaxSteps), "eval_steps", fmt.Sprint(max(1, r.MaxSteps/2)))
}

// bestRules are about keeping the best model.
func bestRules() []rule {
	return []rule{
		{"best-strategies", SeverityError, "load_best_model_at_end save_strategy eval_strategy", func(r *Recipe) *clash {
			return when(r.LoadBestModelAtEnd && r.SaveStrategy != "best" && r.EvalStrategy != r.SaveStrategy,
				fmt.Sprintf("load_best_model_at_end needs a checkpoint for every evaluation, but save_strategy is %s and eval_strategy is %s.", r.SaveStrategy, r.EvalStrategy),
				fmt.Sprintf("load_best_model_at_end 要求每次评估都有检查点，而 save_strategy 为 %s、eval_strategy 为 %s。", r.SaveStrategy, r.EvalStrategy), bestFixKey(r), bestFixValue(r))
		}},
		{"best-steps", SeverityError, "load_best_model_at_end save_steps eval_steps", bestSteps},
		{"best-without-eval", SeverityError, "save_strategy eval_strategy", func(r *Recipe) *clash {
			fix := Fix{"eval_strategy", r.evaluating()}
			if !r.canEvaluate() {
				fix = Fix{"save_strategy", "steps"}
			}
			return when(r.SaveStrategy == "best" && r.EvalStrategy == "no",
				"save_strategy best saves when an evaluation improves, but eval_strategy is no, so nothing would ever be saved.",
				"save_strategy best 在评估变好时保存，而 eval_strategy 为 no，因此永远不会保存。", fix.Key, fix.Value)
		}},
		{"best-without-metric", SeverityError, "save_strategy metric_for_best_model", func(r *Recipe) *clash {
			return when(r.SaveStrategy == "best" && r.MetricForBestModel == "" && !r.LoadBestModelAtEnd,
				"save_strategy best must be told which number is best; transformers refuses it without metric_for_best_model.",
				"save_strategy best 需要知道以哪个指标为准；缺少 metric_for_best_model 时 transformers 会拒绝。", "metric_for_best_model", "eval_loss")
		}},
		{"metric-direction", SeverityWarning, "greater_is_better metric_for_best_model", func(r *Recipe) *clash {
			loss := r.MetricForBestModel == "" || strings.HasSuffix(r.MetricForBestModel, "loss")
			if r.GreaterIsBetter == nil || *r.GreaterIsBetter != loss || !r.LoadBestModelAtEnd && r.SaveStrategy != "best" {
				return nil
			}
			word := map[bool]string{true: "lower", false: "higher"}[loss]
			return say(fmt.Sprintf("greater_is_better is %t, but a better %s is %s: the worst checkpoint would be kept.", *r.GreaterIsBetter, metricName(r), word),
				fmt.Sprintf("greater_is_better 为 %t，而 %s 方向相反：会保留最差的检查点。", *r.GreaterIsBetter, metricName(r)), "greater_is_better", fmt.Sprint(!loss))
		}},
	}
}

// bestSteps checks that every checkpoint of the best model was evaluated.
func bestSteps(r *Recipe) *clash {
	every := r.EvalEvery()
	if !r.LoadBestModelAtEnd || r.SaveStrategy != "steps" || r.EvalStrategy != "steps" || every == 0 || r.SaveSteps == 0 {
		return nil
	}
	const million = 1_000_000 // shares are compared in whole millionths, as transformers does
	fits := math.Mod(r.SaveSteps, every) == 0
	if every < 1 && r.SaveSteps < 1 {
		fits = int64(math.Round(r.SaveSteps*million))%max(1, int64(math.Round(every*million))) == 0
	} else if every < 1 || r.SaveSteps < 1 {
		fits = false
	}
	return when(!fits,
		fmt.Sprintf("load_best_model_at_end needs save_steps (%g) to be a multiple of eval_steps (%g), so that each checkpoint has been evaluated.", r.SaveSteps, every),
		fmt.Sprintf("load_best_model_at_end 要求 save_steps（%g）是 eval_steps（%g）的整数倍，使每个检查点都经过评估。", r.SaveSteps, every), "save_steps", trimFloat(every))
}

// bestFixKey and bestFixValue make the two strategies equal by changing the one
// that is off; without rows to evaluate on there is no best model to be found.
func bestFixKey(r *Recipe) string {
	if r.EvalStrategy == "no" && !r.canEvaluate() {
		return "load_best_model_at_end"
	}
	if r.EvalStrategy == "no" {
		return "eval_strategy"
	}
	return "save_strategy"
}

func bestFixValue(r *Recipe) string {
	if r.EvalStrategy != "no" {
		return r.EvalStrategy
	}
	if !r.canEvaluate() {
		return "false"
	}
	if r.SaveStrategy == "no" {
		return "steps"
	}
	return r.SaveStrategy
}

func metricName(r *Recipe) string {
	if r.MetricForBestModel == "" {
		return "loss"
	}
	return r.MetricForBestModel
}

// orMixture names the training data.
func orMixture(name string) string {
	if name == "" {
		return "dataset_mixture"
	}
	return name
}

// canEvaluate reports whether there may be rows to evaluate on: the recipe names
// some, or its data is on a hub and may have a split for them.
func (r *Recipe) canEvaluate() bool {
	return r.HasEvalData() || !r.localData() && (r.DatasetMixture == nil || r.DatasetName != "")
}

// evaluating is the strategy that switches evaluation on without more: the steps
// where the recipe counts them, else after every epoch.
func (r *Recipe) evaluating() string {
	if r.EvalSteps != nil && *r.EvalSteps > 0 {
		return "steps"
	}
	return "epoch"
}
