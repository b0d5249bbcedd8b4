package ui

import (
	"fmt"
	"path/filepath"

	"sftui/engine/run"
	"sftui/ui/chart"
)

// layout divides the page for what it shows now.
func (p *trainPage) layout(w, h int) trainLayout {
	return layoutTrain(w, h, len(p.panes())-1, p.tune != nil, p.zoom)
}

// view draws the Train page.
func (p *trainPage) view(w, h int) []string {
	if p.on == nil {
		return p.emptyView(w, h)
	}
	l := p.layout(w, h)
	draw := func() []string { return p.chartPanes(l, w) }
	if p.tune != nil || p.on.series[metricLoss].Len() == 0 { // what is not a chart does not stand still
		return stack(draw(), p.logLines(l.log.w, l.log.h))
	}
	return stack(p.charts.picture(p.a, p.on, w, h, draw), p.logLines(l.log.w, l.log.h))
}

// chartPanes draws the charts, and live tuning under them.
func (p *trainPage) chartPanes(l trainLayout, w int) []string {
	th := p.a.th
	if p.zoom && p.tune == nil {
		return p.metricPane(p.chosen(), l.loss.w, l.loss.h, true)
	}
	main := p.metricPane(metricLoss, l.loss.w, l.loss.h, p.pane == 0 && p.tune == nil)
	if p.tune != nil {
		main = stack(main, th.pane(p.a.t("tune live"), p.tuneLines(l.tune.w-2, l.tune.h-2), l.tune.w, l.tune.h, true))
	}
	strips := p.stripPanes(l.strips)
	if w < compactBelow {
		for i := 0; i < len(strips); i += 2 {
			if i+1 < len(strips) {
				main = stack(main, beside(strips[i], strips[i+1]))
			} else {
				main = stack(main, block(strips[i], w, l.strips[i].h))
			}
		}
		return main
	}
	if len(strips) == 0 {
		return main
	}
	return beside(main, stack(strips...))
}

// stripPanes draws the small charts that have room; the last one's title says
// how many more tab leads to.
func (p *trainPage) stripPanes(places []rect) [][]string {
	panes := p.panes()[1:]
	first := p.stripsFrom(len(places))
	out := make([][]string, 0, len(places))
	for i, s := range places {
		at := first + i
		focused := p.pane == at+1 && p.tune == nil
		title := p.metricTitle(panes[at], s.w-4)
		if more := len(panes) - len(places); more > 0 && i == len(places)-1 {
			title = p.metricTitle(panes[at], s.w-11)
			title += fmt.Sprintf(" · +%d ⇥", more)
		}
		out = append(out, p.a.th.pane(title, p.metricLines(panes[at], s.w-2, s.h-2), s.w, s.h, focused))
	}
	return out
}

// emptyView says what to do when there is no run.
func (p *trainPage) emptyView(w, h int) []string {
	a, th := p.a, p.a.th
	lines := []string{"", " " + th.paint(inkTitle, a.t("No run yet.")), ""}
	if p.busy != "" {
		lines = append(lines, " "+th.paint(inkAccent, "● "+p.busy+" …"))
		return th.pane(a.t("Train"), lines, w, h, true)
	}
	lines = append(lines,
		" "+th.paint(inkKey, "g")+"  "+a.t("start training with the recipe of page 3"),
		" "+th.paint(inkKey, "5")+"  "+a.t("open an earlier run"),
		"")
	if a.recipe.r != nil {
		summary, _ := a.recipe.summary()
		for _, s := range summary {
			for _, l := range wrap(s, w-6) {
				lines = append(lines, " "+th.paint(inkDim, l))
			}
		}
	}
	lines = append(lines, "")
	for _, l := range wrap(a.t("A run is a process of its own: it goes on when you leave with q or when the line drops, and sftui finds it again."), w-6) {
		lines = append(lines, " "+th.paint(inkDim, l))
	}
	return th.pane(a.t("Train"), lines, w, h, true)
}

// metricPane draws a large chart with its title.
func (p *trainPage) metricPane(m metric, w, h int, focused bool) []string {
	th := p.a.th
	if m != metricLoss {
		return th.pane(p.metricTitle(m, w-4), p.metricLines(m, w-2, h-2), w, h, focused)
	}
	if p.on.series[metricLoss].Len() == 0 {
		return th.pane(p.beforeTitle(), p.beforeLines(w-2, h-2), w, h, focused)
	}
	return th.pane(p.metricTitle(m, w-4), chart.Render(p.lossOptions(w-2, h-2)), w, h, focused)
}

