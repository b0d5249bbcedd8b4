package findings

import (
	"fmt"
	"strings"

	"sftui/dataset"
)

// turn is one piece of a row's own text.
type turn struct {
	role   string // of a chat's message; assistant for a completion, "" for a prompt or text
	named  string // the role as the row has it
	text   string
	chat   bool   // it stands in a list of messages
	null   bool   // there is no content at all
	calls  bool   // it has tool calls, so that it needs no text
	thinks string // its reasoning, where that has a field of its own
	code   bool   // its content is a list, a mapping, a number … rather than text
	// written is how that content begins where a template writes it as it is.
	written string
}

// turnsOf takes a raw row apart by the columns that are read: messages, prompt
// and completion, or text.
func turnsOf(raw dataset.Row, shape dataset.Shape) []turn {
	var out []turn
	for _, c := range shape.Columns {
		v, ok := raw.Get(c.Column)
		if !ok || v == nil || c.Role == "tools" || c.Role == "chat_template_kwargs" {
			continue
		}
		switch v := v.(type) {
		case string:
			t := turn{text: v}
			if c.Role == "completion" || c.Role == "text" {
				t.role = "assistant"
			}
			out = append(out, t)
		case []any:
			for _, m := range v {
				if message, ok := m.(dataset.Row); ok {
					out = append(out, messageTurn(message))
				}
			}
		}
	}
	return out
}

// messageTurn reads one message, with role and content or from and value.
func messageTurn(m dataset.Row) turn {
	t := turn{chat: true, role: text(first(m, "role", "from"))}
	content := first(m, "content", "value")
	switch c := content.(type) {
	case nil:
	case string:
		t.text = c
	case dataset.Row:
		t.code, t.written = true, "{'"
	case bool:
		t.code, t.written = true, map[bool]string{true: "True", false: "False"}[c]
	default:
		t.code, t.written = true, fmt.Sprint(c)
	case []any:
		var parts []string
		for _, p := range c {
			if part, ok := p.(dataset.Row); ok {
				parts = append(parts, text(first(part, "text")))
			}
		}
		t.text = strings.Join(parts, "")
		t.code, t.written = true, "[{'"
	}
	calls := first(m, "tool_calls")
	t.calls = offered(calls)
	t.null = content == nil && !t.calls
	t.thinks = text(first(m, "reasoning_content", "thinking", "reasoning"))
	t.named = t.role
	switch t.role { // names of other formats for the same parts
	case "gpt":
		t.role = "assistant"
	case "human":
		t.role = "user"
	}
	return t
}

// first returns the first of the keys that has a value.
func first(m dataset.Row, keys ...string) any {
	for _, k := range keys {
		if v, ok := m.Get(k); ok && v != nil {
			return v
		}
	}
	return nil
}

// text writes a value as text, "" for none.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
