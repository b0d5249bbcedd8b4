package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/compute"
)

// chatter answers with one model.
type chatter struct {
	name, device string
	model        compute.Trainer
	tok          *dataset.Tokenizer
	template     *jinja.Template // nil where the model has none
	toolTemplate *jinja.Template // for requests with tools, where the model has one
	specials     *jinja.Dict
	stop         []int32
	system       string // message that goes before the conversation, "" for none
	options      chatOptions
	closeModel   func()
}

func (c *chatter) close() {
	c.closeModel()
	_ = c.tok.Close() // frees memory, which cannot fail in a way that matters at the end
}

// chatRequest is what to answer: messages, or a prompt that is continued.
type chatRequest struct {
	messages []any
	prompt   string
	tools    any
	kwargs   *jinja.Dict // more variables for the template
	options  chatOptions
}

// Why a reply ended.
const (
	finishStop        = "stop"        // the model ended its turn
	finishLength      = "length"      // max_new_tokens, or the model's positions, are used up
	finishInterrupted = "interrupted" // somebody did not want more
)

// chatReply is a whole reply, as --json prints it.
type chatReply struct {
	Reply   string  `json:"reply"`
	Tokens  int     `json:"tokens"` // new ones, the stopping one included
	Seconds float64 `json:"seconds"`
	Finish  string  `json:"finish"`
}

// reply answers r, calling emit with every piece of text as it comes. An end of
// ctx ends the reply, which is then no error.
func (c *chatter) reply(ctx context.Context, r chatRequest, emit func(piece string) error) (chatReply, error) {
	start := time.Now()
	answer := chatReply{Finish: finishLength}
	ids, err := c.encode(r)
	if err != nil {
		return answer, err
	}
	maxNew := r.options.maxNewTokens
	if most := c.model.Info().MaxPositions; most > 0 {
		if len(ids) >= most {
			return answer, fmt.Errorf("the conversation has %d tokens, and the model takes %d with its answer: begin anew (/reset)", len(ids), most)
		}
		maxNew = min(maxNew, most-len(ids))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream := textStream{decode: c.tok.Decode}
	var text strings.Builder
	say := func(piece string) {
		if piece == "" {
			return
		}
		text.WriteString(piece)
		if err := emit(piece); err != nil {
			cancel(fmt.Errorf("write the reply: %w", err))
		}
	}
	o := compute.GenerateOptions{MaxNewTokens: maxNew, StopIDs: c.stop, Temperature: r.options.temperature, TopP: r.options.topP, Seed: r.options.seed}
	err = c.model.Generate(ctx, ids, o, func(id int32) {
		answer.Tokens++
		switch {
		case slices.Contains(c.stop, id):
			answer.Finish = finishStop
		case !c.tok.IsSpecial(id):
			say(stream.add(id))
		}
	})
	say(stream.rest())
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return answer, cause
	}
	if err != nil {
		if ctx.Err() == nil {
			return answer, err
		}
		answer.Finish = finishInterrupted
	}
	answer.Reply, answer.Seconds = text.String(), time.Since(start).Seconds()
	return answer, nil
}

// encode returns the ids of what is to be continued.
func (c *chatter) encode(r chatRequest) ([]int32, error) {
	if r.messages == nil && (c.template == nil || r.prompt == "") {
		if r.prompt == "" {
			return nil, errors.New("there is nothing to answer: the prompt is empty")
		}
		return c.tok.EncodeSpecial(r.prompt)
	}
	if r.messages == nil {
		r.messages = []any{chatMessage("user", r.prompt)}
	}
	if c.system != "" && !beginsWithSystem(r.messages) {
		r.messages = slices.Insert(slices.Clone(r.messages), 0, any(chatMessage("system", c.system)))
	}
	text, err := c.render(r, true)
	if err != nil {
		return nil, err
	}
	ids, err := c.tok.Encode(text)
	if err == nil && len(ids) == 0 {
		err = errors.New("there is nothing to answer: the chat template renders these messages as nothing")
	}
	return ids, err
}

func beginsWithSystem(messages []any) bool {
	if len(messages) == 0 {
		return false
	}
	m, ok := messages[0].(*jinja.Dict)
	if !ok {
		return false
	}
	role, _ := m.Get("role")
	return role == "system" || role == "developer"
}

// errNoTemplate is the answer to messages where the model can only continue a
// text.
var errNoTemplate = errors.New("the model has no chat template, so it takes no messages: give a prompt, or a model that was tuned for chat")

// render writes the messages with the model's chat template.
func (c *chatter) render(r chatRequest, generation bool) (string, error) {
	template := c.template
	if r.tools != nil && c.toolTemplate != nil {
		template = c.toolTemplate
	}
	if template == nil {
		return "", errNoTemplate
	}
	kwargs := c.specials.Clone()
	if r.kwargs != nil {
		for _, key := range r.kwargs.Keys() {
			value, _ := r.kwargs.Get(key)
			kwargs.Set(key, value)
		}
	}
	out, err := template.RenderChat(jinja.ChatInput{Messages: r.messages, Tools: r.tools, AddGenerationPrompt: generation, Kwargs: kwargs}, jinja.Limits{})
	if err != nil {
		return "", fmt.Errorf("the chat template refuses the messages: %w", err)
	}
	return out.Text, nil
}

// textStream turns tokens into text as they come. A token may be a part of a
// character, and some decoders write a token differently at the beginning, so
// each piece is what a few tokens more make the text longer by.
type textStream struct {
	decode       func(ids []int32) string
	ids          []int32
	prefix, read int // ids[prefix:read] were said last and give the context
}

// unfinished is what decoders write for a part of a character.
const unfinished = "\uFFFD"

// add takes a token and returns the text that is certain now.
func (t *textStream) add(id int32) string {
	t.ids = append(t.ids, id)
	piece, whole := t.ahead()
	if !whole {
		return ""
	}
	t.prefix, t.read = t.read, len(t.ids)
	return piece
}

// rest is what was held back, when no token comes any more.
func (t *textStream) rest() string {
	piece, _ := t.ahead()
	t.prefix, t.read = t.read, len(t.ids)
	return piece
}

// ahead is the text beyond what was said, and whether it ends with a whole
// character.
func (t *textStream) ahead() (piece string, whole bool) {
	if t.read == len(t.ids) {
		return "", true
	}
	said, all := t.decode(t.ids[t.prefix:t.read]), t.decode(t.ids[t.prefix:])
	if !strings.HasPrefix(all, said) {
		return "", false
	}
	return all[len(said):], !strings.HasSuffix(all, unfinished)
}
