package ui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// binding is one key with what it does. The table of all bindings drives
// dispatch, the line of keys, the help screen, the command palette and the
// list of keys in the documentation.
type binding struct {
	page pageID
	key.Binding
	help string // what it does, in a sentence
	when func(a *app) bool
	do   func(a *app) tea.Cmd
}

// onKeys binds keys, named as Bubble Tea names them. The last line shows them
// as they are written for people with what they do in a word or two; "" stays
// out of it.
func onKeys(show, short string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, short))
}

// do makes a handler of something that needs no command.
func do(f func(a *app)) func(a *app) tea.Cmd {
	return func(a *app) tea.Cmd {
		f(a)
		return nil
	}
}

// bindings is the key table. A page's own keys come before the general ones.
func bindings() []binding {
	return slices.Concat(dataKeys(), recipeKeys(), tuneKeys(), trainKeys(), findingsKeys(), runsKeys(), samplesKeys(), otherKeys(), generalKeys())
}

func dataKeys() []binding {
	const p = pageData
	return []binding{
		{p, onKeys("j k", "row", "j", "down"), "next row", nil, func(a *app) tea.Cmd { return a.data.move(1) }},
		{p, onKeys("k", "", "k", "up"), "previous row", nil, func(a *app) tea.Cmd { return a.data.move(-1) }},
		{p, onKeys("PgDn", "", "pgdown", "ctrl+d"), "one page of rows down", nil, func(a *app) tea.Cmd { return a.data.pages(1) }},
		{p, onKeys("PgUp", "", "pgup", "ctrl+u"), "one page of rows up", nil, func(a *app) tea.Cmd { return a.data.pages(-1) }},
		{p, onKeys("Home", "", "home"), "first row", nil, func(a *app) tea.Cmd { return a.data.home() }},
		{p, onKeys("G", "", "G", "end"), "last row", nil, func(a *app) tea.Cmd { return a.data.end() }},
		{p, onKeys("n", "next problem", "n"), "next row that is cut, dropped or has no trained token", nil, func(a *app) tea.Cmd { return a.data.nextProblem(1) }},
		{p, onKeys("N", "", "N"), "previous row with a problem", nil, func(a *app) tea.Cmd { return a.data.nextProblem(-1) }},
		{p, onKeys("tab", "stage", "tab", "right"), "next stage: raw › converted › rendered › tokens › labels › truncated › packed", nil, func(a *app) tea.Cmd { return a.data.turnStage(1) }},
		{p, onKeys("shift+tab", "", "shift+tab", "left"), "previous stage", nil, func(a *app) tea.Cmd { return a.data.turnStage(-1) }},
		{p, onKeys("J K", "scroll", "J", "shift+down", "space"), "scroll the row's text down", nil, func(a *app) tea.Cmd { return a.data.scrollDetail(a.h / 4) }},
		{p, onKeys("K", "", "K", "shift+up"), "scroll the row's text up", nil, func(a *app) tea.Cmd { return a.data.scrollDetail(-a.h / 4) }},
		{p, onKeys("i", "ids", "i"), "tokens as a table with ids, labels and roles", nil, do(func(a *app) { a.data.ids, a.data.top = !a.data.ids, 0 })},
		{p, onKeys("/", "search", "/"), "find rows: a text, tokens>2000, trained<50%, is:cut, or a column as in source=wiki", nil, do(func(a *app) { a.data.search = newField(a.data.query) })},
		{p, onKeys("s", "sort", "s"), "sort: file order, longest, shortest, least trained, problems first", nil, func(a *app) tea.Cmd { return a.data.sort() }},
		{p, onKeys("L", "max_length", "L"), "set max_length in the recipe, with what it cuts", nil, func(a *app) tea.Cmd { return a.data.openLimit() }},
		{p, onKeys("c", "", "c"), "choose what becomes of rows longer than max_length: truncate, drop or split", nil, func(a *app) tea.Cmd { return a.data.chooseLongRows() }},
		{p, onKeys("m", "", "m"), "say which column is what: messages, prompt, completion, text …", nil, func(a *app) tea.Cmd { return a.data.mapColumns() }},
		{p, onKeys("t", "", "t"), "write a formatting template, with what it makes of this row", nil, func(a *app) tea.Cmd { return a.data.editFormatting() }},
		{p, onKeys("h", "", "h"), "show or hide the histogram of lengths", nil, do(func(a *app) { a.data.toggleHistogram() })},
		{p, onKeys("f", "", "f"), "apply the fix that opens data which does not open as it is", nil, func(a *app) tea.Cmd { return a.data.useRemedy() }},
		{p, onKeys("z", "zoom", "z"), "the row alone, or the list again", nil, func(a *app) tea.Cmd { return a.data.turnZoom() }},
		{p, onKeys("u", "", "u"), "take the last edit of the recipe back", nil, func(a *app) tea.Cmd { return a.recipe.undoEdit() }},
		{p, onKeys("y", "", "y"), "copy the row as it is shown to the clipboard", nil, func(a *app) tea.Cmd { return a.data.copyRow() }},
		{p, onKeys("E", "", "E"), "rows of the evaluation data, or the training rows again", nil, func(a *app) tea.Cmd { return a.data.turnEvaluation() }},
		{p, onKeys("esc", "", "esc"), "show all rows again", nil, func(a *app) tea.Cmd { return a.data.find("") }},
	}
}

