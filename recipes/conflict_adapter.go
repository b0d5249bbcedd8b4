package recipes

import (
	"fmt"
	"slices"
	"strings"
)

// adapterRules are about LoRA and quantization.
func adapterRules() []rule {
	return []rule{
		{"both-quantizations", SeverityError, "load_in_4bit load_in_8bit", func(r *Recipe) *clash {
			return when(r.LoadIn4bit && r.LoadIn8bit,
				"load_in_4bit and load_in_8bit are both on; weights have one of the two formats.",
				"load_in_4bit 与 load_in_8bit 同时启用；权重只能用其中一种格式。", "load_in_8bit", "false")
		}},
		{"quantized-without-adapter", SeverityError, "load_in_4bit load_in_8bit use_peft", func(r *Recipe) *clash {
			return when((r.LoadIn4bit || r.LoadIn8bit) && !r.UsePeft,
				"Quantized weights cannot be trained themselves; an adapter on top of them can.",
				"量化后的权重本身无法训练，只能在其上训练适配器。", "use_peft", "true")
		}},
		{"adapter-options-unused", SeverityWarning, "use_peft", func(r *Recipe) *clash {
			var set []string
			for _, k := range []string{"lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "lora_target_parameters", "lora_modules_to_save", "use_rslora", "use_dora"} {
				if r.IsSet(k) {
					set = append(set, k)
				}
			}
			return when(len(set) > 0 && !r.UsePeft,
				fmt.Sprintf("%s given, but use_peft is off: all weights are trained, which needs several times the memory.", strings.Join(set, ", ")),
				fmt.Sprintf("给出了 %s，但 use_peft 未启用：将训练全部权重，显存是数倍。", strings.Join(set, "、")), "use_peft", "true")
		}},
		{"adapter-on-head", SeverityError, "lora_target_modules", func(r *Recipe) *clash {
			return when(r.UsePeft && slices.Contains(r.LoraTargetModules, "lm_head"),
				"TRL refuses an adapter on lm_head, because its loss multiplies with the head's own weight and would never train it.",
				"TRL 拒绝在 lm_head 上加适配器，因为损失直接使用该层自身的权重，适配器不会被训练。", "lora_target_modules", withoutHead(r.LoraTargetModules))
		}},
		{"one-target-is-a-pattern", SeverityNote, "lora_target_modules", singleTarget},
		{"dropout-on-parameters", SeverityError, "lora_target_parameters lora_dropout", func(r *Recipe) *clash {
			return when(r.UsePeft && len(r.LoraTargetParameters) > 0 && r.LoraDropout > 0,
				"PEFT cannot apply lora_dropout to lora_target_parameters and refuses the combination.",
				"PEFT 不能对 lora_target_parameters 使用 lora_dropout，会拒绝这一组合。", "lora_dropout", "0")
		}},
		{"dora-on-parameters", SeverityError, "lora_target_parameters use_dora", func(r *Recipe) *clash {
			return when(r.UsePeft && len(r.LoraTargetParameters) > 0 && r.UseDora,
				"PEFT cannot apply use_dora to lora_target_parameters and refuses the combination.",
				"PEFT 不能对 lora_target_parameters 使用 use_dora，会拒绝这一组合。", "use_dora", "false")
		}},
		{"adapter-task", SeverityError, "lora_task_type", func(r *Recipe) *clash {
			return when(r.UsePeft && !strings.EqualFold(r.LoraTaskType, "CAUSAL_LM"),
				fmt.Sprintf("lora_task_type %s is for another kind of model; a language model that continues text is CAUSAL_LM.", r.LoraTaskType),
				fmt.Sprintf("lora_task_type %s 用于其他类型的模型；续写文本的语言模型应为 CAUSAL_LM。", r.LoraTaskType), "lora_task_type", "CAUSAL_LM")
		}},
		{"adapter-learning-rate-low", SeverityNote, "learning_rate use_peft", func(r *Recipe) *clash {
			return when(r.UsePeft && r.LearningRate > 0 && r.LearningRate < 5e-5,
				fmt.Sprintf("learning_rate %g is usual for whole-model tuning; an adapter starts at zero and usually takes 1e-4 to 3e-4.", r.LearningRate),
				fmt.Sprintf("learning_rate %g 适合全参数微调；适配器从零开始，通常用 1e-4 到 3e-4。", r.LearningRate), "learning_rate", "2.0e-04")
		}},
		{"adapter-scale", SeverityNote, "lora_alpha lora_r", func(r *Recipe) *clash {
			ratio := float64(r.LoraAlpha) / float64(max(1, r.LoraR))
			return when(r.UsePeft && !r.UseRslora && (ratio > 8 || ratio < 0.25),
				fmt.Sprintf("lora_alpha %d over lora_r %d scales the adapter by %g, far from the usual 1 to 2; the learning rate has to make up for it.", r.LoraAlpha, r.LoraR, ratio),
				fmt.Sprintf("lora_alpha %d 除以 lora_r %d 使适配器缩放 %g 倍，远离常用的 1–2；学习率得相应调整。", r.LoraAlpha, r.LoraR, ratio), "lora_alpha", fmt.Sprint(2*r.LoraR))
		}},
	}
}

// withoutHead is the list of target modules without lm_head, which all-linear
// leaves out too.
func withoutHead(modules []string) string {
	rest := slices.DeleteFunc(slices.Clone(modules), func(m string) bool { return m == "lm_head" })
	switch len(rest) {
	case 0:
		return "all-linear"
	case 1:
		return endingIn(rest[0])
	}
	return "[" + strings.Join(rest, ", ") + "]"
}

// endingIn is a list with one pattern, which TRL and sftui read alike, for all
// layers whose names end in a module's.
func endingIn(module string) string {
	if isPattern(module) {
		return "['" + module + "']"
	}
	return `['.*\.` + module + `']`
}

// isPattern tells a regular expression from a module's plain name.
func isPattern(entry string) bool { return strings.ContainsAny(entry, `*+?()[]{}|^$\`) }

// singleTarget tells a plain name that stands alone: TRL hands it to PEFT as a
// pattern for whole names.
func singleTarget(r *Recipe) *clash {
	if !r.UsePeft || len(r.LoraTargetModules) != 1 {
		return nil
	}
	name := r.LoraTargetModules[0]
	return when(!strings.EqualFold(name, "all-linear") && name != "lm_head" && !isPattern(name),
		fmt.Sprintf("sftui adapts every layer whose name ends in %s, but TRL takes a single entry of lora_target_modules as a pattern for whole names and would find no layer.", name),
		fmt.Sprintf("sftui 会适配名称以 %s 结尾的每一层，但 TRL 把 lora_target_modules 的单个条目当作整名的模式，会找不到任何层。", name), "lora_target_modules", endingIn(name))
}
