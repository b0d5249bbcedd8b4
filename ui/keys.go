package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// binding is one key with what it does. The table of all bindings drives
// dispatch, the line of keys, the help screen, the command palette and the
// list of keys in the documentation.
type binding struct {
	page  pageID
	keys  []string // as Bubble Tea names them
	show  string   // as they are written for people
	short string   // what it does, in a word or two, for the last line; "" stays out of it
	help  string   // what it does, in a sentence
	when  func(a *app) bool
	do    func(a *app) tea.Cmd
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
	return append(append(append(append(append(append(dataKeys(), recipeKeys()...), tuneKeys()...), trainKeys()...), findingsKeys()...), otherKeys()...), generalKeys()...)
}

// tuning reports whether the pane of live tuning has the keys.
func tuning(a *app) bool { return a.train.tune != nil }

func dataKeys() []binding {
	const p = pageData
	return []binding{
		{p, []string{"j", "down"}, "j k", "row", "next row", nil, func(a *app) tea.Cmd { return a.data.move(1) }},
		{p, []string{"k", "up"}, "k", "", "previous row", nil, func(a *app) tea.Cmd { return a.data.move(-1) }},
		{p, []string{"pgdown", "ctrl+d"}, "PgDn", "", "one page of rows down", nil, func(a *app) tea.Cmd { return a.data.pages(1) }},
		{p, []string{"pgup", "ctrl+u"}, "PgUp", "", "one page of rows up", nil, func(a *app) tea.Cmd { return a.data.pages(-1) }},
		{p, []string{"home"}, "Home", "", "first row", nil, func(a *app) tea.Cmd { return a.data.home() }},
		{p, []string{"G", "end"}, "G", "", "last row", nil, func(a *app) tea.Cmd { return a.data.end() }},
		{p, []string{"n"}, "n", "next problem", "next row that is cut, dropped or has no trained token", nil, func(a *app) tea.Cmd { return a.data.nextProblem(1) }},
		{p, []string{"N"}, "N", "", "previous row with a problem", nil, func(a *app) tea.Cmd { return a.data.nextProblem(-1) }},
		{p, []string{"tab", "right", "l"}, "tab", "stage", "next stage: raw › converted › rendered › tokens › labels › truncated › packed", nil, func(a *app) tea.Cmd { return a.data.turnStage(1) }},
		{p, []string{"shift+tab", "left"}, "shift+tab", "", "previous stage", nil, func(a *app) tea.Cmd { return a.data.turnStage(-1) }},
		{p, []string{"J", "shift+down", "space"}, "J K", "scroll", "scroll the row's text down", nil, func(a *app) tea.Cmd { return a.data.scrollDetail(a.h / 4) }},
		{p, []string{"K", "shift+up"}, "K", "", "scroll the row's text up", nil, func(a *app) tea.Cmd { return a.data.scrollDetail(-a.h / 4) }},
		{p, []string{"i"}, "i", "ids", "tokens as a table with ids, labels and roles", nil, do(func(a *app) { a.data.ids, a.data.top = !a.data.ids, 0 })},
		{p, []string{"/"}, "/", "search", "find rows: a text, tokens>2000, trained<50%, is:cut, or a column as in source=wiki", nil, do(func(a *app) { a.data.search = newField(a.data.query) })},
		{p, []string{"s"}, "s", "sort", "sort: file order, longest, shortest, least trained first", nil, func(a *app) tea.Cmd { return a.data.sort() }},
		{p, []string{"L"}, "L", "max_length", "set max_length in the recipe", nil, do(func(a *app) { a.data.limit = newField("") })},
		{p, []string{"c"}, "c", "", "choose what becomes of rows longer than max_length: truncate, drop or split", nil, func(a *app) tea.Cmd { return a.data.chooseLongRows() }},
		{p, []string{"m"}, "m", "", "say which column is what: messages, prompt, completion, text …", nil, func(a *app) tea.Cmd { return a.data.mapColumns() }},
		{p, []string{"t"}, "t", "", "write a formatting template, with what it makes of this row", nil, func(a *app) tea.Cmd { return a.data.editFormatting() }},
		{p, []string{"h"}, "h", "", "show or hide the histogram of lengths", nil, do(func(a *app) { a.data.toggleHistogram() })},
		{p, []string{"y"}, "y", "", "copy the row as it is shown to the clipboard", nil, func(a *app) tea.Cmd { return a.data.copyRow() }},
		{p, []string{"esc"}, "esc", "", "show all rows again", nil, func(a *app) tea.Cmd { return a.data.find("") }},
	}
}

