package dataset

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRoleRenders bounds how many messages are rendered one by one to find
// where each begins; longer chats are searched for the messages' texts.
const maxRoleRenders = 64

// charSpan is a part of the text, in bytes, and where it comes from.
type charSpan struct {
	start, end int
	role       string
	message    int
}

// roles says which part of the row each token comes from.
func (p *Preparer) roles(w *work) []RoleSpan {
	if !w.hasText || len(w.offsets) == 0 {
		return nil
	}
	var spans []charSpan
	switch {
	case p.shape.Conversational:
		spans = p.messageSpans(w)
	case w.hasPrompt:
		at := len(w.prompt)
		spans = []charSpan{{0, at, "prompt", -1}, {at, len(w.text), "completion", -1}}
	default:
		spans = []charSpan{{0, len(w.text), "text", -1}}
	}
	return tokenRolesOf(spans, w.text, w.offsets)
}

// messageSpans finds the messages' own text in what the template wrote; what
// lies between belongs to the template.
func (p *Preparer) messageSpans(w *work) []charSpan {
	messages := p.rowMessages(w.converted)
	ends := p.messageEnds(w, messages)
	var spans []charSpan
	at := 0
	for i, entry := range messages {
		message, ok := entry.(Row)
		if !ok {
			continue
		}
		role, _ := message.Get("role")
		span := charSpan{role: fmt.Sprint(role), message: i}
		known := ends[i] >= at
		end := len(w.text)
		if next := slices.IndexFunc(ends[i:], func(e int) bool { return e >= at }); next >= 0 {
			end = ends[i+next]
		}
		start := locate(w.text[at:end], contentText(message), known)
		switch {
		case start >= 0:
			span.start = at + start
			span.end = span.start + len(contentText(message))
		case known: // tool calls, or content that the template rewrote
			span.start, span.end = at, end
		default:
			continue
		}
		spans = append(spans, span)
		at = span.end
		if known {
			at = end
		}
	}
	return spans
}

// messageEnds are where each message's text ends, found by rendering the chat
// up to it; -1 where the template does not write that beginning as it writes it
// in the whole, and for the messages of a long chat but its last.
func (p *Preparer) messageEnds(w *work, messages []any) []int {
	ends := make([]int, len(messages))
	at := 0
	for i := range messages {
		ends[i] = -1
		if i == len(messages)-1 {
			ends[i] = len(w.text)
			break
		}
		if i >= maxRoleRenders {
			continue
		}
		part, err := p.renderAlone(w.converted, messages[:i+1])
		if err == nil && len(part.Text) >= at && strings.HasPrefix(w.text, part.Text) {
			at = len(part.Text)
			ends[i] = at
		}
	}
	return ends
}

// rowMessages are the messages of a converted row, prompt and completion in
// one. A row of mixed data has the columns of the other rows too, without values.
func (p *Preparer) rowMessages(row Row) []any {
	if p.plan.prompted {
		value, _ := row.Get("prompt")
		prompt, _ := value.([]any)
		value, _ = row.Get("completion")
		completion, _ := value.([]any)
		return append(append([]any{}, prompt...), completion...)
	}
	value, _ := row.Get("messages")
	messages, _ := value.([]any)
	return messages
}

// contentText is a message's text as most templates write it: trimmed.
func contentText(message Row) string {
	content, _ := message.Get("content")
	text, _ := content.(string)
	return strings.TrimSpace(text)
}

// locate is where content begins in text, -1 for none. Where the text ends with
// the message it is the last occurrence, because a template may put text of its
// own before the message; else the first, because later messages may say the same.
func locate(text, content string, ends bool) int {
	switch {
	case content == "":
		return -1
	case ends:
		return strings.LastIndex(text, content)
	}
	return strings.Index(text, content)
}

// tokenRolesOf turns spans of the text (in bytes, in order) into spans of
// tokens; tokens between them are the template's. offsets are in code points.
func tokenRolesOf(spans []charSpan, text string, offsets [][2]int) []RoleSpan {
	chars := make([]charSpan, len(spans))
	bytesDone, charsDone := 0, 0
	advance := func(to int) int {
		charsDone += utf8.RuneCountInString(text[bytesDone:to])
		bytesDone = to
		return charsDone
	}
	for i, s := range spans {
		chars[i] = s
		chars[i].start = advance(s.start)
		chars[i].end = advance(s.end)
	}
	var out []RoleSpan
	next := 0
	for token, o := range offsets {
		for next < len(chars) && o[0] >= chars[next].end {
			next++
		}
		span := RoleSpan{Start: token, End: token + 1, Message: -1}
		if next < len(chars) && o[0] >= chars[next].start && o[1] > o[0] {
			span.Role, span.Message = chars[next].role, chars[next].message
		}
		if n := len(out); n > 0 && out[n-1].Role == span.Role && out[n-1].Message == span.Message {
			out[n-1].End = token + 1
		} else {
			out = append(out, span)
		}
	}
	return out
}
