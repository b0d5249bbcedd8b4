package ui

import (
	"cmp"
	"math"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// samplesPage shows what the model answers while it is trained: the same
// prompts at each evaluation, beside the reference answer.
type samplesPage struct {
	still
	a    *app
	at   int // which prompt
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

// move goes to another prompt.
func (p *samplesPage) move(d int) tea.Cmd {
	if n := len(p.prompts()); n > 0 {
		p.at = ((p.at+d)%n + n) % n
		p.top = 0
	}
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

// view draws the Samples page.
func (p *samplesPage) view(w, h int) []string {
	a, th := p.a, p.a.th
	if p.talk != nil {
		return p.talk.view(a, w, h)
	}
	prompts := p.prompts()
	if len(prompts) == 0 {
		lines := []string{"", " " + a.t("No samples yet.")}
		for _, l := range wrap(a.t("A run with sample_prompts (page 3, group sftui) answers them before the first step, at each evaluation and at the end; the answers appear here."), w-6) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
		lines = append(lines, "", " "+th.paint(inkKey, "c")+"  "+a.t("talk to the model, or to a checkpoint of the run"), " "+th.paint(inkKey, "3")+"  "+a.t("the recipe"), " "+th.paint(inkKey, "5")+"  "+a.t("open an earlier run"))
		lines = append(append(lines, ""), p.judgedLines()...)
		return th.pane(a.t("Samples"), lines, w, h, true)
	}
	p.at = min(p.at, len(prompts)-1)
	var lines []string
	para := func(i ink, text string) {
		for _, l := range wrap(visible2(strings.TrimRight(text, "\n")), w-6) {
			lines = append(lines, "   "+th.paint(i, l))
		}
	}
	lines = append(lines, " "+th.paint(inkTitle, a.t("prompt")))
	para(inkPlain, prompts[p.at])
	reference := ""
	for _, e := range p.a.train.on.samples {
		if e.Prompt == prompts[p.at] && e.Reference != "" {
			reference = e.Reference
		}
	}
	if reference != "" {
		lines = append(lines, "", " "+th.paint(inkTitle, a.t("reference")))
		para(inkGood, reference)
	}
	samples := p.a.train.on.samples
	for i := len(samples) - 1; i >= 0; i-- {
		e := samples[i]
		if e.Prompt != prompts[p.at] {
			continue
		}
		lines = append(lines, "", " "+th.paint(inkAccent, p.when(e)))
		para(inkPlain, e.Text)
	}
	if judged := p.judgedLines(); len(judged) > 0 {
		lines = append(append(lines, ""), judged...)
	}
	p.top = min(p.top, max(0, len(lines)-(h-2)))
	title := a.tf("sample %d of %d", p.at+1, len(prompts))
	return th.pane(title, lines[p.top:], w, h, true)
}

// judgedLines are the rows of the last evaluation, the worst first.
func (p *samplesPage) judgedLines() []string {
	a, on := p.a, p.a.train.on
	if on == nil || len(on.judged.rows) == 0 {
		return nil
	}
	type judged struct {
		row  int
		loss float64
	}
	list := make([]judged, len(on.judged.rows))
	for i, row := range on.judged.rows {
		list[i] = judged{row, float64(on.judged.losses[i])}
	}
	worse := func(x float64) float64 { // what is not a number is the worst
		if math.IsNaN(x) {
			return math.Inf(1)
		}
		return x
	}
	slices.SortStableFunc(list, func(x, y judged) int { return cmp.Compare(worse(y.loss), worse(x.loss)) })
	lines := []string{" " + a.th.paint(inkTitle, a.tf("worst and best rows of the evaluation at step %s", count(on.judged.step)))}
	for i, r := range list {
		ink := inkGood
		if i < (len(list)+1)/2 {
			ink = inkWarn
		}
		lines = append(lines, "   "+a.th.paint(ink, fitLeft(value(r.loss), 8))+"  "+a.tf("row %s", count(r.row)))
	}
	return lines
}

// when says at which point of the run a sample was made.
func (p *samplesPage) when(e run.Event) string {
	if e.Step == 0 {
		return p.a.t("before training")
	}
	return p.a.tf("after step %s", count(e.Step))
}
