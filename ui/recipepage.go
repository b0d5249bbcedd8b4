package ui

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
	"sftui/ui/vlist"
)

// recipePage is the form of all options with their explanations.
type recipePage struct {
	still
	a      *app
	gen    int
	r      *recipes.Recipe
	path   string // where w writes; empty for an embedded recipe
	title  string
	source []byte // the YAML as read, for writing back with its comments
	err    error

	fields    map[string]recipes.Field
	groups    []recipes.Group
	byGroup   map[string][]string
	rows      []optionRow
	list      vlist.List
	changed   bool // only options that are not default
	search    *field
	query     string
	edit      *field // value that is being typed
	editErr   error
	conflicts []recipes.Conflict
	undo      []undoStep
	atFix     int // the conflict that f fixes
	detailTop int
	forecast  forecaster
}

// optionRow is a line of the form: a group's name, or an option.
type optionRow struct{ group, key string }

// undoStep is a value before an edit.
type undoStep struct {
	key, value string
	origin     recipes.Origin
	more       bool // it is undone together with the step before it
}

// newRecipePage is the page before its recipe is read.
func newRecipePage(a *app) *recipePage { return &recipePage{a: a} }

// recipeReadMsg is a recipe with everything that explains it.
type recipeReadMsg struct {
	gen    int
	r      *recipes.Recipe
	path   string
	title  string
	source []byte
	fields []recipes.Field
	groups []recipes.Group
	err    error
}

func (m recipeReadMsg) apply(a *app) tea.Cmd {
	p := a.recipe
	if m.gen != p.gen {
		return nil
	}
	if m.err != nil {
		p.err = m.err
		a.start.problem = m.err
		return a.fail(m.err)
	}
	p.r, p.path, p.title, p.source, p.err = m.r, m.path, m.title, m.source, nil
	a.start.problem = nil
	p.groups = m.groups
	p.fields = make(map[string]recipes.Field, len(m.fields))
	p.byGroup = map[string][]string{}
	for _, f := range m.fields {
		p.fields[f.Key] = f
		p.byGroup[f.Group] = append(p.byGroup[f.Group], f.Key)
	}
	p.undo = nil
	p.rebuild()
	p.recheck()
	return a.data.reopen()
}

// rebuild lists the rows that search and view leave.
func (p *recipePage) rebuild() {
	here := p.key()
	p.rows = p.rows[:0]
	words := strings.Fields(strings.ToLower(p.query))
	for _, g := range p.groups {
		first := true
		for _, key := range p.byGroup[g.ID] {
			if p.changed && !p.r.IsSet(key) || !p.matches(key, words) {
				continue
			}
			if first {
				p.rows = append(p.rows, optionRow{group: g.ID})
				first = false
			}
			p.rows = append(p.rows, optionRow{group: g.ID, key: key})
		}
	}
	at := 1
	for i, r := range p.rows {
		if r.key == here && here != "" {
			at = i
		}
	}
	p.list.Select(at, len(p.rows))
}

// matches reports whether an option's key or short text has all words.
func (p *recipePage) matches(key string, words []string) bool {
	hay := strings.ToLower(key + " " + p.fields[key].Help + " " + p.fields[key].Doc.Chinese.Short)
	for _, w := range words {
		if !strings.Contains(hay, w) {
			return false
		}
	}
	return true
}

// recheck looks for conflicts.
func (p *recipePage) recheck() {
	p.conflicts = p.r.Conflicts()
	p.atFix = min(p.atFix, max(0, len(p.conflicts)-1))
}

// key is the chosen option, "" on a group's name.
func (p *recipePage) key() string {
	if i := p.list.Cursor(); i < len(p.rows) {
		return p.rows[i].key
	}
	return ""
}

// number is an option's value as a number, 0 when it is none.
func (p *recipePage) number(key string) float64 {
	if p.r == nil {
		return 0
	}
	v, _ := p.r.Get(key)
	f, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return 0
	}
	return f
}

// move goes d options up or down, over the names of groups.
func (p *recipePage) move(d int) tea.Cmd {
	p.list.Move(d, len(p.rows))
	p.leaveHeader(d)
	p.detailTop = 0
	return nil
}

// leaveHeader steps off a group's name.
func (p *recipePage) leaveHeader(d int) {
	if p.key() != "" || len(p.rows) == 0 {
		return
	}
	step := 1
	if d < 0 && p.list.Cursor() > 0 {
		step = -1
	}
	p.list.Move(step, len(p.rows))
}

// jump goes to the next or previous group.
func (p *recipePage) jump(d int) tea.Cmd {
	i := p.list.Cursor()
	if d < 0 {
		i-- // the name of this group
	}
	for i += d; i >= 0 && i < len(p.rows); i += d {
		if p.rows[i].key == "" {
			p.list.Select(i+1, len(p.rows))
			break
		}
	}
	return nil
}

// goToKey shows an option, whatever was filtered.
func (p *recipePage) goToKey(key string) tea.Cmd {
	p.changed, p.query, p.search = false, "", nil
	p.rebuild()
	for i, r := range p.rows {
		if r.key == key {
			p.list.Center(i, len(p.rows))
		}
	}
	return p.a.goTo(pageRecipe)
}

// rowsAStep multiplies micro-batch and accumulation out.
func (a *app) rowsAStep(micro, acc int) string {
	return a.plural(micro, "%s row", "%s rows") + fmt.Sprintf(" × %d = ", acc) + a.plural(micro*acc, "%s row a step", "%s rows a step")
}

