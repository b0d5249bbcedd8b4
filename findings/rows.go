package findings

import (
	"slices"
	"strings"

	"sftui/recipes"
)

// rowFindings are rows that cannot be prepared, and chats that cannot teach an answer.
func rowFindings(in *Input, f *facts) []Finding {
	failed := rowsFinding(in, f, "row-error", recipes.SeverityError, func(r *rowFacts) bool { return r.has(flagFailed) && !r.has(flagUnmasked) })
	example := ""
	if failed != nil {
		rows := make([]int, 0, len(f.failures))
		for i := range f.failures {
			if !f.rows[i].has(flagUnmasked) {
				rows = append(rows, i)
			}
		}
		slices.Sort(rows)
		if len(rows) > 0 {
			example = f.failures[rows[0]]
		}
	}
	return gather(
		failed.with(in, "%[1]d rows (%[2]s) cannot be prepared and would stop the run; the first: %[3]s",
			"%[1]d 行（%[2]s）无法预处理，会使运行停止；第一处：%[3]s", Fix{}, example),
		rowsFinding(in, f, "no-assistant-tokens", recipes.SeverityError, func(r *rowFacts) bool { return r.has(flagUnmasked) }).
			with(in, "%[1]d rows (%[2]s) have no token that counts as the assistant's, so assistant_only_loss masks them whole and stops the run, as TRL does: they have no assistant turn, or the template's generation markers do not cover it.",
				"%[1]d 行（%[2]s）没有任何词元算作助手的，assistant_only_loss 会盖住整行并使运行停止（TRL 也如此）：它们没有助手轮次，或模板的生成标记没有覆盖它。", Fix{"assistant_only_loss", "false"}),
		rowsFinding(in, f, "no-answer", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagNoAnswer) }).
			with(in, "%[1]d chats (%[2]s) have no assistant turn, so there is no answer to learn; with assistant_only_loss such a row stops TRL.",
				"%[1]d 段对话（%[2]s）没有助手轮次，无答案可学；启用 assistant_only_loss 时 TRL 会因此停止。", Fix{}),
		rowsFinding(in, f, "empty-answer", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagEmptyAnswer) }).
			with(in, "%[1]d rows (%[2]s) have an empty answer: the model is taught to say nothing.",
				"%[1]d 行（%[2]s）的答案为空：模型会学到什么都不说。", Fix{}),
		rowsFinding(in, f, "ends-with-question", recipes.SeverityWarning, func(r *rowFacts) bool {
			return r.has(flagOpenEnd) && !in.Recipe.AssistantOnlyLoss
		}).with(in, "%[1]d chats (%[2]s) do not end with an assistant turn; what stands behind the last answer is trained as if it were one, unless assistant_only_loss is on.",
			"%[1]d 段对话（%[2]s）不以助手轮次结尾；除非启用 assistant_only_loss，最后回答之后的内容也会被训练。", Fix{"assistant_only_loss", "true"}),
		rowsFinding(in, f, "odd-role", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagOddRole) }).
			with(in, "%[1]d chats (%[2]s) have a role other than system, user, assistant and tool, such as human or gpt, which templates write as it stands, drop or refuse; rename it in the data.",
				"%[1]d 段对话（%[2]s）含 system、user、assistant、tool 以外的角色（如 human、gpt），模板会照写、丢弃或拒绝；请在数据中改名。", Fix{}),
		rowsFinding(in, f, "null-content", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagNullText) }).
			with(in, "%[1]d chats (%[2]s) have a message without content.",
				"%[1]d 段对话（%[2]s）含没有内容的消息。", Fix{}),
		rowsFinding(in, f, "slow-rows", recipes.SeverityNote, func(r *rowFacts) bool { return r.has(flagLongWord) }).
			with(in, "%[1]d rows (%[2]s) have a run of 20,000 characters and more without a blank, over which tokenizers crawl; is it encoded data?",
				"%[1]d 行（%[2]s）含两万字符以上没有空白的片段，分词器会很慢；是编码数据吗？", Fix{}),
	)
}

// maskFindings are about which tokens carry loss.
func maskFindings(in *Input, f *facts) []Finding {
	list := gather(
		rowsFinding(in, f, "nothing-trained", recipes.SeverityError, func(r *rowFacts) bool { return !r.has(flagFailed) && r.Trained == 0 }).
			with(in, "%[1]d rows (%[2]s) have no token that carries loss, whatever max_length is: the mask covers them whole.",
				"%[1]d 行（%[2]s）没有任何承担损失的词元，与 max_length 无关：掩码盖住了整行。", Fix{}),
	)
	if in.Recipe.AssistantOnlyLoss && in.Preparer.Shape().Conversational && !marked(in) {
		list = append(list, Finding{ID: "generation-markers", Severity: recipes.SeverityNote,
			Message: in.say("The chat template has no generation markers: sftui finds the assistant's turns itself, while TRL exchanges templates that it knows and refuses the others.",
				"对话模板没有生成标记：sftui 会自行找出助手轮次，而 TRL 只替换它认识的模板，其余会拒绝。")})
	}
	if in.Recipe.AssistantOnlyLoss && len(f.silent) > 0 && len(f.sample) > 0 {
		list = append(list, in.silentTurns(f))
	}
	user, trained := f.roles["user"], int64(0)
	for _, r := range f.roles {
		trained += r.Trained
	}
	if user == nil || trained == 0 || user.Trained == 0 {
		return list
	}
	share := float64(user.Trained) / float64(trained)
	if in.Recipe.AssistantOnlyLoss {
		return append(list, Finding{ID: "user-trained", Severity: recipes.SeverityError,
			Message: format(in.say("assistant_only_loss is on, yet %s of the trained tokens stand in the user's turns: the template's generation markers are in the wrong place.",
				"已启用 assistant_only_loss，但 %s 的受训词元位于用户轮次：模板的生成标记位置不对。"), percent(share))})
	}
	return append(list, Finding{ID: "questions-trained", Severity: recipes.SeverityNote, Fix: Fix{"assistant_only_loss", "true"},
		Message: format(in.say("%s of the trained tokens stand in the user's turns: the model learns to ask as well as to answer.",
			"%s 的受训词元位于用户轮次：模型既学提问也学回答。"), percent(share))})
}

// silentTurns are chats of which only some of the assistant's turns are trained.
func (in *Input) silentTurns(f *facts) Finding {
	rows := make([]int, len(f.silent))
	for i, row := range f.silent {
		rows[i] = in.number(row)
	}
	share := float64(len(rows)) / float64(len(f.sample))
	return Finding{ID: "turns-untrained", Severity: recipes.SeverityWarning, Count: len(rows), Share: share, Rows: rows,
		Message: format(in.say("In %d of %d sampled chats (%s) some of the assistant's turns carry no loss although assistant_only_loss is on: the template marks only a part of them as generated.",
			"在抽查的 %[2]d 段对话中，有 %[1]d 段（%[3]s）虽启用 assistant_only_loss，部分助手轮次却不承担损失：模板只把其中一部分标记为生成内容。"), len(rows), len(f.sample), percent(share))}
}

// marked reports whether the template in force says itself what the assistant generates.
func marked(in *Input) bool {
	template := in.Preparer.Options().ChatTemplate
	if template == "" {
		template = in.Tokenizer.ChatTemplate()
	}
	return strings.Contains(template, "endgeneration")
}