func recipeKeys() []binding {
	const p = pageRecipe
	return []binding{
		{p, []string{"j", "down"}, "j k", "option", "next option", nil, func(a *app) tea.Cmd { return a.recipe.move(1) }},
		{p, []string{"k", "up"}, "k", "", "previous option", nil, func(a *app) tea.Cmd { return a.recipe.move(-1) }},
		{p, []string{"pgdown", "ctrl+d"}, "PgDn", "", "one page down", nil, func(a *app) tea.Cmd { return a.recipe.move(a.recipe.list.Height() - 1) }},
		{p, []string{"pgup", "ctrl+u"}, "PgUp", "", "one page up", nil, func(a *app) tea.Cmd { return a.recipe.move(1 - a.recipe.list.Height()) }},
		{p, []string{"tab", "}"}, "tab", "group", "next group of options", nil, func(a *app) tea.Cmd { return a.recipe.jump(1) }},
		{p, []string{"shift+tab", "{"}, "shift+tab", "", "previous group of options", nil, func(a *app) tea.Cmd { return a.recipe.jump(-1) }},
		{p, []string{"enter", "e"}, "enter", "edit", "edit the option: turn a switch, pick a value, or type one", nil, func(a *app) tea.Cmd { return a.recipe.startEdit() }},
		{p, []string{"f"}, "f", "fix", "apply the fix of the first conflict", nil, func(a *app) tea.Cmd { return a.recipe.fix() }},
		{p, []string{"n"}, "n", "", "next conflict, and its option", nil, func(a *app) tea.Cmd { return a.recipe.nextConflict() }},
		{p, []string{"u", "ctrl+_"}, "u", "undo", "take the last edit back", nil, func(a *app) tea.Cmd { return a.recipe.undoEdit() }},
		{p, []string{"backspace", "delete"}, "⌫", "", "give the option its default", nil, func(a *app) tea.Cmd { return a.recipe.reset() }},
		{p, []string{"/"}, "/", "search", "search options by name or explanation", nil, do(func(a *app) { a.recipe.search = newField("") })},
		{p, []string{"v"}, "v", "only set", "show only what is not default, or all", nil, do(func(a *app) {
			if a.recipe.r != nil {
				a.recipe.changed = !a.recipe.changed
				a.recipe.rebuild()
			}
		})},
		{p, []string{"J", "space"}, "J K", "", "scroll the explanation down", nil, do(func(a *app) { a.recipe.detailTop += 5 })},
		{p, []string{"K"}, "K", "", "scroll the explanation up", nil, do(func(a *app) { a.recipe.detailTop = max(0, a.recipe.detailTop-5) })},
		{p, []string{"d"}, "d", "diff", "what the edits change in the file", nil, func(a *app) tea.Cmd { return a.recipe.diff() }},
		{p, []string{"w"}, "w", "write", "write the recipe to its file; comments and order stay", nil, func(a *app) tea.Cmd { return a.recipe.write() }},
		{p, []string{"esc"}, "esc", "", "show all options again", nil, do(func(a *app) {
			if a.recipe.r != nil {
				a.recipe.query, a.recipe.changed = "", false
				a.recipe.rebuild()
			}
		})},
	}
}

