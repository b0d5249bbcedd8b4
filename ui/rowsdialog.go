package ui

import (
	"cmp"
	"errors"
	"math"
	"reflect"
	"slices"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/engine/run"
	"sftui/recipes"
	"sftui/ui/vlist"
)

// rowsDialog shows the rows of a step or of an evaluation with their losses,
// the worst first, and the chosen one token by token as the run saw it: with
// the run's own recipe, whatever is open in Data.
type rowsDialog struct {
	title string
	run   *run.Run
	eval  bool // rows of the evaluation data
	rows  []lossRow
	list  vlist.List

	set    *dataSet // nil until it is open
	opened bool     // the dialog opened set for itself, and closes it
	closed bool
	recipe *recipes.Recipe // of the run, nil when it has none
	err    error
	views  map[int]*rowView
	asked  map[int]bool
	stage  int
	flow   *flow
	top    int
	textH  int // lines of the text that were shown last
}

// lossRow is a row with its mean loss.
type lossRow struct {
	row   int
	loss  float64 // NaN also where it is not known
	known bool
}

// byLoss pairs rows with their losses and puts the worst first; a loss that is
// not a number is the worst of all.
func byLoss(rows []int, losses []run.Number) []lossRow {
	list := make([]lossRow, len(rows))
	for i, row := range rows {
		list[i] = lossRow{row: row}
		if i < len(losses) {
			list[i].loss, list[i].known = float64(losses[i]), true
		}
	}
	rank := func(r lossRow) float64 {
		switch {
		case !r.known:
			return math.Inf(-1)
		case math.IsNaN(r.loss):
			return math.Inf(1)
		}
		return r.loss
	}
	slices.SortStableFunc(list, func(x, y lossRow) int { return cmp.Compare(rank(y), rank(x)) })
	return list
}

// showRows opens the dialog on rows of a run's training or evaluation data.
func (a *app) showRows(title string, of *run.Run, eval bool, rows []lossRow, at int) tea.Cmd {
	d := &rowsDialog{title: title, run: of, eval: eval, rows: rows, stage: stageLabels, views: map[int]*rowView{}, asked: map[int]bool{}}
	d.list.Select(at, len(rows))
	a.push(d)
	return a.openRows(d)
}

// openRows opens the data that a run reads its rows from: the set that is open
// in Data where it is the same, else one of the dialog's own.
func (a *app) openRows(d *rowsDialog) tea.Cmd {
	ctx, o := a.ctx, a.opt
	open, spec, model := a.data.set, a.data.dataSpec(), a.data.modelSpec()
	var openRecipe *recipes.Recipe
	if a.recipe.r != nil {
		openRecipe = a.recipe.r.Clone()
	}
	evaluation := a.data.evaluation()
	read := func() tea.Msg {
		m := rowsOpenedMsg{d: d}
		r, err := recipes.Load(d.run.Path(run.RecipeFile))
		if err != nil && open != nil && !evaluation && (!d.eval || openRecipe != nil && openRecipe.EvalDatasetName == "") {
			m.set = open // a run without a recipe: what is open is the best there is
			return m
		}
		if err != nil {
			m.err = errors.New("this run has no recipe.yaml, so nobody knows which data it read")
			return m
		}
		m.recipe = r
		separate := d.eval && r.EvalDatasetName != ""
		if open != nil && openRecipe != nil && separate == evaluation && sameRows(o, open, openRecipe, r, spec, model, separate) {
			m.set = open
			return m
		}
		wanted := trainingSpec(r)
		if separate {
			wanted, o = r.EvalDatasetName, o.evaluating(r)
		}
		m.set, _, m.err = openSet(ctx, o, r, wanted, r.ModelNameOrPath, make(progressLine, 1))
		m.opened = m.set != nil
		if m.err != nil && m.set != nil {
			m.set.close()
			m.set, m.opened = nil, false
		}
		return m
	}
	if open != nil {
		return open.using(read)
	}
	return read
}

// sameRows reports whether the set that is open reads the rows of recipe r in
// the way that r prepares them.
func sameRows(o Options, open *dataSet, openRecipe, r *recipes.Recipe, spec, model string, evaluation bool) bool {
	same := spec == trainingSpec(r) && reflect.DeepEqual(openRecipe.DatasetMixture, r.DatasetMixture) && model == r.ModelNameOrPath && openRecipe.ModelRevision == r.ModelRevision &&
		openRecipe.DatasetConfig == r.DatasetConfig && openRecipe.DatasetTrainSplit == r.DatasetTrainSplit
	if evaluation {
		same = same && openRecipe.EvalDatasetName == r.EvalDatasetName && openRecipe.DatasetTestSplit == r.DatasetTestSplit
	}
	if !same {
		return false
	}
	options := dataset.DefaultOptions()
	if o.DataOptions != nil {
		var err error
		if options, err = o.DataOptions(r); err != nil {
			return false
		}
	}
	return reflect.DeepEqual(options, open.options)
}

