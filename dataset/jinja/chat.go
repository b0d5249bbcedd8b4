package jinja

import (
	"strings"
	"time"
)

// ChatInput is what apply_chat_template is given.
type ChatInput struct {
	Messages             any // a list of mappings
	Tools                any // nil, or a list of JSON schemas
	Documents            any // nil, or a list of mappings
	AddGenerationPrompt  bool
	ContinueFinalMessage bool
	ContinueField        string    // the field of the final message to continue, "" for content
	Kwargs               *Dict     // further variables; bos_token and the like among them
	Now                  time.Time // what strftime_now tells; the zero time is the present
}

// Rendered is a rendered chat. Spans are the generation blocks' places, start
// and end in code points of Text.
type Rendered struct {
	Text  string
	Spans [][2]int
}

// continueTag marks where the final message ends while it is rendered.
const continueTag = "CONTINUE_FINAL_MESSAGE_TAG "

// RenderChat renders a chat as transformers' apply_chat_template(tokenize=False)
// does: message keys that are None are dropped, the names of reasoning filled
// in for each other, and the rest of a final message to be continued cut off.
func (t *Template) RenderChat(in ChatInput, lim Limits) (Rendered, error) {
	messages, err := in.check()
	if err != nil {
		return Rendered{}, err
	}
	final := ""
	if in.ContinueFinalMessage {
		if final, err = t.tagFinal(messages, in.ContinueField); err != nil {
			return Rendered{}, err
		}
	}
	out, err := t.render(chatVars(in, messages), lim, in.clock(), nil)
	if err != nil || !in.ContinueFinalMessage {
		return out, err
	}
	// transformers gives no mask for a message to be continued.
	out.Spans = nil
	out.Text, err = cutFinal(out.Text, final)
	return out, err
}

// clock is what strftime_now reads.
func (in ChatInput) clock() func() time.Time {
	if in.Now.IsZero() {
		return time.Now
	}
	return func() time.Time { return in.Now }
}

// check returns the messages as the template sees them, or what is wrong with the input.
func (in ChatInput) check() ([]any, error) {
	messages, err := cleanMessages(in.Messages)
	if err != nil {
		return nil, err
	}
	if in.ContinueFinalMessage && in.AddGenerationPrompt {
		return nil, fail(kindValue, "continue_final_message and add_generation_prompt are not compatible. Use continue_final_message when you want the model to continue the final message, and add_generation_prompt when you want to add a header that will prompt it to start a new assistant message instead.")
	}
	if err := checkMappings(in.Tools, kindValue, "Tools should either be a JSON schema, or a callable function with type hints and a docstring suitable for auto-conversion to a schema."); err != nil {
		return nil, err
	}
	if err := checkMappings(in.Documents, kindType, "Documents should be a list of dicts with 'title' and 'text' keys!"); err != nil {
		return nil, err
	}
	return messages, nil
}

// chatVars are the variables of a chat template.
func chatVars(in ChatInput, messages []any) *Dict {
	vars := NewDict(4 + in.Kwargs.Len())
	for i, k := range in.Kwargs.Keys() {
		vars.Set(k, in.Kwargs.values[i])
	}
	vars.Set("messages", messages)
	vars.Set("tools", in.Tools)
	vars.Set("documents", in.Documents)
	vars.Set("add_generation_prompt", in.AddGenerationPrompt)
	return vars
}

// checkMappings checks that v is nil or a list of mappings.
func checkMappings(v any, kind, message string) error {
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		return fail(kind, "%s", message)
	}
	for _, item := range items {
		if _, ok := item.(*Dict); !ok {
			return fail(kind, "%s", message)
		}
	}
	return nil
}

// cleanMessages copies the list and the messages that have to change.
func cleanMessages(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fail(kindType, "the messages must be a list of objects with role and content, found %s", typeName(v))
	}
	if len(list) == 0 {
		return nil, fail(kindValue, "Cannot apply chat template to an empty conversation. Provide at least one message.")
	}
	out := make([]any, len(list))
	for i, v := range list {
		m, ok := v.(*Dict)
		if !ok {
			return nil, fail(kindAttribute, "'%s' object has no attribute 'items'", typeName(v))
		}
		out[i] = aliasReasoning(withoutNone(m))
	}
	return out, nil
}

