package ui

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/recipes"
)

// captures is true while a value or a search is typed.
func (p *recipePage) captures() bool { return p.edit != nil || p.search != nil }

// typed edits the value or the search.
func (p *recipePage) typed(k tea.KeyPressMsg) tea.Cmd {
	if p.search != nil {
		return p.typedSearch(k)
	}
	switch k.String() {
	case "esc":
		p.edit, p.editErr = nil, nil
	case "enter":
		if p.editErr == nil {
			text := p.edit.String()
			p.edit = nil
			return p.set(p.key(), text)
		}
	default:
		if p.edit.press(k) {
			p.editErr = p.r.Clone().Set(p.key(), p.edit.String(), recipes.Origin{Kind: recipes.OriginEdit})
		}
	}
	return nil
}

func (p *recipePage) typedSearch(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		p.search, p.query = nil, ""
	case "enter":
		p.search = nil
	case "up", "down":
		d := 1
		if k.String() == "up" {
			d = -1
		}
		return p.move(d)
	default:
		p.search.press(k)
		p.query = p.search.String()
		p.rebuild()
		p.list.Select(p.nearestName(), len(p.rows))
		return nil
	}
	p.rebuild()
	return nil
}

// nearestName is the line of the option whose name fits what is searched best:
// it is that name, begins with it, has it, or has it in its explanation only.
func (p *recipePage) nearestName() int {
	q := strings.ToLower(strings.TrimSpace(p.query))
	best, at := 4, p.list.Cursor()
	if q == "" {
		return at
	}
	for i, row := range p.rows {
		rank := 3
		switch {
		case row.key == "":
			continue
		case row.key == q:
			rank = 0
		case strings.HasPrefix(row.key, q):
			rank = 1
		case strings.Contains(row.key, q):
			rank = 2
		}
		if rank < best {
			best, at = rank, i
		}
	}
	return at
}

// startEdit opens the chosen option: a switch is turned, a choice is listed, a
// value is typed.
func (p *recipePage) startEdit() tea.Cmd {
	key := p.key()
	if p.r == nil || key == "" {
		return nil
	}
	f := p.fields[key]
	v, _ := p.r.Get(key)
	switch {
	case key == "formatting" && p.a.data.canTry():
		return p.a.data.editFormatting()
	case key == "columns" && p.a.data.canTry():
		return p.a.data.mapColumns()
	case f.Kind == recipes.KindBool && !f.Nullable:
		return p.set(key, strconv.FormatBool(v != "true"))
	case longText(f, v):
		if v == "null" {
			v = ""
		}
		p.a.push(&textDialog{key: key, in: newEditor(v)})
	case f.Kind == recipes.KindBool, len(f.Enum) > 0:
		p.choose(f, v)
	default:
		if v == "null" {
			v = ""
		}
		p.edit, p.editErr = newField(v), nil
	}
	return nil
}

// choose lists the values that an option can take.
func (p *recipePage) choose(f recipes.Field, now string) {
	values := append([]string(nil), f.Enum...)
	if f.Kind == recipes.KindBool {
		values = []string{"true", "false"}
	}
	if f.Nullable {
		values = append(values, "null")
	}
	pk := &picker{title: f.Key}
	for _, v := range values {
		note := ""
		if v == f.Default {
			note = p.a.t("default")
		}
		if v == now {
			note = strings.TrimSpace(note + " ◂ " + p.a.t("now"))
			pk.list.Select(len(pk.items), len(values))
		}
		pk.items = append(pk.items, pick{text: v, note: note, do: func(*app) tea.Cmd { return p.set(f.Key, v) }})
	}
	p.a.ask(pk)
}

// set changes an option, remembers its old value and tells the other pages.
func (p *recipePage) set(key, v string) tea.Cmd {
	old, origin := p.r.Get(key)
	if old == v {
		return nil
	}
	if err := p.r.Set(key, v, recipes.Origin{Kind: recipes.OriginEdit}); err != nil {
		return p.a.fail(err)
	}
	p.undo = append(p.undo, undoStep{key: key, value: old, origin: origin})
	return p.afterEdit(key)
}

// setAll changes several options as one edit, which one undo takes back.
func (p *recipePage) setAll(edits []edit) tea.Cmd {
	var changed []undoStep
	for _, e := range edits {
		old, origin := p.r.Get(e.key)
		if old == e.value {
			continue
		}
		if err := p.r.Set(e.key, e.value, recipes.Origin{Kind: recipes.OriginEdit}); err != nil {
			return p.a.fail(err)
		}
		changed = append(changed, undoStep{key: e.key, value: old, origin: origin, more: len(changed) > 0})
	}
	if len(changed) == 0 {
		return nil
	}
	p.undo = append(p.undo, changed...)
	return p.afterEdit(changed[0].key)
}

// afterEdit checks the recipe anew and prepares the data anew where it matters.
func (p *recipePage) afterEdit(key string) tea.Cmd {
	p.recheck()
	p.rebuild()
	switch p.fields[key].Group {
	case "openr1":
		if key == "dataset_mixture" {
			return p.a.data.reopen()
		}
		return p.a.data.reprepare()
	case "model", "source":
		return p.a.data.reopen()
	case "preprocessing", "loss", "workbench":
		return p.a.data.reprepare()
	}
	return tea.Batch(p.a.forecastSoon(), p.a.findings.restart())
}

