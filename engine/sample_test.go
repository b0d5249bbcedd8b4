package engine

import (
	"slices"
	"testing"

	"sftui/dataset"
	"sftui/dataset/jinja"
)

func TestQuestion(t *testing.T) {
	for _, c := range []struct {
		name, row, text, reference string
		messages                   int // -1: no question
	}{
		{"strings", `{"prompt": "2+2=", "completion": " 4"}`, "2+2=", " 4", 0},
		{"chats", `{"prompt": [{"role": "user", "content": "hi"}], "completion": [{"role": "assistant", "content": "ho"}]}`, "hi", "ho", 1},
		{"messages", `{"messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}`, "a", "b", 2},
		{"no answer", `{"messages": [{"role": "user", "content": "a"}]}`, "", "", -1},
		{"only an answer", `{"messages": [{"role": "assistant", "content": "a"}]}`, "", "", -1},
		{"text", `{"text": "a"}`, "", "", -1},
		{"other types", `{"prompt": 3, "completion": null}`, "", "", -1},
		{"messages of another type", `{"messages": "hello"}`, "", "", -1},
	} {
		value, err := jinja.DecodeJSON([]byte(c.row))
		if err != nil {
			t.Fatal(err)
		}
		messages, text, reference, ok := question(value.(dataset.Row))
		if ok != (c.messages >= 0) || text != c.text || reference != c.reference || ok && len(messages) != c.messages {
			t.Errorf("%s: %d messages, %q, %q, %v", c.name, len(messages), text, reference, ok)
		}
	}
}

// A template may write the tokenizer's special tokens by their names; without a
// template messages are no prompt, and text is one as it is.
func TestEncodePrompt(t *testing.T) {
	tok, err := dataset.OpenTokenizer(newFixture(t, 1).model)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close() //nolint:errcheck // only read from
	template, err := jinja.Parse("chat", "{{ eos_token }} {{ messages[0].content }}{% if add_generation_prompt %} w9{% endif %}")
	if err != nil {
		t.Fatal(err)
	}
	message := jinja.NewDict(2)
	message.Set("role", "user")
	message.Set("content", "w3 w4")
	if ids, err := encodePrompt(tok, template, []any{message}, ""); err != nil || !slices.Equal(ids, []int32{1, 5, 6, 11}) {
		t.Errorf("the prompt is %v (%v), want <eos> w3 w4 w9", ids, err)
	}
	for _, given := range []*jinja.Template{nil, template} {
		if ids, err := encodePrompt(tok, given, nil, "w3"); err != nil || !slices.Equal(ids, []int32{5}) {
			t.Errorf("the prompt is %v (%v), want w3", ids, err)
		}
	}
}
