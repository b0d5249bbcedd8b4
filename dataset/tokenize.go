package dataset

import (
	"fmt"

	"sftui/dataset/jinja"
)

// render makes the text of a converted row: by the chat template for a
// conversation, else it is there already.
func (p *Preparer) render(w *work) error {
	w.hasText = true
	switch {
	case p.plan.prompted && p.shape.Conversational:
		return p.renderPrompted(w)
	case p.plan.prompted:
		prompt, err := stringColumn(w.converted, "prompt")
		if err != nil {
			return err
		}
		completion, err := stringColumn(w.converted, "completion")
		w.prompt, w.hasPrompt, w.text = prompt, true, prompt+completion
		return err
	case p.shape.Conversational:
		messages, err := messageColumn(w.converted, "messages", false)
		if err != nil {
			return err
		}
		r, err := p.chat.request(w.converted)
		if err != nil {
			return err
		}
		rendered, err := p.chat.render(r, messages, false, p.o.AssistantOnlyLoss)
		w.text, w.spans = rendered.Text, rendered.Spans
		return err
	}
	var err error
	w.text, err = stringColumn(w.converted, p.o.TextField)
	return err
}

// renderPrompted renders prompt and completion: the prompt alone with the
// beginning of an answer, and both together without.
func (p *Preparer) renderPrompted(w *work) error {
	prompt, err := messageColumn(w.converted, "prompt", false)
	if err != nil {
		return err
	}
	completion, err := messageColumn(w.converted, "completion", true)
	if err != nil {
		return err
	}
	r, err := p.chat.request(w.converted)
	if err != nil {
		return err
	}
	if r.prompted {
		return fmt.Errorf("chat_template_kwargs sets add_generation_prompt or continue_final_message, which prompt and completion decide already: remove it")
	}
	alone, err := p.chat.render(r, prompt, true, p.o.AssistantOnlyLoss) // by the template that renders both, marks or not
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	both := make([]any, 0, len(prompt)+len(completion))
	rendered, err := p.chat.render(r, append(append(both, prompt...), completion...), false, p.o.AssistantOnlyLoss)
	w.prompt, w.hasPrompt = alone.Text, true
	w.text, w.spans = rendered.Text, rendered.Spans
	return err
}

// encode makes the ids and labels of a rendered row. Strings get the special
// tokens that the tokenizer adds to a text; a chat template writes its own.
func (p *Preparer) encode(w *work, offsets bool) error {
	special := !p.shape.Conversational
	var err error
	switch {
	case offsets || p.o.AssistantOnlyLoss:
		if w.ids, w.offsets, err = p.tok.EncodeOffsets(w.text, special); err == nil && w.hasPrompt {
			w.sharedTokens, w.promptTokens, err = p.encoder.shared(w.prompt, w.ids, special)
		}
	case w.hasPrompt && special:
		if w.ids, err = p.tok.EncodeSpecial(w.text); err == nil {
			w.sharedTokens, w.promptTokens, err = p.encoder.shared(w.prompt, w.ids, special)
		}
	case w.hasPrompt:
		w.ids, w.sharedTokens, w.promptTokens, err = p.encoder.pair(w.prompt, w.text)
	case special:
		w.ids, err = p.tok.EncodeSpecial(w.text)
	default:
		w.ids, err = p.tok.Encode(w.text)
	}
	if err != nil {
		return err
	}
	return p.label(w)
}

// label folds the masks that apply into the labels.
func (p *Preparer) label(w *work) error {
	w.labels = buildLabels(w.ids)
	if w.hasPrompt && p.plan.completionOnly {
		w.masks = append(w.masks, "completion_mask")
		for i := range w.sharedTokens {
			w.labels[i] = IgnoreIndex
		}
	}
	if !p.o.AssistantOnlyLoss {
		return nil
	}
	mask := spanMask(w.spans, w.offsets)
	if !anySet(mask) {
		return fmt.Errorf("assistant_only_loss is set, but the row has no assistant tokens: remove the row, or mark the assistant's part in the template with {%% generation %%}")
	}
	w.masks = append(w.masks, "assistant_masks")
	for i, bit := range mask {
		if bit == 0 {
			w.labels[i] = IgnoreIndex
		}
	}
	return nil
}

// anySet says whether a mask has an entry that is not 0.
func anySet(mask []int32) bool {
	for _, bit := range mask {
		if bit != 0 {
			return true
		}
	}
	return false
}

// Text is what would be tokenized of row i; "" for a row of input_ids.
func (p *Preparer) Text(i int) (string, error) {
	raw, err := p.src.At(i)
	if err != nil || p.plan.pretokenized {
		return "", err
	}
	w := &work{mapped: mapColumns(raw, p.o)}
	if err := p.convert(w); err != nil {
		return "", fmt.Errorf("%s: %w", p.src.Location(i), err)
	}
	if err := p.render(w); err != nil {
		return "", fmt.Errorf("%s: %w", p.src.Location(i), err)
	}
	return w.text, nil
}

// renderAlone renders messages of a row, by the template that wrote them all, for a look at their parts.
func (p *Preparer) renderAlone(row Row, messages []any) (jinja.Rendered, error) {
	r, err := p.chat.request(row)
	if err != nil {
		return jinja.Rendered{}, err
	}
	return p.chat.render(r, messages, false, p.o.AssistantOnlyLoss)
}
