package recipes

import (
	"fmt"
	"path/filepath"
	"strings"
)

// dataRules are about where rows come from and how they are laid out.
func dataRules() []rule {
	return append(sourceRules(), packingRules()...)
}

// packingRules are about laying several rows into one.
func packingRules() []rule {
	return []rule{
		{"packing-without-max-length", SeverityError, "packing max_length", func(r *Recipe) *clash {
			return when(r.Packing && r.MaxLength == nil,
				"packing fills rows up to max_length, but max_length is null.",
				"packing 要把行填满到 max_length，而 max_length 为 null。", "max_length", "1024")
		}},
		{"eval-packing-without-max-length", SeverityError, "eval_packing max_length", func(r *Recipe) *clash {
			return when(!r.Packing && r.EvalPacks() && r.MaxLength == nil,
				"eval_packing fills rows up to max_length, but max_length is null.",
				"eval_packing 要把行填满到 max_length，而 max_length 为 null。", "eval_packing", "false")
		}},
		{"padding-free-with-max-length", SeverityError, "padding_free max_length packing", func(r *Recipe) *clash {
			return when(r.PaddingFree && !r.Packing && r.MaxLength != nil && !r.skipsPreparation(),
				fmt.Sprintf("padding_free without packing does not enforce max_length %d, and TRL refuses the combination; switch packing on, or set max_length to null.", valueOr(r.MaxLength)),
				fmt.Sprintf("不打包时 padding_free 不会执行 max_length %d，TRL 拒绝这一组合；请启用 packing，或把 max_length 设为 null。", valueOr(r.MaxLength)), "packing", "true")
		}},
		{"padding-free-batch-of-one", SeverityWarning, "padding_free per_device_train_batch_size", func(r *Recipe) *clash {
			return when(r.PaddingFree && !r.Packing && r.PerDeviceTrainBatchSize == 1,
				"padding_free gains nothing with per_device_train_batch_size 1, since one row alone has no padding.",
				"per_device_train_batch_size 为 1 时没有填充，padding_free 毫无收益。", "per_device_train_batch_size", "2")
		}},
		{"wrapped-leaks", SeverityWarning, "packing_strategy packing padding_free", func(r *Recipe) *clash {
			return when(r.Packing && r.PackingStrategy == "wrapped",
				"packing_strategy wrapped cuts rows in the middle and lets the rows of one pack see each other; bfd keeps them whole and apart.",
				"packing_strategy wrapped 会在行中间切断，并让同一包内的行互相可见；bfd 保持完整且互不可见。", "packing_strategy", "bfd")
		}},
		{"packing-attention", SeverityNote, "packing attn_implementation", func(r *Recipe) *clash {
			flash := strings.Contains(r.AttnImplementation, "flash")
			fix := Fix{"attn_implementation", "flash_attention_2"}
			if r.onCPU() || r.Arithmetic() == "float32" {
				fix = Fix{} // flash attention cannot be asked for here
			}
			return when((r.Packing && r.PackingStrategy != "wrapped" || r.PaddingFree) && !flash,
				"In TRL packed rows are kept apart only by flash attention; sftui masks them with every attention, so here the result is right, but the same recipe in TRL may leak between rows.",
				"在 TRL 中只有 flash attention 能把打包的行隔开；sftui 用任何注意力实现都加掩码，因此这里结果正确，但同一配方在 TRL 中，行与行之间可能互相泄漏。", fix.Key, fix.Value)
		}},
	}
}

