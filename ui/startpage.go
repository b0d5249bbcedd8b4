package ui

import (
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/recipes"
)

// startPage is what opens without arguments: what can be done, and what is
// being opened already.
type startPage struct {
	still
	a       *app
	problem error
}

// view draws the start page.
func (p *startPage) view(w, h int) []string {
	a, th := p.a, p.a.th
	lines := []string{
		"",
		"  " + th.paint(inkTitle, a.t("Fine-tune a language model, and see what it is trained on.")),
		"",
		"  " + a.t("Model") + "  " + th.paint(inkAccent, visible(a.data.modelSpec())),
		"  " + a.t("Data") + "   " + th.paint(inkAccent, visible(a.data.dataSpec())) + "  " + th.paint(inkDim, p.dataState()),
		"",
	}
	if p.problem != nil {
		for _, l := range wrap("✗ "+visible2(p.problem.Error()), w-6) {
			lines = append(lines, "  "+th.paint(inkError, l))
		}
		lines = append(lines, "")
	}
	for _, k := range []struct{ key, text string }{
		{"enter", "look at the rows: rendered, tokenized, and what carries loss"},
		{"3", "the recipe: every option of TRL with its explanation"},
		{"g", "start training with this recipe"},
		{"o", "open your own data: a file, a folder, or a hub id"},
		{"M", "choose another model: a folder, a hub id or a GGUF file"},
		{"O", "open a recipe of yours, or one that comes with sftui"},
		{"5", "earlier runs"},
		{"?", "all keys"},
	} {
		lines = append(lines, "  "+fitLeft("", 7-width(k.key))+th.paint(inkKey, k.key)+"  "+a.t(k.text))
	}
	if lately := p.lately(); lately != "" {
		lines = append(lines, "", "  "+th.paint(inkDim, a.t("opened lately")+"  ")+fit(lately, w-20))
	}
	if n := len(a.runs.all); n > 0 {
		lines = append(lines, "", "  "+th.paint(inkDim, a.t("latest runs")))
		for _, s := range a.runs.all[:min(3, n)] {
			i, mark := stateInk(s.State)
			far := a.t("no step yet")
			if s.Step > 0 {
				far = a.tf("step %s, loss %s", count(s.Step), value(float64(s.Loss)))
			}
			lines = append(lines, "    "+th.paint(i, mark+" "+fit(a.t(string(s.State)), 10))+" "+visible(s.Name)+"  "+th.paint(inkDim, far))
		}
	}
	return th.pane("sftui", lines, w, h, true)
}

// lately are the names of what was opened in earlier sessions; o, M and O list it.
func (p *startPage) lately() string {
	a := p.a
	var names []string
	for _, list := range []struct {
		key   string
		names []string
		now   string
	}{{"o", a.recent.Data, a.data.dataSpec()}, {"M", a.recent.Models, a.data.modelSpec()}, {"O", a.recent.Recipes, a.recipe.path}} {
		n := 0
		for _, name := range list.names {
			if name != list.now && n < 2 {
				names = append(names, a.th.paint(inkKey, list.key)+" "+visible(filepath.Base(dotless(name))))
				n++
			}
		}
	}
	return strings.Join(names, "   ")
}

// dataState tells whether the data is open.
func (p *startPage) dataState() string {
	d := p.a.data
	switch {
	case d.err != nil:
		return "✗ " + visible(firstLine(d.err.Error()))
	case d.set != nil:
		return d.sizeAndShape()
	case d.busy != "":
		return d.busy + " …"
	}
	return ""
}

// askData asks for another data set.
func (a *app) askData() tea.Cmd {
	open := func(a *app, spec string) tea.Cmd {
		if a.recipe.r == nil { // its recipe could not be read: the default one can
			a.opt.Data = spec
			return tea.Batch(a.loadRecipe(""), a.goTo(pageData))
		}
		a.opt.Data = ""
		edits := []edit{{key: "dataset_name", value: spec}}
		if a.recipe.r.DatasetMixture != nil { // which would win over the name
			edits = append(edits, edit{key: "dataset_mixture", value: "null"})
		}
		return tea.Batch(a.recipe.setAll(edits), a.goTo(pageData))
	}
	p := &picker{title: a.t("Open which data? A file, a folder, a glob or owner/name of a hub"), free: open}
	p.items = []pick{{text: "sftui:sample", note: a.t("chat rows that come with sftui"), do: func(a *app) tea.Cmd { return open(a, "sftui:sample") }}}
	p.items = a.recentPicks(a.recent.Data, p.items, open)
	return a.askPath(p, open, ".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".gz", ".zst")
}

// askModel asks for another model.
func (a *app) askModel() tea.Cmd {
	open := func(a *app, spec string) tea.Cmd {
		if a.recipe.r == nil {
			a.opt.Model = spec
			return tea.Batch(a.loadRecipe(""), a.goTo(pageData))
		}
		a.opt.Model = ""
		return tea.Batch(a.recipe.set("model_name_or_path", spec), a.goTo(pageData))
	}
	const small = "HuggingFaceTB/SmolLM2-135M-Instruct"
	p := &picker{title: a.t("Which model? A folder, a GGUF file or owner/name of a hub"), free: open}
	p.items = []pick{{text: small, note: a.t("small, comes with sftui"), do: func(a *app) tea.Cmd { return open(a, small) }}}
	p.items = a.recentPicks(a.recent.Models, p.items, open)
	return a.askPath(p, open, ".gguf")
}

// askRecipe asks for another recipe.
func (a *app) askRecipe() tea.Cmd {
	open := func(a *app, name string) tea.Cmd { return tea.Batch(a.loadRecipe(name), a.goTo(pageRecipe)) }
	p := &picker{title: a.t("Which recipe? One of sftui's, or a YAML file"), free: open}
	for _, e := range recipes.Embedded() {
		note := e.Description
		if a.lang == chinese {
			note = e.Chinese
		}
		p.items = append(p.items, pick{text: e.Name, note: note, do: func(a *app) tea.Cmd { return open(a, e.Name) }})
	}
	p.items = a.recentPicks(a.recent.Recipes, p.items, open)
	return a.askPath(p, open, ".yaml", ".yml")
}

// askRun asks for a run folder from elsewhere.
func (a *app) askRun() tea.Cmd {
	open := func(a *app, path string) tea.Cmd { return tea.Batch(a.openRun(path), a.goTo(pageTrain)) }
	p := &picker{title: a.t("Open which run folder? One of sftui, or of transformers (trainer_state.json)"), free: open}
	return a.askPath(p, open)
}
