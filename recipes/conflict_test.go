package recipes

import (
	"slices"
	"strings"
	"testing"
)

// base is a recipe without any conflict.
const base = "model_name_or_path: m\ndataset_name: d.jsonl\ndtype: float32\n"

// TestConflicts gives each rule a recipe that triggers it. Every trigger is also
// checked to disappear once its fix is applied.
func TestConflicts(t *testing.T) {
	tests := []conflictCase{
		{"no-data", SeverityError, "dataset_name: null"},
		{"no-model", SeverityError, "model_name_or_path: null"},
		{"two-data-sets", SeverityNote, "dataset_mixture: {datasets: [{id: a}]}"},
		{"streaming-without-max-steps", SeverityError, "dataset_streaming: true"},
		{"packing-without-max-length", SeverityError, "packing: true\nmax_length: null"},
		{"eval-packing-without-max-length", SeverityError, "eval_packing: true\nmax_length: null"},
		{"padding-free-with-max-length", SeverityError, "padding_free: true"},
		{"padding-free-batch-of-one", SeverityWarning, "padding_free: true\nmax_length: null\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 4"},
		{"wrapped-leaks", SeverityWarning, "packing: true\npacking_strategy: wrapped"},
		{"packing-attention", SeverityNote, "packing: true"},
		{"mixture-in-sequence", SeverityNote, "train_sampling_strategy: sequential"},
		{"grouping-a-stream", SeverityError, "train_sampling_strategy: group_by_length\ndataset_streaming: true\nmax_steps: 5"},
		{"grouping-packed-rows", SeverityNote, "train_sampling_strategy: group_by_length\npacking: true"},
		{"long-rows-without-limit", SeverityNote, "long_rows: drop\nmax_length: null"},
		{"keep-end", SeverityNote, "truncation_mode: keep_end"},
		{"dataset-kwargs", SeverityWarning, "dataset_kwargs: {add_special_tokens: false}"},
		{"two-templates", SeverityWarning, "chat_template: a\nchat_template_path: b.jinja"},
		{"tiny-max-length", SeverityWarning, "max_length: 16"},
		{"token-in-recipe", SeverityWarning, "hub_token: abc"},
		{"formatting-with-completion-only", SeverityError, "formatting: '{{ a }}'\ncompletion_only_loss: true"},
		{"formatting-with-assistant-only", SeverityError, "formatting: '{{ a }}'\nassistant_only_loss: true"},
		{"both-masks", SeverityNote, "assistant_only_loss: true\ncompletion_only_loss: true"},
		{"smoothing-with-liger", SeverityWarning, "label_smoothing_factor: 0.1\nuse_liger_kernel: true"},
		{"smoothing-with-dft", SeverityWarning, "label_smoothing_factor: 0.1\nloss_type: dft"},
		{"strong-smoothing", SeverityWarning, "label_smoothing_factor: 0.5"},
		{"chunked-nll", SeverityNote, "loss_type: chunked_nll"},
		{"router-loss", SeverityWarning, "router_aux_loss_coef: 0.01"},
		{"pad-token-old", SeverityNote, "pad_token: x"},
		{"neftune-strong", SeverityWarning, "neftune_noise_alpha: 50"},
		{"liger-custom-model", SeverityWarning, "use_liger_kernel: true\ntrust_remote_code: true"},
		{"liger-fused-loss", SeverityError, "use_liger_kernel: true\nliger_kernel_config: {fused_linear_cross_entropy: true}"},
		{"liger-config-unused", SeverityNote, "liger_kernel_config: {rope: true}"},
		{"one-row-steps", SeverityWarning, "per_device_train_batch_size: 1"},
		{"huge-steps", SeverityWarning, "gradient_accumulation_steps: 1000"},
		{"batch-on-one-side", SeverityNote, "per_device_train_batch_size: 64\ngradient_checkpointing: false"},
		{"offloading-without-checkpointing", SeverityNote, "activation_offloading: true\ngradient_checkpointing: false"},
		{"cache-with-checkpointing", SeverityError, "use_cache: true"},
		{"cache-in-training", SeverityNote, "use_cache: true\ngradient_checkpointing: false"},
		{"reentrant-with-peft", SeverityWarning, "use_peft: true\nlearning_rate: 2e-4\ngradient_checkpointing_kwargs: {use_reentrant: true}"},
		{"reentrant", SeverityNote, "gradient_checkpointing_kwargs: {use_reentrant: true}"},
		{"reentrant-with-unused-parameters", SeverityError, "gradient_checkpointing_kwargs: {use_reentrant: true}\nddp_find_unused_parameters: true"},
		{"selective-without-checkpointing", SeverityError, "gradient_checkpointing: false\ngradient_checkpointing_kwargs: {selective: true}"},
		{"selective-reentrant", SeverityError, "gradient_checkpointing_kwargs: {selective: true, use_reentrant: true}"},
		{"checkpointing-settings-unused", SeverityNote, "gradient_checkpointing: false\ngradient_checkpointing_kwargs: {use_reentrant: false}"},
		{"two-checkpointing-names", SeverityWarning, "activation_checkpointing: false\ngradient_checkpointing: true"},
		{"bf16-with-fp16", SeverityError, "bf16: true\nfp16: true"},
		{"full-eval-formats", SeverityError, "bf16_full_eval: true\nfp16_full_eval: true"},
		{"fp16-weights", SeverityError, "dtype: float16\nfp16: true\nlearning_rate: 2e-4"},
		{"vanishing-updates", SeverityNote, "dtype: bfloat16"},
		{"flash-in-float32", SeverityError, "attn_implementation: flash_attention_2\nbf16: false"},
		{"flash-on-cpu", SeverityNote, "attn_implementation: flash_attention_2\ndevice: cpu"},
		{"unknown-attention", SeverityWarning, "attn_implementation: flash"},
		{"cpu-and-gpu", SeverityError, "use_cpu: true\ndevice: cuda"},
		{"bf16-on-cpu", SeverityNote, "device: cpu\nbf16: true"},
		{"pure-go-device", SeverityWarning, "device: go\nbf16: false"},
		{"both-quantizations", SeverityError, "load_in_4bit: true\nload_in_8bit: true\nuse_peft: true\nlearning_rate: 2e-4"},
		{"quantized-without-adapter", SeverityError, "load_in_4bit: true\nlearning_rate: 2e-4"},
		{"adapter-options-unused", SeverityWarning, "lora_r: 8\nlora_alpha: 16\nlearning_rate: 2e-4"},
		{"adapter-on-head", SeverityError, "use_peft: true\nlearning_rate: 2e-4\nlora_target_modules: [q_proj, lm_head]"},
		{"one-target-is-a-pattern", SeverityNote, "use_peft: true\nlearning_rate: 2e-4\nlora_target_modules: [q_proj]"},
		{"dropout-on-parameters", SeverityError, "use_peft: true\nlearning_rate: 2e-4\nlora_target_parameters: [a]"},
		{"adapter-task", SeverityError, "use_peft: true\nlearning_rate: 2e-4\nlora_task_type: SEQ_CLS"},
		{"adapter-learning-rate-low", SeverityNote, "use_peft: true"},
		{"adapter-scale", SeverityNote, "use_peft: true\nlearning_rate: 2e-4\nlora_alpha: 1000"},
		{"learning-rate-zero", SeverityWarning, "learning_rate: 0"},
		{"learning-rate-high", SeverityWarning, "learning_rate: 1e-2"},
		{"constant-without-warmup", SeverityWarning, "lr_scheduler_type: constant\nwarmup_steps: 10"},
		{"warmup-never-ends", SeverityWarning, "warmup_steps: 100\nmax_steps: 50"},
		{"warmup-fraction", SeverityWarning, "warmup_steps: 10.5"},
		{"min-lr-missing", SeverityError, "lr_scheduler_type: cosine_with_min_lr"},
		{"min-lr-missing", SeverityError, "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 1e-6, min_lr_rate: 0.1}"},
		{"min-lr-high", SeverityWarning, "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 1e-3}"},
		{"decay-steps-missing", SeverityError, "lr_scheduler_type: warmup_stable_decay"},
		{"scheduler-settings", SeverityError, "lr_scheduler_kwargs: {min_lr_rate: 0.1}"},
		{"adaptive-schedule-without-eval", SeverityError, "lr_scheduler_type: reduce_lr_on_plateau\neval_holdout: 0.1"},
		{"adam-beta-one", SeverityError, "adam_beta1: 1"},
		{"strong-decay", SeverityNote, "weight_decay: 1"},
		{"nothing-to-do", SeverityError, "num_train_epochs: 0"},
		{"max-steps-wins", SeverityNote, "num_train_epochs: 3\nmax_steps: 50"},
		{"logging-steps-zero", SeverityError, "logging_steps: 0"},
		{"save-steps-zero", SeverityError, "save_steps: 0"},
		{"logging-steps-fraction", SeverityError, "logging_steps: 1.5"},
		{"eval-steps-fraction", SeverityError, "eval_strategy: steps\neval_holdout: 0.1\neval_steps: 2.5"},
		{"save-steps-fraction", SeverityError, "save_steps: 2.5"},
		{"save-after-the-end", SeverityNote, "max_steps: 10\nsave_steps: 100"},
		{"checkpoint-without-optimizer", SeverityWarning, "save_only_model: true"},
		{"one-checkpoint-and-best", SeverityNote, "save_total_limit: 1\nload_best_model_at_end: true\neval_strategy: steps\neval_steps: 500\neval_holdout: 0.1"},
		{"data-not-skipped", SeverityWarning, "ignore_data_skip: true"},
		{"no-averaging", SeverityNote, "average_tokens_across_devices: false"},
		{"clipping-off", SeverityNote, "max_grad_norm: 0"},
		{"eval-without-data", SeverityError, "eval_strategy: epoch"},
		{"eval-split-assumed", SeverityNote, "dataset_name: owner/name\neval_strategy: epoch"},
		{"eval-data-unused", SeverityNote, "eval_holdout: 0.1"},
		{"two-eval-sources", SeverityNote, "eval_holdout: 0.1\neval_dataset_name: e.jsonl\neval_strategy: epoch"},
		{"holdout-fraction", SeverityError, "eval_holdout: 2.5\neval_strategy: epoch"},
		{"best-strategies", SeverityError, "load_best_model_at_end: true\neval_holdout: 0.1"},
		{"best-strategies", SeverityError, "load_best_model_at_end: true\neval_holdout: 0.1\neval_strategy: epoch"},
		{"best-steps", SeverityError, "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 300\neval_holdout: 0.1"},
		{"best-without-eval", SeverityError, "save_strategy: best\nmetric_for_best_model: loss\neval_holdout: 0.1\neval_steps: 50"},
		{"best-without-metric", SeverityError, "save_strategy: best\neval_strategy: epoch\neval_holdout: 0.1"},
		{"metric-direction", SeverityWarning, "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 500\neval_holdout: 0.1\ngreater_is_better: true"},
		{"eval-every-log", SeverityNote, "eval_strategy: steps\neval_holdout: 0.1"},
		{"eval-steps-unknown", SeverityError, "eval_strategy: steps\nlogging_strategy: 'no'\nlogging_steps: 0\neval_holdout: 0.1"},
		{"eval-after-the-end", SeverityWarning, "eval_strategy: steps\neval_steps: 100\nmax_steps: 50\neval_holdout: 0.1"},
		{"eval-after-the-end", SeverityWarning, "eval_strategy: steps\neval_steps: 10\neval_delay: 50\nmax_steps: 50\neval_holdout: 0.1"},
		{"eval-after-the-end", SeverityWarning, "eval_strategy: steps\neval_steps: 10\neval_delay: 60\nmax_steps: 50\neval_holdout: 0.1"},
		{"samples-without-eval", SeverityNote, "sample_prompts: [hi]\neval_holdout: 0.1\neval_steps: 5"},
		{"eval-batch-large", SeverityNote, "eval_strategy: epoch\neval_holdout: 0.1\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 8"},
		{"prefetch-without-workers", SeverityError, "dataloader_prefetch_factor: 2"},
		{"persistent-without-workers", SeverityError, "dataloader_persistent_workers: true"},
		{"fsdp-with-deepspeed", SeverityError, "fsdp: full_shard\ndeepspeed: ds.json"},
		{"fsdp-checkpointing-twice", SeverityError, "fsdp: full_shard\nfsdp_config: {activation_checkpointing: true}"},
		{"zero3-adapter-checkpointing", SeverityWarning, "use_peft: true\nlearning_rate: 2e-4\ndeepspeed: {zero_optimization: {stage: 3}}\ngradient_checkpointing_kwargs: {use_reentrant: false}"},
		{"zero3-auto-batch", SeverityError, "auto_find_batch_size: true\ndeepspeed: {zero_optimization: {stage: 3}}"},
		{"auto-batch-changes-steps", SeverityWarning, "auto_find_batch_size: true"},
		{"sharded-best-model", SeverityError, "save_only_model: true\nload_best_model_at_end: true\nfsdp: full_shard\neval_strategy: steps\neval_steps: 500\neval_holdout: 0.1"},
		{"context-parallel-packing", SeverityError, "packing: true\nparallelism_config: {cp_size: 2}"},
		{"accumulation-twice", SeverityError, "gradient_accumulation_steps: 2\naccelerator_config: {gradient_accumulation_kwargs: {num_steps: 4}}"},
		{"hub-without-name", SeverityNote, "push_to_hub: true"},
		{"not-supported", SeverityWarning, "fp16: true"},
		{"optimizer-not-supported", SeverityError, "optim: lomo"},
		{"optimizer-args", SeverityError, "optim: sgd\noptim_args: momentum"},
		{"optimizer-args-unread", SeverityWarning, "optim: adamw_torch\noptim_args: momentum=0.9"},
		{"sampling-not-supported", SeverityError, "train_sampling_strategy: batch_rebalance"},
		{"unknown-tracker", SeverityError, "report_to: [wandb, wandbb]"},
		{"metric-unknown", SeverityError, "metric_for_best_model: accuracy\nload_best_model_at_end: true\neval_strategy: epoch\nsave_strategy: epoch\neval_holdout: 0.1"},
		{"metric-unknown", SeverityError, "metric_for_best_model: eval_bleu\nsave_strategy: best\neval_strategy: epoch\neval_holdout: 0.1"},
		{"metric-unknown", SeverityError, "metric_for_best_model: entropy\nload_best_model_at_end: true\neval_strategy: epoch\nsave_strategy: epoch\neval_holdout: 0.1"},
		{"metric-unknown", SeverityError, "metric_for_best_model: eval_runtime\nsave_strategy: best\neval_strategy: epoch\neval_holdout: 0.1"},
		{"do-eval-alone", SeverityNote, "do_eval: yes"},
		{"fsdp-option", SeverityError, "fsdp: fully_shard auto_wrap"},
		{"fsdp-option", SeverityError, "fsdp: [hybrid_shard, auto_wrap]"},
		{"fsdp-wrap-policy", SeverityError, "fsdp: full_shard\nfsdp_config: {fsdp_auto_wrap_policy: transformer}"},
		{"sharded-save-only", SeverityError, "save_only_model: true\nfsdp: full_shard\nfsdp_config: {state_dict_type: SHARDED_STATE_DICT}"},
		{"zero3-selective", SeverityError, "use_peft: true\nlearning_rate: 2e-4\ngradient_checkpointing_kwargs: {selective: true}\ndeepspeed: {zero_optimization: {stage: 3}}"},
		{"sequence-parallel-loss", SeverityError, "parallelism_config: {sp_size: 2}\nlabel_smoothing_factor: 0.1"},
		{"sequence-parallel-loss", SeverityError, "parallelism_config: '{\"sp_size\": 4}'\nloss_type: dft"},
		{"stream-dispatch", SeverityNote, "dataset_streaming: true\nmax_steps: 5\naccelerator_config: {dispatch_batches: true}"},
		{"lr-end-high", SeverityError, "lr_scheduler_type: polynomial\nlr_scheduler_kwargs: {lr_end: 0.1}"},
		{"lr-end-high", SeverityError, "lr_scheduler_type: polynomial\nlearning_rate: 1.0e-7"},
		{"decay-shape", SeverityError, "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_decay_steps: 10, decay_type: exponential}"},
		{"dora-on-parameters", SeverityError, "use_peft: true\nlearning_rate: 2e-4\nuse_dora: true\nlora_target_parameters: [a]"},
		{"tf32-on-cpu", SeverityWarning, "tf32: true\nuse_cpu: true"},
		{"liger-old", SeverityNote, "use_liger_kernel: true"},
		{"smoothing-old", SeverityNote, "label_smoothing_factor: 0.1"},
		{"optimizer-settings-unused", SeverityNote, "optim_target_modules: [q_proj]"},
	}
	tests = append(tests, moreConflicts...)
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[tt.id] = true
		t.Run(tt.id, func(t *testing.T) {
			r := parse(t, withBase(tt.yaml))
			c := conflictOf(r, tt.id)
			if c == nil {
				t.Fatalf("not found among %v", r.Conflicts())
			}
			if c.Severity != tt.severity {
				t.Errorf("severity %s, want %s", c.Severity, tt.severity)
			}
			checkConflict(t, *c)
			if c.Fix.Key == "" {
				return
			}
			before := r.Conflicts()
			if err := r.Set(c.Fix.Key, c.Fix.Value, Origin{Kind: OriginEdit}); err != nil {
				t.Fatalf("the fix %v cannot be applied: %v", c.Fix, err)
			}
			if again := conflictOf(r, tt.id); again != nil {
				t.Errorf("still there after %s=%s: %s", c.Fix.Key, c.Fix.Value, again.Message)
			}
			for _, after := range r.Conflicts() {
				consequence := after.ID == "packing-attention" || after.ID == "eval-every-log" // true of what was asked for
				if !consequence && !slices.ContainsFunc(before, func(b Conflict) bool { return b.ID == after.ID }) {
					t.Errorf("%s=%s brings %s %s: %s", c.Fix.Key, c.Fix.Value, after.Severity, after.ID, after.Message)
				}
			}
		})
	}
	for _, rules := range [][]rule{dataRules(), lossRules(), memoryRules(), precisionRules(), adapterRules(), scheduleRules(), schedulerKwargsRules(), stepRules(), evalRules(), trackingRules(), launchRules(), shardRules(), ourRules()} {
		for _, u := range rules {
			if !covered[u.id] {
				t.Errorf("no test triggers %s", u.id)
			}
		}
	}
}

