package ui

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine/run"
)

// logText writes an event as a line of what happened.
func (a *app) logText(e *run.Event) string {
	switch e.Kind {
	case run.KindStep:
		return a.tf("step %s  loss %s  norm %s  lr %s  %s trained tokens  %s", count(e.Step),
			value(float64(e.Loss)), value(float64(e.GradNorm)), value(float64(e.LearningRate)), count(e.TrainedTokens), seconds(e.Seconds))
	case run.KindEval:
		text := a.tf("eval at step %s: loss %s", count(e.Step), value(float64(e.Loss)))
		if e.Best {
			text += " " + a.t("(best so far)")
		}
		if len(e.RowIDs) > 0 {
			text += "  " + a.t("· 6 shows its worst and best rows")
		}
		return text
	case run.KindCheckpoint:
		return a.tf("checkpoint of step %s saved: %s", count(e.Step), filepath.Base(e.Path)) + tookTime(e)
	case run.KindChange:
		if e.Phase == string(run.Compiling) {
			return a.tf("compiling %s in the background; steps go on as before", changeLabel(e))
		}
		return a.tf("applied at step %s: %s", count(e.Step), changeText(e))
	case run.KindWarning:
		return "▲ " + e.Message
	case run.KindStart:
		if e.Resumed {
			return a.tf("resumed at step %s", count(e.Step))
		}
		return a.tf("started: %s on %s, %s rows, %s steps", filepath.Base(e.Model), e.Data, count(e.Rows), count(e.TotalSteps))
	case run.KindDone:
		return strings.TrimSpace(a.t(e.Reason) + " " + e.Message)
	}
	return e.Message
}

// tookTime is how long something took, "" where the event does not say.
func tookTime(e *run.Event) string {
	if e.Seconds <= 0 {
		return ""
	}
	return " (" + seconds(e.Seconds) + ")"
}

// changeText lists the options of a change.
func changeText(e *run.Event) string {
	var parts []string
	for _, key := range sortedKeys(e.Changes) {
		parts = append(parts, key+" = "+e.Changes[key])
	}
	if len(parts) == 0 {
		return e.Message
	}
	return strings.Join(parts, ", ")
}

// logLines are the newest lines of what happened, under what happens now.
func (p *trainPage) logLines(w, h int) []string {
	if h <= 0 {
		return nil
	}
	t, th := p.on, p.a.th
	var out []string
	add := func(i ink, text string) {
		if len(out) < h {
			out = append(out, " "+th.paint(i, fit(visible(text), w-1)))
		}
	}
	addAll := func(i ink, text string) { // where there is room to say it all
		if h <= 2 {
			add(i, text)
			return
		}
		for _, l := range wrap(text, w-2) {
			add(i, l)
		}
	}
	steps := t.series[metricLoss].Len() > 0
	if p.cursor != nil && steps {
		addAll(inkAccent, p.cursorLine())
	}
	if st := t.status; t.known && st.State == run.Failed && st.Message != "" && steps {
		addAll(inkError, "✗ "+firstLine(st.Message))
	}
	switch word := p.phaseWord(); {
	case p.busy != "":
		add(inkAccent, "… "+p.busy)
	case word != "" && steps:
		addAll(inkAccent, word)
	case t.pending != "" && !t.state().Over():
		add(inkAccent, "● "+p.a.tf("compiling %s", t.pending))
	}
	return block(append(out, p.lastLines(w, max(0, h-len(out)), h > 2)...), w, h)
}

// lastLines are the newest lines of the log that fit into h; long ones are
// wrapped where there is room.
func (p *trainPage) lastLines(w, h int, wrapped bool) []string {
	var out []string // from the newest up
	lines := p.on.lines
	for i := len(lines) - 1; i >= 0 && len(out) < h; i-- {
		parts := []string{visible(p.a.logText(&lines[i].event))}
		if wrapped {
			parts = wrap(parts[0], w-4)
		}
		for n := len(parts) - 1; n >= 0; n-- {
			indent := " "
			if n > 0 {
				indent = "   "
			}
			out = append(out, indent+p.a.th.paint(lines[i].ink, fit(parts[n], w-len(indent))))
		}
	}
	slices.Reverse(out)
	return out[max(0, len(out)-h):]
}

// cursorLine is every value of the step under the crosshair.
func (p *trainPage) cursorLine() string {
	a, t := p.a, p.on
	x := *p.cursor
	parts := []string{a.tf("step %s", count(int(x)))}
	for m := metricLoss; m < metricCount; m++ {
		s := &t.series[m]
		i := s.Nearest(x)
		if i < 0 {
			continue
		}
		at, v := s.At(i)
		if m == metricEval && at != x { // between two evaluations there is none
			continue
		}
		parts = append(parts, a.t(metricNames[m].title)+" "+metricValue(m, v))
		if m == metricLoss {
			_, mean := t.smooth.At(i)
			parts = append(parts, a.t("smoothed")+" "+value(mean))
		}
	}
	if info, ok := t.rowsOf(int(x)); ok {
		parts = append(parts, a.plural(len(info.rows), "%s row", "%s rows"))
	}
	return strings.Join(parts, " · ")
}

// phaseWord tells what the run does beside training steps, with its progress.
func (p *trainPage) phaseWord() string {
	t := p.on
	if t.state().Over() || t.phase.Phase == "" || t.phase.Phase == string(run.Training) {
		return ""
	}
	word := "● " + p.a.t(t.phase.Phase)
	if strings.HasPrefix(t.phase.Message, t.phase.Phase) { // "paused by command"
		return "● " + p.a.t(t.phase.Message)
	}
	if t.phase.Total > 0 {
		word += fmt.Sprintf(" %s / %s", count(t.phase.Done), count(t.phase.Total))
	}
	if t.phase.Message != "" {
		word += "  " + p.a.t(t.phase.Message)
	}
	return word
}

// firstLine is s up to its first line break.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
