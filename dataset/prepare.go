package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"sftui/dataset/jinja"
)

// Preparer turns the raw rows of a data set into ids and labels, exactly as
// TRL's SFTTrainer prepares them. Its methods may be called from several
// goroutines at once.
type Preparer struct {
	src     Source
	tok     *Tokenizer
	o       Options
	shape   Shape
	plan    plan
	chat    *chat
	format  *formatter
	encoder *encoder
	eos     string
	pad     int32
	vocab   int // number of ids that the model knows; 0 when unknown
}

// plan is what the first row decides for all rows.
type plan struct {
	pretokenized   bool
	hasLabels      bool
	masks          []string // mask columns folded into the labels
	fromValue      bool     // from and value are renamed
	conversations  bool     // the column conversations has role and content
	addEOS         bool     // strings get the end-of-sequence token
	completionOnly bool
	prompted       bool // rows have prompt and completion
}

// NewPreparer makes a Preparer for the rows of src under options o. It judges
// the shape of the data by the first row; the error says in one sentence what
// cannot work and what would.
func NewPreparer(src Source, tok *Tokenizer, o Options) (*Preparer, error) {
	o = o.normalized()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if src.Len() == 0 {
		return nil, fmt.Errorf("%s has no rows: there is nothing to train on", src.Name())
	}
	first, err := firstRow(src)
	if err != nil {
		return nil, err
	}
	if err := checkMapping(o, first.Keys()); err != nil {
		return nil, fmt.Errorf("%s: %w", src.Name(), err)
	}
	p := &Preparer{src: src, tok: tok, o: o, shape: DetectShape(first, o)}
	if !p.shape.Usable {
		return nil, fmt.Errorf("%s: %s", src.Location(0), p.shape.Problem)
	}
	p.shape.Notes = append(p.shape.Notes, readerNotes(src, p.shape.Columns)...)
	if note := tok.Note(); note != "" {
		p.shape.Notes = append(p.shape.Notes, note)
	}
	if err := p.readTokens(); err != nil {
		return nil, err
	}
	mapped := mapColumns(first, o)
	if err := p.decide(mapped); err != nil {
		return nil, fmt.Errorf("%s: %w", src.Name(), err)
	}
	if p.plan.pretokenized {
		p.vocab = vocabulary(tok)
	} else if p.format, err = newFormatter(o.Formatting, mapped.Keys()); err != nil {
		return nil, err
	}
	p.encoder = newEncoder(tok)
	return p, p.checkTemplate()
}

// firstRow is the first row with the columns it lacks as null, as datasets has it.
func firstRow(src Source) (Row, error) {
	first, err := src.At(0)
	if err != nil {
		return nil, err
	}
	row := first.Clone()
	for _, column := range src.Columns() {
		if _, ok := row.Get(column); !ok {
			row.Set(column, nil)
		}
	}
	return row, nil
}

// readTokens settles the end-of-sequence and padding tokens and the chat template.
func (p *Preparer) readTokens() error {
	specials := p.o.specials(p.tok)
	if p.o.EOSToken != "" {
		if _, ok := p.tok.TokenID(p.o.EOSToken); !ok {
			return fmt.Errorf("eos_token %q is not in the tokenizer's vocabulary (%s): use one of its tokens", p.o.EOSToken, p.tok.Name())
		}
	}
	pad := specials["pad_token"]
	if pad == "" {
		return fmt.Errorf("the tokenizer (%s) has neither a pad_token nor an eos_token: set pad_token", p.tok.Name())
	}
	id, ok := p.tok.TokenID(pad)
	if !ok {
		return fmt.Errorf("pad_token %q is not in the tokenizer's vocabulary (%s): use one of its tokens", pad, p.tok.Name())
	}
	p.eos, p.pad = specials["eos_token"], id
	var err error
	p.chat, err = newChat(p.tok, specials, p.o)
	return err
}

// specials are the tokenizer's special tokens by role, with the end and padding that o chooses; an end is also the padding
// where there is none.
func (o Options) specials(tok *Tokenizer) map[string]string {
	specials := tok.SpecialTokens()
	if o.EOSToken != "" {
		specials["eos_token"] = o.EOSToken
	}
	if pad := cmp.Or(o.PADToken, specials["pad_token"], specials["eos_token"]); pad != "" {
		specials["pad_token"] = pad
	}
	return specials
}