func recipeKeys() []binding {
	const p = pageRecipe
	return []binding{
		{p, onKeys("j k", "option", "j", "down"), "next option", nil, func(a *app) tea.Cmd { return a.recipe.move(1) }},
		{p, onKeys("k", "", "k", "up"), "previous option", nil, func(a *app) tea.Cmd { return a.recipe.move(-1) }},
		{p, onKeys("PgDn", "", "pgdown", "ctrl+d"), "one page down", nil, func(a *app) tea.Cmd { return a.recipe.move(a.recipe.list.Height() - 1) }},
		{p, onKeys("PgUp", "", "pgup", "ctrl+u"), "one page up", nil, func(a *app) tea.Cmd { return a.recipe.move(1 - a.recipe.list.Height()) }},
		{p, onKeys("tab", "group", "tab", "}"), "next group of options", nil, func(a *app) tea.Cmd { return a.recipe.jump(1) }},
		{p, onKeys("shift+tab", "", "shift+tab", "{"), "previous group of options", nil, func(a *app) tea.Cmd { return a.recipe.jump(-1) }},
		{p, onKeys("enter", "edit", "enter", "e"), "edit the option: turn a switch, pick a value, or type one", nil, func(a *app) tea.Cmd { return a.recipe.startEdit() }},
		{p, onKeys("f", "fix", "f"), "apply the fix of the first conflict", nil, func(a *app) tea.Cmd { return a.recipe.fix() }},
		{p, onKeys("n", "", "n"), "next conflict, and its option", nil, func(a *app) tea.Cmd { return a.recipe.nextConflict() }},
		{p, onKeys("u", "undo", "u", "ctrl+_"), "take the last edit back", nil, func(a *app) tea.Cmd { return a.recipe.undoEdit() }},
		{p, onKeys("⌫", "", "backspace", "delete"), "give the option its default", nil, func(a *app) tea.Cmd { return a.recipe.reset() }},
		{p, onKeys("/", "search", "/"), "search options by name or explanation", nil, do(func(a *app) { a.recipe.search = newField("") })},
		{p, onKeys("v", "only set", "v"), "show only what is not default, or all", nil, do(func(a *app) {
			if a.recipe.r != nil {
				a.recipe.changed = !a.recipe.changed
				a.recipe.rebuild()
			}
		})},
		{p, onKeys("J K", "", "J", "space"), "scroll the explanation down", nil, do(func(a *app) { a.recipe.detailTop += 5 })},
		{p, onKeys("K", "", "K"), "scroll the explanation up", nil, do(func(a *app) { a.recipe.detailTop = max(0, a.recipe.detailTop-5) })},
		{p, onKeys("d", "diff", "d"), "what the edits change in the file", nil, func(a *app) tea.Cmd { return a.recipe.diff() }},
		{p, onKeys("w", "write", "w"), "write the recipe to its file; comments and order stay", nil, func(a *app) tea.Cmd { return a.recipe.write() }},
		{p, onKeys("esc", "", "esc"), "show all options again", nil, do(func(a *app) {
			if a.recipe.r != nil {
				a.recipe.query, a.recipe.changed = "", false
				a.recipe.rebuild()
			}
		})},
	}
}

