package ui

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/recipes"
	"sftui/ui/vlist"
)

// dataPage is the browser of rows: a list of any length, one row through all
// stages of its preparation, and the lengths of all rows.
type dataPage struct {
	a   *app
	gen int // of the open data, model and options together

	set     *dataSet // nil while nothing is open
	stuck   *dataSet // data that is open but cannot be prepared as it is
	busy    string   // what is being opened
	err     error
	modelAt string // model folder, once resolved
	wanted  int    // row to show once the data is open, -1 for none
	// evaluationOf is the eval_dataset_name whose rows are shown instead of the
	// training rows, as long as the open recipe names it.
	evaluationOf string

	list    vlist.List
	order   []int // rows in the order of the list; nil is file order
	sorted  sortBy
	query   string
	search  *field
	scanned int // rows that a search has looked at
	finding int // a search is running while this is its generation

	detail   *rowView
	packed   *rowView // the sequences of the row, once they were looked at
	stage    int
	top      int // first line of the detail
	flow     *flow
	ids      bool // tokens as a table with ids
	zoom     bool // the row alone, without the list
	strip    stripState
	scanning bool // the scan\'s command is under way
	stopScan context.CancelFunc
}

// stripState says whether the strip of lengths is shown.
type stripState int

// The strip is shown where there is room for it, until a key decides.
const (
	stripAuto stripState = iota
	stripOn
	stripOff
)

// dataSet is what is open, with what is known of its rows so far.
type dataSet struct {
	users *sync.WaitGroup // commands that read src or tok
	src   dataset.Source
	tok   *dataset.Tokenizer
	prep  *dataset.Preparer
	shape string // with its rating
	why   string // it has that shape
	// rating says what the shape's rating means.
	rating string

	options   dataset.Options
	first     []string // the first row, of a set that cannot be prepared
	cure      *remedy  // what would open it, nil when nothing was found
	maxLength int
	scan      *dataset.Scan  // nil until it is open
	strip     stripInfo      // what the scan says of all rows
	words     map[int]string // first words of rows that were shown
	problems  map[int]string // why a row cannot be prepared
	asked     map[int]bool   // rows that a command is looking at
	lengths   *lengths
}

// sortBy is an order of the list.
type sortBy int

const (
	sortFile sortBy = iota
	sortLong
	sortShort
	sortTrained
	sortProblems
	sortCount
)

// newDataPage is the page before anything is open.
func newDataPage(a *app) *dataPage {
	return &dataPage{a: a, wanted: -1, stage: stageTokens}
}

// modelSpec is the model as the person named it.
func (p *dataPage) modelSpec() string {
	if p.a.opt.Model != "" {
		return p.a.opt.Model
	}
	if p.a.recipe.r != nil {
		return p.a.recipe.r.ModelNameOrPath
	}
	return ""
}

// dataSpec is the data set as the person named it.
func (p *dataPage) dataSpec() string {
	if p.a.opt.Data != "" {
		return p.a.opt.Data
	}
	if p.a.recipe.r != nil {
		return trainingSpec(p.a.recipe.r)
	}
	return ""
}

// trainingSpec names what a recipe trains on: the data sets of dataset_mixture,
// which wins as in open-r1, or dataset_name.
func trainingSpec(r *recipes.Recipe) string {
	if r.DatasetMixture == nil {
		return r.DatasetName
	}
	var names []string
	for _, d := range r.DatasetMixture.Datasets {
		names = append(names, d.ID)
	}
	return strings.Join(names, " + ")
}

// evaluation reports whether the rows shown are those of eval_dataset_name.
func (p *dataPage) evaluation() bool {
	return p.evaluationOf != "" && p.a.recipe.r != nil && p.a.recipe.r.EvalDatasetName == p.evaluationOf
}

// turnEvaluation shows the rows of eval_dataset_name, or the training rows again.
func (p *dataPage) turnEvaluation() tea.Cmd {
	a := p.a
	switch {
	case p.evaluation():
		p.evaluationOf = ""
	case a.recipe.r == nil || a.recipe.r.EvalDatasetName == "":
		return a.say(inkWarn, a.t("The recipe has no eval_dataset_name; with eval_holdout the evaluation rows are rows of this data."))
	default:
		p.evaluationOf = a.recipe.r.EvalDatasetName
	}
	return p.reopen()
}