func tuneKeys() []binding {
	const p = pageTrain
	return []binding{
		{p, []string{"left", "h", "-"}, "◂ ▸", "less, more", "live tuning: less of the chosen setting", tuning, func(a *app) tea.Cmd { return a.train.dial(-1) }},
		{p, []string{"right", "l", "+", "="}, "▸", "", "live tuning: more of the chosen setting", tuning, func(a *app) tea.Cmd { return a.train.dial(1) }},
		{p, []string{"tab", "down", "j"}, "tab", "setting", "live tuning: next setting", tuning, do(func(a *app) { a.train.tune.move(1) })},
		{p, []string{"shift+tab", "up", "k"}, "shift+tab", "", "live tuning: previous setting", tuning, do(func(a *app) { a.train.tune.move(-1) })},
		{p, []string{"c"}, "c", "keep rows a step", "live tuning: keep the rows of a step the same, or not", tuning, do(func(a *app) { a.train.tune.keep() })},
		{p, []string{"enter"}, "enter", "apply", "live tuning: apply at the next step", tuning, func(a *app) tea.Cmd { return a.train.applyTune() }},
		{p, []string{"esc", "t"}, "esc", "close", "live tuning: close without a change", tuning, func(a *app) tea.Cmd { return a.train.closeTune() }},
	}
}

func trainKeys() []binding {
	const p = pageTrain
	return []binding{
		{p, []string{"t"}, "t", "tune", "tune the live run: rows per micro-batch, accumulation, learning rate", nil, func(a *app) tea.Cmd { return a.train.openTune() }},
		{p, []string{"s"}, "s", "save", "save a checkpoint at the next step", nil, func(a *app) tea.Cmd { return a.train.send("save", a.t("save a checkpoint"), nil) }},
		{p, []string{"p"}, "p", "pause", "pause after this step, or go on", nil, func(a *app) tea.Cmd { return a.train.pauseOrResume() }},
		{p, []string{"x"}, "x", "stop and save", "save a checkpoint and stop; the run can be resumed", nil, func(a *app) tea.Cmd { return a.train.send("stop_and_save", a.t("save and stop"), nil) }},
		{p, []string{"X"}, "X", "stop", "stop without saving, after a question", nil, func(a *app) tea.Cmd { return a.train.stop() }},
		{p, []string{"u"}, "u", "", "undo the last live change", nil, func(a *app) tea.Cmd { return a.train.undoTune() }},
		{p, []string{"tab"}, "tab", "chart", "choose the next chart", nil, do(func(a *app) { a.train.choose(1) })},
		{p, []string{"shift+tab"}, "shift+tab", "", "choose the previous chart", nil, do(func(a *app) { a.train.choose(-1) })},
		{p, []string{"z"}, "z", "zoom", "the chosen chart alone, or all", nil, do(func(a *app) { a.train.zoom = !a.train.zoom })},
		{p, []string{"c"}, "c", "crosshair", "crosshair on or off; left and right move it", nil, func(a *app) tea.Cmd { return a.train.crosshair() }},
		{p, []string{"left", "h"}, "← →", "", "move the crosshair, or pan, to the left", nil, func(a *app) tea.Cmd { return a.train.side(-1) }},
		{p, []string{"right", "l"}, "→", "", "move the crosshair, or pan, to the right", nil, func(a *app) tea.Cmd { return a.train.side(1) }},
		{p, []string{"shift+left", "H"}, "H", "", "ten times as far to the left", nil, func(a *app) tea.Cmd { return a.train.side(-10) }},
		{p, []string{"shift+right"}, "shift+→", "", "ten times as far to the right", nil, func(a *app) tea.Cmd { return a.train.side(10) }},
		{p, []string{"enter"}, "enter", "", "the rows of the step under the crosshair", nil, func(a *app) tea.Cmd { return a.train.rowsAtCursor() }},
		{p, []string{"+", "="}, "+ -", "", "show fewer steps, larger", nil, func(a *app) tea.Cmd { return a.train.scale(0.5) }},
		{p, []string{"-"}, "-", "", "show more steps", nil, func(a *app) tea.Cmd { return a.train.scale(2) }},
		{p, []string{"f", "esc", "0"}, "f", "", "show all steps and follow the newest", nil, func(a *app) tea.Cmd { return a.train.follow() }},
		{p, []string{"y"}, "y", "", "logarithmic scale on or off", nil, do(func(a *app) { a.train.logY = !a.train.logY })},
		{p, []string{"r"}, "r", "", "show or hide the raw loss behind the smoothed one", nil, do(func(a *app) { a.train.hideRaw = !a.train.hideRaw })},
	}
}