func findingsKeys() []binding {
	const p = pageFindings
	return []binding{
		{p, onKeys("j k", "finding", "j", "down"), "next finding", nil, func(a *app) tea.Cmd { return a.findings.move(1) }},
		{p, onKeys("k", "", "k", "up"), "previous finding", nil, func(a *app) tea.Cmd { return a.findings.move(-1) }},
		{p, onKeys("enter", "its rows", "enter"), "list the finding's rows in Data", nil, func(a *app) tea.Cmd { return a.findings.rowsOf() }},
		{p, onKeys("f", "fix", "f"), "apply the finding's fix to the recipe", nil, func(a *app) tea.Cmd { return a.findings.fix() }},
		{p, onKeys("u", "undo", "u"), "take the last edit back", nil, func(a *app) tea.Cmd { return a.recipe.undoEdit() }},
		{p, onKeys("r", "check again", "r"), "check again", nil, func(a *app) tea.Cmd { return a.findings.restart() }},
	}
}

// otherKeys are those of the start page.
func otherKeys() []binding {
	return []binding{
		{pageStart, onKeys("enter", "look at the data", "enter"), "look at the data", nil, func(a *app) tea.Cmd { return a.goTo(pageData) }},
	}
}

func generalKeys() []binding {
	const p = anyPage
	open := func(page pageID) func(a *app) tea.Cmd { return func(a *app) tea.Cmd { return a.goTo(page) } }
	return []binding{
		{p, onKeys("1", "", "1"), "Data: rows, tokens and what carries loss", nil, open(pageData)},
		{p, onKeys("2", "", "2"), "Findings: what would fail or surprise", nil, open(pageFindings)},
		{p, onKeys("3", "", "3"), "Recipe: all options", nil, open(pageRecipe)},
		{p, onKeys("4", "", "4"), "Train: the run, live", nil, open(pageTrain)},
		{p, onKeys("5", "", "5"), "Runs: earlier and live ones", nil, open(pageRuns)},
		{p, onKeys("6", "", "6"), "Samples: what the model answers", nil, open(pageSamples)},
		{p, onKeys("g", "start training", "g"), "start training, after a question", nil, func(a *app) tea.Cmd { return a.train.start() }},
		{p, onKeys("o", "open data", "o"), "open another data set", nil, func(a *app) tea.Cmd { return a.askData() }},
		{p, onKeys("M", "", "M"), "choose another model", nil, func(a *app) tea.Cmd { return a.askModel() }},
		{p, onKeys("O", "", "O"), "open another recipe", nil, func(a *app) tea.Cmd { return a.askRecipe() }},
		{p, onKeys("ctrl+t", "", "ctrl+t"), "self-test of the model: template, tokenizer, one step on this machine", nil, func(a *app) tea.Cmd { return a.testModel() }},
		{p, onKeys("?", "", "?"), "all keys", nil, do(func(a *app) { a.help() })},
		{p, onKeys(":", "", ":", "ctrl+k"), "find a command by name", nil, do(func(a *app) { a.palette() })},
		{p, onKeys("ctrl+l", "", "ctrl+l"), "log of the run and of the native libraries", nil, do(func(a *app) { a.showLog() })},
		{p, onKeys("ctrl+o", "", "ctrl+o"), "English or 中文", nil, func(a *app) tea.Cmd { return a.switchLanguage() }},
		{p, onKeys("q", "quit", "q"), "leave; a run goes on", nil, func(a *app) tea.Cmd { return a.quit() }},
		{p, onKeys("ctrl+c", "", "ctrl+c"), "leave from anywhere", nil, func(a *app) tea.Cmd { return a.quit() }},
		{p, onKeys("ctrl+z", "", "ctrl+z"), "suspend; fg comes back", nil, func(*app) tea.Cmd { return tea.Suspend }},
	}
}

