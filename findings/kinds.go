package findings

import (
	"maps"
	"slices"

	"sftui/dataset"
	"sftui/recipes"
)

// kindFindings are about whole data sets that SFT reads differently than they were made for.
func (in *Input) kindFindings(shape string) []Finding {
	switch shape {
	case dataset.ShapeUnpaired:
		return []Finding{{ID: "bad-answers-trained", Severity: recipes.SeverityWarning,
			Message: in.say("The rows carry a label that says whether the answer is good, but supervised fine-tuning trains on all of them, the bad ones too; keep the good ones only.",
				"数据带有表示答案好坏的 label，但监督微调会训练全部答案，包括坏的；请只保留好的。")}}
	case dataset.ShapePretokenized:
		return []Finding{{ID: "pretokenized", Severity: recipes.SeverityNote,
			Message: in.say("The rows hold input_ids already: template, end token and masks are as they were made, and are not checked against the text.",
				"数据已含 input_ids：模板、结束符与掩码均照原样，不会与文本核对。")}}
	}
	return nil
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
