package ui

import tea "charm.land/bubbletea/v2"

// tuning reports whether the pane of live tuning has the keys.
func tuning(a *app) bool { return a.train.tune != nil }

// pointing reports whether a crosshair is on the curve.
func pointing(a *app) bool { return a.train.cursor != nil }

func tuneKeys() []binding {
	const p = pageTrain
	return []binding{
		{p, onKeys("← →", "less, more", "left", "h", "-"), "live tuning: less of the chosen setting", tuning, func(a *app) tea.Cmd { return a.train.dial(-1) }},
		{p, onKeys("→", "", "right", "l", "+", "="), "live tuning: more of the chosen setting", tuning, func(a *app) tea.Cmd { return a.train.dial(1) }},
		{p, onKeys("tab", "setting", "tab", "down", "j"), "live tuning: next setting", tuning, do(func(a *app) { a.train.tune.move(1) })},
		{p, onKeys("shift+tab", "", "shift+tab", "up", "k"), "live tuning: previous setting", tuning, do(func(a *app) { a.train.tune.move(-1) })},
		{p, onKeys("c", "keep tokens a step", "c"), "live tuning: keep the rows, and so the tokens, of a step the same, or not", tuning, do(func(a *app) { a.train.tune.keep() })},
		{p, onKeys("enter", "apply", "enter"), "live tuning: apply at the next step", tuning, func(a *app) tea.Cmd { return a.train.applyTune() }},
		{p, onKeys("esc", "close", "esc", "t"), "live tuning: close without a change", tuning, func(a *app) tea.Cmd { return a.train.closeTune() }},
	}
}

func trainKeys() []binding {
	const p = pageTrain
	return []binding{
		{p, onKeys("← →", "step", "left", "h"), "crosshair: one step to the left", pointing, func(a *app) tea.Cmd { return a.train.side(-1) }},
		{p, onKeys("→", "", "right", "l"), "crosshair: one step to the right", pointing, func(a *app) tea.Cmd { return a.train.side(1) }},
		{p, onKeys("H L", "ten", "H", "shift+left"), "crosshair: ten steps to the left", pointing, func(a *app) tea.Cmd { return a.train.side(-10) }},
		{p, onKeys("L", "", "L", "shift+right"), "crosshair: ten steps to the right", pointing, func(a *app) tea.Cmd { return a.train.side(10) }},
		{p, onKeys("enter", "rows of the step", "enter"), "the rows of the step under the crosshair, with their masks and losses", pointing, func(a *app) tea.Cmd { return a.train.rowsAtCursor() }},
		{p, onKeys("c", "crosshair off", "c", "esc"), "crosshair off", pointing, func(a *app) tea.Cmd { return a.train.crosshair() }},

		{p, onKeys("t", "tune", "t"), "tune the live run: rows per micro-batch, accumulation, learning rate", nil, func(a *app) tea.Cmd { return a.train.openTune() }},
		{p, onKeys("c", "crosshair", "c", "enter"), "a crosshair on the newest step; left and right move it", nil, func(a *app) tea.Cmd { return a.train.crosshair() }},
		{p, onKeys("s", "save", "s"), "save a checkpoint at the next step", nil, func(a *app) tea.Cmd { return a.train.send("save", a.t("save a checkpoint"), nil) }},
		{p, onKeys("p", "pause", "p"), "pause after this step, or go on", nil, func(a *app) tea.Cmd { return a.train.pauseOrResume() }},
		{p, onKeys("x", "save and stop", "x"), "save a checkpoint and stop; the run can be resumed", nil, func(a *app) tea.Cmd { return a.train.send("stop_and_save", a.t("save and stop"), nil) }},
		{p, onKeys("X", "stop", "X"), "stop without saving, after a question", nil, func(a *app) tea.Cmd { return a.train.stop() }},
		{p, onKeys("tab", "chart", "tab"), "choose the next chart", nil, do(func(a *app) { a.train.choose(1) })},
		{p, onKeys("shift+tab", "", "shift+tab"), "choose the previous chart", nil, do(func(a *app) { a.train.choose(-1) })},
		{p, onKeys("z", "zoom", "z"), "the chosen chart alone, or all", nil, do(func(a *app) { a.train.zoom = !a.train.zoom })},
		{p, onKeys("+ -", "fewer, more steps", "+", "="), "show fewer steps, larger", nil, func(a *app) tea.Cmd { return a.train.scale(0.5) }},
		{p, onKeys("-", "", "-"), "show more steps", nil, func(a *app) tea.Cmd { return a.train.scale(2) }},
		{p, onKeys("← →", "", "left", "h"), "pan to earlier steps", nil, func(a *app) tea.Cmd { return a.train.side(-1) }},
		{p, onKeys("→", "", "right", "l"), "pan to later steps", nil, func(a *app) tea.Cmd { return a.train.side(1) }},
		{p, onKeys("f", "", "f", "esc", "0"), "show all steps and follow the newest", nil, func(a *app) tea.Cmd { return a.train.follow() }},
		{p, onKeys("y", "log scale", "y"), "logarithmic scale of the chosen chart on or off", nil, do(func(a *app) { a.train.turnLog() })},
		{p, onKeys("[ ]", "smoothing", "]"), "smoothen the loss more", nil, func(a *app) tea.Cmd { return a.train.smoothen(1) }},
		{p, onKeys("[", "", "["), "smoothen the loss less", nil, func(a *app) tea.Cmd { return a.train.smoothen(-1) }},
		{p, onKeys("r", "", "r"), "show or hide the raw loss behind the smoothed one", nil, do(func(a *app) { a.train.hideRaw = !a.train.hideRaw })},
		{p, onKeys("u", "", "u"), "undo the last live change", nil, func(a *app) tea.Cmd { return a.train.undoTune() }},
	}
}

