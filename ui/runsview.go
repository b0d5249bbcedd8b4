package ui

import (
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine/run"
	"sftui/recipes"
	"sftui/ui/chart"
)

// view draws the Runs page.
func (p *runsPage) view(w, h int) []string {
	a, th := p.a, p.a.th
	if len(p.all) == 0 {
		return th.pane(a.t("Runs"), p.emptyLines(w), w, h, true)
	}
	listH := min(len(p.all)+3, max(6, h*2/5))
	lines := []string{th.paint(inkDim, runHeader(a, w-2))}
	lines = append(lines, p.list.View(runLines{p}, w-2, listH-3)...)
	list := th.pane(a.plural(len(p.all), "%s run", "%s runs")+" · "+visible(p.a.opt.RunsRoot), lines, w, listH, true)
	rest := h - listH
	if w < compactBelow || rest < 8 {
		return stack(list, th.pane(a.t("loss, smoothed"), p.overlayLines(w-2, rest-2), w, rest, false))
	}
	chartW := w * 6 / 10
	return stack(list, beside(
		th.pane(a.t("loss, smoothed"), p.overlayLines(chartW-2, rest-2), chartW, rest, false),
		th.pane(a.t("about this run"), p.uncut(p.aboutLines(w-chartW-4), rest-2), w-chartW, rest, false)))
}

// uncut says in the last of h lines how many do not fit.
func (p *runsPage) uncut(lines []string, h int) []string {
	if len(lines) <= h || h < 2 {
		return lines
	}
	return append(lines[:h-1:h-1], " "+p.a.th.paint(inkDim, p.a.plural(len(lines)-h+1, "… %s more line", "… %s more lines")))
}

// emptyLines say what to do without runs.
func (p *runsPage) emptyLines(w int) []string {
	a, th := p.a, p.a.th
	lines := []string{""}
	switch {
	case p.err != nil:
		for _, l := range wrap("✗ "+p.err.Error(), w-6) {
			lines = append(lines, " "+th.paint(inkError, l))
		}
	case !p.loaded:
		lines = append(lines, " "+th.paint(inkDim, a.t("reading the list …")))
	default:
		lines = append(lines, " "+a.tf("No runs in %s yet.", p.a.opt.RunsRoot), "", " "+th.paint(inkKey, "g")+"  "+a.t("start training"),
			" "+th.paint(inkKey, "o")+"  "+a.t("open a run folder from elsewhere"))
	}
	return lines
}

// runHeader names the columns of the list.
func runHeader(a *app, w int) string {
	best := a.t("best eval")
	if w < compactBelow {
		best = a.t("eval")
	}
	return runColumns(w, " ", a.t("run"), a.t("state"), a.t("step"), a.t("loss"), a.t("best"), best, a.t("tok/s"), a.t("started"))
}

// runColumns lays the cells of a line out.
func runColumns(w int, mark, name, state, step, loss, lowest, best, speed, started string) string {
	if w < compactBelow {
		return fit(" "+mark+fit(name, max(14, w-55))+" "+fit(state, 12)+" "+fitLeft(step, 13)+" "+fitLeft(loss, 8)+" "+fitLeft(best, 8)+" "+fitLeft(speed, 6), w)
	}
	nameW := max(16, w-2-12-14-8-8-10-8-17-8)
	return fit(" "+mark+fit(name, nameW)+" "+fit(state, 12)+" "+fitLeft(step, 14)+" "+fitLeft(loss, 8)+" "+fitLeft(lowest, 8)+" "+
		fitLeft(best, 10)+" "+fitLeft(speed, 8)+"  "+fit(started, 17), w)
}

// runLines are the runs for the list.
type runLines struct{ p *runsPage }

func (r runLines) Len() int { return len(r.p.all) }

func (r runLines) Line(i, w int, selected bool) string {
	p := r.p
	s := p.all[i]
	mark := " "
	if p.marked[s.Dir] {
		mark = "+"
	}
	color, sign := stateInk(s.State)
	state := sign + " " + p.a.t(string(s.State))
	if s.Err != "" {
		color, state = inkError, "✗ "+s.Err
	}
	known := func(n run.Number) string {
		if n == 0 {
			return "–"
		}
		return value(float64(n))
	}
	speed := "–"
	if s.TrainSeconds > 0 {
		speed = count(int64(float64(s.TrainedTokens) / s.TrainSeconds))
	}
	started := "–"
	if !s.Started.IsZero() {
		started = s.Started.Local().Format("2006-01-02 15:04")
	}
	step := count(s.Step)
	if s.TotalSteps > 0 {
		step += " / " + count(s.TotalSteps)
	}
	line := runColumns(w, mark, visible(s.Name), state, step, known(s.Loss), known(s.BestLoss), known(s.BestEval), speed, started)
	if selected {
		return p.a.th.paint(inkSelected, "▌"+strings.TrimPrefix(line, " "))
	}
	return strings.Replace(line, fit(state, 12), p.a.th.paint(color, fit(state, 12)), 1)
}