// undoEdit takes the last edit back.
func (p *recipePage) undoEdit() tea.Cmd {
	if len(p.undo) == 0 {
		return p.a.say(inkDim, p.a.t("Nothing to undo."))
	}
	var u undoStep
	for more := true; more && len(p.undo) > 0; more = u.more {
		u = p.undo[len(p.undo)-1]
		p.undo = p.undo[:len(p.undo)-1]
		var err error
		if u.origin.Kind == recipes.OriginDefault {
			err = p.r.Reset(u.key)
		} else {
			err = p.r.Set(u.key, u.value, u.origin)
		}
		if err != nil {
			return p.a.fail(err)
		}
	}
	return tea.Batch(p.afterEdit(u.key), p.a.say(inkGood, p.a.tf("%s is %s again", u.key, u.value)))
}

// reset gives the chosen option its default.
func (p *recipePage) reset() tea.Cmd {
	key := p.key()
	if key == "" || p.r == nil || !p.r.IsSet(key) {
		return nil
	}
	old, origin := p.r.Get(key)
	if err := p.r.Reset(key); err != nil {
		return p.a.fail(err)
	}
	p.undo = append(p.undo, undoStep{key: key, value: old, origin: origin})
	return p.afterEdit(key)
}

// fix applies the fix of the chosen conflict.
func (p *recipePage) fix() tea.Cmd {
	for n := range p.conflicts {
		c := p.conflicts[(p.atFix+n)%len(p.conflicts)]
		if c.Fix.Key == "" {
			continue
		}
		cmd := p.set(c.Fix.Key, c.Fix.Value)
		return tea.Batch(cmd, p.a.say(inkGood, p.a.tf("%s set to %s; u takes it back", c.Fix.Key, c.Fix.Value)))
	}
	return p.a.say(inkDim, p.a.t("Nothing here has a one-key fix."))
}

// nextConflict chooses another conflict and shows its option.
func (p *recipePage) nextConflict() tea.Cmd {
	if len(p.conflicts) == 0 {
		return p.a.say(inkDim, p.a.t("No conflicts."))
	}
	p.atFix = (p.atFix + 1) % len(p.conflicts)
	if keys := p.conflicts[p.atFix].Keys; len(keys) > 0 {
		return p.goToKey(keys[0])
	}
	return nil
}

// edits counts the options that were changed here.
func (p *recipePage) edits() int {
	n := 0
	for key := range p.fields {
		if _, o := p.r.Get(key); o.Kind == recipes.OriginEdit {
			n++
		}
	}
	return n
}

// diff shows the edits against the file, as lines of YAML.
func (p *recipePage) diff() tea.Cmd {
	if p.r == nil {
		return nil
	}
	before, err := recipes.Parse(p.title, p.source)
	if err != nil {
		return p.a.fail(err)
	}
	changes := recipes.Diff(before, p.r)
	p.a.push(newReader(p.a.tf("edits to %s", p.title), func(a *app, w int) []string {
		if len(changes) == 0 {
			return []string{a.th.paint(inkDim, a.t("The recipe is as the file has it."))}
		}
		var lines []string
		for _, c := range changes {
			lines = append(lines, a.th.paint(inkError, fit("- "+c.Key+": "+visible(c.A), w)),
				a.th.paint(inkGood, fit("+ "+c.Key+": "+visible(c.B), w)), "")
		}
		return lines
	}))
	return nil
}

// write puts the edits into the file, keeping its comments and order.
func (p *recipePage) write() tea.Cmd {
	if p.r == nil {
		return nil
	}
	suggestion := p.path
	if suggestion == "" {
		suggestion = "recipe.yaml"
	}
	in := newField(suggestion)
	p.a.ask(&picker{title: p.a.t("Write the recipe to which file?"), in: *in, freeHint: p.a.t("enter writes it there."), free: (*app).askWrite})
	return nil
}

// askWrite writes the recipe, after a question when another file is there.
func (a *app) askWrite(path string) tea.Cmd {
	if path == a.recipe.path {
		return a.writeRecipe(path, a.recipe.r.Clone(), a.recipe.source)
	}
	ctx, stat, patience := a.ctx, a.stat, a.patience
	return func() tea.Msg {
		err, ok, _ := within(ctx, patience, func() error { _, err := stat(path); return err })
		return writeAskedMsg{path: path, exists: err == nil, late: !ok}
	}
}

// writeAskedMsg tells whether the file that the recipe is to be written to is
// there already, or that its folder does not answer.
type writeAskedMsg struct {
	path         string
	exists, late bool
}

func (m writeAskedMsg) apply(a *app) tea.Cmd {
	write := func(a *app) tea.Cmd { return a.writeRecipe(m.path, a.recipe.r.Clone(), a.recipe.source) }
	switch {
	case m.late:
		return a.fail(errors.New(a.tf("%s does not answer, so the recipe was not written: choose a file elsewhere with w", filepath.Dir(m.path))))
	case !m.exists:
		return write(a)
	}
	a.push(&question{title: a.t("Write into a file that exists?"),
		lines:   []string{a.tf("%s is there already and is not the file that this recipe was read from. Its comments stay, its values become those of this recipe.", visible(m.path))},
		choices: []choice{{"enter", a.t("write"), write}}})
	return nil
}

// recipeWrittenMsg tells that a recipe is on disk.
type recipeWrittenMsg struct {
	path string
	err  error
}

func (m recipeWrittenMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	return tea.Batch(a.say(inkGood, a.tf("written to %s", m.path)), a.loadRecipe(m.path))
}