// withoutNone drops the keys whose value is None.
func withoutNone(m *Dict) *Dict {
	clean := true
	for _, v := range m.values {
		clean = clean && v != nil
	}
	if clean {
		return m
	}
	c := NewDict(m.Len())
	for i, k := range m.keys {
		if m.values[i] != nil {
			c.Set(k, m.values[i])
		}
	}
	return c
}

// aliasReasoning fills reasoning_content and thinking from each other and from reasoning.
func aliasReasoning(m *Dict) *Dict {
	var reasoning any
	for _, name := range reasoningFields {
		if v, ok := m.Get(name); ok && v != nil {
			reasoning = v
			break
		}
	}
	if reasoning == nil {
		return m
	}
	c := NewDict(m.Len() + 2)
	c.Set("thinking", reasoning)
	for i, k := range m.keys {
		c.Set(k, m.values[i])
	}
	c.Set("reasoning_content", reasoning)
	return c
}

// reasoningFields are the names a message's reasoning goes by, the standard one first.
var reasoningFields = [...]string{"reasoning_content", "thinking", "reasoning"}

// tagFinal appends the tag to the final message's field and returns its text.
func (t *Template) tagFinal(messages []any, field string) (string, error) {
	if field == "" {
		field = "content"
	}
	last, _ := messages[len(messages)-1].(*Dict)
	content, ok := last.Get(field)
	if !ok || content == nil {
		return "", fail(kindValue, `continue_final_message is set but the final message has no "%s" to continue!`, field)
	}
	fields := continuedFields(last, field, content)
	accepted := false
	for _, f := range fields {
		accepted = accepted || strings.Contains(t.text, f)
	}
	if !accepted {
		return "", fail(kindValue, `continue_final_message is set to "%s" but this is not an accepted field in the chat_template`, field)
	}
	tagged := last.Clone()
	messages[len(messages)-1] = tagged
	if parts, ok := content.([]any); ok {
		parts, text, err := tagPart(parts)
		tagged.Set(field, parts)
		return text, err
	}
	text, ok := content.(string)
	if !ok {
		return "", unsupported('+', content, continueTag)
	}
	for _, f := range fields {
		tagged.Set(f, text+continueTag)
	}
	return text, nil
}

// continuedFields are the fields that hold the text to be continued: reasoning
// is copied under several names, and the template reads one of them.
func continuedFields(last *Dict, field string, content any) []string {
	if indexOf(reasoningFields[:], field) < 0 {
		return []string{field}
	}
	out := []string{field}
	for _, f := range reasoningFields {
		if f == field {
			continue
		}
		if v, ok := last.Get(f); ok && sameText(v, content) {
			out = append(out, f)
		}
	}
	return out
}

// sameText tells whether two values are the same string.
func sameText(a, b any) bool {
	x, ok := a.(string)
	y, ok2 := b.(string)
	return ok && ok2 && x == y
}

// tagPart appends the tag to the last part that has text.
func tagPart(content []any) ([]any, string, error) {
	parts := append([]any(nil), content...)
	for i := len(parts) - 1; i >= 0; i-- {
		part, ok := parts[i].(*Dict)
		if !ok {
			continue
		}
		v, ok := part.Get("text")
		if !ok {
			continue
		}
		text, ok := v.(string)
		if !ok {
			return nil, "", unsupported('+', v, continueTag)
		}
		p := part.Clone()
		p.Set("text", text+continueTag)
		parts[i] = p
		return parts, text, nil
	}
	return nil, "", fail(kindValue, "continue_final_message is set but we could not find any text to continue in the final message!")
}

// cutFinal cuts the text at the tag, and the white space before it where the template trimmed the message.
func cutFinal(rendered, final string) (string, error) {
	bare := trimRight(continueTag, isSpace)
	stripped := trimLeft(trimRight(final, isSpace), isSpace)
	at := strings.LastIndex(rendered, bare)
	if at < 0 || !strings.Contains(rendered, stripped) {
		return "", fail(kindValue, "continue_final_message is set but the final message does not appear in the chat after applying the chat template! "+
			"This can happen if the chat template deletes portions of the final message. Please verify the chat template and final message in your chat to ensure they are compatible."+
			"Final message to continue: %s\nRendered chat:\n%s", stripped, rendered)
	}
	if strings.HasPrefix(rendered[at:], continueTag) {
		return rendered[:at], nil
	}
	return trimRight(rendered[:at], isSpace), nil
}
