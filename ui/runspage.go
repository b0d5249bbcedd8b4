package ui

import (
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
	diffs  map[string]runDiff
	asked  map[string]bool
}

// runDiff is in what a run's recipe differs from others: A is the other's
// value, B the run's.
type runDiff struct {
	open   []recipes.Change // from the open recipe
	parent []recipes.Change // from that of the run it was forked from
}

// newRunsPage is the page before the list is read.
func newRunsPage(a *app) *runsPage {
	return &runsPage{a: a, marked: map[string]bool{}, curves: map[string]*chart.Series{},
		diffs: map[string]runDiff{}, asked: map[string]bool{}}
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

// firstPage decides where the workbench opens: at the run that was named, at the
// data or the recipe that was, at the run that is live, or at the start page.
func (a *app) firstPage() tea.Cmd {
	if a.opt.Run != "" {
		a.page = pageTrain
		return a.openRun(a.opt.Run)
	}
	named := a.opt.Data != "" || a.opt.Model != "" || a.opt.Recipe != "" || len(a.opt.Edits) > 0
	for _, s := range a.runs.all {
		if !s.Alive {
			continue
		}
		r := &run.Run{Dir: s.Dir}
		cmd := tea.Batch(a.train.attach(r), a.adoptRecipe(r), a.say(inkAccent, a.tf("attached to the live run %s", s.Name)))
		if named {
			return tea.Batch(cmd, a.goTo(pageData))
		}
		a.page = pageTrain
		return cmd
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
	return func() tea.Msg {
		if !exists(r.Path(startedWith)) && !exists(r.Path(run.RecipeFile)) {
			return nil // a run copied without its recipe: the one that is open stays
		}
		return recipeThereMsg{r.Dir}
	}
}

// recipeThereMsg tells that a run has a recipe to open.
type recipeThereMsg struct{ dir string }

func (m recipeThereMsg) apply(a *app) tea.Cmd { return a.loadRecipe(m.dir) }

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
	diff  runDiff
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
	if s.Checkpoint == "" {
		return a.say(inkWarn, a.t("This run has no checkpoint to go on from; e opens its recipe and g starts it again."))
	}
	q := &question{title: a.t("Resume this run?"),
		lines:   []string{a.tf("%s goes on from its last checkpoint; steps after that are done again.", s.Name)},
		choices: []choice{{"enter", a.t("resume"), func(a *app) tea.Cmd { return a.train.goOn(s.Dir) }}}}
	a.push(q)
	return a.drifted(q, s.Dir)
}

// drifted adds to the question what would keep the run from going on.
func (a *app) drifted(q *question, dir string) tea.Cmd {
	drifts, lang := a.opt.Drifts, a.docLanguage()
	if drifts == nil {
		return nil
	}
	return func() tea.Msg {
		found, err := drifts(a.ctx, dir, lang)
		if err != nil {
			return nil // resuming will say it
		}
		return driftsMsg{q, found}
	}
}

// driftsMsg are the reasons against resuming.
type driftsMsg struct {
	to    *question
	found []Finding
}

func (m driftsMsg) apply(a *app) tea.Cmd {
	for _, f := range m.found {
		line := "✗ " + visible2(f.Message)
		if f.FixText != "" {
			line += " → " + visible2(f.FixText)
		}
		m.to.lines = append(m.to.lines, a.th.paint(inkError, line))
	}
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
