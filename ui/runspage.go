package ui

import (
	"fmt"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
	"sftui/ui/chart"
	"sftui/ui/vlist"
)

// runsPage lists the runs of this machine and compares their curves.
type runsPage struct {
	still
	a      *app
	gen    int
	all    []run.Summary
	loaded bool
	err    error
	list   vlist.List
	marked map[string]bool          // run folders whose curves are overlaid
	curves map[string]*chart.Series // smoothed loss of runs that were read
	diffs  map[string][]recipes.Change
	asked  map[string]bool
}

// newRunsPage is the page before the list is read.
func newRunsPage(a *app) *runsPage {
	return &runsPage{a: a, marked: map[string]bool{}, curves: map[string]*chart.Series{},
		diffs: map[string][]recipes.Change{}, asked: map[string]bool{}}
}

// runsListedMsg is the list of runs.
type runsListedMsg struct {
	gen   int
	all   []run.Summary
	first bool // the workbench has just started
	err   error
}

func (m runsListedMsg) apply(a *app) tea.Cmd {
	p := a.runs
	if m.gen != p.gen {
		return nil
	}
	p.all, p.err, p.loaded = m.all, m.err, true
	p.list.Select(p.list.Cursor(), len(p.all))
	var cmd tea.Cmd
	if m.first {
		cmd = a.firstPage()
	}
	if a.page == pageRuns {
		cmd = tea.Batch(cmd, p.readChosen())
	}
	return cmd
}

// firstPage decides where the workbench opens: at the run that was named or is
// live, at the data that was named, or at the start page.
func (a *app) firstPage() tea.Cmd {
	if a.opt.Run != "" {
		a.page = pageTrain
		return a.openRun(a.opt.Run)
	}
	for _, s := range a.runs.all {
		if s.Alive {
			a.page = pageTrain
			r := &run.Run{Dir: s.Dir}
			return tea.Batch(a.train.attach(r), a.adoptRecipe(r), a.say(inkAccent, a.tf("attached to the live run %s", s.Name)))
		}
	}
	if a.opt.Data != "" || a.opt.Plain {
		return a.goTo(pageData)
	}
	return nil
}

// adoptRecipe opens the recipe that a run was started with, so that Data and
// Recipe show what it trains on; a recipe named on the command line stays.
func (a *app) adoptRecipe(r *run.Run) tea.Cmd {
	if a.opt.Recipe != "" || a.opt.Data != "" || a.opt.Model != "" || len(a.opt.Edits) > 0 {
		return nil
	}
	return a.loadRecipe(r.Dir)
}

// refresh reads the list anew.
func (p *runsPage) refresh() tea.Cmd { return tea.Batch(p.a.listRuns(false), p.readChosen()) }

// chosen is the run under the cursor.
func (p *runsPage) chosen() (run.Summary, bool) {
	if i := p.list.Cursor(); i < len(p.all) {
		return p.all[i], true
	}
	return run.Summary{}, false
}

// move goes d runs.
func (p *runsPage) move(d int) tea.Cmd {
	p.list.Move(d, len(p.all))
	return p.readChosen()
}

// readChosen reads the curve and the recipe of the run under the cursor.
func (p *runsPage) readChosen() tea.Cmd {
	s, ok := p.chosen()
	if !ok || p.asked[s.Dir] && s.State.Over() {
		return nil
	}
	p.asked[s.Dir] = true
	return p.a.readCurve(s.Dir)
}

// curveReadMsg is the loss of a run and what its recipe changes.
type curveReadMsg struct {
	dir   string
	curve *chart.Series
	diff  []recipes.Change
	err   error
}

func (m curveReadMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	a.runs.curves[m.dir] = m.curve
	a.runs.diffs[m.dir] = m.diff
	return nil
}

// openRun attaches the Train page to the run under the cursor.
func (p *runsPage) openRun() tea.Cmd {
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	cmd := p.a.train.attach(&run.Run{Dir: s.Dir})
	return tea.Batch(cmd, p.a.goTo(pageTrain))
}

// resume goes on with the run under the cursor from its last checkpoint.
func (p *runsPage) resume() tea.Cmd {
	s, ok := p.chosen()
	a := p.a
	switch {
	case !ok:
		return nil
	case s.Alive:
		return a.say(inkWarn, a.t("This run is live; enter opens it."))
	case s.State == run.Finished:
		return a.say(inkWarn, a.t("This run is finished; there is nothing to resume."))
	}
	a.push(&question{title: a.t("Resume this run?"),
		lines:   []string{a.tf("%s goes on from its last checkpoint; steps after that are done again.", s.Name)},
		choices: []choice{{"enter", a.t("resume"), func(a *app) tea.Cmd { return a.train.goOn(s.Dir) }}}})
	return nil
}

