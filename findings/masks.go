package findings

import (
	"slices"

	"sftui/dataset"
	"sftui/recipes"
)

// unusedMaskFindings are masks that were asked for, or came with the data, and
// that the run does not apply.
func unusedMaskFindings(in *Input, _ *facts) []Finding {
	on := in.Recipe.CompletionOnlyLoss
	shape := in.Preparer.Shape()
	has := func(column string) bool { return slices.Contains(in.Source.Columns(), column) }
	completion := slices.ContainsFunc(shape.Columns, func(c dataset.ColumnRole) bool { return c.Role == "completion" })
	masked := has("completion_mask") || has("labels")
	tokenized := shape.Name == dataset.ShapePretokenized
	switch {
	case on != nil && *on && !completion && (!tokenized || !masked):
		return []Finding{{ID: "completion-only-unused", Severity: recipes.SeverityWarning, Fix: unusedFix(shape),
			Message: format(in.say("completion_only_loss is on, but the rows are %s without a prompt and a completion, so every token is trained.",
				"已启用 completion_only_loss，但数据是 %s，没有提示与补全之分，因此每个词元都会被训练。"), shape.Name)}}
	case (on == nil || !*on) && tokenized && has("completion_mask") && !has("labels"):
		return []Finding{{ID: "completion-mask-unused", Severity: recipes.SeverityWarning, Fix: Fix{"completion_only_loss", "true"},
			Message: in.say("The rows bring a completion_mask, but completion_only_loss is not on, so it is ignored and every token is trained, as in TRL.",
				"数据带有 completion_mask，但未启用 completion_only_loss，因此与 TRL 一样忽略它，训练每个词元。")}}
	}
	return nil
}

// unusedFix gives chats the mask that they can have.
func unusedFix(shape dataset.Shape) Fix {
	if shape.Conversational {
		return Fix{"completion_only_loss", "null"}
	}
	return Fix{"completion_only_loss", "false"}
}
