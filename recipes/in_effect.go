package recipes

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// InEffect is what an option comes to where its value in the recipe leaves that
// to the device, the model, the data or another option.
type InEffect struct {
	Key              string
	Value            string // what the run will do, in the option's terms
	English, Chinese string // why
}

// In returns the reason in a language.
func (e InEffect) In(l Language) string {
	if l == Chinese {
		return e.Chinese
	}
	return e.English
}

// Place is where a recipe would run.
type Place struct {
	GPU   bool // an NVIDIA GPU
	Cores int
}

// InEffect lists the options whose value alone does not say what a run at a
// place will do, in the order of the reference.
func (r *Recipe) InEffect(at Place) []InEffect {
	at.GPU = at.GPU && !r.onCPU()
	found := map[string]InEffect{}
	add := func(key, value, english, chinese string) { found[key] = InEffect{key, value, english, chinese} }
	r.precisionInEffect(at, add)
	r.memoryInEffect(add)
	r.dataInEffect(at, add)
	r.stepsInEffect(add)
	r.evaluationInEffect(add)
	var list []InEffect
	for _, key := range Keys() {
		if e, ok := found[key]; ok {
			list = append(list, e)
		}
	}
	return list
}

type addInEffect func(key, value, english, chinese string)

// precisionInEffect is about number formats and attention, which follow the device.
func (r *Recipe) precisionInEffect(at Place, add addInEffect) {
	low := r.Arithmetic() == "bfloat16" || r.Arithmetic() == "" && at.GPU
	switch {
	case r.Bf16 == nil && r.Dtype == "bfloat16":
		add("bf16", "true", "dtype is bfloat16", "dtype 为 bfloat16")
	case r.Bf16 == nil && r.Fp16:
		add("bf16", "false", "fp16 is on", "fp16 已开启")
	case r.Bf16 == nil && at.GPU:
		add("bf16", "true", "products are in bfloat16 on a GPU, as in TRL", "在 GPU 上矩阵乘法用 bfloat16，与 TRL 一致")
	case r.Bf16 == nil:
		add("bf16", "false", "products are in float32 on a CPU, where bfloat16 is slow", "在 CPU 上矩阵乘法用 float32，bfloat16 在那里很慢")
	}
	fused := r.AttnImplementation == "" || r.AttnImplementation == "flash_attention_2"
	switch {
	case fused && at.GPU && low:
		add("attn_implementation", "flash_attention_2", "cuDNN's, where the GPU and the size of a head allow it, else sdpa", "用 cuDNN 的实现；GPU 或注意力头大小不支持时用 sdpa")
	case fused && at.GPU:
		add("attn_implementation", "sdpa", "flash attention takes bfloat16 only", "flash attention 只支持 bfloat16")
	case fused:
		add("attn_implementation", "sdpa", "flash attention exists on NVIDIA GPUs only; the loss is the same", "flash attention 只在 NVIDIA GPU 上有；损失相同")
	}
}

// memoryInEffect is about options that others override.
func (r *Recipe) memoryInEffect(add addInEffect) {
	if r.ActivationCheckpointing != nil {
		add("gradient_checkpointing", strconv.FormatBool(r.Checkpointing()), "activation_checkpointing, its newer name, is set", "已设置它的新名称 activation_checkpointing")
	} else {
		add("activation_checkpointing", strconv.FormatBool(r.Checkpointing()), "follows gradient_checkpointing", "跟随 gradient_checkpointing")
	}
	if r.UsePeft && len(r.LoraTargetModules) == 0 {
		add("lora_target_modules", "[q_proj, v_proj]", "PEFT's choice for these models", "PEFT 对这些模型的选择")
	}
}

