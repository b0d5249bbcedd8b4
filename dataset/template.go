package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sftui/dataset/jinja"
)

// chat renders lists of messages with a model's chat template.
type chat struct {
	main     *jinja.Template // nil when there is none
	tools    *jinja.Template // the template named tool_use, for rows with tools; nil when there is none
	source   string          // of main
	override bool            // the template came from the options, so that tool_use is not asked
	specials *jinja.Dict     // bos_token, eos_token, … as template variables
	options  Options

	mu   sync.Mutex
	more map[string]*jinja.Template // templates that rows bring along, by source
}

// newChat parses the template that the options or the tokenizer give.
func newChat(tok *Tokenizer, specials map[string]string, o Options) (*chat, error) {
	c := &chat{source: tok.ChatTemplate(), options: o, specials: jinja.NewDict(len(specials)), more: map[string]*jinja.Template{}}
	for _, name := range sortedKeys(specials) {
		c.specials.Set(name, specials[name])
	}
	name := "chat template of " + tok.Name()
	if o.ChatTemplate != "" {
		c.source, c.override, name = o.ChatTemplate, true, "chat template"
	}
	var err error
	if c.source != "" {
		if c.main, err = jinja.Parse(name, c.source); err != nil {
			return nil, fmt.Errorf("the chat template does not parse: %w", err)
		}
	}
	if toolUse := tok.NamedChatTemplates()["tool_use"]; toolUse != "" && !c.override {
		if c.tools, err = jinja.Parse(name+" (tool_use)", toolUse); err != nil {
			return nil, fmt.Errorf("the chat template tool_use does not parse: %w", err)
		}
	}
	return c, nil
}

// request is what a row brings for rendering, besides its messages.
type request struct {
	template *jinja.Template
	input    jinja.ChatInput // everything but Messages
	prompted bool            // the row's chat_template_kwargs set add_generation_prompt or continue_final_message
}

