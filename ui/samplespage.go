package ui

import (
	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// samplesPage shows what the model answers while it is trained: the same
// prompts at each evaluation, beside the reference answer and the answer from
// before training.
type samplesPage struct {
	still
	a    *app
	at   int // which prompt
	back int // how many answers before the newest
	top  int
	talk *talk // nil while no conversation is open
}

// prompts are the different prompts of the run's samples, in order.
func (p *samplesPage) prompts() []string {
	if p.a.train.on == nil {
		return nil
	}
	var list []string
	seen := map[string]bool{}
	for _, e := range p.a.train.on.samples {
		if !seen[e.Prompt] {
			seen[e.Prompt] = true
			list = append(list, e.Prompt)
		}
	}
	return list
}

// answers are the answers to a prompt in order of step, one a step, and the
// reference where the data has one.
func (p *samplesPage) answers(prompt string) (list []run.Event, reference string) {
	for _, e := range p.a.train.on.samples {
		if e.Prompt != prompt {
			continue
		}
		if e.Reference != "" {
			reference = e.Reference
		}
		if n := len(list); n > 0 && list[n-1].Step == e.Step {
			list[n-1] = e // the last step answers at its evaluation and at the end
			continue
		}
		list = append(list, e)
	}
	return list, reference
}

// shown is the prompt with its answer of the chosen step, the answer from
// before training where there is one and another is chosen, and the reference.
type shownSample struct {
	prompt, reference string
	answer            run.Event
	before            *run.Event
	place, of         int // of the answer among all
}

// sample is what is shown now; false without samples.
func (p *samplesPage) sample() (s shownSample, ok bool) {
	prompts := p.prompts()
	if len(prompts) == 0 {
		return s, false
	}
	p.at = min(p.at, len(prompts)-1)
	s.prompt = prompts[p.at]
	list, reference := p.answers(s.prompt)
	p.back = min(max(p.back, 0), len(list)-1)
	at := len(list) - 1 - p.back
	s.reference, s.answer, s.place, s.of = reference, list[at], at+1, len(list)
	if at > 0 && list[0].Step == 0 {
		s.before = &list[0]
	}
	return s, true
}

// move goes to another prompt.
func (p *samplesPage) move(d int) tea.Cmd {
	if n := len(p.prompts()); n > 0 {
		p.at = ((p.at+d)%n + n) % n
		p.top = 0
	}
	return nil
}

// older goes d answers back in time.
func (p *samplesPage) older(d int) tea.Cmd {
	p.back = max(0, p.back+d)
	p.top = 0
	return nil
}

// scrollText scrolls the answers.
func (p *samplesPage) scrollText(d int) tea.Cmd {
	p.top = max(0, p.top+d)
	return nil
}

func (p *samplesPage) wheel(_, _, d int) tea.Cmd {
	if p.talk != nil {
		p.talk.up = max(0, p.talk.up-d)
		return nil
	}
	return p.scrollText(d)
}

// judged are the rows of the last evaluation that it named, the worst first.
func (p *samplesPage) judged() (list []lossRow, step int) {
	on := p.a.train.on
	if on == nil {
		return nil, 0
	}
	return byLoss(on.judged.rows, on.judged.losses), on.judged.step
}

// showJudged shows the rows of the last evaluation.
func (p *samplesPage) showJudged() tea.Cmd {
	a := p.a
	list, step := p.judged()
	if len(list) == 0 {
		return a.say(inkWarn, a.t("No evaluation has named its rows yet; eval_strategy and eval_steps say when there is one."))
	}
	return a.showRows(a.tf("worst and best rows of the evaluation at step %s", count(step)), a.train.on.run, true, list, 0)
}

// when says at which point of the run a sample was made.
func (p *samplesPage) when(e *run.Event) string {
	switch {
	case e.Step > 0:
		return p.a.tf("after step %s", count(e.Step))
	case p.a.train.on.status.Parent != "":
		return p.a.t("before training")
	}
	return p.a.t("the base model, before training")
}