// rowsOpenedMsg is the data of a rowsDialog.
type rowsOpenedMsg struct {
	d      *rowsDialog
	set    *dataSet
	opened bool
	recipe *recipes.Recipe
	err    error
}

func (m rowsOpenedMsg) apply(*app) tea.Cmd {
	d := m.d
	if d.closed {
		if m.opened {
			return closing(m.set)
		}
		return nil
	}
	d.set, d.opened, d.recipe, d.err = m.set, m.opened, m.recipe, m.err
	return d.refresh()
}

// refresh asks for the rows that are in sight and not prepared yet.
func (d *rowsDialog) refresh() tea.Cmd {
	if d.set == nil {
		return nil
	}
	const least = 24 // before the first picture nobody knows how many are in sight
	from, to := d.list.Window(len(d.rows))
	var need []int
	for i := from; i < min(max(to, from+least), len(d.rows)); i++ {
		if row := d.rows[i].row; !d.asked[row] {
			d.asked[row] = true
			need = append(need, row)
		}
	}
	if len(need) == 0 {
		return nil
	}
	set := d.set
	return set.using(func() tea.Msg {
		m := rowsPreparedMsg{d: d}
		for _, row := range need {
			if row < 0 || row >= set.src.Len() {
				m.views = append(m.views, &rowView{row: row, err: errors.New("the data has no such row any more; was the file changed since the run?")})
				continue
			}
			m.views = append(m.views, set.view(row))
		}
		return m
	})
}

// rowsPreparedMsg are rows through all their stages.
type rowsPreparedMsg struct {
	d     *rowsDialog
	views []*rowView
}

func (m rowsPreparedMsg) apply(*app) tea.Cmd {
	for _, v := range m.views {
		m.d.views[v.row] = v
	}
	return nil
}

// close lets go of what was opened.
func (d *rowsDialog) close(a *app) tea.Cmd {
	a.pop()
	d.closed = true
	if d.opened {
		return closing(d.set)
	}
	return nil
}

func (d *rowsDialog) scroll(by int) { d.top = max(0, d.top+by) }

// move goes to another row.
func (d *rowsDialog) move(by int) tea.Cmd {
	d.list.Move(by, len(d.rows))
	d.flow, d.top = nil, 0
	return d.refresh()
}

func (d *rowsDialog) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "q":
		return d.close(a)
	case "j", "down":
		return d.move(1)
	case "k", "up":
		return d.move(-1)
	case "home":
		return d.move(-len(d.rows))
	case "G", "end":
		return d.move(len(d.rows))
	case "J", "pgdown", "space", "ctrl+d":
		d.scroll(max(1, d.textH-1))
	case "K", "pgup", "ctrl+u":
		d.scroll(-max(1, d.textH-1))
	case "tab":
		if d.stage++; d.stage > stageTruncated {
			d.stage = stageTokens
		}
		d.flow, d.top = nil, 0
	case "y":
		if v := d.chosen(); v != nil {
			return tea.Batch(tea.SetClipboard(v.plain(d.stage)), a.say(inkGood, a.tf("row %s copied", count(v.row))))
		}
	case "enter":
		return d.openInData(a)
	}
	return nil
}

// chosen is the row under the cursor, nil while it is not prepared.
func (d *rowsDialog) chosen() *rowView {
	if i := d.list.Cursor(); i < len(d.rows) {
		return d.views[d.rows[i].row]
	}
	return nil
}

// openInData shows the chosen row in the Data page, which opens the run's
// recipe first where another one is open.
func (d *rowsDialog) openInData(a *app) tea.Cmd {
	i := d.list.Cursor()
	if i >= len(d.rows) || d.set == nil {
		return nil
	}
	row, set := d.rows[i].row, d.set
	done := d.close(a)
	if set == a.data.set {
		return tea.Batch(done, a.data.show(row))
	}
	dir := d.run.Dir
	toEval := d.eval && d.recipe != nil && d.recipe.EvalDatasetName != ""
	name := ""
	if toEval {
		name = d.recipe.EvalDatasetName
	}
	goThere := func(a *app) tea.Cmd {
		a.data.evaluationOf, a.data.wanted = name, row
		a.page = pageData
		return a.loadRecipe(dir)
	}
	if a.recipe.r != nil && d.recipe != nil && len(withoutFolder(recipes.Diff(a.recipe.r, d.recipe))) == 0 {
		a.data.evaluationOf, a.data.wanted = name, row
		a.page = pageData
		return tea.Batch(done, a.data.reopen())
	}
	a.push(&question{title: a.t("Open the run's recipe?"),
		lines:   []string{a.t("Data shows the rows of the open recipe, and this run was started with another one.")},
		choices: []choice{{"enter", a.t("open the run's recipe and its data"), goThere}}})
	return done
}

// withoutFolder leaves out output_dir, in which every run differs.
func withoutFolder(changes []recipes.Change) []recipes.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c recipes.Change) bool { return c.Key == "output_dir" })
}