// summary says in a few lines what would be trained; blocked when the recipe
// has an error that would end the run.
func (p *recipePage) summary() (lines []string, blocked bool) {
	a := p.a
	get := func(key string) string { v, _ := p.r.Get(key); return v }
	lines = append(lines,
		a.tf("Model: %s", a.data.modelSpec()),
		a.tf("Data: %s", a.data.describe()))
	micro, acc := p.r.PerDeviceTrainBatchSize, p.r.GradientAccumulationSteps
	length := a.tf("%s epochs", strings.TrimSuffix(get("num_train_epochs"), ".0"))
	if p.r.NumTrainEpochs == 1 {
		length = a.t("1 epoch")
	}
	if p.r.MaxSteps > 0 {
		length = a.plural(p.r.MaxSteps, "%s step", "%s steps")
	} else if f := p.forecast.current(); f != nil && f.Steps > 0 {
		length += " (" + a.plural(f.Steps, "%s step", "%s steps") + ")"
	} else if n := p.keptRows(); n > 0 && micro*acc > 0 && !p.r.Packing { // nobody knows yet how many packs there are
		length += " (" + a.plural(int(float64((n+micro*acc-1)/(micro*acc))*p.r.NumTrainEpochs), "about %s step", "about %s steps") + ")"
	}
	lines = append(lines, a.rowsAStep(micro, acc)+", "+length+", "+a.tf("learning rate %s", get("learning_rate")))
	for _, c := range p.conflicts {
		if c.Severity == recipes.SeverityError {
			lines = append(lines, "✗ "+p.say(c))
			blocked = true
		}
	}
	if blocked {
		lines = append(lines, a.t("The recipe has errors that would end the run: fix them first (page 3, f)."))
	}
	return lines, blocked
}

// keptRows is how many rows of the data are trained on: without those that
// eval_holdout holds out.
func (p *recipePage) keptRows() int {
	n := p.a.data.trainRows()
	if p.r.EvalHoldout <= 0 || p.r.EvalDatasetName != "" {
		return n
	}
	held := p.r.EvalHoldout
	if held < 1 { // a share
		held = math.Ceil(held * float64(n))
	}
	return max(0, n-int(held))
}

// before is what to know before a run is started: whether it fits, what was
// found, and where it goes when the recipe has another place in mind.
func (p *recipePage) before() (lines []string) {
	a := p.a
	if f := p.forecast.current(); f != nil {
		lines = append(lines, a.tf("Memory forecast: %s", f.of(a)))
	}
	warns := 0
	for _, f := range a.findings.all() {
		if f.Severity == recipes.SeverityWarning {
			warns++
		}
	}
	if warns > 0 {
		lines = append(lines, a.th.paint(inkWarn, "▲ "+a.plural(warns, "%s warning: page 2 says what it is", "%s warnings: page 2 says what they are")))
	}
	if p.r.OutputDir != "" {
		lines = append(lines, a.tf("The run gets a new folder in %s; output_dir counts for `sftui train`.", a.opt.RunsRoot))
	}
	return lines
}

// say is a conflict's sentence in the chosen language.
func (p *recipePage) say(c recipes.Conflict) string {
	if p.a.lang == chinese && c.Chinese != "" {
		return c.Chinese
	}
	return c.Message
}

// docLanguage is the language of the explanations.
func (a *app) docLanguage() recipes.Language {
	if a.lang == chinese {
		return recipes.Chinese
	}
	return recipes.English
}

// wheel scrolls the form or the explanation.
func (p *recipePage) wheel(x, y, d int) tea.Cmd {
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	if l.explain.contains(x, y) {
		p.detailTop = max(0, p.detailTop+d)
		return nil
	}
	p.list.Scroll(d, len(p.rows))
	p.leaveHeader(d)
	return nil
}

// click chooses an option.
func (p *recipePage) click(x, y int) tea.Cmd {
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	if l.options.contains(x, y) {
		from, _ := p.list.Window(len(p.rows))
		p.list.Select(from+y-l.options.y-1, len(p.rows))
		p.leaveHeader(1)
	}
	return nil
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readRecipe reads a recipe file, an embedded recipe by name, the recipe of a
// run folder, or the default.
func readRecipe(name string) (r *recipes.Recipe, path, title string, source []byte, err error) {
	for i, e := range recipes.Embedded() {
		if name == e.Name || name == "" && i == 0 {
			r, err = recipes.Parse(e.Name, e.YAML)
			return r, "", e.Name, e.YAML, err
		}
	}
	if name == "" {
		return recipes.Default(), "", "TRL defaults", nil, nil
	}
	var of string // the run whose recipe it is
	if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
		of = filepath.Base(name)
		if name = filepath.Join(name, startedWith); !exists(name) {
			name = filepath.Join(filepath.Dir(name), run.RecipeFile)
		}
	}
	if r, err = recipes.Load(name); err != nil {
		return nil, "", "", nil, err
	}
	if source, err = os.ReadFile(name); err != nil {
		return nil, "", "", nil, fmt.Errorf("read the recipe: %w", err)
	}
	if of != "" { // a run keeps its recipe as it was
		return r, "", "recipe of " + of, source, nil
	}
	return r, name, name, source, nil
}