// TestLateEvaluation tells one evaluation after the last step, as transformers does it, from none.
func TestLateEvaluation(t *testing.T) {
	for options, says := range map[string][2]string{
		"eval_steps: 100":                 {"only one, after the last step", "只在最后一步之后评估一次"},
		"eval_steps: 10\neval_delay: 50":  {"only one evaluation, after the last step", "只在最后一步"},
		"eval_steps: 100\neval_delay: 51": {"nothing is evaluated", "不会评估"},
		"eval_steps: 50":                  {},
	} {
		c := conflictOf(parse(t, withBase("eval_strategy: steps\nmax_steps: 50\neval_holdout: 0.1\n"+options)), "eval-after-the-end")
		switch {
		case c == nil && says[0] != "":
			t.Errorf("%q: nothing was said", options)
		case c != nil && (says[0] == "" || !strings.Contains(c.Message, says[0]) || !strings.Contains(c.Chinese, says[1])):
			t.Errorf("%q: %s %s", options, c.Message, c.Chinese)
		}
	}
}

// withBase joins the test's lines with those of base that they do not replace.
func withBase(yaml string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(base), "\n") {
		key, _, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(yaml, key+":") && !strings.Contains(yaml, "\n"+key+":") {
			b.WriteString(line + "\n")
		}
	}
	return b.String() + yaml + "\n"
}