// sourceRules are about rows, their order, their templates and their lengths.
func sourceRules() []rule {
	return []rule{
		{"no-data", SeverityError, "dataset_name dataset_mixture", func(r *Recipe) *clash {
			return when(r.DatasetName == "" && r.DatasetMixture == nil,
				"No data set is named, so there is nothing to train on; set dataset_name to a file, a folder or a hub id.",
				"没有指定数据集，无从训练；请把 dataset_name 设为文件、文件夹或 hub 名称。", "dataset_name", "sftui:sample")
		}},
		{"no-model", SeverityError, "model_name_or_path", func(r *Recipe) *clash {
			return when(r.ModelNameOrPath == "",
				"No model is named; set model_name_or_path to a folder, a GGUF file or a hub id.",
				"没有指定模型；请把 model_name_or_path 设为文件夹、GGUF 文件或 hub 名称。", "model_name_or_path", "HuggingFaceTB/SmolLM2-135M-Instruct")
		}},
		{"two-data-sets", SeverityNote, "dataset_mixture dataset_name", func(r *Recipe) *clash {
			return when(r.DatasetName != "" && r.DatasetMixture != nil,
				"Both dataset_name and dataset_mixture are given; the mixture is used and dataset_name is ignored, as in open-r1.",
				"同时给出了 dataset_name 与 dataset_mixture；与 open-r1 一样使用混合数据集，忽略前者。", "dataset_name", "null")
		}},
		{"streaming-without-max-steps", SeverityError, "dataset_streaming max_steps", func(r *Recipe) *clash {
			return when(r.DatasetStreaming && r.MaxSteps <= 0,
				"dataset_streaming gives a data set without a length, so transformers cannot know the number of steps and refuses unless max_steps is set; sftui reads row by row anyway, so streaming can be off.",
				"dataset_streaming 的数据集没有长度，transformers 无法确定步数，除非设置 max_steps，否则拒绝训练；sftui 本来就逐行读取，可关闭流式。", "dataset_streaming", "false")
		}},
		{"mixture-in-sequence", SeverityNote, "train_sampling_strategy shuffle_dataset", func(r *Recipe) *clash {
			return when(r.TrainSamplingStrategy == "sequential" && !r.ShuffleDataset,
				"train_sampling_strategy sequential takes rows in the file's order; if the file is sorted, the model sees one kind of row at a time.",
				"train_sampling_strategy sequential 按文件顺序取行；若文件已排序，模型会一段时间只看到一类数据。", "shuffle_dataset", "true")
		}},
		{"grouping-a-stream", SeverityError, "train_sampling_strategy dataset_streaming", func(r *Recipe) *clash {
			return when(r.TrainSamplingStrategy == "group_by_length" && r.DatasetStreaming,
				"Rows cannot be grouped by length while they are streamed, because their lengths are not known in advance.",
				"流式读取时无法预知长度，不能按长度分组。", "dataset_streaming", "false")
		}},
		{"grouping-packed-rows", SeverityNote, "train_sampling_strategy packing", func(r *Recipe) *clash {
			return when(r.TrainSamplingStrategy == "group_by_length" && r.Packing,
				"Packed rows all have nearly the same length, so grouping by length changes nothing but the order.",
				"打包后的行长度几乎相同，按长度分组只改变顺序。", "train_sampling_strategy", "random")
		}},
		{"long-rows-without-limit", SeverityNote, "long_rows max_length", func(r *Recipe) *clash {
			return when(r.LongRows != "truncate" && r.MaxLength == nil,
				fmt.Sprintf("long_rows %s never applies, because max_length is null.", r.LongRows),
				fmt.Sprintf("max_length 为 null，long_rows %s 不会起作用。", r.LongRows), "long_rows", "truncate")
		}},
		{"keep-end", SeverityNote, "truncation_mode", func(r *Recipe) *clash {
			return when(r.TruncationMode == "keep_end",
				"truncation_mode keep_end cuts the beginning of long rows, the question included, and TRL will remove it.",
				"truncation_mode keep_end 会截掉长行的开头（包括问题），且 TRL 将移除它。", "truncation_mode", "keep_start")
		}},
		{"dataset-kwargs", SeverityWarning, "dataset_kwargs", unknownDatasetKwargs},
		{"two-templates", SeverityWarning, "chat_template chat_template_path", func(r *Recipe) *clash {
			return when(r.ChatTemplate != "" && r.ChatTemplatePath != "",
				"chat_template and chat_template_path both set the template; keep one (the text in chat_template wins).",
				"chat_template 与 chat_template_path 都设置了模板；请只保留一个（以 chat_template 的文本为准）。", "chat_template_path", "null")
		}},
		{"tiny-max-length", SeverityWarning, "max_length", func(r *Recipe) *clash {
			return when(r.MaxLength != nil && *r.MaxLength < 32,
				fmt.Sprintf("max_length %d is shorter than most chat templates' own words, so hardly any answer is left to train on.", valueOr(r.MaxLength)),
				fmt.Sprintf("max_length %d 比多数对话模板本身还短，几乎没有答案可训练。", valueOr(r.MaxLength)), "max_length", "1024")
		}},
		{"token-in-recipe", SeverityWarning, "hub_token", func(r *Recipe) *clash {
			return when(r.HubToken != "",
				"hub_token is a secret written into a file that is copied into every run's folder; set the environment variable HF_TOKEN.",
				"hub_token 是密钥，却写在会被复制到每次运行文件夹的文件里；请改用环境变量 HF_TOKEN。", "hub_token", "null")
		}},
	}
}

// unknownDatasetKwargs finds entries that TRL does not read.
func unknownDatasetKwargs(r *Recipe) *clash {
	for _, k := range sortedKeys(r.DatasetKwargs) {
		if k != "skip_prepare_dataset" {
			return say(fmt.Sprintf("dataset_kwargs knows only skip_prepare_dataset; %q is ignored.", k),
				fmt.Sprintf("dataset_kwargs 只认识 skip_prepare_dataset；%q 会被忽略。", k), "dataset_kwargs", only(r.DatasetKwargs, "skip_prepare_dataset"))
		}
	}
	return nil
}

// skipsPreparation reports whether the rows are taken as they are, already tokenized.
func (r *Recipe) skipsPreparation() bool {
	skip, _ := r.DatasetKwargs["skip_prepare_dataset"].(bool)
	return skip
}

// valueOr returns what a pointer points to, 0 for nil.
func valueOr(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}

// localData reports whether the data set's name can only be a file or our sample, not a hub id.
func (r *Recipe) localData() bool {
	n := r.DatasetName
	if strings.HasPrefix(n, "sftui:") || strings.HasPrefix(n, "/") || strings.HasPrefix(n, ".") || strings.ContainsAny(n, "*?") {
		return true
	}
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(n, ".gz"), ".zst"))) {
	case ".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".txt", ".text":
		return true
	}
	return false
}
