package recipes

import "testing"

// conflictCase is a recipe that triggers a rule.
type conflictCase struct {
	id       string
	severity Severity
	yaml     string // added to base; a line of base with the same key is replaced
}

const (
	zero3    = "deepspeed: {zero_optimization: {stage: 3}}\n"
	adapter  = "use_peft: true\nlearning_rate: 2e-4\n"
	heldOut  = "eval_holdout: 0.1\n"
	noRecalc = "gradient_checkpointing: false\n"
)

// moreConflicts trigger rules in other ways than the first: by another value, the
// other of two options, the newer name of an option, or beside what changes the remedy.
var moreConflicts = []conflictCase{
	{"no-data", SeverityError, "dataset_name: ''\ndataset_mixture: null"},
	{"streaming-without-max-steps", SeverityError, "dataset_streaming: true\nmax_steps: -1\nnum_train_epochs: 2"},
	{"packing-without-max-length", SeverityError, "packing: true\npacking_strategy: wrapped\nmax_length: null"},
	{"eval-packing-without-max-length", SeverityError, heldOut + "eval_strategy: epoch\neval_packing: true\nmax_length: null"},
	{"padding-free-with-max-length", SeverityError, "padding_free: true\nmax_length: 4096\nattn_implementation: flash_attention_2"},
	{"padding-free-batch-of-one", SeverityWarning, "padding_free: true\nmax_length: null\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 32\nattn_implementation: flash_attention_2"},
	{"wrapped-leaks", SeverityWarning, "packing: true\npacking_strategy: wrapped\nattn_implementation: flash_attention_2"},
	{"packing-attention", SeverityNote, "packing: true\npacking_strategy: bfd_split\nattn_implementation: sdpa"},
	{"packing-attention", SeverityNote, "padding_free: true\nmax_length: null"},
	{"packing-attention", SeverityNote, "packing: true\nuse_cpu: true"},
	{"packing-attention", SeverityNote, "packing: true\nbf16: false"},
	{"mixture-in-sequence", SeverityNote, "train_sampling_strategy: sequential\nshuffle_dataset: false\npacking: true\nattn_implementation: flash_attention_2"},
	{"grouping-packed-rows", SeverityNote, "group_by_length: true\npacking: true\nattn_implementation: flash_attention_2"},
	{"long-rows-without-limit", SeverityNote, "long_rows: split\nmax_length: null"},
	{"tiny-max-length", SeverityWarning, "max_seq_length: 8"},
	{"formatting-with-completion-only", SeverityError, "formatting: 'Q: {{ q }} A: {{ a }}'\ncompletion_only_loss: yes"},
	{"smoothing-with-liger", SeverityWarning, "label_smoothing_factor: 0.05\nuse_liger: true"},
	{"strong-smoothing", SeverityWarning, "label_smoothing_factor: 0.31"},
	{"neftune-strong", SeverityWarning, "neftune_noise_alpha: 15.5"},
	{"one-row-steps", SeverityWarning, "per_device_train_batch_size: 1\ngradient_accumulation_steps: 1\nuse_peft: true\nlearning_rate: 2e-4"},
	{"huge-steps", SeverityWarning, "per_device_train_batch_size: 512\ngradient_accumulation_steps: 8"},
	{"huge-steps", SeverityWarning, "per_device_train_batch_size: 4096\ngradient_accumulation_steps: 2"},
	{"batch-on-one-side", SeverityNote, "per_device_train_batch_size: 32\nactivation_checkpointing: false"},
	{"offloading-without-checkpointing", SeverityNote, "activation_offloading: true\nactivation_checkpointing: false"},
	{"cache-with-checkpointing", SeverityError, "use_cache: true\nuse_peft: true\nlearning_rate: 2e-4"},
	{"cache-with-checkpointing", SeverityError, "model_init_kwargs: {use_cache: true}\nactivation_checkpointing: true"},
	{"reentrant-with-peft", SeverityWarning, adapter + "activation_checkpointing: true\nactivation_checkpointing_kwargs: {use_reentrant: true}"},
	{"reentrant", SeverityNote, "gradient_checkpointing_use_reentrant: true"},
	{"selective-without-checkpointing", SeverityError, "activation_checkpointing: false\nactivation_checkpointing_kwargs: {selective: true}"},
	{"selective-reentrant", SeverityError, "activation_checkpointing: true\nactivation_checkpointing_kwargs: {selective: true, use_reentrant: true}"},
	{"checkpointing-settings-unused", SeverityNote, "activation_checkpointing: false\nactivation_checkpointing_kwargs: {use_reentrant: false}"},
	{"two-checkpointing-names", SeverityWarning, "activation_checkpointing: true\ngradient_checkpointing: false"},
	{"vanishing-updates", SeverityNote, "dtype: bfloat16\nlearning_rate: 9e-5"},
	{"vanishing-updates", SeverityNote, "dtype: float16\nlearning_rate: 1e-6"},
	{"flash-in-float32", SeverityError, "attn_implementation: flash_attention_3\nbf16: false\npacking: true"},
	{"flash-on-cpu", SeverityNote, "attn_implementation: kernels-community/flash-attn2\nuse_cpu: true"},
	{"flash-on-cpu", SeverityNote, "attn_implementation: flash_attention_2\nuse_cpu: true\nbf16: false"},
	{"unknown-attention", SeverityWarning, "attn_implementation: flash_attn_2"},
	{"bf16-on-cpu", SeverityNote, "use_cpu: true\nbf16: true\npacking: true"},
	{"quantized-without-adapter", SeverityError, "load_in_8bit: true\nlearning_rate: 2e-4"},
	{"adapter-options-unused", SeverityWarning, "lora_target_modules: all-linear\nlearning_rate: 2e-4"},
	{"adapter-on-head", SeverityError, adapter + "lora_target_modules: [q_proj, v_proj, lm_head]"},
	{"adapter-on-head", SeverityError, adapter + "lora_target_modules: [lm_head]"},
	{"one-target-is-a-pattern", SeverityNote, adapter + "lora_target_modules: self_attn.o_proj"},
	{"dropout-on-parameters", SeverityError, adapter + "lora_target_parameters: [mlp.experts.down_proj]\nlora_dropout: 0.01"},
	{"adapter-task", SeverityError, adapter + "lora_task_type: SEQ_2_SEQ_LM"},
	{"adapter-learning-rate-low", SeverityNote, "use_peft: true\nlearning_rate: 1e-5"},
	{"adapter-scale", SeverityNote, adapter + "lora_alpha: 1\nlora_r: 64"},
	{"learning-rate-high", SeverityWarning, "use_peft: true\nlearning_rate: 5e-3"},
	{"learning-rate-high", SeverityWarning, "learning_rate: 6e-4"},
	{"warmup-never-ends", SeverityWarning, "warmup_steps: 50\nmax_steps: 50"},
	{"constant-without-warmup", SeverityWarning, "lr_scheduler_type: constant\nwarmup_ratio: 0.1"},
	{"min-lr-missing", SeverityError, "lr_scheduler_type: cosine_warmup_with_min_lr\nlr_scheduler_kwargs: {warmup_lr_rate: 0.1}"},
	{"min-lr-high", SeverityWarning, "learning_rate: 1e-5\nlr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 1e-5}"},
	{"decay-steps-missing", SeverityError, "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_stable_steps: 10}"},
	{"scheduler-settings", SeverityError, "lr_scheduler_type: inverse_sqrt\nlr_scheduler_kwargs: {num_cycles: 1}"},
	{"adaptive-schedule-without-eval", SeverityError, "lr_scheduler_type: greedy\neval_steps: 20\n" + heldOut},
	{"adaptive-schedule-without-eval", SeverityError, "lr_scheduler_type: reduce_lr_on_plateau"},
	{"adam-beta-one", SeverityError, "adam_beta2: 1.0"},
	{"nothing-to-do", SeverityError, "num_train_epochs: 0\nmax_steps: -1"},
	{"max-steps-zero", SeverityError, "max_steps: 0"},
	{"checkpoint-without-optimizer", SeverityWarning, "save_only_model: true\nsave_strategy: epoch"},
	{"eval-without-data", SeverityError, "dataset_name: ./data/train.parquet\nevaluation_strategy: steps\neval_steps: 10"},
	{"eval-data-unused", SeverityNote, "eval_dataset_name: e.jsonl\neval_steps: 50"},
	{"best-strategies", SeverityError, "load_best_model_at_end: true"},
	{"best-strategies", SeverityError, "load_best_model_at_end: true\nsave_strategy: 'no'\neval_strategy: epoch\n" + heldOut},
	{"best-steps", SeverityError, "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 0.3\nsave_steps: 0.5\n" + heldOut},
	{"best-without-eval", SeverityError, "save_strategy: best\nmetric_for_best_model: eval_loss"},
	{"metric-direction", SeverityWarning, "save_strategy: best\neval_strategy: epoch\nmetric_for_best_model: eval_mean_token_accuracy\ngreater_is_better: false\n" + heldOut},
	{"eval-after-the-end", SeverityWarning, "eval_strategy: steps\neval_steps: 1000\nmax_steps: 3\n" + heldOut},
	{"samples-without-eval", SeverityNote, "sample_prompts: [hi, who]"},
	{"persistent-without-workers", SeverityError, "dataloader_persistent_workers: true\ndataloader_num_workers: 0"},
	{"fsdp-checkpointing-twice", SeverityError, "fsdp: full_shard\nfsdp_config: {activation_checkpointing: true}\nactivation_checkpointing: true"},
	{"zero3-adapter-checkpointing", SeverityWarning, adapter + zero3 + "activation_checkpointing: true\nactivation_checkpointing_kwargs: {use_reentrant: false}"},
	{"context-parallel-packing", SeverityError, "eval_packing: true\nparallelism_config: {cp_size: 4, dp_shard_size: 2}"},
	{"optimizer-not-supported", SeverityError, "optim: galore_adamw"},
	{"optimizer-args", SeverityError, "optim: adagrad\noptim_args: lr_decay=0.1, initial_accumulator_value=0.1"},
	{"optimizer-args", SeverityError, "optim: rmsprop\noptim_args: alpha=-1"},
	{"optimizer-args", SeverityError, "optim: ademamix\noptim_args: beta3=high"},
	{"optimizer-args", SeverityError, "optim: sgd\noptim_args: nesterov=True"},
	{"optimizer-args", SeverityError, "optim: sgd\noptim_args: momentum=0.9,dampening=0.1,nesterov=1"},
	{"optimizer-args-unread", SeverityWarning, "optim: adamw_8bit\noptim_args: lr=1"},
	{"unknown-tracker", SeverityError, "report_to: weights_and_biases"},
	{"tracker-not-fed", SeverityNote, "report_to: wandb"},
	{"tracker-not-fed", SeverityNote, "report_to:\n- tensorboard\n- mlflow"},
	{"tracker-not-fed", SeverityNote, "report_to: all"},
	{"nothing-uploaded", SeverityNote, "push_to_hub: true\nhub_model_id: me/model"},
	{"nothing-uploaded", SeverityNote, "push_to_hub: yes\noutput_dir: out"},
	{"nothing-uploaded", SeverityNote, "push_to_hub: true"},
	{"tf32-on-cpu", SeverityWarning, "tf32: true\ndevice: cpu"},
	{"not-supported", SeverityWarning, "fp16: true\nuse_peft: true\nlearning_rate: 2e-4"},
	{"not-supported", SeverityWarning, "use_dora: true\nuse_peft: true\nlearning_rate: 2e-4"},
}

