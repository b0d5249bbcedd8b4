package recipes

import "fmt"

// lossRules are about what is trained on.
func lossRules() []rule {
	return []rule{
		{"formatting-with-completion-only", SeverityError, "formatting completion_only_loss", func(r *Recipe) *clash {
			return when(r.Formatting != "" && r.CompletionOnlyLoss != nil && *r.CompletionOnlyLoss,
				"formatting makes one text of each row, so there is no completion left for completion_only_loss, and TRL refuses the combination.",
				"formatting 把每行变成一段文本，completion_only_loss 便没有补全可用，TRL 拒绝这一组合。", "completion_only_loss", "null")
		}},
		{"formatting-with-assistant-only", SeverityError, "formatting assistant_only_loss", func(r *Recipe) *clash {
			return when(r.Formatting != "" && r.AssistantOnlyLoss,
				"formatting makes one text of each row, so the assistant's turns can no longer be told apart for assistant_only_loss.",
				"formatting 把每行变成一段文本，assistant_only_loss 无法再区分助手的发言。", "assistant_only_loss", "false")
		}},
		{"both-masks", SeverityNote, "assistant_only_loss completion_only_loss", func(r *Recipe) *clash {
			return when(r.AssistantOnlyLoss && r.CompletionOnlyLoss != nil && *r.CompletionOnlyLoss,
				"assistant_only_loss and completion_only_loss are combined: only assistant tokens inside the completion are trained.",
				"assistant_only_loss 与 completion_only_loss 取交集：只训练补全中属于助手的词元。", "assistant_only_loss", "false")
		}},
		{"smoothing-with-liger", SeverityWarning, "label_smoothing_factor use_liger_kernel", func(r *Recipe) *clash {
			return when(r.LabelSmoothingFactor > 0 && r.UseLigerKernel,
				"label_smoothing_factor needs the probabilities of all words, which liger's fused loss never holds; older TRL ignores the smoothing without a word, newer ones compute the loss twice.",
				"label_smoothing_factor 需要全部词的概率，而 liger 的融合损失不保留它们；旧版 TRL 会悄悄忽略平滑，新版会多算一次损失。", "label_smoothing_factor", "0")
		}},
		{"smoothing-with-dft", SeverityWarning, "label_smoothing_factor loss_type", func(r *Recipe) *clash {
			return when(r.LabelSmoothingFactor > 0 && r.LossType == "dft",
				"TRL ignores label_smoothing_factor under loss_type dft: the targets are not smoothed.",
				"loss_type 为 dft 时 TRL 会忽略 label_smoothing_factor：目标不会被平滑。", "label_smoothing_factor", "0")
		}},
		{"smoothing-old", SeverityNote, "label_smoothing_factor", func(r *Recipe) *clash {
			return when(r.LabelSmoothingFactor > 0 && r.LossType == "nll",
				"label_smoothing_factor is on its way out of TRL's SFTTrainer, where it costs an extra forward pass each step.",
				"label_smoothing_factor 将从 TRL 的 SFTTrainer 中移除；在那里它每步多做一次前向。", "label_smoothing_factor", "0")
		}},
		{"strong-smoothing", SeverityWarning, "label_smoothing_factor", func(r *Recipe) *clash {
			return when(r.LabelSmoothingFactor > 0.3,
				fmt.Sprintf("label_smoothing_factor %g gives that share of the target to all other words, which blurs the answers; 0.05 to 0.1 is usual.", r.LabelSmoothingFactor),
				fmt.Sprintf("label_smoothing_factor %g 会把这一比例的目标分给其他词，使答案模糊；常用 0.05–0.1。", r.LabelSmoothingFactor), "label_smoothing_factor", "0.1")
		}},
		{"chunked-nll", SeverityNote, "loss_type", func(r *Recipe) *clash {
			return when(r.LossType == "chunked_nll",
				"loss_type chunked_nll is an old name of nll, which computes in chunks anyway.",
				"loss_type chunked_nll 是 nll 的旧名，nll 本来就分块计算。", "loss_type", "nll")
		}},
		{"router-loss", SeverityWarning, "router_aux_loss_coef", func(r *Recipe) *clash {
			return when(r.RouterAuxLossCoef != nil && *r.RouterAuxLossCoef != 0,
				"router_aux_loss_coef is for mixture-of-experts models, which sftui does not train; TRL refuses it for other models.",
				"router_aux_loss_coef 用于混合专家模型，sftui 不训练此类模型；TRL 对其他模型会拒绝。", "router_aux_loss_coef", "null")
		}},
		{"pad-token-old", SeverityNote, "pad_token", func(r *Recipe) *clash {
			return when(r.PadToken != "",
				"pad_token is on its way out of TRL; sftui masks padding by position, so its id never matters to the loss.",
				"TRL 将移除 pad_token；sftui 按位置屏蔽填充，其 id 不影响损失。", "pad_token", "null")
		}},
		{"neftune-strong", SeverityWarning, "neftune_noise_alpha", func(r *Recipe) *clash {
			return when(r.NeftuneNoiseAlpha != nil && *r.NeftuneNoiseAlpha > 15,
				fmt.Sprintf("neftune_noise_alpha %g drowns the embeddings in noise; 5 is usual, 15 the most that was tried.", floatOr(r.NeftuneNoiseAlpha)),
				fmt.Sprintf("neftune_noise_alpha %g 的噪声会淹没词向量；常用 5，最多试过 15。", floatOr(r.NeftuneNoiseAlpha)), "neftune_noise_alpha", "5")
		}},
	}
}

// floatOr returns what a pointer points to, 0 for nil.
func floatOr(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}
