package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"sftui/dataset/jinja"
)

// serve answers JSON lines. The status is 1 when one of them could not be
// answered.
func (c *chatter) serve(t *conversation, s streams) int {
	out := previewEncoder(s.out)
	status := exitDone
	for n := 1; ; n++ {
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			return status
		}
		if err != nil {
			return fail(s, "chat", fmt.Errorf("read line %d: %w", n, err))
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		answered, err := c.answer(t, line, out)
		if err != nil {
			return wrote(err, s)
		}
		if !answered {
			status = exitWarning
		}
	}
}

// answer writes the lines that answer one request; err says that they could
// not be written.
func (c *chatter) answer(t *conversation, line string, out *json.Encoder) (answered bool, err error) {
	r, err := c.parseRequest(line)
	if err == nil {
		ctx, cancel := t.interruptible()
		defer cancel()
		var answer chatReply
		answer, err = c.reply(ctx, r, func(piece string) error {
			return out.Encode(map[string]string{"token": piece})
		})
		if err == nil {
			return true, out.Encode(answer)
		}
	}
	failure := map[string]string{"error": oneLine(err)}
	if errors.Is(err, errNoTemplate) {
		failure["code"] = "no_template" // for programs, which can send a prompt instead
	}
	return false, out.Encode(failure)
}

// parseRequest reads one line.
func (c *chatter) parseRequest(line string) (chatRequest, error) {
	r := chatRequest{options: c.options}
	v, err := jinja.DecodeJSON([]byte(line))
	if err != nil {
		return r, fmt.Errorf("the line is not JSON: %w", err)
	}
	object, ok := v.(*jinja.Dict)
	if !ok {
		return r, errors.New(`the line is not a JSON object with "messages" or "prompt"`)
	}
	for _, key := range object.Keys() {
		value, _ := object.Get(key)
		if err := r.take(key, value); err != nil {
			return r, err
		}
	}
	switch {
	case r.messages == nil && r.prompt == "":
		return r, errors.New(`there is nothing to answer: give "messages" or a "prompt"`)
	case r.messages != nil && r.prompt != "":
		return r, errors.New(`"messages" and "prompt" exclude each other: give one`)
	}
	return r, r.options.check()
}

// take reads one key of a request.
func (r *chatRequest) take(key string, value any) error {
	wrong := func(want string) error {
		return fmt.Errorf("%s is %s, but it must be %s", key, jinja.EncodeJSON(value, jinja.JSONOptions{}), want)
	}
	var ok bool
	switch key {
	case "messages":
		if r.messages, ok = value.([]any); !ok || len(r.messages) == 0 {
			return wrong("a list of messages")
		}
	case "prompt":
		if r.prompt, ok = value.(string); !ok {
			return wrong("a text")
		}
	case "kwargs":
		if r.kwargs, ok = value.(*jinja.Dict); !ok {
			return wrong("an object")
		}
	case "tools":
		if _, ok = value.([]any); !ok && value != nil {
			return wrong("a list")
		}
		r.tools = value
	case "max_new_tokens", "temperature", "top_p", "seed":
		switch value.(type) {
		case int64, float64:
			return r.options.set(key, jinja.EncodeJSON(value, jinja.JSONOptions{}))
		}
		return wrong("a number")
	default:
		return fmt.Errorf("%s is not a key of a request; sftui chat --help lists them", key)
	}
	return nil
}
