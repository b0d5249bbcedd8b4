package jinja

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// said returns the spans' texts.
func said(r Rendered) []string {
	var out []string
	for _, s := range r.Spans {
		from := runeOffset(r.Text, s[0])
		out = append(out, r.Text[from:from+runeOffset(r.Text[from:], s[1]-s[0])])
	}
	return out
}

func chat(t *testing.T, messages string) ChatInput {
	t.Helper()
	v, err := DecodeJSON([]byte(messages))
	if err != nil {
		t.Fatal(err)
	}
	return ChatInput{Messages: v}
}

func TestAssistantSpans(t *testing.T) {
	const twoTurns = `[{"role": "user", "content": "q"}, {"role": "assistant", "content": "é1"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "a2"}]`
	const loop = `{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`
	tests := []struct {
		name, template, messages string
		text                     string
		want                     []string
		refused                  string
	}{
		{name: "plain", template: loop, messages: twoTurns,
			text: "<user>q</s><assistant>é1</s><user>r</s><assistant>a2</s>", want: []string{"é1</s>", "a2</s>"}},
		{name: "assistant first and twice", template: loop, messages: `[{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]`,
			text: "<assistant>a</s><assistant>b</s>", want: []string{"a</s>", "b</s>"}},
		{name: "text before the first message belongs to nobody", template: `{% for m in messages %}{{ '<bos>' if loop.first }}<{{ m.role }}>{{ m.content }}</s>{% endfor %}{{ '<assistant>' if add_generation_prompt }}`,
			messages: `[{"role": "assistant", "content": "a"}]`, text: "<bos><assistant>a</s>", want: []string{"a</s>"}},
		{name: "text after the last message belongs to nobody", template: loop + `{{ '<eos>' if not add_generation_prompt }}`, messages: twoTurns,
			text: "<user>q</s><assistant>é1</s><user>r</s><assistant>a2</s><eos>", want: []string{"é1</s>", "a2</s>"}},
		{name: "reasoning left out of earlier turns stays", template: `{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and loop.last %}<think></think>{% endif %}{{ m.content }}</s>{% endfor %}{{ '<assistant>' if add_generation_prompt }}`,
			messages: twoTurns, text: "<user>q</s><assistant><think></think>é1</s><user>r</s><assistant><think></think>a2</s>", want: []string{"<think></think>é1</s>", "<think></think>a2</s>"}},
		{name: "reasoning begun by the prompt is the model's", template: `{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}<think>x</think>{% endif %}{{ m.content }}</s>{% endfor %}{{ '<assistant><think>' if add_generation_prompt }}`,
			messages: `[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]`, text: "<user>q</s><assistant><think>x</think>a</s>", want: []string{"<think>x</think>a</s>"}},
		{name: "generation blocks win", template: `{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %};{% endfor %}`,
			messages: `[{"role": "assistant", "content": "a"}]`, text: "a;", want: []string{"a"}},
		{name: "nobody speaks", template: loop, messages: `[{"role": "user", "content": "q"}]`, text: "<user>q</s>"},
		{name: "no loop", template: `{{ messages[0].content }}{{ messages[1].content }}`, messages: twoTurns, refused: "does not write its messages in one loop"},
		{name: "two loops", template: loop + loop, messages: twoTurns, refused: "not written in one piece"},
		{name: "another prompt", template: `{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}{{ '<model>' if add_generation_prompt }}`, messages: twoTurns, refused: "not with the generation prompt '<model>'"},
		{name: "reasoning left out of content", template: `{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1] }}</s>{% endfor %}{{ '<assistant>' if add_generation_prompt }}`,
			messages: `[{"role": "user", "content": "q"}, {"role": "assistant", "content": "<think>x</think>a"}]`, refused: "leaves out the reasoning of message 2"},
		{name: "an end of turn in the content", template: loop, messages: `[{"role": "user", "content": "q"}, {"role": "assistant", "content": "</s>"}]`,
			text: "<user>q</s><assistant></s></s>", want: []string{"</s></s>"}},
		{name: "no end of turn", template: `{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ '<assistant>' if add_generation_prompt }}`, messages: twoTurns, refused: "nothing ends message 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := Parse("", tt.template)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tpl.AssistantSpans(chat(t, tt.messages), Limits{})
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("got %q, %v; want a refusal: %s", got.Text, err, tt.refused)
				}
				return
			}
			if err != nil || got.Text != tt.text || strings.Join(said(got), "|") != strings.Join(tt.want, "|") {
				t.Errorf("got  %q %q, %v\nwant %q %q", got.Text, said(got), err, tt.text, tt.want)
			}
		})
	}
}