// decide makes the plan from the first row (mapped) and refuses options that
// do not fit the data.
func (p *Preparer) decide(first Row) error {
	o := p.o
	p.plan.completionOnly = has(first, "prompt") && has(first, "completion")
	if o.CompletionOnlyLoss != nil {
		p.plan.completionOnly = *o.CompletionOnlyLoss
	}
	if o.AssistantOnlyLoss && (!p.shape.Conversational || isFromValue(first)) {
		return fmt.Errorf("assistant_only_loss needs rows of messages with role and content, but the data is %s%s: set assistant_only_loss to false%s",
			p.shape.Name, fromValueWord(first), fromValueHint(first))
	}
	if p.shape.Name == ShapePretokenized {
		return p.decidePretokenized(first)
	}
	if o.SkipPrepare {
		return fmt.Errorf("skip_prepare_dataset needs rows with input_ids, but the data is %s: remove skip_prepare_dataset", p.shape.Name)
	}
	if o.Formatting != "" && p.plan.completionOnly {
		return fmt.Errorf("a formatting template makes one text of each row, so completion_only_loss cannot tell prompt from completion: set completion_only_loss to false, or remove the template")
	}
	p.plan.fromValue = isFromValue(first)
	p.plan.conversations = p.shape.Name == ShapeMessages && !p.plan.fromValue && !has(first, "messages")
	p.plan.prompted = p.shape.Name == ShapePromptCompletion || p.shape.Name == ShapeUnpaired
	p.plan.addEOS = !p.shape.Conversational
	if p.plan.addEOS && p.eos == "" {
		return fmt.Errorf("the tokenizer (%s) has no eos_token, which every text must end with: set eos_token", p.tok.Name())
	}
	return nil
}

func fromValueWord(first Row) string {
	if isFromValue(first) {
		return " with from and value"
	}
	return ""
}

func fromValueHint(first Row) string {
	if isFromValue(first) {
		return ", or rename the keys from and value to role and content"
	}
	return ""
}

// checkTemplate refuses data that a missing or unsuited template cannot
// render, before any row is asked for.
func (p *Preparer) checkTemplate() error {
	if !p.shape.Conversational || p.plan.pretokenized {
		return nil
	}
	_, err := p.chat.choose("", false)
	return err
}

// Shape says what kind of data was found.
func (p *Preparer) Shape() Shape { return p.shape }

// Source is where the raw rows come from.
func (p *Preparer) Source() Source { return p.src }

// Options are the options in force, defaults filled in.
func (p *Preparer) Options() Options { return p.o }

// PadID is the id that batches are padded with.
func (p *Preparer) PadID() int32 { return p.pad }

// EOS is the end-of-sequence token in force; "" when there is none.
func (p *Preparer) EOS() string { return p.eos }

// CompletionOnly says whether loss falls on completions alone.
func (p *Preparer) CompletionOnly() bool { return p.plan.completionOnly }

// PaddingFree says whether batches are one long row with restarting position ids.
func (p *Preparer) PaddingFree() bool { return p.o.paddingFree() }

// preparationRules is raised when the same rows and options come out otherwise
// than before, so that what an older sftui stored is not taken for them.
const preparationRules = 2

