package findings

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// upstream lists what TRL 1.16, transformers 5.23 and PEFT 0.21 refuse or warn
// of for a recipe: in our own words, with the finding that says it before the
// run, or why it cannot happen here. "-" marks the latter.
const upstream = `
SFTConfig      loss_type chunked_nll is an old name                           chunked-nll
SFTConfig      pad_token is on its way out                                     pad-token-old
SFTConfig      truncation_mode keep_end is on its way out                      keep-end
SFTConfig      packing_strategy bfd-requeue is an old name                     - read as bfd_split
SFTConfig      pad_to_multiple_of given as text                                - read as a number, auto or null
ModelConfig    4-bit and 8-bit at once                                         both-quantizations
sft.py         neither a data set nor a list of them                           no-data
sft.py         both a data set and a list of them                              two-data-sets
SFTTrainer     dispatch_batches with a stream                                  stream-dispatch
SFTTrainer     model_init_kwargs for a model that is loaded                    - the model is always named
SFTTrainer     eos_token is not in the vocabulary                              eos-not-a-token
SFTTrainer     pad_token is not in the vocabulary                              pad-not-a-token
SFTTrainer     data with images, model without                                 data-unusable
SFTTrainer     packing, padding-free or keep_end with images                   - images are refused as such
SFTTrainer     adapter upon an adapter                                         model-unusable
SFTTrainer     cloned template brings tokens, lm_head not saved                untrained-special-tokens
SFTTrainer     prefix tuning with a device map                                 - recipes name LoRA only
SFTTrainer     selective checkpointing, adapter and ZeRO-3                     zero3-selective
SFTTrainer     use_reentrant false turned true under ZeRO-3 with an adapter    zero3-adapter-checkpointing
SFTTrainer     custom collator with padding-free                               - there is none
SFTTrainer     wrapped packing with padding_free                               wrapped-leaks
SFTTrainer     padding_free with one row at a time                             padding-free-batch-of-one
SFTTrainer     padding_free with max_length and without packing                padding-free-with-max-length
SFTTrainer     assistant_only_loss on data without roles                       assistant-only-unsupported
SFTTrainer     template without generation markers                             generation-markers
SFTTrainer     the assistant's end token is outside of the markers             eos-never-trained
SFTTrainer     a row without assistant tokens                                  no-assistant-tokens
SFTTrainer     formatting with completion_only_loss                            formatting-with-completion-only
SFTTrainer     formatting of rows that are tokenized                           formatting-unusable
SFTTrainer     prompt is not the beginning of prompt and completion            boundary-merge
SFTTrainer     packing without max_length                                      packing-without-max-length
SFTTrainer     loss_type that does not exist                                   - an error of the recipe's reader
SFTTrainer     label_smoothing_factor is on its way out                        smoothing-old
SFTTrainer     adapter on lm_head                                              adapter-on-head
SFTTrainer     selective checkpointing while checkpointing is off              selective-without-checkpointing
SFTTrainer     selective checkpointing with use_reentrant                      selective-reentrant
SFTTrainer     several GPUs in one process                                     - one device is used
SFTTrainer     use_liger_kernel is on its way out                              liger-old
SFTTrainer     liger's fused loss                                              liger-fused-loss
SFTTrainer     context parallelism with packing                                context-parallel-packing
SFTTrainer     sequence parallelism with another loss                          sequence-parallel-loss
SFTTrainer     router_aux_loss_coef for a model without experts                router-loss
transformers   torch_empty_cache_steps below one                               - an error of the recipe's reader
transformers   logging_steps 0                                                 logging-steps-zero
transformers   fractions of steps above one                                    logging-steps-fraction
transformers   fractions of steps above one, evaluation                        eval-steps-fraction
transformers   fractions of steps above one, checkpoints                       save-steps-fraction
transformers   evaluation by steps without a number of them                    eval-steps-unknown
transformers   best model with strategies that differ                          best-strategies
transformers   best model with steps that do not meet                          best-steps
transformers   save_strategy best without a metric                             best-without-metric
transformers   bf16 where the device has none                                  bf16-on-cpu
transformers   bf16 and fp16                                                   bf16-with-fp16
transformers   both formats for evaluation                                     full-eval-formats
transformers   a schedule that follows the evaluation, without one             adaptive-schedule-without-eval
transformers   negative warmup_steps                                           - an error of the recipe's reader
transformers   prefetch_factor without workers                                 prefetch-without-workers
transformers   tf32 where the device has none                                  tf32-on-cpu
transformers   evaluation without data                                         eval-without-data
transformers   num_steps and gradient_accumulation_steps                       accumulation-twice
transformers   FSDP's and the trainer's checkpointing at once                  fsdp-checkpointing-twice
transformers   fsdp and deepspeed                                              fsdp-with-deepspeed
transformers   fsdp words that do not exist, or only in version 1              fsdp-option
transformers   auto_wrap_policy that does not exist                            fsdp-wrap-policy
transformers   save_only_model with a sharded state                            sharded-save-only
transformers   save_only_model and the best model when sharded                 sharded-best-model
transformers   auto_find_batch_size with ZeRO-3                                zero3-auto-batch
transformers   a stream without max_steps                                      streaming-without-max-steps
transformers   grouping by length of a stream                                  grouping-a-stream
transformers   a metric that the evaluation does not give                      metric-unknown
transformers   a tracker that does not exist                                   unknown-tracker
transformers   min_lr and min_lr_rate both or neither                          min-lr-missing
transformers   lr_end that is not below learning_rate                          lr-end-high
transformers   warmup_stable_decay without num_decay_steps                     decay-steps-missing
transformers   warmup_stable_decay of a shape that does not exist              decay-shape
transformers   settings that a schedule does not take                          scheduler-settings
transformers   use_cache while checkpointing                                   cache-with-checkpointing
transformers   training a quantized model without an adapter                   quantized-without-adapter
transformers   a checkpoint whose arguments differ on resume                   resume-recipe-changed
transformers   padding side, VLM and TPU checks                                - not a matter of a recipe here
PyTorch        persistent workers without workers                              persistent-without-workers
PyTorch        use_reentrant with ddp_find_unused_parameters                   reentrant-with-unused-parameters
PyTorch        Adam's betas at one                                             adam-beta-one
PEFT           target modules that the model does not have                     adapter-targets-missing
PEFT           lora_dropout on parameters                                      dropout-on-parameters
PEFT           use_dora on parameters                                          dora-on-parameters
PEFT           lora_r below one                                                - an error of the recipe's reader
PEFT           task types other than CAUSAL_LM                                 adapter-task
PEFT           aLoRA, EVA, CorDA, LoftQ, MonteCLoRA, KaSA settings             - TRL's ModelConfig has no key for them
`

// TestUpstreamIsCovered holds the list to the ids that the code has.
func TestUpstreamIsCovered(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*.go", filepath.Join("..", "recipes", "conflict*.go")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(data)
		}
	}
	columns := regexp.MustCompile(`  +`)
	n := 0
	for line := range strings.SplitSeq(strings.TrimSpace(upstream), "\n") {
		parts := columns.Split(line, 3)
		if len(parts) != 3 {
			t.Fatalf("not three columns: %q", line)
		}
		n++
		id := parts[2]
		if reason, isReason := strings.CutPrefix(id, "- "); isReason {
			if reason == "" {
				t.Errorf("%s: no reason", parts[1])
			}
			continue
		}
		if strings.HasPrefix(id, "resume-") {
			id = "resume-" // the rest is put together
		}
		if !strings.Contains(code.String(), `"`+id) {
			t.Errorf("%s, %s: no code gives %s", parts[0], parts[1], id)
		}
	}
	if n < 80 {
		t.Errorf("only %d entries", n)
	}
}