func findingsKeys() []binding {
	const p = pageFindings
	return []binding{
		{p, []string{"j", "down"}, "j k", "finding", "next finding", nil, func(a *app) tea.Cmd { return a.findings.move(1) }},
		{p, []string{"k", "up"}, "k", "", "previous finding", nil, func(a *app) tea.Cmd { return a.findings.move(-1) }},
		{p, []string{"enter"}, "enter", "its rows", "list the finding's rows in Data", nil, func(a *app) tea.Cmd { return a.findings.rowsOf() }},
		{p, []string{"f"}, "f", "fix", "apply the finding's fix to the recipe", nil, func(a *app) tea.Cmd { return a.findings.fix() }},
		{p, []string{"u"}, "u", "undo", "take the last edit back", nil, func(a *app) tea.Cmd { return a.recipe.undoEdit() }},
		{p, []string{"r"}, "r", "check again", "check again", nil, func(a *app) tea.Cmd { return a.findings.restart() }},
	}
}

// otherKeys are those of Runs, Samples and the start page.
func otherKeys() []binding {
	return []binding{
		{pageRuns, []string{"j", "down"}, "j k", "run", "next run", nil, func(a *app) tea.Cmd { return a.runs.move(1) }},
		{pageRuns, []string{"k", "up"}, "k", "", "previous run", nil, func(a *app) tea.Cmd { return a.runs.move(-1) }},
		{pageRuns, []string{"enter"}, "enter", "open", "open the run in Train", nil, func(a *app) tea.Cmd { return a.runs.openRun() }},
		{pageRuns, []string{"space"}, "space", "overlay", "lay the run's curve over the others", nil, func(a *app) tea.Cmd { return a.runs.mark() }},
		{pageRuns, []string{"r"}, "r", "resume", "resume a stopped run from its last checkpoint", nil, func(a *app) tea.Cmd { return a.runs.resume() }},
		{pageRuns, []string{"e"}, "e", "its recipe", "open the run's recipe, to start another from it", nil, func(a *app) tea.Cmd { return a.runs.useRecipe() }},
		{pageRuns, []string{"F"}, "F", "fork", "start a new run of the open recipe from this run's newest checkpoint", nil, func(a *app) tea.Cmd { return a.runs.fork() }},
		{pageRuns, []string{"h"}, "h", "report", "write the run, and those laid over it, as one HTML page with plots", nil, func(a *app) tea.Cmd { return a.runs.export(exportHTML) }},
		{pageRuns, []string{"b"}, "b", "", "write TensorBoard event files of the run and of those laid over it", nil, func(a *app) tea.Cmd { return a.runs.export(exportTensorBoard) }},
		{pageRuns, []string{"c"}, "c", "CSV", "write the steps of the run, and of those laid over it, as CSV", nil, func(a *app) tea.Cmd { return a.runs.export(exportCSV) }},
		{pageRuns, []string{"D"}, "D", "delete", "delete the run's folder, after a question", nil, func(a *app) tea.Cmd { return a.runs.remove() }},
		{pageRuns, []string{"o"}, "o", "", "open a run folder from elsewhere", nil, func(a *app) tea.Cmd { return a.askRun() }},

		{pageSamples, []string{"j", "down", "tab", "right"}, "j k", "prompt", "next prompt", nil, func(a *app) tea.Cmd { return a.samples.move(1) }},
		{pageSamples, []string{"k", "up", "shift+tab", "left"}, "k", "", "previous prompt", nil, func(a *app) tea.Cmd { return a.samples.move(-1) }},
		{pageSamples, []string{"c", "enter"}, "c", "chat", "talk to a checkpoint of the run, its final model or the base model", nil, func(a *app) tea.Cmd { return a.samples.chooseChat() }},
		{pageSamples, []string{"J", "space", "pgdown"}, "J K", "scroll", "scroll down", nil, func(a *app) tea.Cmd { return a.samples.scrollText(8) }},
		{pageSamples, []string{"K", "pgup"}, "K", "", "scroll up", nil, func(a *app) tea.Cmd { return a.samples.scrollText(-8) }},

		{pageStart, []string{"enter"}, "enter", "look at the data", "look at the data", nil, func(a *app) tea.Cmd { return a.goTo(pageData) }},
	}
}

