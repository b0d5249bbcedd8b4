package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the shapes a data set can have, as TRL's documentation has them.
const (
	ShapeMessages         = "language modelling (messages)"
	ShapeText             = "language modelling (text)"
	ShapeFormatted        = "language modelling (formatting template)"
	ShapePromptCompletion = "prompt + completion"
	ShapePretokenized     = "pretokenized"
	ShapeUnpaired         = "unpaired preference"
	ShapePromptOnly       = "prompt only"
	ShapePreference       = "preference"
	ShapeImplicit         = "preference with implicit prompt"
	ShapeUnknown          = "unknown"
)

// Shape says what kind of data a data set holds, judged by its first row.
type Shape struct {
	Name           string
	Conversational bool         // lists of messages rather than strings
	Rating         string       // 🌟 best, ✅ good, ⚠️ with care, ❌ not usable
	RatingWhy      string       // what the rating means, one sentence
	Why            string       // which columns decided it, one sentence
	Columns        []ColumnRole // the columns that are read, and as what
	Usable         bool
	Problem        string   // why it cannot be trained on and what would make it usable; "" when usable
	Notes          []string // what a person should know about how this shape is prepared
}

// ColumnRole is one column and the part it plays.
type ColumnRole struct{ Role, Column string }

// Roles a column can play; also the keys of Options.Columns.
var columnRoles = []string{
	"messages", "conversations", "prompt", "completion", "text", "chosen", "rejected", "label",
	"input_ids", "labels", "attention_mask", "completion_mask", "assistant_masks", "seq_lengths",
	"tools", "chat_template_kwargs",
}

// Ratings of the shapes.
const (
	ratingBest, ratingGood, ratingCare, ratingNo = "🌟", "✅", "⚠️", "❌"
)

// DetectShape judges a data set by its first row (columns of the data set
// that the row lacks count as null), under the options' mapping, formatting
// template and text field.
func DetectShape(first Row, o Options) Shape {
	o = o.normalized()
	row := mapColumns(first, o)
	renamed := isFromValue(row) && !has(row, "input_ids")
	if renamed {
		row = convertFromValue(row)
	}
	s := detect(row, o)
	if renamed && s.Usable {
		s.Notes = append(s.Notes, "the keys from and value become role and content; role names such as human and gpt stay as they are")
	}
	s.Columns = readColumns(row, s, o)
	if renamed {
		s.Why = strings.Replace(s.Why, "the column messages", "the column conversations", 1)
		for i, c := range s.Columns {
			if c.Role == "messages" {
				s.Columns[i].Column = sourceColumn("conversations", o)
			}
		}
	}
	if o.Columns != nil && s.Usable {
		s.Why += "; columns were mapped by hand"
	}
	return s
}

