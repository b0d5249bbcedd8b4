package ui

import "strings"

// view draws the Samples page.
func (p *samplesPage) view(w, h int) []string {
	a, th := p.a, p.a.th
	if p.talk != nil {
		return p.talk.view(a, w, h)
	}
	s, ok := p.sample()
	if !ok {
		return p.emptyView(w, h)
	}
	var foot []string
	if judged, _ := p.judged(); len(judged) > 0 && h >= 18 {
		n := min((len(judged)+1)/2+2, max(4, h/5))
		foot = p.judgedPane(w, n)
		h -= n
	}
	title := a.tf("prompt %d of %d", p.at+1, len(p.prompts()))
	if w < compactBelow {
		return stack(p.stackedPane(s, title, w, h), foot)
	}
	question := wrapText(s.prompt, w-4)
	head := min(len(question)+2, max(4, h/4))
	top := th.pane(title, pad(question[:min(len(question), head-2)]), w, head, false)
	return stack(top, p.columns(s, w, h-head), foot)
}

// columns are the answers beside each other: the reference, the answer from
// before training, and that of the chosen step.
func (p *samplesPage) columns(s shownSample, w, h int) []string {
	a, th := p.a, p.a.th
	type column struct {
		title, text string
		ink         ink
		focused     bool
	}
	var list []column
	if s.reference != "" {
		list = append(list, column{a.t("reference answer"), s.reference, inkGood, false})
	}
	if s.before != nil {
		list = append(list, column{p.when(s.before), s.before.Text, inkDim, false})
	}
	list = append(list, column{p.answerTitle(s), s.answer.Text, inkPlain, true})
	longest := 0
	texts := make([][]string, len(list))
	widths := make([]int, len(list))
	for i := range list {
		widths[i] = w / len(list)
		if i == len(list)-1 {
			widths[i] = w - w/len(list)*(len(list)-1)
		}
		texts[i] = wrapText(list[i].text, widths[i]-4)
		longest = max(longest, len(texts[i]))
	}
	p.top = min(p.top, max(0, longest-(h-2)))
	panes := make([][]string, len(list))
	for i, c := range list {
		lines := texts[i][min(p.top, len(texts[i])):]
		for k, l := range lines {
			lines[k] = " " + th.paint(c.ink, l)
		}
		panes[i] = th.pane(c.title, lines, widths[i], h, c.focused)
	}
	return beside(panes...)
}

// answerTitle says of which step the answer is, and how to see the others.
func (p *samplesPage) answerTitle(s shownSample) string {
	title := p.when(&s.answer)
	if s.of > 1 {
		title += " " + p.a.tf("(← → %d of %d)", s.place, s.of)
	}
	return title
}

// stackedPane has the same under each other, for narrow terminals.
func (p *samplesPage) stackedPane(s shownSample, title string, w, h int) []string {
	th := p.a.th
	var lines []string
	part := func(name string, text string, i ink) {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		if name != "" {
			lines = append(lines, " "+th.paint(inkAccent, name))
		}
		for _, l := range wrapText(text, w-6) {
			lines = append(lines, "   "+th.paint(i, l))
		}
	}
	part("", s.prompt, inkTitle)
	part(p.answerTitle(s), s.answer.Text, inkPlain)
	if s.reference != "" {
		part(p.a.t("reference answer"), s.reference, inkGood)
	}
	if s.before != nil {
		part(p.when(s.before), s.before.Text, inkDim)
	}
	p.top = min(p.top, max(0, len(lines)-(h-2)))
	return th.pane(title, lines[p.top:], w, h, true)
}

// wrapText breaks a text of several lines into lines of w cells.
func wrapText(s string, w int) []string {
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		out = append(out, wrapVisible(strings.TrimRight(l, " \r"), w)...)
	}
	return out
}

// judgedPane lists the worst rows of the last evaluation beside the best.
func (p *samplesPage) judgedPane(w, h int) []string {
	a, th := p.a, p.a.th
	list, step := p.judged()
	half := (len(list) + 1) / 2
	cell := func(i int, color ink) string {
		return th.paint(color, fitLeft(value(list[i].loss), 9)) + "  " + fit(a.tf("row %s", count(list[i].row)), 14)
	}
	var lines []string
	for i := range half {
		line := " " + a.t("worst") + cell(i, inkWarn)
		if half+i < len(list) {
			line += " " + a.t("best") + cell(len(list)-1-i, inkGood)
		}
		if i == 0 && w >= compactBelow {
			line += " " + th.paint(inkKey, "enter") + " " + a.t("reads them, token by token")
		}
		lines = append(lines, line)
	}
	return th.pane(a.tf("worst and best rows of the evaluation at step %s", count(step)), lines, w, h, false)
}

// emptyView says what to do without samples.
func (p *samplesPage) emptyView(w, h int) []string {
	a, th := p.a, p.a.th
	lines := []string{"", " " + th.paint(inkTitle, a.t("No samples yet."))}
	say := func(text string) {
		for _, l := range wrap(text, w-6) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
	}
	on := a.train.on
	switch {
	case on == nil:
		say(a.t("While a run trains, the model answers a few prompts before the first step, at each evaluation and at the end. Its answers appear here, beside the reference and what the base model said."))
	case !on.state().Over() && on.series[metricLoss].Len() == 0:
		say(a.t("The run answers its prompts before the first step; they appear here in a moment."))
	default:
		say(a.t("This run has no prompts to answer: give sample_prompts (page 3, group sftui), or an evaluation data set whose first rows are asked."))
	}
	lines = append(lines, "", " "+th.paint(inkKey, "c")+"  "+a.t("talk to the model, or to a checkpoint of the run"),
		" "+th.paint(inkKey, "3")+"  "+a.t("the recipe"), " "+th.paint(inkKey, "5")+"  "+a.t("open an earlier run"))
	if list, _ := p.judged(); len(list) > 0 {
		foot := min(len(list)/2+3, h/2)
		return stack(th.pane(a.t("Samples"), lines, w, h-foot, true), p.judgedPane(w, foot))
	}
	return th.pane(a.t("Samples"), lines, w, h, true)
}
