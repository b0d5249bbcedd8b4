package findings

import (
	"fmt"
	"slices"
	"strings"

	"sftui/dataset"
	"sftui/recipes"
)

// stopFindings are about the token at which a model learns to stop.
func stopFindings(in *Input, f *facts) []Finding {
	never := rowsFinding(in, f, "eos-never-trained", recipes.SeverityWarning, func(r *rowFacts) bool {
		return !r.has(flagFailed) && r.Trained > 0 && r.Stop < 0
	})
	stop := in.Preparer.EOS()
	ends := f.rowEnd()
	fix := Fix{}
	if ends != "" && ends != stop {
		fix = Fix{"eos_token", ends}
	}
	// Rows that were tokenized elsewhere may be plain text on purpose.
	if never != nil && never.Share > 0.5 && in.Preparer.Shape().Name != dataset.ShapePretokenized {
		never.Severity = recipes.SeverityError
	}
	behind, behindZh := "", ""
	if fix.Key != "" {
		behind = fmt.Sprintf(" Rows end with %s, but the stop token is %s.", ends, stop)
		behindZh = fmt.Sprintf("行以 %s 结尾，而结束符是 %s。", ends, stop)
	}
	list := gather(never.with(in,
		"%[1]d rows (%[2]s) never train the stop token %[3]s: a model that has not learnt it does not stop."+behind,
		"%[1]d 行（%[2]s）从未训练结束符 %[3]s：没学过它的模型不会停下。"+behindZh, fix, stop))
	return append(append(list, in.stopDisagreement(f)...), in.beginFindings(f)...)
}

// rowEnd returns the special token that most sampled rows end with, "" for none.
func (f *facts) rowEnd() string {
	best := ""
	for piece, n := range f.ends {
		if n > f.ends[best] || n == f.ends[best] && piece < best {
			best = piece
		}
	}
	return best
}

// stopDisagreement compares the end token of tokenizer, config.json,
// generation_config.json and the recipe, and with that of the rows.
func (in *Input) stopDisagreement(f *facts) []Finding {
	_, named := in.stopIDs()
	if len(named["tokenizer"]) == 0 {
		return []Finding{{ID: "no-stop-token", Severity: recipes.SeverityWarning,
			Message: in.say("The tokenizer has no end-of-sequence token, so nothing tells the model to stop; set eos_token.",
				"分词器没有结束符，模型无从学会停止；请设置 eos_token。")}}
	}
	want := named["tokenizer"][0]
	if len(named["recipe"]) > 0 {
		want = named["recipe"][0]
	}
	var parts []string
	agree := true
	for _, where := range []string{"recipe", "tokenizer", "config.json", "generation_config.json"} {
		ids := named[where]
		if len(ids) == 0 {
			continue
		}
		var pieces []string
		for _, id := range ids {
			pieces = append(pieces, in.Tokenizer.Piece(id))
		}
		parts = append(parts, where+" "+strings.Join(pieces, "/"))
		agree = agree && slices.Contains(ids, want)
	}
	if agree {
		return nil
	}
	// What the run saves names the trained token, as TRL's save does: what is left to say is which files said otherwise.
	piece, files := in.Tokenizer.Piece(want), strings.Join(parts, ", ")
	if end := f.rowEnd(); end != "" && f.ends[piece] == 0 {
		return []Finding{{ID: "eos-not-in-rows", Severity: recipes.SeverityWarning, Fix: Fix{"eos_token", end},
			Message: format(in.say("The saved model will name %[1]s as its first end token, but no sampled row ends with it: they end with %[2]s (%[3]s).",
				"保存的模型会把 %[1]s 作为首个结束符，但抽查的行都不以它结尾，而是以 %[2]s 结尾（%[3]s）。"), piece, end, files)}}
	}
	if len(named["recipe"]) > 0 {
		return []Finding{{ID: "eos-disagrees", Severity: recipes.SeverityNote,
			Message: format(in.say("The end token is not the same everywhere (%s). The recipe's %s is trained, and the saved model will name it; the model as it is now stops at another.",
				"各处的结束符不一致（%s）。训练使用配方中的 %s，保存的模型也会写明它；而现在的模型在另一个符号处停止。"), files, piece)}}
	}
	return []Finding{{ID: "eos-disagrees", Severity: recipes.SeverityWarning,
		Message: format(in.say("The end token is not the same everywhere (%s). The tokenizer's %s is trained, and the saved model will name it first; if another is the right one, set eos_token.",
			"各处的结束符不一致（%s）。训练使用分词器的 %s，保存的模型会把它列在最前；若另一个才正确，请设置 eos_token。"), files, piece)}}
}

// beginFindings count the begin tokens of rows.
func (in *Input) beginFindings(f *facts) []Finding {
	piece, id := in.Tokenizer.BOS()
	if id < 0 {
		return nil
	}
	_, end := in.Tokenizer.EOS()
	list := gather(rowsFinding(in, f, "double-bos", recipes.SeverityWarning, func(r *rowFacts) bool { return r.LeadBOS > 1 }).
		with(in, "%[1]d rows (%[2]s) begin with %[3]s twice: once from the text or template and once from the tokenizer.",
			"%[1]d 行（%[2]s）以两个 %[3]s 开头：一个来自文本或模板，一个来自分词器。", Fix{}, piece))
	// Only a tokenizer that adds the token by itself says that every row should have it.
	ids, err := in.Tokenizer.EncodeSpecial("a")
	if err != nil || len(ids) == 0 || ids[0] != id || id == end || in.Preparer.Shape().Name == dataset.ShapePretokenized {
		return list
	}
	return append(list, gather(rowsFinding(in, f, "missing-bos", recipes.SeverityWarning, func(r *rowFacts) bool {
		return !r.has(flagFailed) && r.Tokens > 0 && r.LeadBOS == 0
	}).with(in, "%[1]d rows (%[2]s) do not begin with %[3]s, which this model saw at the start of every text.",
		"%[1]d 行（%[2]s）没有以 %[3]s 开头，而该模型见过的每段文本都以它开始。", Fix{}, piece))...)
}

// format is Sprintf under a name that vet does not check against the English text alone.
func format(template string, args ...any) string { return fmt.Sprintf(template, args...) }
