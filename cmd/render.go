package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sftui/dataset"
	"sftui/dataset/jinja"
)

// renderCommand is the line of `sftui render` in the table of commands.
func renderCommand() command {
	return command{name: "render", usage: "[--template FILE | --model DIR] < cases.jsonl",
		summary: "render chats, a JSON object a line, with a chat template", details: renderDetails, run: runRender}
}

// runRender renders a chat for each line of the input and writes an object a
// line: the text with its generation spans, or the error. The status is 1 when
// a chat could not be rendered.
func runRender(_ context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"template", "model"}}.parse(args)
	if err == nil && len(a.rest) > 0 {
		err = fmt.Errorf("unexpected argument %q: the chats are read from standard input", a.rest[0])
	}
	var r *renderer
	if err == nil {
		r, err = newRenderer(a.values["template"], a.values["model"])
	}
	failed := false
	if err == nil {
		failed, err = r.lines(s.in, s.out)
	}
	switch {
	case err != nil:
		return fail(s, "render", err)
	case failed:
		return exitWarning
	}
	return exitDone
}

// renderer renders chats with one template.
type renderer struct {
	template *jinja.Template
	specials *jinja.Dict // the model's special tokens, which a chat's kwargs override
}

// newRenderer reads the template of a file, or of a model's folder. With both
// the file's template is used with the model's special tokens.
func newRenderer(file, model string) (*renderer, error) {
	if file == "" && model == "" {
		return nil, errors.New("a template is needed: --template FILE, or --model DIR for the model's own")
	}
	r := &renderer{specials: jinja.NewDict(4)}
	name, source := file, ""
	if model != "" {
		tok, err := dataset.OpenTokenizer(model)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tok.Close() }()
		specials := tok.SpecialTokens()
		for _, key := range []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"} {
			if v, ok := specials[key]; ok {
				r.specials.Set(key, v)
			}
		}
		if source = tok.ChatTemplate(); source == "" && file == "" {
			return nil, fmt.Errorf("the model in %s has no chat template: give one with --template FILE", model)
		}
		if file == "" {
			name = "chat_template"
		}
	}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the template cannot be read: %w", err)
		}
		source = string(data)
	}
	var err error
	r.template, err = jinja.Parse(name, source)
	return r, err
}

// lines renders every line of in and tells whether any could not be rendered.
func (r *renderer) lines(in io.Reader, out io.Writer) (failed bool, err error) {
	w := bufio.NewWriter(out)
	br := bufio.NewReaderSize(in, 1<<16)
	for n := 1; ; n++ {
		line, readErr := br.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return failed, fmt.Errorf("line %d cannot be read: %w", n, readErr)
		}
		if !blankLine(line) {
			answer, ok := r.line(line)
			failed = failed || !ok
			// Buffered errors come back from Flush.
			_, _ = w.WriteString(jinja.EncodeJSON(answer, jinja.JSONOptions{EnsureASCII: true}))
			_ = w.WriteByte('\n')
			if br.Buffered() == 0 { // who writes line by line reads line by line
				if err := w.Flush(); err != nil {
					return failed, err
				}
			}
		}
		if readErr != nil {
			return failed, w.Flush()
		}
	}
}

func blankLine(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// line renders one chat; ok tells whether it could be.
func (r *renderer) line(line []byte) (answer *jinja.Dict, ok bool) {
	out, err := r.chat(line)
	answer = jinja.NewDict(4)
	if err == nil {
		spans := make([]any, len(out.Spans))
		for i, s := range out.Spans {
			spans[i] = []any{int64(s[0]), int64(s[1])}
		}
		answer.Set("rendered", out.Text)
		answer.Set("generation_spans", spans)
		return answer, true
	}
	answer.Set("error", err.Error())
	var place *jinja.Error
	if errors.As(err, &place) {
		answer.Set("error_type", place.Kind)
		if place.Line > 0 {
			answer.Set("line", int64(place.Line))
			answer.Set("column", int64(place.Column))
		}
	}
	return answer, false
}

// chat reads one line and renders it.
func (r *renderer) chat(line []byte) (jinja.Rendered, error) {
	v, err := jinja.DecodeJSON(line)
	if err != nil {
		return jinja.Rendered{}, fmt.Errorf("the line is not JSON: %w", err)
	}
	row, ok := v.(*jinja.Dict)
	if !ok {
		return jinja.Rendered{}, errors.New("the line is not a JSON object with the key messages")
	}
	in, err := r.input(row)
	if err != nil {
		return jinja.Rendered{}, err
	}
	return r.template.RenderChat(in, jinja.Limits{})
}

// input reads the keys of a line.
func (r *renderer) input(row *jinja.Dict) (jinja.ChatInput, error) {
	in := jinja.ChatInput{Kwargs: r.specials.Clone()}
	for _, key := range row.Keys() {
		v, _ := row.Get(key)
		ok := true
		switch key {
		case "messages":
			in.Messages = v
		case "tools":
			in.Tools = v
		case "documents":
			in.Documents = v
		case "add_generation_prompt":
			in.AddGenerationPrompt, ok = v.(bool)
			ok = ok || v == nil
		case "continue_final_message":
			switch c := v.(type) {
			case nil:
			case bool:
				in.ContinueFinalMessage = c
			case string:
				in.ContinueFinalMessage, in.ContinueField = c != "", c
			default:
				ok = false
			}
		case "kwargs":
			var kwargs *jinja.Dict
			if kwargs, ok = v.(*jinja.Dict); ok {
				for _, k := range kwargs.Keys() {
					x, _ := kwargs.Get(k)
					in.Kwargs.Set(k, x)
				}
			}
			ok = ok || v == nil
		case "now":
			if v == nil {
				break
			}
			text, _ := v.(string)
			var err error
			if in.Now, err = parseTime(text); err != nil {
				return in, fmt.Errorf("now is not a time like 2025-01-15T12:00:00: %s", jinja.EncodeJSON(v, jinja.JSONOptions{}))
			}
		}
		if !ok {
			return in, fmt.Errorf("%s has a value of the wrong type: %s", key, jinja.EncodeJSON(v, jinja.JSONOptions{}))
		}
	}
	return in, nil
}

// parseTime reads an ISO time, with or without a zone, or a date alone.
func parseTime(s string) (time.Time, error) {
	var err error
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		var t time.Time
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}