// Fingerprint identifies everything that the prepared rows depend on, besides
// the contents of the data: tokenizer, template, options, and the rules here.
func (p *Preparer) Fingerprint() string {
	o := p.o
	h := sha256.New()
	fmt.Fprintf(h, "rules %d\n%q\n", preparationRules, o.PADToken)
	fmt.Fprintf(h, "%s\n%q\n%q\n%q\n", p.tok.Fingerprint(), p.chat.source, p.eos, p.o.Formatting)
	fmt.Fprintf(h, "%d %s %s %t %s %t %t %t %q %t\n", o.MaxLength, o.LongRows, o.TruncationMode, o.Packing, o.PackingStrategy,
		o.paddingFree(), p.plan.completionOnly, o.AssistantOnlyLoss, o.TextField, o.SkipPrepare)
	for _, role := range sortedKeys(o.Columns) {
		fmt.Fprintf(h, "%q=%q\n", role, o.Columns[role])
	}
	if o.TemplateKwargs.Len() > 0 {
		fmt.Fprintln(h, jinja.EncodeJSON(o.TemplateKwargs, jinja.JSONOptions{}))
	}
	if strings.Contains(p.chat.source, "strftime_now") {
		fmt.Fprintln(h, o.Now.Format("2006-01-02 15:04:05"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Row prepares raw row i through all stages up to truncation; packing is
// All's. A row that TRL leaves out comes back with Dropped set.
func (p *Preparer) Row(i int) (Example, error) {
	w, err := p.work(i, false)
	if err != nil {
		return Example{}, err
	}
	return w.example, nil
}

// work is a row on its way through the stages.
type work struct {
	raw, mapped, formatted, converted Row // each the one before when a stage has nothing to do
	text                              string
	hasText                           bool
	prompt                            string // rendered alone, for prompt + completion
	hasPrompt                         bool
	promptTokens, sharedTokens        int      // of the prompt alone, and of them those that begin the whole
	spans                             [][2]int // characters that the assistant generates
	offsets                           [][2]int // asked for, or needed for spans
	ids, labels                       []int32  // before truncation
	masks                             []string // what was folded into the labels
	example                           Example
}

// work prepares row i; with offsets it also finds the tokens' characters.
func (p *Preparer) work(i int, offsets bool) (*work, error) {
	raw, err := p.src.At(i)
	if err != nil {
		return nil, err
	}
	w := &work{raw: raw}
	if err := p.prepare(w, offsets); err != nil {
		return nil, fmt.Errorf("%s: %w", p.src.Location(i), err)
	}
	w.example.Row = i
	return w, nil
}

func (p *Preparer) prepare(w *work, offsets bool) error {
	w.mapped = mapColumns(w.raw, p.o)
	w.formatted, w.converted = w.mapped, w.mapped
	if p.plan.pretokenized {
		if err := p.takeIDs(w); err != nil {
			return err
		}
	} else {
		if err := p.convert(w); err != nil {
			return err
		}
		if err := p.render(w); err != nil {
			return err
		}
		if err := p.encode(w, offsets); err != nil {
			return err
		}
	}
	p.finish(w)
	return nil
}

// convert applies the formatting template and renames columns and keys.
func (p *Preparer) convert(w *work) error {
	w.formatted = w.mapped
	if p.format != nil {
		var err error
		if w.formatted, err = p.format.apply(w.mapped); err != nil {
			return err
		}
	}
	w.converted = w.formatted
	if err := p.checkSameShape(w.formatted); err != nil {
		return err
	}
	if p.plan.fromValue {
		w.converted = convertFromValue(w.formatted)
	} else if p.plan.conversations {
		value, _ := w.formatted.Get("conversations")
		w.converted = w.formatted.Clone()
		w.converted.Delete("conversations")
		w.converted.Set("messages", value)
	}
	if p.plan.addEOS {
		return p.appendEOS(w)
	}
	return nil
}

// checkSameShape refuses a row with a column that would have made the first
// row's shape another one: it would be left out silently.
func (p *Preparer) checkSameShape(row Row) error {
	for _, column := range []string{"input_ids", "prompt"} {
		if has(row, column) && (column != "prompt" || !p.plan.prompted) {
			return p.otherShape(column)
		}
	}
	if p.shape.Name == ShapeText && !has(row, p.o.TextField) {
		for _, column := range []string{"messages", "conversations", "completion", "chosen"} {
			if has(row, column) {
				return p.otherShape(column)
			}
		}
	}
	return nil
}

func (p *Preparer) otherShape(column string) error {
	return fmt.Errorf("the row has %s, but the first row has none and decides how all rows are read (%s): put rows of one kind into one file", column, p.shape.Name)
}

// appendEOS ends the text with the end-of-sequence token, or the completion
// where there is no text or the text ends with it already.
func (p *Preparer) appendEOS(w *work) error {
	for _, column := range []string{p.o.TextField, "completion"} {
		if !has(w.converted, column) {
			continue
		}
		text, err := stringColumn(w.converted, column)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(text, p.eos) {
			row := w.converted.Clone()
			row.Set(column, text+p.eos)
			w.converted = row
			return nil
		}
	}
	return nil
}

// limit applies max_length: it truncates the row, and drops one that is left
// without loss, or that is too long where long rows are dropped. A row that is
// to be split stays whole here; All cuts it.
func (p *Preparer) limit(w *work) {
	e, o := &w.example, p.o
	if o.MaxLength == 0 || o.SkipPrepare {
		return
	}
	if o.LongRows == LongDrop && len(w.ids) > o.MaxLength {
		e.Dropped = fmt.Sprintf("the row has %d tokens, more than max_length=%d, and long_rows=drop leaves such rows out", len(w.ids), o.MaxLength)
		return
	}
	if o.Packing {
		return
	}
	if !o.splits() {
		e.InputIDs, e.Labels = truncate(w.ids, w.labels, o.MaxLength, o.TruncationMode)
	}
	if !anyTrained(e.Labels) {
		e.Dropped = o.dropReason(len(w.ids), trained(w.labels))
	}
}

// finish fills in what the stages made of the row.
func (p *Preparer) finish(w *work) {
	e := &w.example
	e.FullLength = len(w.ids)
	e.InputIDs, e.Labels = w.ids, w.labels
	if w.hasText {
		text := w.text
		e.Text = &text
	}
	e.PromptTokens, e.SharedTokens = w.promptTokens, w.sharedTokens
	p.limit(w)
	if p.o.paddingFree() {
		e.PositionIDs = positionIDs(len(e.InputIDs), e.SeqLengths)
	}
}