// readerNotes is what there is to know about how a file's columns are read.
func readerNotes(src Source, columns []ColumnRole) []string {
	switch s := src.(type) {
	case *selection:
		return readerNotes(s.Source, columns)
	case *projection:
		return readerNotes(s.Source, columns)
	case *concatenation:
		var notes []string
		for _, part := range s.parts {
			for _, note := range readerNotes(part, columns) {
				if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
		return notes
	case *concat:
		if first, err := s.part(0); err == nil {
			return readerNotes(first, columns)
		}
	case *recordSource:
		var notes []string
		for _, c := range columns {
			notes = append(notes, s.notes[c.Column]...)
		}
		return notes
	}
	return nil
}

// detect finds the shape of a mapped row.
func detect(row Row, o Options) Shape {
	switch {
	case has(row, "image") || has(row, "images"):
		return unusable(ShapeUnknown, false, "the data has images", "the row has images, but sftui trains text models: remove the column image or images to train on the text alone")
	case has(row, "input_ids"):
		return pretokenizedShape(row, o)
	case o.Formatting != "" && !has(row, "prompt") && !isConversational(row):
		return formattedShape(row, o)
	case has(row, "prompt"):
		return promptShape(row, o)
	case has(row, "messages") && isConversational(row):
		return messagesShape("messages", o)
	case isConversational(row) && (has(row, "chosen") || has(row, "rejected")):
		return preferenceShape(row)
	case has(row, o.TextField):
		return textShape(row, o)
	case has(row, "chosen") || has(row, "rejected"):
		return preferenceShape(row)
	case isRoleContent(row, "conversations"):
		s := messagesShape("conversations", o)
		s.Notes = append(s.Notes, "TRL fails on role and content under the name conversations; sftui reads the column as messages")
		return s
	}
	return unknownShape(row, o)
}

// has says whether row has a value under key that is not null.
func has(row Row, key string) bool {
	v, _ := row.Get(key)
	return v != nil
}

func unusable(name string, conversational bool, why, problem string) Shape {
	return Shape{Name: name, Conversational: conversational, Rating: ratingNo, Why: why, Problem: problem,
		RatingWhy: "not usable for supervised fine-tuning as it is"}
}

func messagesShape(column string, o Options) Shape {
	s := Shape{Name: ShapeMessages, Conversational: true, Usable: true, Rating: ratingBest,
		RatingWhy: "best: the chat template writes every turn as the model expects it",
		Why:       fmt.Sprintf("the column %s is a list of messages with role and content", column)}
	if column == "conversations" {
		s.Why = "the column conversations is a list of messages"
	}
	if o.Formatting != "" {
		s.Notes = append(s.Notes, "the formatting template has no effect on rows with messages, as in TRL: map the columns so that messages is not read, or remove the template")
	}
	return s
}

func textShape(row Row, o Options) Shape {
	v, _ := row.Get(o.TextField)
	if _, ok := v.(string); !ok {
		return unusable(ShapeUnknown, false, fmt.Sprintf("the column %s is %s", o.TextField, valueKind(v)),
			fmt.Sprintf("%s is %s, but it must be a string: correct the rows, or make text of it with a formatting template", o.TextField, valueKind(v)))
	}
	return Shape{Name: ShapeText, Usable: true, Rating: ratingGood,
		RatingWhy: "good: but mind special tokens, none but the end of sequence are added for you",
		Why:       fmt.Sprintf("the column %s is a string", o.TextField)}
}

func formattedShape(row Row, o Options) Shape {
	s := Shape{Name: ShapeFormatted, Usable: true, Rating: ratingGood,
		RatingWhy: "good: what is trained on is exactly the text that the template makes",
		Why:       "a formatting template makes the text of every row"}
	if o.TextField == "text" {
		return s
	}
	if !has(row, o.TextField) {
		return unusable(ShapeFormatted, false, s.Why, fmt.Sprintf(
			"the formatting template makes the column text, but dataset_text_field is %s, which the data does not have: leave dataset_text_field at text", o.TextField))
	}
	s.Notes = append(s.Notes, fmt.Sprintf("the formatting template makes the column text, but dataset_text_field trains on %s, as in TRL: leave dataset_text_field at text", o.TextField))
	return s
}

// promptShape is for rows with a prompt: with a completion they can be trained on.
func promptShape(row Row, o Options) Shape {
	prompt, _ := row.Get("prompt")
	conversational := isConversational(row)
	switch {
	case has(row, "completion"):
		completion, _ := row.Get("completion")
		if valueKind(prompt) != valueKind(completion) {
			return unusable(ShapeUnknown, conversational, "prompt and completion differ in kind",
				fmt.Sprintf("prompt is %s but completion is %s: both must be strings or both lists of messages", valueKind(prompt), valueKind(completion)))
		}
		if _, isText := prompt.(string); !isText && !conversational {
			return unusable(ShapeUnknown, false, "prompt is neither a string nor a list of messages",
				fmt.Sprintf("prompt is %s: it must be a string or a list of messages with role and content", describeMessages(prompt)))
		}
		return completionShape(row, conversational, o)
	case has(row, "chosen") || has(row, "rejected"):
		return unusable(ShapePreference, conversational, "the columns are prompt, chosen and rejected",
			"the row has prompt, chosen and rejected, but supervised fine-tuning needs one answer a row: map the column chosen as completion to train on the preferred answers")
	}
	problem := "the row has a prompt but no completion, the answer that is to be learned: add a column completion, or map the column that has it as completion"
	if has(row, "messages") {
		problem = "the row has messages and a prompt without a completion, and prompt wins: map messages by hand to train on it, or add a column completion"
	}
	return unusable(ShapePromptOnly, conversational, "there is a prompt but no completion", problem)
}

func completionShape(row Row, conversational bool, o Options) Shape {
	s := Shape{Name: ShapePromptCompletion, Conversational: conversational, Usable: true, Rating: ratingBest,
		RatingWhy: "best: loss falls on the completion alone unless you ask otherwise",
		Why:       "the columns prompt and completion are strings"}
	if conversational {
		s.Why = "the columns prompt and completion are lists of messages"
	}
	if has(row, "label") {
		s.Name = ShapeUnpaired
		s.Why += " beside a column label"
		s.Rating, s.RatingWhy = ratingCare, "with care: rows labelled bad are trained on like good ones"
		s.Notes = append(s.Notes, "TRL ignores label: it trains on every completion, good and bad; filter the rows with label false out first")
	}
	if o.CompletionOnlyLoss != nil && !*o.CompletionOnlyLoss {
		s.Notes = append(s.Notes, "completion_only_loss=false: the prompt carries loss, too")
	}
	if has(row, "messages") {
		s.Notes = append(s.Notes, "the column messages is not read: prompt and completion win over it")
	}
	if !conversational && has(row, o.TextField) {
		s.Notes = append(s.Notes, fmt.Sprintf("the end-of-sequence token goes to the column %s, which is not trained on, instead of the completion, as in TRL: remove %s", o.TextField, o.TextField))
	}
	return s
}

func preferenceShape(row Row) Shape {
	conversational := isRoleContent(row, "chosen")
	role := "text"
	if conversational {
		role = "messages"
	}
	return unusable(ShapeImplicit, conversational, "there are chosen and rejected but no prompt",
		fmt.Sprintf("the row has chosen and rejected, but supervised fine-tuning needs one answer a row: map the column chosen as %s to train on the preferred answers", role))
}

func pretokenizedShape(row Row, o Options) Shape {
	s := Shape{Name: ShapePretokenized, Usable: true, Rating: ratingCare,
		RatingWhy: "with care: ids are taken as they are, so they must come from this model's own tokenizer",
		Why:       "there is a column input_ids"}
	if has(row, "labels") {
		s.Notes = append(s.Notes, "the labels are taken as they are; mask columns have no effect")
	}
	if o.Formatting != "" {
		s.Notes = append(s.Notes, "the formatting template has no effect on rows with input_ids, as in TRL")
	}
	return s
}

// unknownShape says what was found and what would make it usable.
func unknownShape(row Row, o Options) Shape {
	columns := row.Keys()
	if len(columns) == 0 {
		return unusable(ShapeUnknown, false, "the first row has no columns", "the data has no columns: check the file")
	}
	why := "no column has a name that TRL reads"
	if v, ok := row.Get("messages"); ok {
		return unusable(ShapeUnknown, false, "the column messages is not a list of messages",
			fmt.Sprintf("messages is %s: it must be a list of messages, each with role and content%s", describeMessages(v), messagesHint(v)))
	}
	if v, ok := row.Get("conversations"); ok {
		return unusable(ShapeUnknown, false, "the column conversations is not a list of messages",
			fmt.Sprintf("conversations is %s: it must be a list of messages, each with from and value", describeMessages(v)))
	}
	if v, ok := row.Get(o.TextField); ok && v == nil {
		return unusable(ShapeUnknown, false, fmt.Sprintf("%s is null", o.TextField), fmt.Sprintf("%s is null: give the row a string, or remove the row", o.TextField))
	}
	if has(row, "completion") {
		return unusable(ShapeUnknown, false, "there is a completion but no prompt",
			"there is a completion but no prompt: map the column that has the prompt as prompt, or completion as text")
	}
	needed := "messages, prompt and completion, or text"
	if o.TextField != "text" {
		needed = fmt.Sprintf("messages, prompt and completion, or %s (dataset_text_field)", o.TextField)
	}
	return unusable(ShapeUnknown, false, why, fmt.Sprintf(
		"found the columns %s, but needed are %s: rename or map the columns, set dataset_text_field, or write a formatting template",
		strings.Join(columns, ", "), needed))
}

// messagesHint says how messages in another notation become usable.
func messagesHint(v any) string {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return ""
	}
	if m, ok := list[0].(Row); ok && has(m, "from") && has(m, "value") {
		return " (from and value are converted only under the name conversations: map messages as conversations)"
	}
	return ""
}

// valueKind names the kind of a value as a person would.
func valueKind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case Row:
		return "an object"
	}
	return "a number"
}