// TestAssistantSpansEqualTRL compares the derived spans with those of the
// variants that TRL trains known templates with: where the text is the same,
// so are the spans.
func TestAssistantSpansEqualTRL(t *testing.T) {
	templates := templateSources(t)
	same := map[string]int{}
	referenceRows(t, func(row *Dict) {
		name, _ := row.Get("template_name")
		base, training := strings.CutSuffix(name.(string), "_training")
		want, rendered := row.Get("rendered")
		spans, _ := row.Get("generation_char_spans")
		in := chatInput(row)
		if !training || !rendered || in.ContinueFinalMessage || templates[base] == nil {
			return
		}
		got, err := templates[base].AssistantSpans(in, Limits{})
		var je *Error
		if err != nil && !errors.As(err, &je) {
			t.Fatal(err)
		}
		if base == "deepseekv3" && (err != nil || got.Text != want) { // rendered by its training variant
			t.Errorf("deepseekv3: %v\n got %q\nwant %q", err, got.Text, want)
		}
		if err != nil || got.Text != want {
			return
		}
		var list []any
		for _, s := range got.Spans {
			list = append(list, []any{int64(s[0]), int64(s[1])})
		}
		if repr(withoutEmpty(append([]any{}, list...))) != repr(withoutEmpty(spans)) {
			c, _ := row.Get("case")
			t.Errorf("%v, case %v: spans %s, want %s", base, c, repr(list), repr(spans))
		}
		same[base]++
	})
	for base, least := range map[string]int{"qwen2_5": 59, "qwen3": 59, "gemma": 20, "llama3": 59, "phi3": 50, "cohere": 20, "deepseekv3": 59} {
		if same[base] < least {
			t.Errorf("%s: only %d chats come out as TRL's", base, same[base])
		}
	}
}

// withoutEmpty drops spans of no text, which mark nothing.
func withoutEmpty(spans any) []any {
	out := []any{}
	list, _ := spans.([]any)
	for _, s := range list {
		if pair, _ := s.([]any); len(pair) == 2 && pair[0] != pair[1] {
			out = append(out, s)
		}
	}
	return out
}

func TestTemplatesOfOurs(t *testing.T) {
	data, err := os.ReadFile("testdata/reasoning_tools.jinja")
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := Parse("reasoning_tools.jinja", string(data))
	if err != nil {
		t.Fatal(err)
	}
	in := chat(t, `[{"role": "system", "content": " be brief "}, {"role": "user", "content": [{"type": "text", "text": "wéather?"}]},
		{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "w", "arguments": {"city": "Köln", "n": 1.0}}}]},
		{"role": "tool", "content": "sun"}, {"role": "tool", "content": "21"}, {"role": "assistant", "content": "Sunny.", "reasoning": " look "}]`)
	got, err := tpl.RenderChat(in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "<sys>be brief</sys>\n<user>wéather?</user>\n" + `<assistant><call>{"name": "w", "arguments": {"city": "Köln", "n": 1.0}}</call></assistant>` +
		"\n<results><result>sun</result><result>21</result></results>\n<assistant><think>look</think>Sunny.</assistant>\n"
	if got.Text != want {
		t.Errorf("got  %q\nwant %q", got.Text, want)
	}
	if spans := said(got); len(spans) != 2 || spans[1] != "<think>look</think>Sunny.</assistant>" {
		t.Errorf("spans %q", spans)
	}
	in.Messages = []any{NewDict(1)}
	if _, err = tpl.RenderChat(in, Limits{}); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("a message without a role: %v", err)
	}
}