// dataInEffect is about the preparation of rows.
func (r *Recipe) dataInEffect(at Place, add addInEffect) {
	if r.MaxLength == nil {
		add("max_length", "null", "no row is cut; the longest one decides the memory", "不截断任何行；最长的行决定内存")
	}
	if r.Packing && r.PackingStrategy != "wrapped" && !r.PaddingFree {
		add("padding_free", "true", "packing by "+r.PackingStrategy+" brings it", "packing_strategy "+r.PackingStrategy+" 带来它")
	}
	if r.EvalPacking == nil && r.evaluates() {
		add("eval_packing", strconv.FormatBool(r.Packing), "follows packing", "跟随 packing")
	}
	if r.CompletionOnlyLoss == nil {
		add("completion_only_loss", "null", "true for rows of prompt and completion, false for others", "对含 prompt 与 completion 的行为 true，其余为 false")
	}
	if r.DatasetNumProc == nil && at.Cores > 0 {
		add("dataset_num_proc", strconv.Itoa(at.Cores), "all cores", "全部核心")
	}
	if r.EosToken == "" {
		add("eos_token", "null", "the tokenizer's own", "分词器自带的")
	}
	if r.PadToken == "" {
		add("pad_token", "null", "the tokenizer's own, else its eos_token", "分词器自带的，没有则用其 eos_token")
	}
	if r.DataSeed == nil {
		add("data_seed", strconv.Itoa(r.Seed), "follows seed", "跟随 seed")
	}
}

// stepsInEffect is about numbers of steps.
func (r *Recipe) stepsInEffect(add addInEffect) {
	if r.MaxSteps > 0 {
		add("num_train_epochs", "null", fmt.Sprintf("max_steps=%d decides how long the run is", r.MaxSteps), fmt.Sprintf("由 max_steps=%d 决定训练长度", r.MaxSteps))
	}
	share := func(key string, value float64) {
		if value <= 0 || value >= 1 {
			return
		}
		percent := strconv.FormatFloat(100*value, 'g', 6, 64)
		english, chinese := percent+"% of all steps, rounded up", "全部步数的 "+percent+"%，向上取整"
		if r.MaxSteps > 0 {
			add(key, strconv.Itoa(int(math.Ceil(float64(r.MaxSteps)*value))), english, chinese)
			return
		}
		add(key, strconv.FormatFloat(value, 'g', -1, 64), english, chinese)
	}
	share("warmup_steps", r.WarmupSteps)
	if r.EvalStrategy == "steps" && r.EvalSteps != nil {
		share("eval_steps", *r.EvalSteps)
	}
	if r.SaveStrategy == "steps" {
		share("save_steps", r.SaveSteps)
	}
	if r.SaveTotalLimit == nil && r.SaveStrategy != "no" {
		add("save_total_limit", "null", "every checkpoint is kept", "保留每个检查点")
	}
}

// evaluationInEffect is about what is evaluated, when, and what counts as best.
func (r *Recipe) evaluationInEffect(add addInEffect) {
	if r.EvalStrategy == "steps" && r.EvalSteps == nil {
		add("eval_steps", strconv.FormatFloat(r.LoggingSteps, 'g', -1, 64), "follows logging_steps", "跟随 logging_steps")
	}
	if r.EvalDatasetName == "" && r.evaluates() {
		switch {
		case r.EvalHoldout > 0:
			add("eval_dataset_name", "null", "the rows that eval_holdout holds out are evaluated on", "在 eval_holdout 留出的行上评估")
		case r.DatasetMixture != nil:
			add("eval_dataset_name", "null", "the rows that dataset_mixture holds out are evaluated on", "在 dataset_mixture 留出的行上评估")
		default:
			add("eval_dataset_name", "null", "the split "+r.DatasetTestSplit+" of dataset_name is evaluated on", "在 dataset_name 的 "+r.DatasetTestSplit+" 划分上评估")
		}
	}
	metric := strings.TrimPrefix(r.MetricForBestModel, "eval_")
	if metric == "" && r.LoadBestModelAtEnd {
		metric = "loss"
		add("metric_for_best_model", metric, "load_best_model_at_end goes by the evaluation's loss", "load_best_model_at_end 依据评估损失")
	}
	if r.GreaterIsBetter == nil && metric != "" {
		add("greater_is_better", strconv.FormatBool(metric != "loss"), "by metric_for_best_model", "由 metric_for_best_model 决定")
	}
}

// evaluates reports whether a run evaluates at all.
func (r *Recipe) evaluates() bool { return r.EvalStrategy != "no" || r.EvalOnStart }
