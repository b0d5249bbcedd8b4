package engine

import (
	"context"
	"fmt"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// sampler answers fixed prompts, so that a person sees what training changes.
type sampler struct {
	tokenizer *dataset.Tokenizer
	prompts   []samplePrompt
	stop      []int32 // ids that end an answer
	maxNew    int
}

// samplePrompt is one prompt and, where the data has one, the answer it should get.
type samplePrompt struct {
	text, reference string
	ids             []int32
}

// evalSamples is how many evaluation rows are answered where the recipe has no
// sample_prompts.
const evalSamples = 2

// newSampler renders the recipe's sample_prompts as first user messages with o, or
// without any takes the questions of the first evaluation rows together with
// their answers. nil where there is neither. The caller says
// which tokens end an answer.
func newSampler(r *recipes.Recipe, tok *dataset.Tokenizer, o dataset.Options, eval *part) (*sampler, error) {
	s := &sampler{tokenizer: tok, maxNew: r.SampleMaxNewTokens}
	prompter, err := dataset.NewPrompter(tok, o)
	if err != nil {
		return nil, err
	}
	for _, prompt := range r.SamplePrompts {
		ids, err := encodePrompt(prompter, nil, []any{userMessage(prompt)}, prompt)
		if err != nil {
			return nil, fmt.Errorf("sample_prompts: %q: %w", prompt, err)
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("sample_prompts: %q has no tokens", prompt)
		}
		s.prompts = append(s.prompts, samplePrompt{text: prompt, ids: ids})
	}
	if len(r.SamplePrompts) == 0 && eval != nil {
		s.takeRows(eval, prompter)
	}
	if len(s.prompts) == 0 {
		return nil, nil
	}
	return s, nil
}

// takeRows takes prompts from the first evaluation rows that have a question
// and an answer. A row that does not is no reason to stop a run.
func (s *sampler) takeRows(eval *part, prompter *dataset.Prompter) {
	for i := 0; i < eval.Len() && i < evalSamples; i++ {
		row, err := eval.At(i)
		if err != nil {
			return
		}
		row = prompter.Row(row)
		messages, text, reference, ok := question(row)
		if !ok || messages != nil && !prompter.Chats() {
			continue
		}
		ids, err := encodePrompt(prompter, row, messages, text)
		if err == nil && len(ids) > 0 {
			s.prompts = append(s.prompts, samplePrompt{text: text, reference: reference, ids: ids})
		}
	}
}

// question splits a row into what is asked and what should be answered.
// messages is nil for a row whose prompt is a string.
func question(row dataset.Row) (messages []any, text, reference string, ok bool) {
	if prompt, found := row.Get("prompt"); found {
		completion, _ := row.Get("completion")
		if text, ok := prompt.(string); ok {
			reference, ok := completion.(string)
			return nil, text, reference, ok
		}
		messages, _ = prompt.([]any)
		answers, _ := completion.([]any)
		if len(messages) == 0 || len(answers) == 0 {
			return nil, "", "", false
		}
		return messages, content(messages[len(messages)-1]), content(answers[0]), true
	}
	column, _ := row.Get("messages")
	all, _ := column.([]any)
	for i := len(all) - 1; i > 0; i-- {
		if m, ok := all[i].(*jinja.Dict); ok {
			if role, _ := m.Get("role"); role == "assistant" {
				return all[:i], content(all[i-1]), content(all[i]), true
			}
		}
	}
	return nil, "", "", false
}

// content is the text of a message, "" where it is not plain text.
func content(message any) string {
	m, ok := message.(*jinja.Dict)
	if !ok {
		return ""
	}
	value, _ := m.Get("content")
	text, _ := value.(string)
	return text
}

func userMessage(text string) *jinja.Dict {
	m := jinja.NewDict(2)
	m.Set("role", "user")
	m.Set("content", text)
	return m
}

// encodePrompt returns the ids of messages of a row, or of text where there are
// none or the model has no chat template.
func encodePrompt(p *dataset.Prompter, row dataset.Row, messages []any, text string) ([]int32, error) {
	if messages == nil || !p.Chats() {
		return p.Text(text)
	}
	return p.Messages(row, messages)
}

// sample answers the prompts greedily and records the answers.
func (l *loop) sample(ctx context.Context) error {
	if l.sampler == nil {
		return nil
	}
	l.sampled = l.state.Step
	for _, p := range l.sampler.prompts {
		if l.interrupted(ctx) {
			return nil
		}
		var ids []int32
		err := l.trainer.Generate(ctx, p.ids, compute.GenerateOptions{MaxNewTokens: l.sampler.maxNew, StopIDs: l.sampler.stop}, func(id int32) {
			if !l.sampler.tokenizer.IsSpecial(id) { // hidden, as by skip_special_tokens
				ids = append(ids, id)
			}
		})
		if err != nil {
			// A run is worth more than a sample of it.
			l.out.warn(run.CodeMemory, l.state.Step, fmt.Sprintf("the prompt %q could not be answered: %v", p.text, err), nil)
			return nil
		}
		l.out.emit(run.Event{Kind: run.KindSample, Step: l.state.Step, Prompt: p.text, Text: l.sampler.tokenizer.Decode(ids), Reference: p.reference})
	}
	return nil
}
