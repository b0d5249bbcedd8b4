package ui

import (
	"fmt"
	"path/filepath"
	"slices"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
)

// fork asks from which checkpoint of the run under the cursor a new run begins.
func (p *runsPage) fork() tea.Cmd {
	s, ok := p.chosen()
	a := p.a
	if _, alive := a.train.live(); alive {
		return a.say(inkWarn, a.t("A run is live. Stop it first (X), or let it end."))
	}
	if !ok {
		return nil
	}
	return func() tea.Msg {
		m := forkMsg{dir: s.Dir, best: s.BestStep}
		r := &run.Run{Dir: s.Dir}
		if m.checkpoints, m.err = r.Checkpoints(); m.err != nil {
			return m
		}
		if s.Export != "" && exists(filepath.Join(s.Export, "config.json")) { // an adapter is no model to begin with
			m.export, m.step = s.Export, s.Step
		}
		if its, _, _, _, err := readRecipe(s.Dir); err == nil {
			m.recipe = its.YAML()
		}
		return m
	}
}

// beginning is what a new run begins with in place of its recipe's model: a
// checkpoint of another run, or the final model of one.
type beginning struct {
	path  string // "" for the recipe's model
	final bool
}

// of names the run that it comes from.
func (b beginning) of() string { return filepath.Base(filepath.Dir(b.path)) }

// told says what a run takes over from its beginning.
func (b beginning) told(a *app) string {
	if b.final {
		return a.tf("It begins with the final model of %s, as step 0 and with a new optimizer.", b.of())
	}
	return a.tf("It goes on from %s of %s, with its weights, its optimizer and its place in the data, and at its step.", filepath.Base(b.path), b.of())
}

// in makes a recipe begin there: a final model is its model.
func (b beginning) in(recipe []byte) (_ []byte, from string, err error) {
	if !b.final {
		return recipe, b.path, nil
	}
	r, err := recipes.Parse(startedWith, recipe)
	if err == nil {
		err = r.Set("model_name_or_path", b.path, recipes.Origin{Kind: recipes.OriginEdit})
	}
	if err != nil {
		return nil, "", fmt.Errorf("begin with %s: %w", b.path, err)
	}
	return r.YAML(), "", nil
}

// forkMsg is what a new run can begin with.
type forkMsg struct {
	dir, export string // export is "" where the run has no final model of all weights
	step, best  int    // of the final model, and of the best evaluation
	checkpoints []run.Checkpoint
	recipe      []byte // the run's own, nil where it has none
	err         error
}

func (m forkMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	pk := &picker{title: a.t("Start a new run from which weights?")}
	add := func(text, note string, b beginning) {
		pk.items = append(pk.items, pick{text: text, note: note, do: func(a *app) tea.Cmd { return a.askFork(m, b) }})
	}
	for i := len(m.checkpoints) - 1; i >= 0; i-- {
		c := m.checkpoints[i]
		note := ""
		switch {
		case c.Step == m.best && m.best > 0:
			note = a.t("best evaluation")
		case i == len(m.checkpoints)-1:
			note = a.t("newest")
		}
		add(filepath.Base(c.Path), note, beginning{path: c.Path})
	}
	if m.export != "" {
		add(a.tf("final model of step %s", count(m.step)), "", beginning{path: m.export, final: true})
	}
	switch len(pk.items) {
	case 0:
		return a.say(inkWarn, a.t("This run has no checkpoint to start from."))
	case 1:
		return pk.items[0].do(a)
	}
	a.ask(pk)
	return nil
}

// askFork asks with which options the new run trains: those of the run, the
// open recipe, or the run's after an edit.
func (a *app) askFork(m forkMsg, from beginning) tea.Cmd {
	q := &question{title: a.t("Start a new run from this one?"), lines: []string{from.told(a)}}
	if m.recipe != nil {
		q.choices = append(q.choices,
			choice{"e", a.t("edit its options first"), func(a *app) tea.Cmd { return a.editFork(m.dir, from) }},
			choice{"s", a.t("start with its options as they are"), func(a *app) tea.Cmd { return a.train.begin(m.recipe, from) }})
	}
	if a.recipe.r != nil {
		diff := a.runs.diffs[m.dir].open
		for _, c := range diff {
			q.lines = append(q.lines, c.Key+": "+visible(c.B)+" → "+visible(c.A))
		}
		other := slices.ContainsFunc(diff, func(c recipes.Change) bool { return c.Key == "model_name_or_path" })
		if other { // its tokenizer would not be that of the weights
			q.lines = q.lines[:1]
		}
		if _, blocked := a.recipe.summary(); !blocked && !other && (len(diff) > 0 || m.recipe == nil) {
			q.choices = append(q.choices, choice{"enter", a.t("start with the open recipe"), func(a *app) tea.Cmd { return a.train.begin(a.recipe.r.YAML(), from) }})
		}
	}
	a.push(q)
	return nil
}

// editFork opens the run's recipe; g then starts from the checkpoint.
func (a *app) editFork(dir string, from beginning) tea.Cmd {
	a.train.begins = from
	return tea.Batch(a.loadRecipe(dir), a.goTo(pageRecipe),
		a.say(inkAccent, a.tf("Edit what should be different; g starts from %s of %s.", filepath.Base(from.path), filepath.Base(dir))))
}