func conflictOf(r *Recipe, id string) *Conflict {
	for _, c := range r.Conflicts() {
		if c.ID == id {
			return &c
		}
	}
	return nil
}

// checkConflict holds one conflict to its form.
func checkConflict(t *testing.T, c Conflict) {
	t.Helper()
	known := Keys()
	for _, k := range c.Keys {
		if !slices.Contains(known, k) {
			t.Errorf("key %q is no option", k)
		}
	}
	if len(c.Keys) == 0 || c.Message == "" || c.Chinese == "" || !strings.HasSuffix(c.Message, ".") || !strings.HasSuffix(c.Chinese, "。") {
		t.Errorf("not a sentence with keys in both languages: %+v", c)
	}
	if !slices.Contains(known, c.Fix.Key) && c.ID != "packing-attention" {
		t.Errorf("no fix: %+v", c.Fix)
	}
}

// TestFixesKeepTheRest applies fixes of mappings, of which only the entry at fault may change.
func TestFixesKeepTheRest(t *testing.T) {
	for id, tt := range map[string][2]string{
		"reentrant-with-peft":      {"use_peft: true\nlearning_rate: 2e-4\ngradient_checkpointing_kwargs: {use_reentrant: true, preserve_rng_state: false}", "{preserve_rng_state: false, use_reentrant: false}"},
		"reentrant":                {"activation_checkpointing: true\nactivation_checkpointing_kwargs: {use_reentrant: true}", "{use_reentrant: false}"},
		"cache-with-checkpointing": {"model_init_kwargs: {use_cache: true, device_map: auto}", "{device_map: auto}"},
		"scheduler-settings":       {"lr_scheduler_type: cosine\nlr_scheduler_kwargs: {num_cycles: 2, power: 3, warm: 1}", "{num_cycles: 2}"},
		"min-lr-missing":           {"lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {num_cycles: 2}", "{min_lr_rate: 0.1, num_cycles: 2}"},
		"dataset-kwargs":           {"dataset_kwargs: {skip_prepare_dataset: true, x: 1, y: 2}", "{skip_prepare_dataset: true}"},
	} {
		r := parse(t, withBase(tt[0]))
		c := conflictOf(r, id)
		if c == nil || c.Fix.Value != tt[1] {
			t.Errorf("%s: %+v, want the fix %s", id, c, tt[1])
			continue
		}
		if err := r.Set(c.Fix.Key, c.Fix.Value, Origin{Kind: OriginEdit}); err != nil || conflictOf(r, id) != nil {
			t.Errorf("%s: still there after %v: %v", id, c.Fix, err)
		}
	}
}

