package findings

import (
	"slices"
	"strings"

	"sftui/dataset/jinja"
	"sftui/recipes"
)

// columnFindings are about the shape of the data and the columns that are read.
func columnFindings(in *Input, _ *facts) []Finding {
	shape := in.Preparer.Shape()
	var list []Finding
	for _, note := range shape.Notes {
		list = append(list, Finding{ID: "shape", Severity: recipes.SeverityNote, Message: sentence(note)})
	}
	used := []string{"chat_template_kwargs", toolsColumn(in.Recipe.Columns)}
	for _, c := range shape.Columns {
		used = append(used, c.Column)
	}
	var unused, lookalikes []string
	for _, c := range in.Source.Columns() {
		if slices.Contains(used, c) {
			continue
		}
		unused = append(unused, c)
		if meaningful(c, shape.Conversational) && in.missed(c, used) {
			lookalikes = append(lookalikes, c)
		}
	}
	switch {
	case in.Recipe.Formatting != "":
	case len(lookalikes) > 0:
		list = append(list, Finding{ID: "unused-columns", Severity: recipes.SeverityWarning,
			Message: format(in.say("The column %s looks like something to train on but is not read, since the rows are taken as %s; map it with columns, or leave it out on purpose.",
				"列 %s 看起来应参与训练却未被读取，因为数据按 %s 处理；请用 columns 映射，或有意忽略。"), strings.Join(lookalikes, ", "), shape.Name)})
	case len(unused) > 0:
		list = append(list, Finding{ID: "unused-columns", Severity: recipes.SeverityNote,
			Message: format(in.say("These columns are not read: %s.", "这些列未被读取：%s。"), strings.Join(unused, ", "))})
	}
	return append(list, in.kindFindings(shape.Name)...)
}

// meaningful are the names of columns that usually carry training text. Beside
// a chat only a system prompt does: questions and answers stand in the chat.
func meaningful(column string, chat bool) bool {
	switch strings.ToLower(column) {
	case "system", "system_prompt":
		return true
	case "messages", "conversations", "conversation", "prompt", "completion", "response", "answer", "output", "instruction", "question", "tools", "text", "chosen":
		return !chat
	}
	return false
}

// missedRows is how many rows are looked at to tell whether a column's text is in another one.
const missedRows = 8

// missed reports whether a column has text that the columns in use lack, as
// the parts of a text that was put together beforehand do not.
func (in *Input) missed(column string, used []string) bool {
	for i := range min(missedRows, in.Source.Len()) {
		row, err := in.Source.At(i)
		if err != nil {
			continue
		}
		v, _ := row.Get(column)
		if v == nil {
			continue
		}
		own, isText := v.(string)
		if !isText || strings.TrimSpace(own) == "" {
			if isText {
				continue
			}
			return true
		}
		var all strings.Builder
		for _, u := range used {
			if other, ok := row.Get(u); ok {
				all.WriteString(jinja.EncodeJSON(other, jinja.JSONOptions{}))
			}
		}
		quoted := jinja.EncodeJSON(strings.TrimSpace(own), jinja.JSONOptions{})
		if !strings.Contains(all.String(), strings.Trim(quoted, `"`)) {
			return true
		}
	}
	return false
}

// sentence makes a note of the dataset package a sentence.
func sentence(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	out := strings.ToUpper(string(r[0])) + string(r[1:])
	if !strings.HasSuffix(out, ".") {
		out += "."
	}
	return out
}