// TestNearMisses are recipes that stand just beside a conflict.
func TestNearMisses(t *testing.T) {
	for id, yaml := range map[string]string{
		"one-target-is-a-pattern":          adapter + "lora_target_modules: ['.*\\.(q|v)_proj']",
		"adapter-on-head":                  adapter + "lora_target_modules: [q_proj, v_proj]\nlora_modules_to_save: [lm_head]",
		"reentrant-with-peft":              adapter + zero3 + "gradient_checkpointing_kwargs: {use_reentrant: true}",
		"flash-in-float32":                 "attn_implementation: flash_attention_2\nbf16: false\ndtype: bfloat16",
		"samples-without-eval":             "sample_prompts: [hi]\neval_on_start: true\n" + heldOut,
		"tiny-max-length":                  "max_length: 32",
		"strong-smoothing":                 "label_smoothing_factor: 0.3",
		"neftune-strong":                   "neftune_noise_alpha: 15",
		"huge-steps":                       "per_device_train_batch_size: 256\ngradient_accumulation_steps: 8",
		"one-row-steps":                    "per_device_train_batch_size: 1\npacking: true",
		"warmup-never-ends":                "warmup_steps: 0.5\nmax_steps: 1",
		"best-steps":                       "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 0.1\nsave_steps: 0.3\n" + heldOut,
		"best-strategies":                  "load_best_model_at_end: true\nsave_strategy: best\nmetric_for_best_model: loss\neval_strategy: epoch\n" + heldOut,
		"eval-without-data":                "dataset_name: owner/name\neval_strategy: epoch",
		"metric-direction":                 "load_best_model_at_end: true\neval_strategy: epoch\nsave_strategy: epoch\ngreater_is_better: false\n" + heldOut,
		"metric-unknown":                   "metric_for_best_model: bleu",
		"adapter-options-unused":           adapter + "lora_r: 8",
		"adapter-scale":                    adapter + "use_rslora: true\nlora_alpha: 1000",
		"offloading-without-checkpointing": "activation_offloading: true",
		"cache-with-checkpointing":         "use_cache: true\n" + noRecalc,
		"two-checkpointing-names":          "activation_checkpointing: false\n" + noRecalc,
		"checkpointing-settings-unused":    "gradient_checkpointing_kwargs: {use_reentrant: false}",
		"lr-end-high":                      "lr_scheduler_type: polynomial\nlr_scheduler_kwargs: {lr_end: 1e-6}",
		"max-steps-wins":                   "max_steps: 50",
		"save-after-the-end":               "max_steps: 10",
		"eval-batch-large":                 "eval_strategy: epoch\n" + heldOut,
		"learning-rate-high":               "use_peft: true\nlearning_rate: 1e-3",
		"unknown-tracker":                  "report_to: [wandb, tensorboard]",
		"tracker-not-fed":                  "report_to: none",
		"unknown-attention":                "attn_implementation: kernels-community/vllm-flash-attn3",
		"zero3-adapter-checkpointing":      adapter + zero3 + noRecalc,
	} {
		if c := conflictOf(parse(t, withBase(yaml)), id); c != nil {
			t.Errorf("%q: %+v", yaml, c)
		}
	}
}
