package findings

import (
	"strings"

	"sftui/recipes"
)

// textFindings are about what the template and the tokenizer make of the data's words.
func textFindings(in *Input, f *facts) []Finding {
	special := rowsFinding(in, f, "special-text", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagSpecialText) }).
		with(in, "%[1]d rows (%[2]s) contain the text of a special token inside their own words; it becomes the token itself and can end or begin a turn.",
			"%[1]d 行（%[2]s）的正文里含有特殊词元的文本；它会变成该词元本身，可能结束或开始一轮。", Fix{})
	// Plain text of which most holds such tokens is a chat that was rendered beforehand.
	if special != nil && special.Share > 0.5 && !in.Preparer.Shape().Conversational {
		special.Severity = recipes.SeverityNote
	}
	list := gather(
		rowsFinding(in, f, "template-drops", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagDropsText) }).
			with(in, "%[1]d chats (%[2]s) lose text of a message in the template, such as think blocks of earlier turns or a reasoning field that it does not write.",
				"%[1]d 段对话（%[2]s）在模板中丢失了消息的文本，例如较早轮次的思考块，或模板不写出的推理字段。", Fix{}),
		rowsFinding(in, f, "template-adds-think", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagAddsThink) }).
			with(in, "The template writes a think block into %[1]d chats (%[2]s) whose data has none; an empty one is trained as the model's own.",
				"模板在 %[1]d 段对话（%[2]s）中写入了数据里没有的思考块；空的思考块会被当作模型自己的话训练。", Fix{}),
		special,
		rowsFinding(in, f, "boundary-merge", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagMerged) }).
			with(in, "In %[1]d rows (%[2]s) the end of the prompt and the beginning of the completion become one token, which is trained but never seen when the model is used; end prompts on a line end.",
				"%[1]d 行（%[2]s）的提示结尾与补全开头合成了一个词元，它被训练却在使用时从不出现；请让提示以换行结尾。", Fix{}),
	)
	for _, added := range sortedKeys(f.inserted) {
		n := f.inserted[added]
		if n*10 < len(f.sample) {
			continue
		}
		list = append(list, Finding{ID: "template-adds", Severity: recipes.SeverityNote, Share: float64(n) / float64(len(f.sample)),
			Message: format(in.say("The template adds text of its own to %s of the rows: %q. It must do the same when the model is used.",
				"模板给 %s 的行加上了自己的文本：%q。使用模型时也必须如此。"), percent(float64(n)/float64(len(f.sample))), shorten(added))})
	}
	return list
}

// shorten cuts a text for a sentence.
func shorten(s string) string {
	r := []rune(strings.ReplaceAll(s, "\n", " "))
	if len(r) <= 100 {
		return string(r)
	}
	return string(r[:100]) + "…"
}
