package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Cloned is a model's tokenizer that took over the chat template, the
// end-of-sequence token and the added tokens of another, as TRL's
// clone_chat_template does for chat_template_path.
type Cloned struct {
	*Tokenizer
	// Added are the tokens that the model's tokenizer lacked, with their ids.
	Added []ClonedToken
	// Rows is the number of rows that the model's embedding has from then on:
	// the tokens rounded up to a multiple of 64, each with a token to it.
	Rows int
	// Wanted is how many of Added are the other tokenizer's; the others only
	// fill the rows up: <extra_id_0>, <extra_id_1> …
	Wanted int
}

// ClonedToken is a token that was added, and its id.
type ClonedToken struct {
	Content string
	ID      int32
}

// clonedMultiple is clone_chat_template's resize_to_multiple_of.
const clonedMultiple = 64

// OpenCloned opens the tokenizer of the model folder dir with what it takes
// over from the tokenizer of the folder source. The error says which of the two
// cannot be used.
func OpenCloned(dir, source string) (*Cloned, error) {
	from, err := OpenTokenizer(source)
	if err != nil {
		return nil, fmt.Errorf("chat_template_path: %w", err)
	}
	defer from.Close() //nolint:errcheck // only read from
	c := &Cloned{}
	c.Tokenizer, err = openTokenizer(dir, func(t *Tokenizer) { c.grow(t, from) })
	if err != nil {
		return nil, err
	}
	// Holes in the ids would put the last tokens behind the embedding's end.
	for _, a := range c.added {
		if int(a.ID) >= c.Rows {
			return nil, errors.Join(fmt.Errorf("chat_template_path: %s has holes in its ids, so that its token %q (%d) has no row in the embedding of %d rows that TRL makes of it: name a template file (.jinja) instead",
				c.Name(), a.Content, a.ID, c.Rows), c.Close())
		}
	}
	c.rows = c.Rows
	return c, nil
}

// grow adds what t lacks of from, and then tokens that fill the rows up.
func (c *Cloned) grow(t, from *Tokenizer) {
	t.loadVocab()
	g := &growth{t: t, known: make(map[string]bool, len(t.vocab)+len(t.added)), next: int32(len(t.vocab))}
	for piece := range t.vocab {
		g.known[piece] = true
	}
	for _, a := range t.added {
		g.known[a.Content] = true
		g.next = max(g.next, a.ID+1)
	}
	wanted := slices.Clone(from.added)
	slices.SortFunc(wanted, func(a, b addedToken) int { return int(a.ID) - int(b.ID) })
	for _, token := range wanted {
		if !g.known[token.Content] {
			c.Added = append(c.Added, g.add(token))
		}
	}
	c.Wanted = len(c.Added)
	c.Rows = roundUp(len(g.known), clonedMultiple)
	for i := 0; len(g.known) < c.Rows; i++ {
		token := addedToken{Content: fmt.Sprintf("<extra_id_%d>", i), Normalized: true}
		if slices.ContainsFunc(t.added, func(a addedToken) bool { return a.Content == token.Content }) {
			continue
		}
		c.Added = append(c.Added, g.add(token))
	}
	if eos, ok := from.specials["eos_token"]; ok {
		t.specials["eos_token"] = eos
	}
	t.template, t.templates = from.template, nil
	if len(c.Added) > 0 {
		t.cloneNote = c.describe()
	}
}

// describe says in one sentence what became of the tokenizer.
func (c *Cloned) describe() string {
	var names []string
	for _, token := range c.Added[:min(c.Wanted, maxNamedTokens)] {
		names = append(names, token.Content)
	}
	more := ""
	if rest := c.Wanted - len(names); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	filling := len(c.Added) - c.Wanted
	if c.Wanted == 0 {
		return fmt.Sprintf("chat_template_path fills the embedding up to %d rows with %d tokens <extra_id_…>, as TRL does", c.Rows, filling)
	}
	return fmt.Sprintf("chat_template_path adds the tokens %s%s, and %d <extra_id_…> that fill the embedding up to %d rows, as TRL does: their embeddings begin at the mean of the others and are learned",
		strings.Join(names, ", "), more, filling, c.Rows)
}

// maxNamedTokens bounds the tokens that one sentence names.
const maxNamedTokens = 5

// growth gives ids to tokens as the tokenizers library does.
type growth struct {
	t     *Tokenizer
	known map[string]bool // every token by its spelling, each once
	next  int32           // id of the next token that has none
}

// add makes a token an added one. One that the vocabulary has keeps its id.
func (g *growth) add(token addedToken) ClonedToken {
	id, ok := g.t.vocab[token.Content]
	if !ok {
		id = g.next
		g.next++
	}
	token.ID = id
	g.known[token.Content] = true
	g.t.added = append(g.t.added, token)
	return ClonedToken{token.Content, id}
}

// AddedTokensDecoder is the tokenizer's entry of that name in
// tokenizer_config.json: by id, every added token with its flags. Some of
// transformers' classes believe it over tokenizer.json.
func (c *Cloned) AddedTokensDecoder() (json.RawMessage, error) {
	byID := map[int32]map[string]any{}
	for _, a := range c.added {
		byID[a.ID] = map[string]any{
			"content": a.Content, "lstrip": a.LStrip, "normalized": a.Normalized, "rstrip": a.RStrip, "single_word": a.SingleWord, "special": a.Special,
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(byID)
	return bytes.TrimSpace(out.Bytes()), err
}

// JSON is the text of the cloned tokenizer's tokenizer.json.
func (c *Cloned) JSON() []byte { return c.effective }