// fork starts a new run of the open recipe from the newest checkpoint of the
// run under the cursor.
func (p *runsPage) fork() tea.Cmd {
	s, ok := p.chosen()
	a := p.a
	if _, alive := a.train.live(); alive {
		return a.say(inkWarn, a.t("A run is live. Stop it first (X), or let it end."))
	}
	if !ok || a.recipe.r == nil {
		return nil
	}
	if s.Checkpoint == "" {
		return a.say(inkWarn, a.t("This run has no checkpoint to start from."))
	}
	q := &question{title: a.t("Start a new run from this one?"),
		lines: []string{a.tf("It begins with the weights of %s and trains with the open recipe.", filepath.Base(s.Checkpoint))}}
	summary, blocked := a.recipe.summary()
	q.lines = append(q.lines, summary...)
	for _, c := range p.diffs[s.Dir] {
		q.lines = append(q.lines, c.Key+": "+visible(c.B)+" → "+visible(c.A))
	}
	if !blocked {
		q.choices = []choice{{"enter", a.t("start"), func(a *app) tea.Cmd { return a.train.launch(s.Checkpoint) }}}
	}
	a.push(q)
	return nil
}

// mark adds the run's curve to the overlay or takes it out.
func (p *runsPage) mark() tea.Cmd {
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	if p.marked[s.Dir] {
		delete(p.marked, s.Dir)
	} else {
		p.marked[s.Dir] = true
	}
	return p.move(1)
}

// remove deletes the run's folder after a question.
func (p *runsPage) remove() tea.Cmd {
	s, ok := p.chosen()
	a := p.a
	if !ok {
		return nil
	}
	if s.Alive {
		return a.say(inkWarn, a.t("This run is live: stop it before deleting it."))
	}
	a.push(&question{title: a.t("Delete this run?"),
		lines:   []string{a.tf("%s with its checkpoints and its exported model is removed from the disk. This cannot be undone.", s.Dir)},
		choices: []choice{{"D", a.t("delete"), func(a *app) tea.Cmd { return a.deleteRun(s.Dir) }}}})
	return nil
}

// useRecipe opens the run's recipe, to start another run from it.
func (p *runsPage) useRecipe() tea.Cmd {
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	return tea.Batch(p.a.loadRecipe(s.Dir), p.a.goTo(pageRecipe))
}

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
		th.pane(a.t("about this run"), p.aboutLines(w-chartW-4), w-chartW, rest, false)))
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
	return runColumns(w, " ", a.t("run"), a.t("state"), a.t("step"), a.t("loss"), a.t("best eval"), a.t("tok/s"), a.t("started"))
}

// runColumns lays the cells of a line out.
func runColumns(w int, mark, name, state, step, loss, best, speed, started string) string {
	nameW := max(16, w-2-12-14-8-10-8-17-7)
	if w < compactBelow {
		return fit(" "+mark+fit(name, max(14, w-46))+" "+fit(state, 12)+" "+fitLeft(step, 13)+" "+fitLeft(loss, 8)+" "+fitLeft(speed, 6), w)
	}
	return fit(" "+mark+fit(name, nameW)+" "+fit(state, 12)+" "+fitLeft(step, 14)+" "+fitLeft(loss, 8)+" "+fitLeft(best, 10)+" "+fitLeft(speed, 8)+"  "+fit(started, 17), w)
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
	best := "–"
	if s.BestEval != 0 {
		best = value(float64(s.BestEval))
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
	line := runColumns(w, mark, visible(s.Name), state, step, value(float64(s.Loss)), best, speed, started)
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
	fact("model", s.Model)
	fact("data", s.Data)
	fact("device", s.Device)
	fact("message", s.Message)
	fact("parent", s.Parent)
	fact("tokens", count(s.TrainedTokens)+" "+a.t("trained"))
	fact("memory", size(s.MemoryPeak)+" "+a.t("at most"))
	fact("export", s.Export)
	fact("folder", s.Dir)
	if diff := p.diffs[s.Dir]; len(diff) > 0 {
		lines = append(lines, "", " "+th.paint(inkTitle, a.t("differs from the open recipe in")))
		for _, c := range diff {
			lines = append(lines, fit(fmt.Sprintf(" %s  %s", c.Key, th.paint(inkAccent, visible(c.B))+th.paint(inkDim, " ("+a.t("open:")+" "+visible(c.A)+")")), w))
		}
	}
	return lines
}

// wheel scrolls the list; click chooses a run.
func (p *runsPage) wheel(_, _, d int) tea.Cmd {
	p.list.Scroll(d, len(p.all))
	return p.readChosen()
}

func (p *runsPage) click(_, y int) tea.Cmd {
	from, to := p.list.Window(len(p.all))
	if i := from + y - 2; i >= from && i < to {
		p.list.Select(i, len(p.all))
	}
	return p.readChosen()
}
