package findings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sftui/recipes"
)

// valueFindings are rows whose values are of another kind than training needs,
// and rows that the model cannot take.
func valueFindings(in *Input, f *facts) []Finding {
	list := gather(
		rowsFinding(in, f, "value-not-text", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagCode) }).
			with(in, "%[1]d chats (%[2]s) have a message whose content is no text but a list, a mapping or a number, which the template writes out as code, such as [{'type': …}]; make it text.",
				"%[1]d 段对话（%[2]s）中有消息的内容不是文本，而是列表、映射或数字，模板会把它当代码写出，如 [{'type': …}]；请改为文本。", Fix{}),
		rowsFinding(in, f, "json-as-text", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagPacked) }).
			with(in, "%[1]d rows (%[2]s) are JSON of messages kept as text, so the model learns brackets and quotes rather than a chat; decode the column first.",
				"%[1]d 行（%[2]s）是以文本形式保存的消息 JSON，模型学到的是括号与引号而不是对话；请先解码该列。", Fix{}),
		rowsFinding(in, f, "padding-trained", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagPadding) }).
			with(in, "%[1]d rows (%[2]s) end in padding that carries loss: give padding the label -100, or leave it out, since batches are padded by themselves.",
				"%[1]d 行（%[2]s）以承担损失的填充结尾：请把填充的标签设为 -100，或去掉填充，批次会自行填充。", Fix{}),
	)
	config := readModelConfig(in.ModelDir)
	list = append(list, gather(in.outsideModel(f, config), in.beyondPositions(f, config))...)
	return append(list, in.toolFindings(f)...)
}

// modelConfig is what the checks read of a config.json; zero where it says nothing.
type modelConfig struct {
	VocabSize             int  `json:"vocab_size"`
	MaxPositionEmbeddings int  `json:"max_position_embeddings"`
	TieWordEmbeddings     bool `json:"tie_word_embeddings"`
}

func readModelConfig(dir string) (c modelConfig) {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil || json.Unmarshal(data, &c) != nil {
		return modelConfig{}
	}
	return c
}

// outsideModel are rows with ids that the model has no embedding for.
func (in *Input) outsideModel(f *facts, c modelConfig) *Finding {
	if c.VocabSize == 0 {
		return nil
	}
	found := rowsFinding(in, f, "token-outside-model", recipes.SeverityError, func(r *rowFacts) bool { return int(r.MaxID) >= c.VocabSize })
	highest := int32(0)
	for i := range f.rows {
		highest = max(highest, f.rows[i].MaxID)
	}
	return found.with(in, "%[1]d rows (%[2]s) have token ids up to %[3]d (%[4]s), but the model's embedding ends at %[5]d: the tokenizer has tokens that the model does not.",
		"%[1]d 行（%[2]s）的词元 id 高达 %[3]d（%[4]s），而模型的词向量到 %[5]d 为止：分词器有模型没有的词元。", Fix{}, highest, in.Tokenizer.Piece(highest), c.VocabSize-1)
}

// beyondPositions are rows longer than what the model was made for.
func (in *Input) beyondPositions(f *facts, c modelConfig) *Finding {
	limit := int32(c.MaxPositionEmbeddings)
	if limit <= 0 {
		return nil
	}
	w := in.cut()
	return rowsFinding(in, f, "beyond-positions", recipes.SeverityWarning, func(r *rowFacts) bool {
		from, to := w.of(r)
		return !in.Recipe.Packing && to-from > limit
	}).with(in, "%[1]d rows (%[2]s) are longer than the %[3]d positions that the model was made for; what lies behind them is read badly.",
		"%[1]d 行（%[2]s）超出模型设计的 %[3]d 个位置；其后的内容读不好。", Fix{"max_length", strconv.Itoa(int(limit))}, limit)
}

// toolFindings are tools and calls that a template without them leaves out.
func (in *Input) toolFindings(f *facts) []Finding {
	template := in.template()
	if template == "" || !in.Preparer.Shape().Conversational {
		return nil
	}
	var list []*Finding
	if !strings.Contains(template, "tools") {
		list = append(list, rowsFinding(in, f, "tools-dropped", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagTools) }).
			with(in, "%[1]d chats (%[2]s) offer tools, but the chat template does not write them: the model never sees what it may call.",
				"%[1]d 段对话（%[2]s）提供了工具，但对话模板不写出它们：模型看不到可以调用什么。", Fix{}))
	}
	if !strings.Contains(template, "tool_calls") {
		list = append(list, rowsFinding(in, f, "tool-calls-dropped", recipes.SeverityWarning, func(r *rowFacts) bool { return r.has(flagCalls) }).
			with(in, "%[1]d chats (%[2]s) have tool calls, but the chat template does not write them: the model cannot learn to call.",
				"%[1]d 段对话（%[2]s）含工具调用，但对话模板不写出它们：模型学不会调用。", Fix{}))
	}
	return gather(list...)
}

// template is the chat template in force, "" for none.
func (in *Input) template() string {
	if t := in.Preparer.Options().ChatTemplate; t != "" {
		return t
	}
	return in.Tokenizer.ChatTemplate()
}