// TestConflictsByOldNames: an old name on the command line means what it means in a file.
func TestConflictsByOldNames(t *testing.T) {
	for _, args := range [][]string{{"gradient_checkpointing_use_reentrant=true", "use_peft=true", "learning_rate=2e-4"}, {"--gradient_checkpointing_use_reentrant=yes", "use_peft=1", "learning_rate=2e-4"}} {
		r := parse(t, base)
		if err := r.Override(args); err != nil {
			t.Fatal(err)
		}
		if conflictOf(r, "reentrant-with-peft") == nil {
			t.Errorf("%v: nothing found", args)
		}
	}
}

func TestNoFalseConflict(t *testing.T) {
	for _, yaml := range []string{
		"",
		"use_peft: true\nlearning_rate: 2e-4\nlora_target_modules: all-linear\ndtype: bfloat16",
		"eval_strategy: steps\neval_steps: 50\nsave_steps: 100\nload_best_model_at_end: true\neval_holdout: 0.1",
		"eval_strategy: steps\neval_steps: 0.1\nsave_steps: 0.2\nload_best_model_at_end: true\neval_holdout: 0.1",
		"packing: true\nattn_implementation: flash_attention_2",
		"lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr_rate: 0.1}\nwarmup_steps: 0.05",
		"max_steps: 50\nwarmup_steps: 5",
		"fp16: false\nbf16: true",
		"save_strategy: best\nmetric_for_best_model: loss\neval_strategy: epoch\neval_holdout: 100",
		"dataset_streaming: true\nmax_steps: 10",
		"push_to_hub: false\nreport_to: none",
		"padding_free: true\nmax_length: null\nattn_implementation: flash_attention_2",
	} {
		if c := parse(t, withBase(yaml)).Conflicts(); len(c) > 0 {
			t.Errorf("%q: %+v", yaml, c)
		}
	}
}