// modelName is the model's own name for the top line.
func (p *dataPage) modelName() string { return filepath.Base(dotless(p.modelSpec())) }

// dataName is the data set's own name for the top line.
func (p *dataPage) dataName() string {
	spec := p.dataSpec()
	if p.evaluation() {
		spec = p.evaluationOf
	}
	if strings.Contains(spec, ":") {
		return spec
	}
	var names []string
	for _, part := range strings.Split(spec, " + ") { // of a mixture, each
		names = append(names, filepath.Base(dotless(part)))
	}
	return strings.Join(names, " + ")
}

// dotless keeps an empty name from becoming "." in filepath.Base.
func dotless(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// sizeAndShape is how many rows are open, and their shape.
func (p *dataPage) sizeAndShape() string {
	return p.a.plural(p.set.src.Len(), "%s row", "%s rows") + ", " + p.a.tf("shape %s", p.a.shapeText(p.set.shape))
}

// describe is one line on the data for the summary of a run.
func (p *dataPage) describe() string {
	if p.set == nil || p.evaluation() {
		return p.dataSpec()
	}
	return p.dataSpec() + ", " + p.sizeAndShape()
}

// trainRows is the number of rows to train on, 0 while unknown.
func (p *dataPage) trainRows() int {
	if p.set == nil || p.evaluation() {
		return 0
	}
	return p.set.src.Len()
}

// reopen opens data and model anew; reprepare keeps both and changes options.
func (p *dataPage) reopen() tea.Cmd {
	p.gen++
	p.busy, p.err = p.a.t("opening"), nil
	if p.scanning {
		p.stopScan()
	}
	p.detail, p.packed, p.flow = nil, nil, nil
	return p.a.openData(p.gen)
}

func (p *dataPage) reprepare() tea.Cmd {
	if p.set == nil {
		return p.reopen()
	}
	p.gen++
	if p.scanning {
		p.stopScan()
	}
	return p.a.prepareAgain(p.gen, p.set)
}

// dataProgressMsg tells what opening is busy with.
type dataProgressMsg struct {
	gen  int
	line string
	next tea.Cmd
}

func (m dataProgressMsg) apply(a *app) tea.Cmd {
	if m.gen != a.data.gen {
		return nil
	}
	a.data.busy = m.line
	return m.next
}

// dataOpenedMsg is open data with its model, or why not.
type dataOpenedMsg struct {
	gen   int
	set   *dataSet
	stuck *dataSet // instead of set when err is about the shape of the rows
	model string
	err   error
}

func (m dataOpenedMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen {
		return closing(m.set, m.stuck)
	}
	p.busy, p.err, p.stuck = "", m.err, m.stuck
	if m.model != "" {
		p.modelAt = m.model
	}
	if m.err != nil {
		p.set = nil
		return nil
	}
	p.set = m.set
	p.order, p.sorted, p.query = nil, sortFile, ""
	row := 0
	if p.wanted >= 0 {
		row = p.wanted
	}
	p.wanted = -1
	p.list.Select(row, p.rows())
	return tea.Batch(p.refresh(), a.openScan(p.gen, p.set), a.remember())
}

// rows is the length of the list.
func (p *dataPage) rows() int {
	switch {
	case p.set == nil:
		return 0
	case p.order != nil:
		return len(p.order)
	}
	return p.set.src.Len()
}

// row is the data set's row at a place of the list, -1 when there is none.
func (p *dataPage) row(i int) int {
	if p.order != nil {
		if i < 0 || i >= len(p.order) {
			return -1
		}
		return p.order[i]
	}
	if p.set == nil || i < 0 || i >= p.set.src.Len() {
		return -1
	}
	return i
}

// refresh asks for the visible rows and the chosen one where they are missing.
func (p *dataPage) refresh() tea.Cmd {
	if p.set == nil {
		return nil
	}
	p.place()
	p.stage = min(p.stage, p.stages()-1)
	var need []int
	from, to := p.list.Window(p.rows())
	for i := from; i < to; i++ {
		row := p.row(i)
		if _, ok := p.set.words[row]; !ok && !p.set.asked[row] {
			p.set.asked[row] = true
			need = append(need, row)
		}
	}
	var cmds []tea.Cmd
	if len(need) > 0 {
		cmds = append(cmds, p.a.lookAt(p.gen, p.set, need))
	}
	cmds = append(cmds, p.readPacked())
	if row := p.row(p.list.Cursor()); row >= 0 && (p.detail == nil || p.detail.row != row || p.detail.gen != p.gen) {
		late := rowLateMsg{p.gen, row}
		cmds = append(cmds, p.a.viewRow(p.gen, p.set, row), tea.Tick(patience, func(time.Time) tea.Msg { return late }))
	}
	return tea.Batch(cmds...)
}

// layout divides the page for the present terminal.
func (p *dataPage) layout(w, h int) dataLayout {
	if p.zoom {
		return dataLayout{detail: rect{0, 0, w, h}}
	}
	show := p.strip == stripOn || p.strip == stripAuto && (h >= 30 || w >= compactBelow && h >= 24)
	return layoutData(w, h, show)
}

// toggleHistogram shows the strip of lengths, or hides it.
func (p *dataPage) toggleHistogram() {
	if p.layout(p.a.frame.body.w, p.a.frame.body.h).histogram.h > 0 {
		p.strip = stripOff
	} else {
		p.strip = stripOn
	}
}

// place tells the list how many rows it shows, before a frame is drawn.
func (p *dataPage) place() {
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	p.list.SetHeight(p.listHeight(l.list.h))
}

// listHeight is how many rows fit in a list pane of h cells.
func (p *dataPage) listHeight(h int) int { return max(1, h-4) }

// rowsSeenMsg are rows that the list shows.
type rowsSeenMsg struct {
	gen  int
	seen []seenRow
}

// seenRow is what the list shows of a row.
type seenRow struct {
	row     int
	words   string
	length  rowLength
	problem string
	// onlyWords: the length was known, so the row has not been prepared again.
	onlyWords bool
}

func (m rowsSeenMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen || p.set == nil {
		return nil
	}
	const keep = 20000 // rows whose first words are kept
	if len(p.set.words) > keep {
		p.set.words, p.set.asked = map[int]string{}, map[int]bool{}
	}
	for _, s := range m.seen {
		p.set.words[s.row] = s.words
		delete(p.set.asked, s.row)
		if !s.onlyWords {
			p.set.lengths.put(s.row, s.length)
		}
		if s.problem != "" {
			p.set.problems[s.row] = s.problem
		}
	}
	return nil
}

// rowViewMsg is a row through all its stages.
type rowViewMsg struct {
	gen  int
	view *rowView
}

func (m rowViewMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen || p.row(p.list.Cursor()) != m.view.row {
		return nil
	}
	if p.detail == nil || p.detail.row != m.view.row {
		p.top = 0
	}
	m.view.gen = m.gen
	p.detail, p.flow = m.view, nil
	return nil
}

// mark is ✗ for a row that cannot be trained on, ▲ for one that is cut.
func (p *dataPage) mark(row int) string {
	if p.set == nil || row < 0 {
		return " "
	}
	if p.set.problems[row] != "" {
		return "✗"
	}
	l, ok := p.set.lengths.at(row)
	switch {
	case !ok:
		return " "
	case l.dropped || l.trained == 0:
		return "✗"
	case l.full > l.kept:
		return "▲"
	}
	return " "
}

// meanTrained is the mean number of trained tokens of the rows known so far.
func (p *dataPage) meanTrained() float64 {
	if p.set == nil {
		return 0
	}
	return p.set.lengths.meanTrained()
}

// keepsWhole says how many rows a max_length would keep whole.
func (p *dataPage) keepsWhole(limit int) string {
	if p.set == nil || p.set.lengths.known == 0 {
		return ""
	}
	share := p.set.lengths.shareUpTo(limit)
	return p.a.tf("keeps %.0f%% of the rows whole (of %s looked at)", share*100, count(p.set.lengths.known))
}

// copyRow puts the chosen row's text on the clipboard of the terminal.
func (p *dataPage) copyRow() tea.Cmd {
	if p.shown() == nil {
		return nil
	}
	return tea.Batch(tea.SetClipboard(p.shown().plain(p.stage)), p.a.say(inkGood, p.a.tf("row %s copied", count(p.detail.row))))
}