// shown are the runs whose curves are drawn: the chosen one and the marked.
func (p *runsPage) shown() []string {
	var dirs []string
	if s, ok := p.chosen(); ok {
		dirs = append(dirs, s.Dir)
	}
	for _, s := range p.all {
		if p.marked[s.Dir] && (len(dirs) == 0 || s.Dir != dirs[0]) {
			dirs = append(dirs, s.Dir)
		}
	}
	return dirs
}

// overlayInks are the colours of overlaid curves, the chosen run's first.
var overlayInks = []ink{inkSmooth, inkWarn, inkGood, inkSpecial, inkEval, inkError}

// overlayLines draw the curves with a legend.
func (p *runsPage) overlayLines(w, h int) []string {
	th := p.a.th
	var lines []chart.Line
	var legend []string
	for n, dir := range p.shown() {
		c := p.curves[dir]
		if c == nil {
			c = &chart.Series{}
		}
		lines = append(lines, chart.Line{Series: c})
		legend = append(legend, th.paint(overlayInks[n%len(overlayInks)], "━ "+visible(filepath.Base(dir))))
	}
	if !slices.ContainsFunc(lines, func(l chart.Line) bool { return l.Series.Len() > 0 }) {
		out := block([]string{"", " " + th.paint(inkDim, p.a.t("No steps yet."))}, w, max(1, h-1))
		return append(out, fit(" "+strings.Join(legend, "  "), w))
	}
	out := chart.Render(chart.Options{Width: w, Height: max(1, h-1), Lines: lines, Paint: func(part chart.Part, s string) string {
		if part >= chart.PartLine {
			return th.paint(overlayInks[int(part-chart.PartLine)%len(overlayInks)], s)
		}
		return th.paint(inkDim, s)
	}})
	return append(out, fit(" "+strings.Join(legend, "  "), w))
}

// aboutLines tell about the run under the cursor.
func (p *runsPage) aboutLines(w int) []string {
	a, th := p.a, p.a.th
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	var lines []string
	fact := func(name, text string) {
		if text == "" || text == "0" {
			return
		}
		for i, l := range wrap(visible(text), w-11) {
			if i > 0 {
				name = ""
			} else {
				name = a.t(name)
			}
			lines = append(lines, " "+th.paint(inkDim, fit(name, 10))+" "+l)
		}
	}
	if s.Err != "" {
		for _, l := range wrap("✗ "+visible(s.Err), w-2) {
			lines = append(lines, " "+th.paint(inkError, l))
		}
	}
	fact("message", s.Message)
	fact("model", s.Model)
	fact("data", s.Data)
	fact("device", s.Device)
	if s.BestStep > 0 {
		fact("best eval", a.tf("%s at step %s", value(float64(s.BestEval)), count(s.BestStep)))
	}
	if s.TrainedTokens > 0 {
		fact("tokens", count(s.TrainedTokens)+" "+a.t("trained")+", "+seconds(s.TrainSeconds))
	}
	if s.MemoryPeak > 0 {
		fact("memory", size(s.MemoryPeak)+" "+a.t("at most"))
	}
	fact("folder", p.inRoot(s.Dir))
	if s.Checkpoint != "" {
		fact("newest", filepath.Base(s.Checkpoint))
	}
	if s.Export != "" {
		fact("export", p.inRoot(s.Export))
	}
	diff := p.diffs[s.Dir]
	if s.Parent != "" {
		fact("parent", p.inRoot(s.Parent))
		lines = append(lines, p.diffLines(a.t("differs from its parent in"), diff.parent, w)...)
	}
	lines = append(lines, p.diffLines(a.t("differs from the open recipe in"), diff.open, w)...)
	return lines
}

// inRoot is a path without the folder that all runs are in.
func (p *runsPage) inRoot(path string) string {
	if rest, ok := strings.CutPrefix(path, p.a.opt.RunsRoot+string(filepath.Separator)); ok {
		return rest
	}
	return path
}

// diffLines list changes under a title: the option, the other's value and the run's.
func (p *runsPage) diffLines(title string, changes []recipes.Change, w int) []string {
	th := p.a.th
	if len(changes) == 0 {
		return nil
	}
	lines := []string{"", " " + th.paint(inkTitle, title)}
	for _, c := range changes {
		was, is := visible(c.A), visible(c.B)
		if width(c.Key)+width(was)+width(is)+6 <= w {
			lines = append(lines, " "+c.Key+" "+th.paint(inkDim, was+" → ")+th.paint(inkAccent, is))
			continue
		}
		lines = append(lines, " "+c.Key, "   "+fit(th.paint(inkDim, was+" → ")+th.paint(inkAccent, is), w-4))
	}
	return lines
}
