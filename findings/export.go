package findings

import (
	"strings"

	"sftui/dataset"
	"sftui/recipes"
)

// exportFindings are about what the finished model will be served with.
func exportFindings(in *Input, f *facts) []Finding {
	own, replaced := in.Tokenizer.ChatTemplate(), in.Preparer.Options().ChatTemplate
	shape := in.Preparer.Shape()
	switch {
	case shape.Conversational && replaced != "" && own != "" && strings.TrimSpace(replaced) != strings.TrimSpace(own):
		return []Finding{{ID: "template-replaced", Severity: recipes.SeverityNote,
			Message: in.say("The recipe's chat template replaces the model's own and is written into the finished model; whatever serves it must use that one.",
				"配方的对话模板会取代模型自带的模板并写入训练好的模型；部署时必须使用它。")}}
	case !shape.Conversational && shape.Name != dataset.ShapePretokenized && own != "" && !in.writtenAsChat(f, own):
		return []Finding{{ID: "template-not-trained", Severity: recipes.SeverityNote,
			Message: in.say("The rows are not chats, so they are trained without the model's chat template, which the finished model still carries: serve it with plain text.",
				"数据不是对话，训练时不用模型的对话模板，而训练好的模型仍带有它：部署时请使用纯文本。")}}
	}
	return nil
}

// writtenAsChat reports whether plain rows contain the template's own special
// tokens already: chats that were rendered beforehand.
func (in *Input) writtenAsChat(f *facts, template string) bool {
	_, end := in.Tokenizer.EOS()
	for id := range f.special {
		if piece := in.Tokenizer.Piece(id); id != end && len(piece) > 2 && strings.Contains(template, piece) {
			return true
		}
	}
	return false
}
