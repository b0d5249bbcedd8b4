package jinja

import (
	"fmt"
	"strings"
)

// trace notes which part of the text each turn of a loop over the messages wrote.
type trace struct {
	index  map[*Dict]int
	pieces []piece
}

// piece is the text, from byte from to byte to, that a loop wrote for a message.
type piece struct{ message, from, to int }

// wrote notes a turn of a loop over item.
func (t *trace) wrote(item any, from, to int) {
	if d, ok := item.(*Dict); ok && to > from {
		if i, known := t.index[d]; known {
			t.pieces = append(t.pieces, piece{i, from, to})
		}
	}
}

// traced is a rendered chat and the part of each message in it.
type traced struct {
	text   string
	pieces []piece
}

// piece returns the part of message i: what it wrote must be in one piece.
func (r traced) piece(i int) (piece, bool) {
	found := piece{message: -1}
	for _, p := range r.pieces {
		if p.message != i {
			continue
		}
		if found.message >= 0 {
			return piece{}, false
		}
		found = p
	}
	return found, found.message >= 0
}

// end is where the last message's part ends.
func (r traced) end() int {
	end := 0
	for _, p := range r.pieces {
		end = max(end, p.to)
	}
	return end
}

// renderTraced renders messages and notes the parts.
func (t *Template) renderTraced(in ChatInput, messages []any, prompt bool, lim Limits) (traced, error) {
	tr := &trace{index: make(map[*Dict]int, len(messages))}
	own := make([]any, len(messages))
	for i, v := range messages {
		d, _ := v.(*Dict)
		c := d.Clone() // one message may stand in the list twice
		own[i], tr.index[c] = c, i
	}
	in.AddGenerationPrompt = prompt
	out, err := t.render(chatVars(in, own), lim, in.clock(), tr)
	return traced{out.Text, tr.pieces}, err
}

// AssistantSpans renders a chat and finds what the assistant says in it: for a
// template with generation blocks they are its spans, and for some known ones
// those of TRL's training variant, which is then rendered. For any other they are
// derived: an assistant's turn is what the loop over the messages writes for
// it, less the generation prompt that it must begin with, since the model is
// given that. The text is the chat's rendering, except that reasoning which the
// template leaves out of earlier turns stays where the model would write it
// (the turn as it is rendered when it is the last one), as TRL's training
// variants of such templates have it.
//
// Where that is not sound, an *Error says why and the chat cannot be masked.
func (t *Template) AssistantSpans(in ChatInput, lim Limits) (Rendered, error) {
	if t.generation {
		return t.RenderChat(in, lim)
	}
	if t.training != nil {
		return t.training.RenderChat(in, lim)
	}
	if in.ContinueFinalMessage {
		return Rendered{}, fail(kindValue, "continue_final_message is not compatible with the mask of assistant tokens.")
	}
	messages, err := in.check()
	if err != nil {
		return Rendered{}, err
	}
	full, err := t.renderTraced(in, messages, in.AddGenerationPrompt, lim)
	if err != nil {
		return Rendered{}, err
	}
	turns := assistantTurns(messages)
	if len(turns) == 0 {
		return Rendered{Text: full.text}, nil
	}
	header, err := t.header(in, messages, full, lim)
	if err != nil {
		return Rendered{}, err
	}
	b := spanBuilder{full: full}
	for _, i := range turns {
		if err := t.addTurn(&b, in, messages, i, header, lim); err != nil {
			return Rendered{}, err
		}
	}
	if last := turns[len(turns)-1]; last == len(messages)-1 && !in.AddGenerationPrompt && markOf(t.text).epilogue {
		b.markRest()
	}
	return b.finish(), nil
}

// assistantTurns lists the messages of the assistant.
func assistantTurns(messages []any) []int {
	var turns []int
	for i, v := range messages {
		if d, ok := v.(*Dict); ok {
			if role, _ := d.Get("role"); role == "assistant" {
				turns = append(turns, i)
			}
		}
	}
	return turns
}

// refuse is the error of a template whose turns cannot be told apart.
func (t *Template) refuse(format string, args ...any) error {
	name := "the chat template"
	if t.name != "" {
		name = "the chat template " + strings.TrimPrefix(strings.TrimPrefix(t.name, "chat template"), " ")
	}
	return fail(KindUnmarked, "%s has no {%% generation %%} blocks and its assistant turns cannot be derived: %s; put {%% generation %%} … {%% endgeneration %%} around what the assistant says",
		strings.TrimSpace(name), fmt.Sprintf(format, args...))
}

// header is the part of an assistant's turn that the model does not write: the
// generation prompt, less the reasoning that some prompts begin for the model.
// TRL marks some known templates otherwise.
func (t *Template) header(in ChatInput, messages []any, full traced, lim Limits) (string, error) {
	if m := markOf(t.text); m.known {
		return m.header, nil
	}
	prompt, err := t.generationPrompt(in, messages, full, lim)
	if i := strings.Index(prompt, "<think>"); i >= 0 {
		prompt = prompt[:i]
	}
	return prompt, err
}

