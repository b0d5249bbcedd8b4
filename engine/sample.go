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
	stop      []int32
	maxNew    int
}

// samplePrompt is one prompt and, where the data has one, the answer it should get.
type samplePrompt struct {
	text, reference string
	ids             []int32
}

// newSampler renders the recipe's sample_prompts with the chat template, where
// the model has one, as a first user message. nil without prompts.
func newSampler(r *recipes.Recipe, tok *dataset.Tokenizer, template string) (*sampler, error) {
	if len(r.SamplePrompts) == 0 {
		return nil, nil
	}
	s := &sampler{tokenizer: tok, maxNew: r.SampleMaxNewTokens}
	if _, id := tok.EOS(); id >= 0 {
		s.stop = append(s.stop, id)
	}
	if r.EosToken != "" {
		if id, ok := tok.TokenID(r.EosToken); ok {
			s.stop = append(s.stop, id)
		}
	}
	for _, prompt := range r.SamplePrompts {
		ids, err := encodePrompt(tok, template, prompt)
		if err != nil {
			return nil, fmt.Errorf("sample_prompts: %q: %w", prompt, err)
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("sample_prompts: %q has no tokens", prompt)
		}
		s.prompts = append(s.prompts, samplePrompt{text: prompt, ids: ids})
	}
	return s, nil
}

// encodePrompt returns the ids of a prompt as the model should see it.
func encodePrompt(tok *dataset.Tokenizer, template, prompt string) ([]int32, error) {
	if template == "" {
		return tok.EncodeSpecial(prompt)
	}
	t, err := jinja.Parse("chat template", template)
	if err != nil {
		return nil, err
	}
	message := jinja.NewDict(2)
	message.Set("role", "user")
	message.Set("content", prompt)
	kwargs := jinja.NewDict(2)
	for name, token := range tok.SpecialTokens() {
		kwargs.Set(name, token)
	}
	out, err := t.RenderChat(jinja.ChatInput{Messages: []any{message}, AddGenerationPrompt: true, Kwargs: kwargs}, jinja.Limits{})
	if err != nil {
		return nil, err
	}
	return tok.Encode(out.Text)
}

// sample answers the prompts greedily and records the answers.
func (l *loop) sample(ctx context.Context) error {
	if l.sampler == nil {
		return nil
	}
	for _, p := range l.sampler.prompts {
		if l.control.stopping() != stopNot || ctx.Err() != nil {
			return nil
		}
		var ids []int32
		err := l.trainer.Generate(ctx, p.ids, compute.GenerateOptions{MaxNewTokens: l.sampler.maxNew, StopIDs: l.sampler.stop}, func(id int32) {
			ids = append(ids, id)
		})
		if err != nil {
			// A run is worth more than a sample of it.
			l.out.warn(run.CodeMemory, l.state.Step, fmt.Sprintf("the prompt %q could not be answered: %v", p.text, err), nil)
			return nil
		}
		for len(ids) > 0 && l.sampler.tokenizer.IsSpecial(ids[len(ids)-1]) {
			ids = ids[:len(ids)-1]
		}
		l.out.emit(run.Event{Kind: run.KindSample, Step: l.state.Step, Prompt: p.text, Text: l.sampler.tokenizer.Decode(ids), Reference: p.reference})
	}
	return nil
}