// beforeTitle heads the main pane of a run that has no step yet.
func (p *trainPage) beforeTitle() string {
	if p.on.state().Over() {
		return p.a.t("this run has no steps")
	}
	return p.a.t("on the way to the first step")
}

// beforeLines tell what happens before the first step: what is being trained,
// what is done, what is under way and since when.
func (p *trainPage) beforeLines(w, h int) []string {
	a, t, th := p.a, p.on, p.a.th
	if t.failure != "" || t.state() == run.Failed || t.state() == run.Died {
		return p.failedLines(w)
	}
	lines := append([]string{""}, p.beforeFacts(w)...)
	lines = append(lines, "")
	for i, ph := range t.phases {
		if i+1 < len(t.phases) {
			lines = append(lines, " "+th.paint(inkGood, "✓")+" "+fit(ph.title(a), 18)+th.paint(inkDim, span(t.phases[i+1].began.Sub(ph.began))))
			continue
		}
		if t.state().Over() {
			continue
		}
		name, note := ph.title(a), ""
		if ph.name == string(run.Training) {
			name, note = a.t("first step"), a.t("it also compiles, so it is slower than the others")
		}
		since := ph.began
		if since.IsZero() {
			since = t.started
		}
		lines = append(lines, " "+th.paint(inkAccent, "● "+fit(name, 18))+th.paint(inkDim, ago(since, a.now())))
		lines = append(lines, p.phaseProgress(note, w)...)
	}
	if len(t.phases) == 0 {
		lines = append(lines, " "+th.paint(inkAccent, "● "+a.t(string(t.state())))+"  "+th.paint(inkDim, ago(t.started, a.now())))
	}
	if !t.state().Over() {
		lines = append(lines, "")
		for _, l := range wrap(a.t("Charts come with the first step. You may leave with q: the run goes on, and sftui finds it again."), w-4) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
	}
	return lines[:min(len(lines), h)]
}

// beforeFacts say what is being trained, on what, and where it is kept.
func (p *trainPage) beforeFacts(w int) []string {
	a, t, th := p.a, p.on, p.a.th
	var lines []string
	fact := func(name, text string) {
		if text != "" {
			lines = append(lines, " "+th.paint(inkDim, fit(a.t(name), 11))+" "+fit(visible(text), max(0, w-14)))
		}
	}
	if b := &t.begin; b.Kind != "" {
		model := filepath.Base(b.Model)
		if b.Parameters > 0 {
			model += " · " + a.tf("%s parameters, %s trained", count(b.Parameters), percent(b.Trainable, b.Parameters))
		}
		fact("model", model)
		fact("data", b.Data+" · "+a.plural(b.Rows, "%s row", "%s rows"))
		if b.MicroBatch > 0 && b.Accumulation > 0 {
			fact("batch", a.rowsAStep(b.MicroBatch, b.Accumulation)+" · "+a.plural(b.TotalSteps, "%s step", "%s steps"))
		}
		fact("device", b.Device)
	}
	fact("folder", t.run.Dir)
	if st := t.status; st.MemoryBytes > 0 && !t.state().Over() {
		text := a.tf("%s used", size(st.MemoryBytes))
		if st.MemoryForecast > 0 {
			text += " · " + a.tf("forecast %s", size(st.MemoryForecast))
		}
		if st.MemoryLimit > 0 {
			text += " · " + a.tf("limit %s", size(st.MemoryLimit))
		}
		fact("memory", text)
	}
	return lines
}

// phaseProgress is how far the present phase is.
func (p *trainPage) phaseProgress(note string, w int) []string {
	t, th := p.on, p.a.th
	var lines []string
	if t.phase.Total > 0 {
		share := float64(t.phase.Done) / float64(t.phase.Total)
		lines = append(lines, "   "+th.paint(inkSmooth, chart.Gauge(share, min(40, w-30)))+fmt.Sprintf(" %s / %s", count(t.phase.Done), count(t.phase.Total)))
	}
	if t.phase.Message != "" {
		note = p.a.t(t.phase.Message)
	}
	if note != "" {
		lines = append(lines, "   "+th.paint(inkDim, fit(visible(note), max(0, w-4))))
	}
	return lines
}

// failedLines tell why a run ended before its first step, and what to press.
func (p *trainPage) failedLines(w int) []string {
	a, t, th := p.a, p.on, p.a.th
	text := t.failure
	if text == "" {
		text = t.status.Message
	}
	lines := []string{"", " " + th.paint(inkError, "✗ "+a.t("The run failed."))}
	for _, l := range wrap(visible(text), w-4) {
		lines = append(lines, "   "+l)
	}
	return append(lines, "", " "+a.t("Ctrl+L shows its log; 3 opens the recipe; g starts again."))
}
