package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/run"
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

// Answers end where transformers' generate ends them, at every eos_token_id of the exported generation_config.json, and
// special tokens in them are hidden.
func TestAnswersLikeGenerate(t *testing.T) {
	for options, want := range map[string][]int32{"": {1, 9, 7}, "eos_token=w3": {5, 9, 7}} {
		f, fake := newFixture(t, 10), newFake()
		writeJSON(t, filepath.Join(f.model, "generation_config.json"), map[string]any{"eos_token_id": []int{9, 7}})
		all := append([]string{"sample_prompts=[w1 <eos> w2]", "num_train_epochs=1"}, strings.Fields(options)...)
		res, err := train(t, f, fake, nil, all...)
		if err != nil {
			t.Fatal(err)
		}
		if len(fake.asked) == 0 || !slices.Equal(fake.asked[0].StopIDs, want) {
			t.Errorf("%s: asked %+v, want stops %v", options, fake.asked, want)
		}
		for _, e := range eventsOf(t, res.Dir) {
			if e.Kind == run.KindSample && e.Text != "w1 w2" {
				t.Errorf("the answer w1 <eos> w2 is shown as %q", e.Text)
			}
		}
	}
}

// Evaluation rows are asked whatever shape they are trained in: turns with from and value, conversations, renamed columns.
func TestRowsAreAskedAsTrained(t *testing.T) {
	f := newFixture(t, 10)
	for row, options := range map[string][]string{
		`{"conversations": [{"from": "user", "value": "w1"}, {"from": "assistant", "value": "w2"}]}`:     nil,
		`{"conversations": [{"role": "user", "content": "w1"}, {"role": "assistant", "content": "w2"}]}`: nil,
		`{"q": "w1", "a": "w2"}`: {"columns={prompt: q, completion: a}"},
	} {
		if err := os.WriteFile(f.data, []byte(strings.Repeat(row+"\n", 8)), 0o600); err != nil {
			t.Fatal(err)
		}
		all := append([]string{"eval_strategy=epoch", "eval_holdout=2", "num_train_epochs=1", "chat_template={{ messages[0].content }} {{ messages[1].content if messages | length > 1 }}"}, options...)
		res, err := train(t, f, newFake(), nil, all...)
		if err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		asked := 0
		for _, e := range eventsOf(t, res.Dir) {
			if e.Kind == run.KindSample && e.Prompt == "w1" && e.Reference == "w2" {
				asked++
			}
		}
		if asked != 4 { // two rows before training and after it
			t.Errorf("%s: %d answers, want 4", row, asked)
		}
	}
}

// A prompt is written with the special tokens and the variables that rows are trained with, those of its own row first;
// without a template messages are no prompt, and text is one as it is.
func TestEncodePrompt(t *testing.T) {
	tok, err := dataset.OpenTokenizer(newFixture(t, 1).model)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close() //nolint:errcheck // only read from
	kwargs := jinja.NewDict(1)
	kwargs.Set("thinking", "w7")
	o := dataset.Options{
		EOSToken: "w8", TemplateKwargs: kwargs,
		ChatTemplate: "{{ eos_token }} {{ tools | length if tools }} {{ thinking }} {{ messages[0].content }}{% if add_generation_prompt %} w9{% endif %}",
	}
	chat, err := dataset.NewPrompter(tok, o)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := dataset.NewPrompter(tok, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := jinja.DecodeJSON([]byte(`{"chat_template_kwargs": {"thinking": "w1"}, "tools": "[]"}`))
	if err != nil {
		t.Fatal(err)
	}
	message := []any{userMessage("w3 w4")}
	if ids, err := encodePrompt(chat, nil, message, ""); err != nil || !slices.Equal(ids, []int32{10, 9, 5, 6, 11}) {
		t.Errorf("the prompt is %v (%v), want w8 w7 w3 w4 w9", ids, err)
	}
	if ids, err := encodePrompt(chat, value.(dataset.Row), message, ""); err != nil || !slices.Equal(ids, []int32{10, 3, 5, 6, 11}) {
		t.Errorf("the prompt is %v (%v), want w8 w1 w3 w4 w9", ids, err)
	}
	for _, given := range []*dataset.Prompter{plain, chat} {
		if ids, err := encodePrompt(given, nil, nil, "w3"); err != nil || !slices.Equal(ids, []int32{5}) {
			t.Errorf("the prompt is %v (%v), want w3", ids, err)
		}
	}
	if ids, err := encodePrompt(plain, nil, message, "w3"); err != nil || !slices.Equal(ids, []int32{5}) {
		t.Errorf("without a template the prompt is %v (%v), want w3", ids, err)
	}
}
