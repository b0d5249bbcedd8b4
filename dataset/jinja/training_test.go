package jinja

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trainingChats are chats that a training variant writes otherwise than its template.
var trainingChats = []string{
	`[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]`,
	`[{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "<think>\nwhy\n</think>\n\na"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b", "reasoning_content": "so"}]`,
	`[{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}, {"type": "function", "function": {"name": "g", "arguments": {}}}]}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "r"}]`,
	`[{"role": "user", "content": "q"}, {"role": "assistant", "content": "<|im_end|>"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]`,
	`[{"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}, {"role": "user", "content": [{"type": "text", "text": "r"}]}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]`,
}

// TestTrainingVariants compares the text and the spans of every template that
// TRL has a training variant of with that variant's. The templates are their
// vendors', so they are read from the folder SFTUI_CHAT_TEMPLATES
// (trl/chat_templates of an installed TRL 1.16).
func TestTrainingVariants(t *testing.T) {
	dir := os.Getenv("SFTUI_CHAT_TEMPLATES")
	if dir == "" {
		t.Skip("SFTUI_CHAT_TEMPLATES is not set")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*_training.jinja"))
	if err != nil || len(paths) < 30 {
		t.Fatal(len(paths), err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, "_training.jinja") + ".jinja"
		t.Run(filepath.Base(base), func(t *testing.T) {
			own, training := parseFile(t, base), parseFile(t, path)
			same := 0
			for _, messages := range trainingChats {
				in := chat(t, messages)
				in.Kwargs = NewDict(2)
				in.Kwargs.Set("bos_token", "<s>")
				in.Kwargs.Set("eos_token", "</s>")
				want, refused := training.RenderChat(in, Limits{})
				if refused != nil {
					continue
				}
				got, err := own.AssistantSpans(in, Limits{})
				if err != nil || got.Text != want.Text || coverage(got) != coverage(want) {
					t.Errorf("%s\n got %q %q, %v\nwant %q %q", messages, got.Text, said(got), err, want.Text, said(want))
				}
				same++
			}
			if same == 0 {
				t.Error("no chat was compared")
			}
		})
	}
}

func parseFile(t *testing.T, path string) *Template {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := Parse("", string(data))
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// coverage is a mask of the code points that lie in a span.
func coverage(r Rendered) string {
	mask := make([]byte, runeCount(r.Text))
	for i := range mask {
		mask[i] = '.'
	}
	for _, s := range r.Spans {
		for i := s[0]; i < s[1]; i++ {
			mask[i] = 'x'
		}
	}
	return string(mask)
}
