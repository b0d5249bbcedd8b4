package recipes

import (
	"fmt"
	"slices"
	"strings"
)

// trackingRules are about where metrics are reported and by which metric a model is chosen.
func trackingRules() []rule {
	return []rule{
		{"unknown-tracker", SeverityError, "report_to", func(r *Recipe) *clash {
			for _, t := range r.ReportTo {
				if !slices.Contains(trackers(), strings.ToLower(t)) {
					return say(fmt.Sprintf("report_to names %q, which transformers does not know and stops at; it knows %s.", shorten(t), strings.Join(trackers(), ", ")),
						fmt.Sprintf("report_to 中的 %q 不是 transformers 认识的工具，会因此停止；可用的有 %s。", shorten(t), strings.Join(trackers(), "、")), "report_to", "none")
				}
			}
			return nil
		}},
		{"tracker-not-fed", SeverityNote, "report_to", func(r *Recipe) *clash {
			named := slices.DeleteFunc(slices.Clone(r.ReportTo), func(t string) bool {
				return strings.EqualFold(t, "none") || !slices.Contains(trackers(), strings.ToLower(t))
			})
			return when(len(named) > 0,
				fmt.Sprintf("report_to %s sends nothing from here: the metrics stay in the run's folder, and `sftui runs export` writes them as TensorBoard files, CSV or a page.", strings.Join(named, ", ")),
				fmt.Sprintf("report_to %s 在这里不会发送任何内容：指标保存在运行文件夹中，可用 `sftui runs export` 导出为 TensorBoard 文件、CSV 或网页。", strings.Join(named, "、")), "report_to", "none")
		}},
		{"nothing-uploaded", SeverityNote, "push_to_hub", func(r *Recipe) *clash {
			return when(r.PushToHub,
				"push_to_hub uploads nothing from here: `sftui export` writes a folder that any hub client uploads.",
				"push_to_hub 在这里不会上传：`sftui export` 会写出可由任何 hub 客户端上传的文件夹。", "push_to_hub", "false")
		}},
		{"metric-unknown", SeverityError, "metric_for_best_model", func(r *Recipe) *clash {
			name := strings.TrimPrefix(r.MetricForBestModel, "eval_")
			if name == "" || slices.Contains(BestMetrics(), name) || !r.ChoosesByMetric() {
				return nil
			}
			if slices.Contains(metrics(), name) {
				return say(fmt.Sprintf("metric_for_best_model %s is not supported by sftui, which chooses a model by %s.", r.MetricForBestModel, strings.Join(BestMetrics(), " or ")),
					fmt.Sprintf("sftui 不支持 metric_for_best_model %s，只能按 %s 选择模型。", r.MetricForBestModel, strings.Join(BestMetrics(), " 或 ")), "metric_for_best_model", "eval_loss")
			}
			return say(
				fmt.Sprintf("metric_for_best_model %s is not among what an evaluation gives (%s), so transformers stops at the first one.", r.MetricForBestModel, strings.Join(metrics(), ", ")),
				fmt.Sprintf("metric_for_best_model %s 不在评估给出的指标（%s）之中，transformers 会在第一次评估时停止。", r.MetricForBestModel, strings.Join(metrics(), "、")), "metric_for_best_model", "eval_loss")
		}},
		{"do-eval-alone", SeverityNote, "do_eval eval_strategy", func(r *Recipe) *clash {
			return when(r.DoEval && r.EvalStrategy == "no" && !r.EvalOnStart && r.IsSet("do_eval"),
				"do_eval is a flag for scripts and starts no evaluation: eval_strategy is no, so nothing is evaluated.",
				"do_eval 只是脚本的标志，不会启动评估：eval_strategy 为 no，因此不会评估。", "do_eval", "false")
		}},
	}
}

// trackers are the names that transformers takes in report_to.
func trackers() []string {
	return strings.Fields("none all azure_ml clearml codecarbon comet_ml dagshub dvclive flyte kubeflow mlflow neptune swanlab tensorboard trackio wandb")
}

// ChoosesByMetric reports whether anything follows metric_for_best_model: the
// model that is kept, when it is saved, or the learning rate.
func (r *Recipe) ChoosesByMetric() bool {
	return r.LoadBestModelAtEnd || r.SaveStrategy == "best" || r.LrSchedulerType == "reduce_lr_on_plateau" || r.LrSchedulerType == "greedy"
}

// BestMetrics are the metrics that sftui can choose a model by, without eval_.
func BestMetrics() []string { return []string{"loss", "mean_token_accuracy"} }

// metrics are what an evaluation of TRL's SFTTrainer gives, without eval_.
func metrics() []string {
	return strings.Fields("loss mean_token_accuracy entropy num_tokens aux_loss runtime samples_per_second steps_per_second")
}