func runsKeys() []binding {
	const p = pageRuns
	return []binding{
		{p, onKeys("j k", "run", "j", "down"), "next run", nil, func(a *app) tea.Cmd { return a.runs.move(1) }},
		{p, onKeys("k", "", "k", "up"), "previous run", nil, func(a *app) tea.Cmd { return a.runs.move(-1) }},
		{p, onKeys("enter", "open", "enter"), "open the run in Train", nil, func(a *app) tea.Cmd { return a.runs.openRun() }},
		{p, onKeys("space", "overlay", "space"), "lay the run's curve over the others", nil, func(a *app) tea.Cmd { return a.runs.mark() }},
		{p, onKeys("r", "resume", "r"), "resume a stopped run from its last checkpoint", nil, func(a *app) tea.Cmd { return a.runs.resume() }},
		{p, onKeys("F", "fork", "F"), "start a new run from one of this run's checkpoints, with options of your choice", nil, func(a *app) tea.Cmd { return a.runs.fork() }},
		{p, onKeys("e", "its recipe", "e"), "open the run's recipe, to start another from it", nil, func(a *app) tea.Cmd { return a.runs.useRecipe() }},
		{p, onKeys("h", "report", "h"), "write the run, and those laid over it, as one HTML page with plots", nil, func(a *app) tea.Cmd { return a.runs.export(exportHTML) }},
		{p, onKeys("b", "", "b"), "write TensorBoard event files of the run and of those laid over it", nil, func(a *app) tea.Cmd { return a.runs.export(exportTensorBoard) }},
		{p, onKeys("c", "CSV", "c"), "write the steps of the run, and of those laid over it, as CSV", nil, func(a *app) tea.Cmd { return a.runs.export(exportCSV) }},
		{p, onKeys("D", "delete", "D"), "delete the run's folder, after a question", nil, func(a *app) tea.Cmd { return a.runs.remove() }},
		{p, onKeys("o", "", "o"), "open a run folder from elsewhere, of sftui or of TRL", nil, func(a *app) tea.Cmd { return a.askRun() }},
	}
}

func samplesKeys() []binding {
	const p = pageSamples
	return []binding{
		{p, onKeys("j k", "prompt", "j", "down", "tab"), "next prompt", nil, func(a *app) tea.Cmd { return a.samples.move(1) }},
		{p, onKeys("k", "", "k", "up", "shift+tab"), "previous prompt", nil, func(a *app) tea.Cmd { return a.samples.move(-1) }},
		{p, onKeys("← →", "step", "left", "h"), "the answer of an earlier evaluation", nil, func(a *app) tea.Cmd { return a.samples.older(1) }},
		{p, onKeys("→", "", "right", "l"), "the answer of a later evaluation", nil, func(a *app) tea.Cmd { return a.samples.older(-1) }},
		{p, onKeys("enter", "eval rows", "enter", "e"), "the worst and best rows of the last evaluation, with their masks and losses", nil, func(a *app) tea.Cmd { return a.samples.showJudged() }},
		{p, onKeys("c", "chat", "c"), "talk to a checkpoint of the run, its final model or the base model", nil, func(a *app) tea.Cmd { return a.samples.chooseChat() }},
		{p, onKeys("J K", "scroll", "J", "space", "pgdown"), "scroll down", nil, func(a *app) tea.Cmd { return a.samples.scrollText(8) }},
		{p, onKeys("K", "", "K", "pgup"), "scroll up", nil, func(a *app) tea.Cmd { return a.samples.scrollText(-8) }},
	}
}
