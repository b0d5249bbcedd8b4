package engine

import (
	"strings"
	"testing"
)

const chatML = `{% if messages[0]['role'] != 'system' %}<|im_start|>system
You are a test.<|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m['role'] }}
{{ m['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

// TestOllamaModelfile checks which templates become Ollama's, and that those that would not give the same text do not.
func TestOllamaModelfile(t *testing.T) {
	specials := map[string]string{"bos_token": "<s>", "eos_token": "<|im_end|>"}
	for _, c := range []struct {
		name, source string
		begin        string
		want         []string
	}{
		{"roles with a default system message", chatML, "", []string{
			"{{ if not .System }}<|im_start|>system\nYou are a test.<|im_end|>\n{{ end }}",
			"{{ else if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n",
			"{{ end }}{{ end }}<|im_start|>assistant\n\"\"\"", "PARAMETER stop \"<|im_end|>\"\n",
		}},
		{"a begin token, which llama.cpp adds", "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}", "<s>",
			[]string{"TEMPLATE \"\"\"{{ range .Messages }}{{ if eq .Role \"system\" }}[system]{{ .Content }}\n"}},
		{"quotes and braces", `{% for m in messages %}{{ '{{"' + m.role + '"}}' + m.content + "\n" }}{% endfor %}{% if add_generation_prompt %}{{ '{{"a"}}' }}{% endif %}`, "",
			[]string{`{{ "{{\"user\"}}" }}{{ .Content }}`}},
		{"the system message in the last question", `{% for m in messages %}{% if m.role == 'user' %}[INST] {% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }} {% endif %}{{ m.content }} [/INST]{% elif m.role == 'assistant' %}{{ m.content }}</s>{% endif %}{% endfor %}`, "",
			[]string{"# No TEMPLATE: "}},
		{"answers changed", `{% for m in messages %}[{{ m.role }}]{{ m.content | replace('b', '') }}
{% endfor %}`, "", []string{"# No TEMPLATE: "}},
		{"a date", "{{ strftime_now('%Y') }}" + chatML, "", []string{"# No TEMPLATE: the chat template writes today's date"}},
		{"none", "", "", []string{`TEMPLATE """{{ .Prompt }}"""`}},
	} {
		got := ollamaModelfile(c.source, specials, c.begin)
		for _, want := range append(c.want, "FROM ./model.gguf\n") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the Modelfile lacks %q:\n%s", c.name, want, got)
			}
		}
	}
}