func generalKeys() []binding {
	const p = anyPage
	open := func(page pageID) func(a *app) tea.Cmd { return func(a *app) tea.Cmd { return a.goTo(page) } }
	return []binding{
		{p, []string{"1"}, "1", "", "Data: rows, tokens and what carries loss", nil, open(pageData)},
		{p, []string{"2"}, "2", "", "Findings: what would fail or surprise", nil, open(pageFindings)},
		{p, []string{"3"}, "3", "", "Recipe: all options", nil, open(pageRecipe)},
		{p, []string{"4"}, "4", "", "Train: the run, live", nil, open(pageTrain)},
		{p, []string{"5"}, "5", "", "Runs: earlier and live ones", nil, open(pageRuns)},
		{p, []string{"6"}, "6", "", "Samples: what the model answers", nil, open(pageSamples)},
		{p, []string{"g"}, "g", "start training", "start training, after a question", nil, func(a *app) tea.Cmd { return a.train.start() }},
		{p, []string{"o"}, "o", "open data", "open another data set", nil, func(a *app) tea.Cmd { return a.askData() }},
		{p, []string{"M"}, "M", "", "choose another model", nil, func(a *app) tea.Cmd { return a.askModel() }},
		{p, []string{"O"}, "O", "", "open another recipe", nil, func(a *app) tea.Cmd { return a.askRecipe() }},
		{p, []string{"?"}, "?", "", "all keys", nil, do(func(a *app) { a.help() })},
		{p, []string{":", "ctrl+k"}, ":", "", "find a command by name", nil, do(func(a *app) { a.palette() })},
		{p, []string{"ctrl+l"}, "ctrl+l", "", "log of the run and of the native libraries", nil, do(func(a *app) { a.showLog() })},
		{p, []string{"ctrl+o"}, "ctrl+o", "", "English or 中文", nil, do(func(a *app) { a.switchLanguage() })},
		{p, []string{"q"}, "q", "quit", "leave; a run goes on", nil, func(a *app) tea.Cmd { return a.quit() }},
		{p, []string{"ctrl+c"}, "ctrl+c", "", "leave from anywhere", nil, func(a *app) tea.Cmd { return a.quit() }},
		{p, []string{"ctrl+z"}, "ctrl+z", "", "suspend; fg comes back", nil, func(*app) tea.Cmd { return tea.Suspend }},
	}
}

// find is the binding of a key on the open page.
func (a *app) find(key string) (binding, bool) {
	for _, b := range a.keys {
		if !a.applies(b) {
			continue
		}
		for _, k := range b.keys {
			if k == key {
				return b, true
			}
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
	_, alive := a.train.live()
	for _, b := range a.keys {
		if b.short == "" || !a.applies(b) || a.page == pageTrain && tuning(a) && b.when == nil || !alive && b.steers() {
			continue
		}
		out = append(out, b)
	}
	return out
}

// steers reports whether a binding is for a live run: the last line shows it
// only while there is one.
func (b binding) steers() bool {
	return b.page == pageTrain && b.when == nil && strings.Contains("t s p x X", b.keys[0])
}

// help shows all keys, those of the open page first.
func (a *app) help() {
	page := a.page
	a.push(&reader{title: a.t("keys"), lines: func(a *app, w int) []string { return a.helpLines(page, w) }})
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
				keys = append(keys, "  "+a.th.paint(inkKey, fit(b.spelled(), 20))+" "+a.t(b.help))
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
	for _, k := range b.keys {
		if n, ok := names[k]; ok {
			k = n
		}
		out = append(out, k)
	}
	return strings.Join(out, " ")
}

// palette lists every command of every page.
func (a *app) palette() {
	p := &picker{title: a.t("Which command?")}
	for _, b := range a.keys {
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
	a.push(&reader{title: a.t("log"), tail: true, lines: func(a *app, w int) []string {
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
	}})
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
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// switchLanguage goes to the other language.
func (a *app) switchLanguage() {
	if a.lang == english {
		a.lang = chinese
	} else {
		a.lang = english
	}
	a.data.flow = nil
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