// generationPrompt is what the template writes after the messages to prompt the
// model. Not every template can follow an assistant's turn with it, so that
// shorter chats are tried as well.
func (t *Template) generationPrompt(in ChatInput, messages []any, full traced, lim Limits) (string, error) {
	for n := len(messages); n > 0; n-- {
		with, err := t.renderTraced(in, messages[:n], true, lim)
		if err != nil || len(with.pieces) == 0 {
			continue
		}
		return with.text[with.end():], nil
	}
	if len(full.pieces) == 0 {
		return "", t.refuse("it does not write its messages in one loop over them")
	}
	return "", t.refuse("it cannot be rendered with a generation prompt")
}

// addTurn adds the span of the assistant's message i.
func (t *Template) addTurn(b *spanBuilder, in ChatInput, messages []any, i int, prompt string, lim Limits) error {
	p, ok := b.full.piece(i)
	if !ok || p.from < b.done {
		return t.refuse("message %d is not written in one piece", i+1)
	}
	turn := b.full.text[p.from:p.to]
	if at := strings.Index(turn, prompt); i == 0 && at > 0 { // what begins the whole text is written with the first message
		p.from += at
		turn = turn[at:]
	}
	if !strings.HasPrefix(turn, prompt) {
		return t.refuse("message %d begins with %s, not with the generation prompt %s", i+1, repr(shorten(turn)), repr(prompt))
	}
	if strings.Contains(t.text, "think") && !markOf(t.text).known {
		turn = t.lastForm(in, messages, i, turn, prompt, lim)
	}
	if err := t.checkTurn(messages[i], i, turn[len(prompt):]); err != nil {
		return err
	}
	b.add(p, turn, len(prompt))
	return nil
}

// lastForm returns the turn with the reasoning that it would have as the last
// one, at its place or, if nobody asked yet, after a question.
func (t *Template) lastForm(in ChatInput, messages []any, i int, turn, prompt string, lim Limits) string {
	question := NewDict(2)
	question.Set("role", "user")
	question.Set("content", "?")
	asked := append(append([]any{}, messages[:i]...), question, messages[i])
	for _, chat := range [2][]any{messages[:i+1], asked} {
		last, err := t.renderTraced(in, chat, false, lim)
		if err != nil {
			continue
		}
		if q, ok := last.piece(len(chat) - 1); ok {
			if form := withReasoning(turn, last.text[q.from:q.to], prompt); form != turn {
				return form
			}
		}
	}
	return turn
}

// checkTurn refuses a turn in which the model would not learn what it must say:
// its reasoning left out, or nothing that ends the turn.
func (t *Template) checkTurn(message any, i int, said string) error {
	d, _ := message.(*Dict)
	content, _ := d.Get("content")
	s, ok := content.(string)
	if !ok {
		return nil
	}
	const reasoned = "</think>"
	if strings.Contains(s, reasoned) && !strings.Contains(said, reasoned) && !markOf(t.text).drops {
		return t.refuse("it leaves out the reasoning of message %d", i+1)
	}
	if body := strings.TrimSpace(s); body != "" && endsWithOnly(strings.TrimSpace(said), body) {
		return t.refuse("nothing ends message %d after its content", i+1)
	}
	return nil
}

// endsWithOnly says whether text ends with body and has it nowhere before: what
// ends a turn may itself be written in its content.
func endsWithOnly(text, body string) bool {
	before, found := strings.CutSuffix(text, body)
	return found && !strings.Contains(before, body)
}

// withReasoning returns the turn as it is rendered last if it differs from the
// turn in the chat by text after the prompt only: reasoning that is left out of
// earlier turns.
func withReasoning(turn, last, prompt string) string {
	said := trimLeft(turn[len(prompt):], isSpace)
	if len(last) > len(turn) && strings.HasPrefix(last, prompt) && strings.HasSuffix(last, said) {
		return last
	}
	return turn
}

// spanBuilder puts the text together and keeps the spans in code points.
type spanBuilder struct {
	full  traced
	done  int // bytes of full.text taken over
	out   strings.Builder
	count int // code points in out
	spans [][2]int
}

func (b *spanBuilder) write(s string) {
	b.out.WriteString(s)
	b.count += runeCount(s)
}

// add writes what lies before a turn, and the turn.
func (b *spanBuilder) add(p piece, turn string, prompt int) {
	b.write(b.full.text[b.done:p.from])
	b.write(turn[:prompt])
	start := b.count
	b.write(turn[prompt:])
	b.spans = append(b.spans, [2]int{start, b.count})
	b.done = p.to
}

// markRest makes what follows the last turn a span of its own.
func (b *spanBuilder) markRest() {
	start := b.count
	b.write(b.full.text[b.done:])
	b.done = len(b.full.text)
	if b.count > start {
		b.spans = append(b.spans, [2]int{start, b.count})
	}
}

func (b *spanBuilder) finish() Rendered {
	b.write(b.full.text[b.done:])
	return Rendered{Text: b.out.String(), Spans: b.spans}
}
