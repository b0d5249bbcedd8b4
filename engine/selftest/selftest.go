// Package selftest tries a model, its tokenizer and its chat template on a few sentences before a run relies on them:
// whether text survives the tokenizer, whether a turn ends where the model can learn to stop, and whether this
// device computes the same loss however rows are laid out.
package selftest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/compute"
)

// State is a check's outcome.
type State string

// Outcomes. A warning is something that is probably not meant but does not make training wrong.
const (
	OK      State = "ok"
	Warning State = "warning"
	Failed  State = "failed"
)

// Check is one thing that was tried.
type Check struct {
	Name    string  `json:"name"`
	State   State   `json:"state"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

// runner times checks and hands them out as they are done.
type runner struct{ emit func(Check) }

func (r runner) do(name string, try func() (State, string)) {
	start := time.Now()
	state, detail := try()
	r.emit(Check{name, state, detail, time.Since(start).Seconds()})
}

// probes are texts that tokenizers stumble over: digits, contractions, white space, code, other scripts, emoji.
var probes = []string{
	"The quick brown fox jumps over 13 lazy dogs, doesn't it?",
	"def f(x):\n\treturn  x ** 2  # 1234567\n\n\n",
	"naïve café – 価格は１２３円です。Привет! 👩‍🔬 x\u0301",
}

// conversations differ in length, so that padding, packing and layout have something to do.
var conversations = [][2]string{
	{"What is the capital of France?", "The capital of France is Paris."},
	{"Count to three.", "One, two, three."},
	{"Name a colour and say why you like it.", "Green, because it is the colour of leaves in spring, of moss on old stones and of most of the things that grow."},
}

// Tokenizer checks the tokenizer and the chat template of a model.
func Tokenizer(tok *dataset.Tokenizer, emit func(Check)) {
	r := runner{emit}
	r.do("tokenizer gives text back", func() (State, string) { return roundTrip(tok) })
	r.do("chat template renders", func() (State, string) {
		if tok.ChatTemplate() == "" {
			return Warning, "the model has no chat template; conversations need chat_template_path"
		}
		text, err := render(tok, conversations[0], false)
		if err != nil {
			return Failed, err.Error()
		}
		return OK, fmt.Sprintf("%d characters for one exchange", len([]rune(text)))
	})
	if tok.ChatTemplate() == "" {
		return
	}
	r.do("prompt begins the conversation", func() (State, string) { return promptIsPrefix(tok) })
	r.do("assistant's turn ends with eos", func() (State, string) { return turnEnds(tok) })
}

func roundTrip(tok *dataset.Tokenizer) (State, string) {
	tokens := 0
	for _, text := range probes {
		ids, err := tok.Encode(text)
		if err != nil {
			return Failed, err.Error()
		}
		tokens += len(ids)
		if back := tok.Decode(ids); back != text {
			return Warning, fmt.Sprintf("%q comes back as %q", text, back)
		}
	}
	return OK, fmt.Sprintf("%d tokens for %d texts", tokens, len(probes))
}

// render renders one exchange, or only its question with the generation prompt.
func render(tok *dataset.Tokenizer, exchange [2]string, prompt bool) (string, error) {
	template, err := jinja.Parse("chat_template", tok.ChatTemplate())
	if err != nil {
		return "", err
	}
	message := func(role, content string) *jinja.Dict {
		d := jinja.NewDict(2)
		d.Set("role", role)
		d.Set("content", content)
		return d
	}
	messages := []any{message("user", exchange[0])}
	if !prompt {
		messages = append(messages, message("assistant", exchange[1]))
	}
	kwargs := jinja.NewDict(8)
	for name, token := range tok.SpecialTokens() {
		kwargs.Set(name, token)
	}
	out, err := template.RenderChat(jinja.ChatInput{Messages: messages, AddGenerationPrompt: prompt, Kwargs: kwargs}, jinja.Limits{})
	return out.Text, err
}

func promptIsPrefix(tok *dataset.Tokenizer) (State, string) {
	whole, err := render(tok, conversations[0], false)
	if err != nil {
		return Failed, err.Error()
	}
	prompt, err := render(tok, conversations[0], true)
	if err != nil {
		return Failed, err.Error()
	}
	if !strings.HasPrefix(whole, prompt) {
		return Warning, "the question with add_generation_prompt is not how the whole conversation begins, so prompt and completion will share less than the prompt"
	}
	return OK, "with add_generation_prompt"
}

// turnEnds looks for the eos token between the answer's text and the end.
func turnEnds(tok *dataset.Tokenizer) (State, string) {
	text, err := render(tok, conversations[0], false)
	if err != nil {
		return Failed, err.Error()
	}
	eos, id := tok.EOS()
	if id < 0 {
		return Warning, "the tokenizer has no eos token"
	}
	if _, after, found := strings.Cut(text, conversations[0][1]); !found || !strings.Contains(after, eos) {
		return Warning, fmt.Sprintf("%q does not follow the answer, so the model cannot learn to stop with it; set eos_token to what ends a turn", eos)
	}
	return OK, fmt.Sprintf("%q, id %d", eos, id)
}

// Model checks one forward and backward pass in several layouts. It takes an optimizer step: the session must not be
// used for anything else afterwards.
func Model(t compute.Trainer, tok *dataset.Tokenizer, emit func(Check)) {
	r := runner{emit}
	m := &modelTest{trainer: t, tolerance: 1e-4}
	if t.Info().DType == "bfloat16" {
		m.tolerance = 2e-2
	}
	var err error
	if m.examples, err = examples(tok); err != nil {
		r.do("examples", func() (State, string) { return Failed, err.Error() })
		return
	}
	_, m.pad = tok.PAD()
	m.pad = max(m.pad, 0)
	r.do("forward pass", m.forward)
	r.do("rows together = rows alone", m.togetherOrAlone)
	r.do("packed = padded", m.packedOrPadded)
	r.do("masked rows give no gradient", m.masked)
	r.do("a step lowers the loss", m.step)
}

// examples tokenizes the exchanges; every token is trained. Without a template the plain texts serve.
func examples(tok *dataset.Tokenizer) ([]dataset.Example, error) {
	var out []dataset.Example
	for i, exchange := range conversations {
		text := exchange[0] + "\n" + exchange[1]
		if tok.ChatTemplate() != "" {
			var err error
			if text, err = render(tok, exchange, false); err != nil {
				return nil, err
			}
		}
		ids, err := tok.Encode(text)
		if err != nil {
			return nil, err
		}
		out = append(out, dataset.Example{Row: i, InputIDs: ids, Labels: ids})
	}
	return out, nil
}

type modelTest struct {
	trainer   compute.Trainer
	tolerance float64 // relative
	examples  []dataset.Example
	pad       int32
	sum       float64 // loss of the padded batch
	trained   int64
}

func (m *modelTest) batch(examples []dataset.Example, packed bool) compute.Batch {
	o := dataset.DefaultOptions()
	o.PaddingFree = packed
	return compute.Batch(dataset.Collate(examples, m.pad, o))
}

func (m *modelTest) forward() (State, string) {
	micro, err := m.trainer.Eval(m.batch(m.examples, false))
	if err != nil {
		return Failed, err.Error()
	}
	m.sum, m.trained = micro.LossSum, micro.Trained
	mean := m.sum / float64(max(m.trained, 1))
	// Guessing at random costs the logarithm of the vocabulary; a trained model is well below.
	random := math.Log(float64(max(m.trainer.Info().Vocabulary, 2)))
	switch {
	case math.IsNaN(mean) || math.IsInf(mean, 0):
		return Failed, fmt.Sprintf("the loss is %v", mean)
	case mean > random:
		return Warning, fmt.Sprintf("loss %.3f is worse than guessing (%.3f): fine for untrained weights only", mean, random)
	}
	return OK, fmt.Sprintf("loss %.4f a token over %d tokens", mean, m.trained)
}

// same compares a loss sum with the padded batch's.
func (m *modelTest) same(sum float64, trained int64) (State, string) {
	off := math.Abs(sum-m.sum) / math.Max(math.Abs(m.sum), 1e-9)
	detail := fmt.Sprintf("%.6f and %.6f, relative difference %.1e", m.sum, sum, off)
	switch {
	case trained != m.trained:
		return Failed, fmt.Sprintf("%d trained tokens one way, %d the other", m.trained, trained)
	case !(off <= m.tolerance): // NaN fails as well
		return Failed, detail
	}
	return OK, detail
}

func (m *modelTest) togetherOrAlone() (State, string) {
	sum, trained := 0.0, int64(0)
	for i := range m.examples {
		micro, err := m.trainer.Eval(m.batch(m.examples[i:i+1], false))
		if err != nil {
			return Failed, err.Error()
		}
		sum, trained = sum+micro.LossSum, trained+micro.Trained
	}
	return m.same(sum, trained)
}

func (m *modelTest) packedOrPadded() (State, string) {
	micro, err := m.trainer.Eval(m.batch(m.examples, true))
	if err != nil {
		return Failed, err.Error()
	}
	return m.same(micro.LossSum, micro.Trained)
}

func (m *modelTest) masked() (State, string) {
	b := m.batch(m.examples, false)
	for r, row := range b.Labels {
		b.Labels[r] = slices.Repeat([]int32{dataset.IgnoreIndex}, len(row))
	}
	micro, err := m.trainer.Micro(b)
	if err != nil {
		return Failed, err.Error()
	}
	step, err := m.trainer.Step(0, 1, 1)
	switch {
	case err != nil:
		return Failed, err.Error()
	case micro.Trained != 0 || micro.LossSum != 0 || step.GradNorm != 0:
		return Failed, fmt.Sprintf("%d trained tokens, loss %g, gradient norm %g where all must be 0", micro.Trained, micro.LossSum, step.GradNorm)
	}
	return OK, "loss and gradient are 0"
}

func (m *modelTest) step() (State, string) {
	const rate = 1e-4
	micro, err := m.trainer.Micro(m.batch(m.examples, false))
	if err != nil {
		return Failed, err.Error()
	}
	step, err := m.trainer.Step(rate, 1, micro.Trained)
	if err != nil {
		return Failed, err.Error()
	}
	after, err := m.trainer.Eval(m.batch(m.examples, false))
	if err != nil {
		return Failed, err.Error()
	}
	detail := fmt.Sprintf("%.4f → %.4f, gradient norm %.3f", micro.LossSum/float64(max(micro.Trained, 1)), after.LossSum/float64(max(after.Trained, 1)), step.GradNorm)
	if step.Skipped || !(after.LossSum < micro.LossSum) {
		return Failed, detail
	}
	return OK, detail
}