// reservedKwargs are arguments of transformers' apply_chat_template that are
// the tokenizer's, not the template's.
var reservedKwargs = []string{"conversation", "tokenize", "padding", "truncation", "max_length", "return_tensors",
	"return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "sanitize_control_tokens"}

// request reads tools and chat_template_kwargs of a row.
func (c *chat) request(row Row) (request, error) {
	r := request{}
	tools, err := readTools(row)
	if err != nil {
		return r, err
	}
	kwargs := c.specials.Clone()
	for _, key := range c.options.TemplateKwargs.Keys() {
		value, _ := c.options.TemplateKwargs.Get(key)
		kwargs.Set(key, value)
	}
	r.input = jinja.ChatInput{Now: c.options.Now}
	template := ""
	if value, ok := row.Get("chat_template_kwargs"); ok {
		own, ok := value.(Row)
		if !ok {
			return r, fmt.Errorf("chat_template_kwargs is %s, but it must be an object: give the row {}, or remove the column", valueKind(value))
		}
		for _, key := range own.Keys() {
			value, _ := own.Get(key)
			switch {
			case key == "tools":
				tools = value
			case key == "documents":
				r.input.Documents = value
			case key == "chat_template":
				template, _ = value.(string)
			case key == "add_generation_prompt":
				r.input.AddGenerationPrompt, _ = value.(bool)
				r.prompted = true
			case key == "continue_final_message":
				r.input.ContinueFinalMessage, _ = value.(bool)
				r.prompted = true
			case slices.Contains(reservedKwargs, key):
				return r, fmt.Errorf("chat_template_kwargs has %s, which is no variable of the template: remove it", key)
			default:
				kwargs.Set(key, value)
			}
		}
	}
	if err := checkTools(tools); err != nil {
		return r, err
	}
	r.input.Tools, r.input.Kwargs = tools, kwargs
	r.template, err = c.choose(template, tools != nil)
	return r, err
}

// choose picks the template of a row: its own, the one for tools, or the main one.
func (c *chat) choose(own string, tools bool) (*jinja.Template, error) {
	switch {
	case own != "":
		return c.parsed(own)
	case tools && c.tools != nil:
		return c.tools, nil
	case c.main == nil:
		return nil, fmt.Errorf("the rows are conversations, but the tokenizer has no chat template: set chat_template_path or chat_template, or use an instruction-tuned model's tokenizer")
	}
	return c.main, nil
}

// parsed parses a template that a row brings along, once.
func (c *chat) parsed(source string) (*jinja.Template, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if template := c.more[source]; template != nil {
		return template, nil
	}
	template, err := jinja.Parse("chat_template_kwargs.chat_template", source)
	if err != nil {
		return nil, fmt.Errorf("chat_template_kwargs.chat_template does not parse: %w", err)
	}
	c.more[source] = template
	return template, nil
}

// render writes messages as text; with spans it also finds the characters
// that the assistant generates.
func (c *chat) render(r request, messages []any, generationPrompt, spans bool) (jinja.Rendered, error) {
	in := r.input
	in.Messages = messages
	if generationPrompt {
		in.AddGenerationPrompt = true
	}
	var out jinja.Rendered
	var err error
	if spans {
		out, err = r.template.AssistantSpans(in, jinja.Limits{})
	} else {
		out, err = r.template.RenderChat(in, jinja.Limits{})
	}
	var refusal *jinja.Error
	if errors.As(err, &refusal) && refusal.Kind == jinja.KindUnmarked {
		return out, fmt.Errorf("assistant_only_loss: %w", err)
	}
	if err != nil {
		return out, fmt.Errorf("the chat template refuses the messages%s: %w", diagnose(messages), err)
	}
	return out, nil
}

// diagnose names what is unusual in messages that a template refuses.
func diagnose(messages []any) string {
	known := []string{"system", "user", "assistant", "tool", "developer"}
	for i, entry := range messages {
		message, ok := entry.(Row)
		if !ok {
			continue
		}
		role, _ := message.Get("role")
		content, hasContent := message.Get("content")
		switch {
		case role == nil:
			return fmt.Sprintf(" (message %d has no role)", i+1)
		case content == nil && hasContent && !has(message, "tool_calls"):
			return fmt.Sprintf(" (message %d, %v, has null content)", i+1, role)
		case !hasContent && !has(message, "tool_calls"):
			return fmt.Sprintf(" (message %d, %v, has no content)", i+1, role)
		case !slices.Contains(known, fmt.Sprint(role)):
			return fmt.Sprintf(" (message %d has the unknown role %q)", i+1, fmt.Sprint(role))
		}
		switch content.(type) {
		case nil, string, []any:
		default:
			return fmt.Sprintf(" (message %d, %v: its content is %s, not text)", i+1, role, valueKind(content))
		}
		if _, parts := content.([]any); parts {
			return fmt.Sprintf(" (message %d, %v, has its content in parts, which this template may not take)", i+1, role)
		}
	}
	return fmt.Sprintf(" (roles: %s)", strings.Join(roleOrder(messages), ", "))
}

// roleOrder are the roles of messages, the first twelve of them.
func roleOrder(messages []any) []string {
	var roles []string
	for i, entry := range messages {
		if i == 12 {
			return append(roles, "…")
		}
		if message, ok := entry.(Row); ok {
			role, _ := message.Get("role")
			roles = append(roles, fmt.Sprint(role))
		}
	}
	return roles
}

// readTools is a row's tools column: a list, or a string of JSON.
func readTools(row Row) (any, error) {
	value, _ := row.Get("tools")
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	decoded, err := jinja.DecodeJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("tools is a string but not JSON: %w; give a list of tool schemas", err)
	}
	return decoded, nil
}

// checkTools refuses tools that are no JSON schemas.
func checkTools(tools any) error {
	if tools == nil {
		return nil
	}
	list, ok := tools.([]any)
	if !ok {
		return fmt.Errorf("tools is %s, but it must be a list of tool schemas, or a string with one in JSON", valueKind(tools))
	}
	for i, tool := range list {
		if _, ok := tool.(Row); !ok {
			return fmt.Errorf("tools[%d] is %s, but a tool must be an object (a JSON schema)", i, valueKind(tool))
		}
	}
	return nil
}
