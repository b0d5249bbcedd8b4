package ui

import (
	"fmt"
	"strings"

	"sftui/engine/run"
	"sftui/ui/chart"
)

// view draws the Train page.
func (p *trainPage) view(w, h int) []string {
	if p.on == nil {
		return p.emptyView(w, h)
	}
	panes := p.panes()
	l := layoutTrain(w, h, len(panes)-1, p.tune != nil, p.zoom)
	th := p.a.th
	if p.zoom {
		m := p.chosen()
		return stack(p.metricPane(m, l.loss.w, l.loss.h, true), p.logLines(l.log.w, l.log.h))
	}
	main := p.metricPane(metricLoss, l.loss.w, l.loss.h, p.pane == 0)
	if p.tune != nil {
		main = stack(main, th.pane(p.a.t("tune live"), p.tuneLines(l.tune.w-2), l.tune.w, l.tune.h, true))
	}
	if w < compactBelow {
		for i := 0; i < len(l.strips); i += 2 {
			left := p.metricPane(panes[i+1], l.strips[i].w, l.strips[i].h, p.pane == i+1)
			if i+1 < len(l.strips) {
				main = stack(main, beside(left, p.metricPane(panes[i+2], l.strips[i+1].w, l.strips[i+1].h, p.pane == i+2)))
			} else {
				main = stack(main, block(left, w, l.strips[i].h))
			}
		}
		return stack(main, p.logLines(l.log.w, l.log.h))
	}
	var right []string
	for i, s := range l.strips {
		right = stack(right, p.metricPane(panes[i+1], s.w, s.h, p.pane == i+1))
	}
	return stack(beside(main, right), p.logLines(l.log.w, l.log.h))
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

// metricPane draws one chart with its title.
func (p *trainPage) metricPane(m metric, w, h int, focused bool) []string {
	th := p.a.th
	var lines []string
	if m == metricLoss {
		lines = p.lossLines(w-2, h-2)
	} else {
		lines = p.stripLines(m, w-2, h-2, focused && p.zoom)
	}
	return th.pane(p.title(m, w-4), lines, w, h, focused)
}

// title names a metric with its newest value, or the one under the crosshair.
func (p *trainPage) title(m metric, room int) string {
	a, t := p.a, p.on
	s := &t.series[m]
	at := ""
	v, ok := 0.0, false
	if p.cursor != nil && s.Len() > 0 {
		var x float64
		x, v = s.At(s.Nearest(*p.cursor))
		at, ok = " @"+count(int(x)), true
	} else {
		_, v, ok = s.Last()
	}
	st := t.status
	switch m {
	case metricLoss:
		text := a.t("loss")
		if ok {
			text += " " + value(v) + at
		}
		legend := "  " + a.t("raw · smoothed ━ · eval ◆")
		if p.logY {
			legend += "  log"
		}
		if width(text+legend) > room {
			return text
		}
		return text + legend
	case metricMemory:
		text := a.t("memory")
		if ok {
			text += " " + size(uint64(max(v, 0)))
		}
		if st.MemoryForecast > 0 {
			text += " · " + a.tf("forecast %s", size(st.MemoryForecast))
		}
		return text + at
	case metricNorm:
		text := a.t("grad norm")
		if ok {
			text += " " + value(v) + at
		}
		if limit := a.recipe.number("max_grad_norm"); limit > 0 {
			if above, of := t.clipped(limit); above > 0 {
				if clipped := "  " + a.tf("clipped %d of last %d", above, of); width(text+clipped) <= room {
					text += clipped
				}
			}
		}
		return text
	}
	names := map[metric]string{metricSpeed: "trained tokens/s", metricRate: "learning rate", metricAccuracy: "accuracy", metricSeconds: "seconds a step"}
	text := a.t(names[m])
	if ok {
		text += " " + value(v) + at
	}
	return text
}

// lossOptions is the main chart.
func (p *trainPage) lossOptions(w, h int) chart.Options {
	t := p.on
	o := chart.Options{Width: w, Height: h, LogY: p.logY, XMin: p.from, XMax: p.to, Cursor: p.cursor, Events: t.marks}
	if !p.hideRaw {
		o.Lines = append(o.Lines, chart.Line{Series: &t.series[metricLoss]})
	} else {
		o.Lines = append(o.Lines, chart.Line{Series: &chart.Series{}})
	}
	o.Lines = append(o.Lines, chart.Line{Series: &t.smooth}, chart.Line{Series: &t.series[metricEval], Mark: '◆'})
	o.Paint = p.paintChart
	return o
}

// paintChart colours the parts of the main chart.
func (p *trainPage) paintChart(part chart.Part, s string) string {
	i := inkDim
	switch part {
	case chart.PartLine:
		i = inkCurve
	case chart.PartLine + 1:
		i = inkSmooth
	case chart.PartLine + 2:
		i = inkEval
	case chart.PartEvent:
		i = inkEvent
	case chart.PartCursor:
		i = inkAccent
	}
	return p.a.th.paint(i, s)
}

// lossLines is the main chart, or what the run is busy with before it has steps.
func (p *trainPage) lossLines(w, h int) []string {
	t := p.on
	if t.series[metricLoss].Len() > 0 {
		return chart.Render(p.lossOptions(w, h))
	}
	return p.phaseLines(w)
}

// phaseLines tell what happens before the first step and how far it is.
func (p *trainPage) phaseLines(w int) []string {
	a, t, th := p.a, p.on, p.a.th
	if t.failure != "" || t.state() == run.Failed {
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
	word := t.phase.Phase
	if word == "" {
		word = string(t.state())
	}
	lines := []string{"", " " + th.paint(inkAccent, "● "+a.t(word))}
	if t.phase.Total > 0 {
		share := float64(t.phase.Done) / float64(t.phase.Total)
		bar := chart.Gauge(share, min(40, w-30))
		lines = append(lines, " "+th.paint(inkSmooth, bar)+fmt.Sprintf(" %s / %s", count(t.phase.Done), count(t.phase.Total)))
	}
	if t.phase.Message != "" {
		lines = append(lines, " "+th.paint(inkDim, visible(t.phase.Message)))
	}
	if !t.state().Over() {
		lines = append(lines, " "+th.paint(inkDim, a.tf("for %s; the first step also compiles", ago(t.started, a.now()))))
	}
	return lines
}

// stripLines is a small chart; the memory chart has a bar against its limit.
func (p *trainPage) stripLines(m metric, w, h int, axes bool) []string {
	t, th := p.on, p.a.th
	s := &t.series[m]
	var head []string
	st := t.status
	if m == metricMemory && st.MemoryLimit > 0 && h >= 3 {
		share := float64(st.MemoryBytes) / float64(st.MemoryLimit)
		i := inkGood
		if share > 0.9 {
			i = inkError
		} else if share > 0.75 {
			i = inkWarn
		}
		text := p.a.tf("%.0f%% of %s", share*100, size(st.MemoryLimit))
		head = append(head, " "+th.paint(i, chart.Gauge(share, w-3-width(text)))+" "+text)
		h--
	}
	if s.Len() == 0 {
		return append(head, " "+th.paint(inkDim, p.a.t("no value yet")))
	}
	o := chart.Options{Width: w, Height: h, XMin: p.from, XMax: p.to, NoAxes: !axes && h < 6, LogY: p.logY && p.chosen() == m,
		Lines: []chart.Line{{Series: s}}, Cursor: p.cursor,
		Paint: func(part chart.Part, text string) string {
			if part >= chart.PartLine {
				return th.paint(inkSmooth, text)
			}
			return p.paintChart(part, text)
		}}
	if m == metricMemory {
		o.FormatY = func(v, _ float64) string { return size(uint64(max(v, 0))) }
	}
	return append(head, chart.Render(o)...)
}

// logLines are the newest lines of what happened.
func (p *trainPage) logLines(w, h int) []string {
	if h <= 0 {
		return nil
	}
	t, th := p.on, p.a.th
	out := make([]string, 0, h)
	room := h
	if st := t.status; t.known && st.State == run.Failed && st.Message != "" && t.series[metricLoss].Len() > 0 {
		out = append(out, fit(" "+th.paint(inkError, "✗ "+visible(firstLine(st.Message))), w))
		room--
	}
	if p.busy != "" {
		out = append(out, fit(" "+th.paint(inkAccent, "… "+p.busy), w))
		room--
	} else if word := p.phaseWord(); word != "" && t.series[metricLoss].Len() > 0 {
		out = append(out, fit(" "+th.paint(inkAccent, word), w))
		room--
	}
	for _, l := range t.lines[max(0, len(t.lines)-max(room, 0)):] {
		out = append(out, fit(" "+th.paint(l.ink, fit(l.String(), w-1)), w))
	}
	return block(out, w, h)
}

// phaseWord tells what the run does beside training steps, with its progress.
func (p *trainPage) phaseWord() string {
	t := p.on
	if t.state().Over() || t.phase.Phase == "" || t.phase.Phase == string(run.Training) {
		return ""
	}
	word := "● " + p.a.t(t.phase.Phase)
	if t.phase.Total > 0 {
		word += fmt.Sprintf(" %s / %s", count(t.phase.Done), count(t.phase.Total))
	}
	if t.phase.Message != "" {
		word += "  " + visible(t.phase.Message)
	}
	return word
}

// firstLine is s up to its first line break.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
