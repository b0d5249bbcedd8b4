package dataset

import "sftui/dataset/jinja"

// Prompter turns messages into the ids that a model is to answer, by the chat
// template, the variables and the special tokens of the rows that it trains on.
type Prompter struct {
	tok  *Tokenizer
	chat *chat
}

// NewPrompter parses the chat template that o or the tokenizer gives, if any.
func NewPrompter(tok *Tokenizer, o Options) (*Prompter, error) {
	c, err := newChat(tok, o.specials(tok), o)
	if err != nil {
		return nil, err
	}
	return &Prompter{tok, c}, nil
}

// Chats reports whether there is a chat template, without which only texts can be continued.
func (p *Prompter) Chats() bool { return p.chat.main != nil }

// Text returns the ids of a text that is continued as it is.
func (p *Prompter) Text(text string) ([]int32, error) { return p.tok.EncodeSpecial(text) }

// Row is a raw row with its columns and keys renamed as for training: conversations becomes messages, from and value
// become role and content. The row given is not changed.
func (p *Prompter) Row(raw Row) Row {
	row := mapColumns(raw, p.chat.options)
	value, ok := row.Get("conversations")
	switch {
	case isFromValue(row):
		return convertFromValue(row)
	case !ok || has(row, "messages"):
		return row
	}
	row = row.Clone()
	row.Set("messages", value)
	return row
}

// Messages returns the ids of messages with the beginning of an answer. row is
// the one that they are from, whose tools and chat_template_kwargs count; nil for none.
func (p *Prompter) Messages(row Row, messages []any) ([]int32, error) {
	if row == nil {
		row = jinja.NewDict(0)
	}
	r, err := p.chat.request(row)
	if err != nil {
		return nil, err
	}
	r.input.ContinueFinalMessage = false // which a row may ask for with its answer
	out, err := p.chat.render(r, messages, true, false)
	if err != nil {
		return nil, err
	}
	return p.tok.Encode(out.Text)
}
