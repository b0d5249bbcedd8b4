package jinja

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// edit puts one text for another at every place in a template.
type edit struct{ old, new string }

// trainingEdits are the changes that make of a known template what TRL 1.16
// trains on in its place with assistant_only_loss, for the templates whose text
// or marks there cannot be derived from renderings: who writes a token differs
// (GLM-4), reasoning is kept (DeepSeek-R1), tool calls take objects
// (DeepSeek-V3), tool results stand inside the assistant's turn (Gemma).
func trainingEdits(source string) []edit {
	sum := sha256.Sum256([]byte(source))
	switch hex.EncodeToString(sum[:8]) {
	case "56a1447ad31926fd": // DeepSeek-R1-Distill
		return append(deepSeekOutputs(),
			edit{`and message['content'] is none %}{%- set ns.is_tool = false -%}`, `and message['content'] is none %}{%- set ns.is_tool = false -%}{%- generation %}`},
			edit{`{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}`, `{%- endfor %}{%- endgeneration %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}`},
			edit{`{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}`, `{% set content = message['content'] %}`})
	case "563b1ce7d61d50a9": // DeepSeek-V3
		return append(deepSeekOutputs(),
			edit{`'tool_calls' in message %}{%- set ns.is_tool = false -%}`, `'tool_calls' in message %}{%- set ns.is_tool = false -%}{%- generation %}`},
			edit{`tool['function']['arguments'] +`, `tool['function']['arguments'] | tojson +`},
			edit{`{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}{%- endif %}`, `{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}{%- endgeneration %}{%- endif %}`})
	case "44f815868bf02fa4": // GLM-4-MoE
		return glmEdits()
	case "9aeb7eac68ad87bb": // DiffusionGemma
		return gemmaEdits()
	case "2c17243a977fd064": // Llava-Next
		return []edit{{`{{ ' ' + message['content'][0]['text'] + '</s> '}}`, `{% generation %}{{ ' ' + message['content'][0]['text'] + '</s>' }}{% endgeneration %}{{ ' ' }}`}}
	case "2147c474f41b522b": // Cohere2
		return []edit{
			{`<|USER_TOKEN|>{{ message['content'] }}{% elif`, `<|USER_TOKEN|>{{ message['content'] }}<|END_OF_TURN_TOKEN|>{% elif`},
			{`<|START_RESPONSE|>{{ message['content'] }}<|END_RESPONSE|>`, `<|START_RESPONSE|>{% generation %}{{ message['content'] }}<|END_RESPONSE|><|END_OF_TURN_TOKEN|>{% endgeneration %}`},
			{`<|SYSTEM_TOKEN|>{{ message['content'] }}{% endif %}<|END_OF_TURN_TOKEN|>{% endfor %}`, `<|SYSTEM_TOKEN|>{{ message['content'] }}<|END_OF_TURN_TOKEN|>{% endif %}{% endfor %}`},
		}
	}
	return nil
}

// deepSeekOutputs mark an answer, after a tool's output or on its own.
func deepSeekOutputs() []edit {
	return []edit{
		{`{{'<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- set ns.is_tool = false -%}`, `{%- generation %}{{'<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- set ns.is_tool = false -%}{%- endgeneration %}`},
		{`{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}`, `{%- generation %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endgeneration %}`},
	}
}

// glmEdits let the assistant write the mark of the role that speaks next, by
// which the model ends its turn; the next message no longer writes it.
func glmEdits() []edit {
	const notAfterAssistant = `loop.first or messages[loop.index0 - 1].role != 'assistant'`
	return []edit{
		{"{%- if m.role == 'user' -%}<|user|>\n{{ visible_text(m.content) }}", "{%- if m.role == 'user' -%}\n{%- if " + notAfterAssistant + " -%}<|user|>{%- endif -%}\n{{ '\\n' + visible_text(m.content) }}"},
		{"<|system|>\n{{ visible_text(m.content) }}", "{%- if " + notAfterAssistant + " -%}<|system|>{%- endif -%}\n{{ '\\n' + visible_text(m.content) }}"},
		{"{%- if loop.index0 > ns.last_user_index and reasoning_content -%}", "{% generation %}\n{%- if loop.index0 > ns.last_user_index and reasoning_content -%}"},
		{"</tool_call>{% endfor %}\n{% endif %}\n", "</tool_call>{% endfor %}<|observation|>\n{%- elif not loop.last and messages[loop.index0 + 1].role == 'system' -%}\n{{- '<|system|>' }}\n{%- else -%}\n{{- '<|user|>' }}\n{%- endif %}\n{% endgeneration %}\n"},
		{"{%- if loop.first or (messages[loop.index0 - 1].role != \"tool\") %}\n    {{- '<|observation|>' }}\n{%- endif %}\n", ""},
		{"<|observation|>{% for tr in m.content %}", "{{- '<|observation|>' if " + notAfterAssistant + " }}{% for tr in m.content %}"},
	}
}

// gemmaEdits mark the parts of a model's turn that are not a tool's response.
func gemmaEdits() []edit {
	return []edit{
		{`{{- '<|channel>thought\n' + thinking_text + '\n<channel|>' -}}`, `{%- generation %}{{- '<|channel>thought\n' + thinking_text + '\n<channel|>' -}}{%- endgeneration %}`},
		{"{%- if message.get('tool_calls') -%}\n                {%- for tool_call in message.get('tool_calls') -%}", "{%- if message.get('tool_calls') -%}\n                {%- generation %}{%- for tool_call in message.get('tool_calls') -%}"},
		{"{%- set ns.prev_message_type = 'tool_call' -%}", "{%- endgeneration %}{%- set ns.prev_message_type = 'tool_call' -%}"},
		{`{{- captured_content -}}`, `{%- if role == 'model' -%}{%- generation %}{{- captured_content -}}{%- endgeneration %}{%- else -%}{{- captured_content -}}{%- endif -%}`},
		{`{{- '<turn|>\n' -}}`, `{%- if role == 'model' -%}{%- generation %}{{- '<turn|>\n' -}}{%- endgeneration %}{%- else -%}{{- '<turn|>\n' -}}{%- endif -%}`},
	}
}

// trainingVariant is source with its training edits; false where it is no known
// template.
func trainingVariant(source string) (string, bool) {
	edits := trainingEdits(source)
	for _, e := range edits {
		source = strings.ReplaceAll(source, e.old, e.new)
	}
	return source, len(edits) > 0
}
