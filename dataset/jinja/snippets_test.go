package jinja

import (
	"bufio"
	"errors"
	"os"
	"testing"
	"time"
)

// TestSnippets renders small templates of our own and compares text, spans and
// errors with what Jinja 3.1.6 answered, set up as transformers 5.23 does.
func TestSnippets(t *testing.T) {
	data, err := os.ReadFile("testdata/snippet_vars.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := DecodeJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	vars := v.(*Dict)
	messages, _ := vars.Get("messages")
	in := ChatInput{Messages: messages, Kwargs: vars, Now: time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)}
	f, err := os.Open("testdata/snippets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	n := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v, err := DecodeJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		n++
		checkSnippet(t, v.(*Dict), in)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n < 1900 {
		t.Errorf("only %d snippets", n)
	}
}

func checkSnippet(t *testing.T, want *Dict, in ChatInput) {
	t.Helper()
	source, _ := want.Get("source")
	var out Rendered
	tpl, err := Parse("snippet", source.(string))
	if err == nil {
		out, err = tpl.RenderChat(in, Limits{})
	}
	if text, ok := want.Get("out"); ok {
		if err != nil || out.Text != text {
			t.Errorf("%s\n got  %q, %v\n want %q", source, out.Text, err, text)
		}
		if spans, ok := want.Get("spans"); ok {
			var got []any
			for _, s := range out.Spans {
				got = append(got, []any{int64(s[0]), int64(s[1])})
			}
			if repr(got) != repr(spans) {
				t.Errorf("%s\n got  spans %s\n want %s", source, repr(got), repr(spans))
			}
		}
		return
	}
	kind, _ := want.Get("kind")
	var got *Error
	if !errors.As(err, &got) {
		t.Errorf("%s\n got  %q, %v\n want %s", source, out.Text, err, kind)
		return
	}
	message, ok := want.Get("error")
	if got.Kind != kind || ok && got.Message != message {
		t.Errorf("%s\n got  %s: %s\n want %s: %v", source, got.Kind, got.Message, kind, message)
	}
	if got.Line == 0 {
		t.Errorf("%s: the error %q has no place", source, got.Message)
	}
}