// describeMessages says what a value is that should be a list of messages.
func describeMessages(v any) string {
	list, ok := v.([]any)
	switch {
	case !ok:
		return valueKind(v)
	case len(list) == 0:
		return "an empty list"
	}
	m, ok := list[0].(Row)
	if !ok {
		return "a list whose first entry is " + valueKind(list[0])
	}
	if m.Len() == 0 {
		return "a list whose first message is empty"
	}
	return "a list whose first message has " + strings.Join(m.Keys(), ", ")
}

// readColumns lists the columns that a usable shape reads.
func readColumns(row Row, s Shape, o Options) []ColumnRole {
	read := map[string]bool{}
	switch s.Name {
	case ShapeMessages:
		read["messages"] = has(row, "messages")
		read["conversations"] = !read["messages"]
	case ShapeText:
		read[o.TextField] = true
	case ShapePromptCompletion, ShapeUnpaired:
		read["prompt"], read["completion"] = true, true
	case ShapePretokenized:
		for _, c := range []string{"input_ids", "labels", "completion_mask", "assistant_masks", "seq_lengths"} {
			read[c] = true
		}
	}
	if s.Conversational {
		read["tools"], read["chat_template_kwargs"] = true, true
	}
	var columns []ColumnRole
	for _, key := range row.Keys() {
		if read[key] && has(row, key) {
			columns = append(columns, ColumnRole{Role: key, Column: sourceColumn(key, o)})
		}
	}
	return columns
}