// find is the binding of a key on the open page.
func (a *app) find(k tea.KeyPressMsg) (binding, bool) {
	for _, b := range a.keys {
		if a.applies(b) && key.Matches(k, b.Binding) {
			return b, true
		}
	}
	return binding{}, false
}

// applies reports whether a binding works here and now.
func (a *app) applies(b binding) bool {
	return (b.page == a.page || b.page == anyPage) && (b.when == nil || b.when(a))
}

// footKeys are the keys for the last line. While the tuning pane is open only
// its own are shown.
func (a *app) footKeys() []binding {
	var out []binding
	taken := map[string]bool{} // by what is open, as c by the crosshair
	for _, b := range a.keys {
		if !a.applies(b) || taken[b.Keys()[0]] {
			continue
		}
		taken[b.Keys()[0]] = true
		if b.Help().Desc == "" || a.page == pageTrain && tuning(a) && b.when == nil || a.idle(b) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// idle reports whether a key has nothing to work on now. It still says so when
// it is pressed, but the last line leaves it out.
func (a *app) idle(b binding) bool {
	_, alive := a.train.live()
	k := b.Keys()[0]
	switch b.page {
	case anyPage:
		return k == "g" && alive
	case pageData: // the page says what to press
		return a.data.set == nil
	case pageFindings:
		return len(a.findings.all()) == 0 && k != "r"
	case pageRecipe:
		r := a.recipe
		return r.r == nil || k == "f" && len(r.conflicts) == 0 || k == "u" && len(r.undo) == 0
	case pageTrain:
		if b.steers() {
			return !alive
		}
		return b.when == nil && !a.train.charted()
	case pageRuns:
		return len(a.runs.all) == 0
	case pageSamples:
		none := len(a.samples.prompts()) == 0
		return k == "enter" && (none || len(a.train.on.judged.rows) == 0) || k != "c" && none
	}
	return false
}

// steers reports whether a binding is for a live run.
func (b binding) steers() bool {
	return b.page == pageTrain && b.when == nil && strings.Contains("t s p x X", b.Keys()[0])
}

// help shows all keys, those of the open page first.
func (a *app) help() {
	page := a.page
	a.push(newReader(a.t("keys"), func(a *app, w int) []string { return a.helpLines(page, w) }))
}

// helpLines lists the key table by page.
func (a *app) helpLines(first pageID, w int) []string {
	order := []pageID{first}
	for _, p := range append(append([]pageID(nil), anyPage), tabOrder...) {
		if p != first {
			order = append(order, p)
		}
	}
	var lines []string
	for _, p := range order {
		title := a.t("everywhere")
		if p != anyPage {
			title = a.t(pageNames[p])
		}
		var keys []string
		for _, b := range a.keys {
			if b.page == p {
				lead := "  " + a.th.paint(inkKey, fit(b.spelled(), 20)) + " "
				for _, l := range wrap(a.t(b.help), w-width(lead)) {
					keys = append(keys, lead+l)
					lead = strings.Repeat(" ", width(lead))
				}
			}
		}
		if len(keys) > 0 {
			lines = append(append(append(lines, a.th.paint(inkTitle, title)), keys...), "")
		}
	}
	lines = append(lines, wrap(a.th.paint(inkDim, a.t("Colours: green and underlined is trained, grey is not, violet is a special token, red and struck out is cut off. ▲ warns, ✗ will fail.")), w)...)
	return lines
}

// spelled writes all keys of a binding for people.
func (b binding) spelled() string {
	names := map[string]string{"up": "↑", "down": "↓", "left": "←", "right": "→", "pgdown": "PgDn", "pgup": "PgUp", "home": "Home", "end": "End", "space": "space"}
	var out []string
	for _, k := range b.Keys() {
		if n, ok := names[k]; ok {
			k = n
		}
		out = append(out, k)
	}
	return strings.Join(out, " ")
}

// distance puts the commands of the open page first in the palette, then those
// that work everywhere.
func (a *app) distance(b binding) int {
	switch b.page {
	case a.page:
		return 0
	case anyPage:
		return 1
	}
	return 2
}

// palette lists every command of every page.
func (a *app) palette() {
	p := &picker{title: a.t("Which command?")}
	order := slices.Clone(a.keys)
	slices.SortStableFunc(order, func(x, y binding) int { return a.distance(x) - a.distance(y) })
	for _, b := range order {
		if b.when != nil && !b.when(a) {
			continue
		}
		where := ""
		if b.page != anyPage {
			where = a.t(pageNames[b.page]) + "  "
		}
		p.items = append(p.items, pick{text: a.t(b.help), note: where + b.spelled(), do: func(a *app) tea.Cmd {
			var cmd tea.Cmd
			if b.page != anyPage && b.page != a.page {
				cmd = a.goTo(b.page)
			}
			return tea.Batch(cmd, b.do(a))
		}})
	}
	a.ask(p)
}

// showLog shows the run's log, and what native libraries have printed here.
func (a *app) showLog() {
	text := a.train.logText()
	own := a.opt.LogFile
	r := newReader(a.t("log"), func(a *app, w int) []string {
		var lines []string
		for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			lines = append(lines, wrapVisible(l, w)...)
		}
		for _, e := range a.errors {
			for _, l := range wrap(visible(e), w) {
				lines = append(lines, a.th.paint(inkError, l))
			}
		}
		if own != "" {
			lines = append(lines, a.th.paint(inkDim, a.tf("What native libraries print here goes to %s", own)))
		}
		return lines
	})
	r.tail = true
	a.push(r)
}

// logText is the end of the run's log and what was told of its steps.
func (p *trainPage) logText() string {
	if p.on == nil {
		return p.a.t("No run is open.")
	}
	var b strings.Builder
	b.WriteString(p.on.log)
	b.WriteString("\n")
	for _, l := range p.on.lines {
		b.WriteString(p.a.logText(&l.event) + "\n")
	}
	return b.String()
}

// switchLanguage goes to the other language. Findings are written in the one
// that was spoken when they were looked for, so they are looked for again.
func (a *app) switchLanguage() tea.Cmd {
	if a.lang == english {
		a.lang = chinese
	} else {
		a.lang = english
	}
	a.data.flow = nil
	if _, alive := a.train.live(); alive { // the check waits for its end, and begins then by itself
		return nil
	}
	return a.findings.restart()
}

// KeyTable is the key table as Markdown, for the documentation.
func KeyTable() string {
	var b strings.Builder
	keys := bindings()
	for _, p := range append([]pageID{anyPage}, tabOrder...) {
		title := "Everywhere"
		if p != anyPage {
			title = pageNames[p]
		}
		b.WriteString("### " + title + "\n\n| key | what it does |\n|---|---|\n")
		for _, k := range keys {
			if k.page == p {
				b.WriteString("| `" + strings.ReplaceAll(k.spelled(), "|", "\\|") + "` | " + k.help + " |\n")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
