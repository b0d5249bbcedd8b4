package ui

import (
	"fmt"
	"math"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// trainPage shows one run, live or over, and steers it.
type trainPage struct {
	still
	a   *app
	gen int
	on  *tracker // nil while no run is open

	charts  stillCharts
	pane    int               // the chosen chart
	zoom    bool              // it has the page
	logY    [metricCount]bool // their Y axis is logarithmic
	hideRaw bool              // only the smoothed loss
	cursor  *float64          // step under the crosshair
	from    float64           // visible range; both 0 shows all and follows
	to      float64
	last    float64 // so many of the newest steps are in sight, 0 for another range
	tune    *tunePane
	undo    []map[string]string // settings before each change, newest last
	busy    string              // a request that has not been answered
	begins  beginning           // of the next run
}

// newTrainPage is a page without a run.
func newTrainPage(a *app) *trainPage { return &trainPage{a: a} }

// live returns the status of the run while it is not over.
func (p *trainPage) live() (run.Status, bool) {
	if p.on == nil || p.on.state().Over() {
		return run.Status{}, false
	}
	return p.on.status, true
}

// charted reports whether there are charts: the first step has come.
func (p *trainPage) charted() bool { return p.on != nil && p.on.series[metricLoss].Len() > 0 }

// runEventsMsg is what a look at a run's folder found.
type runEventsMsg struct {
	gen     int
	events  []run.Event
	next    int64
	rewound bool
	gone    bool // the folder has been deleted
	status  run.Status
	known   bool
	log     string
	err     error
}

// apply folds the events in and asks for more.
func (m runEventsMsg) apply(a *app) (cmd tea.Cmd) {
	p := a.train
	if p.on == nil || m.gen != p.gen {
		return nil
	}
	t := p.on
	switch {
	case m.gone:
		return p.lost()
	case m.rewound: // the run was resumed from an earlier step: what came after never happened
		p.on = newTracker(p.gen, t.run, t.started)
		p.on.average.Weight = t.average.Weight
		return a.watch(p.gen, t.run, 0, 0)
	}
	wasOver := t.told(m.status, m.known)
	defer a.data.yieldCores()
	t.read(&m)
	if m.err != nil {
		cmd = a.fail(m.err)
	}
	over := t.known && t.status.State.Over()
	if over && !wasOver {
		cmd = tea.Batch(cmd, p.ended(), a.data.runScan(), a.findings.restart(), a.forecastSoon())
	}
	wait := a.pace.wait(a.now())
	switch {
	case over && len(m.events) == 0:
		wait = pollOver
	case t.offset > 0 && len(m.events) >= 20000:
		wait = 0 // a long run is being read in
	}
	return tea.Batch(cmd, a.watch(p.gen, t.run, t.offset, wait))
}

// lost ends the watching of a run whose folder has been deleted; what was read
// of it stays on the screen.
func (p *trainPage) lost() tea.Cmd {
	a, t := p.a, p.on
	t.known, t.status.State, t.status.Message = true, run.Died, a.t("its folder has been deleted")
	p.tune, p.busy = nil, ""
	return tea.Batch(a.say(inkError, "✗ "+a.tf("The folder of this run has been deleted: %s", t.run.Dir)), a.listRuns(false))
}

// told reports whether the end of the run is no news: it was over before, or
// before it was opened.
func (t *tracker) told(now run.Status, known bool) bool {
	if t.known {
		return t.status.State.Over()
	}
	return known && now.State.Over() && now.Updated.Before(t.started)
}

// read takes in what a look at the run's folder found.
func (t *tracker) read(m *runEventsMsg) {
	t.take(m.events)
	t.offset, t.log = m.next, m.log
	if !m.known {
		return
	}
	t.known, t.status = true, m.status
	if st := m.status; st.State == run.Paused && t.phase.Phase != string(run.Paused) { // the event could not be written
		t.phase = run.Event{Kind: run.KindPhase, Phase: string(st.State), Step: st.Step, Message: st.Message}
	}
	// The status is written a moment after the event of its step.
	if x, _, ok := t.series[metricLoss].Last(); ok {
		t.status.Step = max(t.status.Step, int(x))
	}
}

// How often a run's folder is looked at.
const (
	pollLive = 100 * time.Millisecond
	pollOver = 2 * time.Second
)

// ended tells how the run ended and what to do next.
func (p *trainPage) ended() tea.Cmd {
	st := p.on.status
	p.tune = nil
	a := p.a
	switch st.State {
	case run.Finished:
		return a.say(inkGood, a.plural(st.Step, "The run is finished after %s step.", "The run is finished after %s steps.")+" "+a.tf("The model: %s", st.Export))
	case run.Stopped:
		if st.Checkpoint == "" {
			return a.say(inkWarn, a.tf("The run is stopped at step %s. It had no checkpoint yet; g starts it again.", count(st.Step)))
		}
		return a.say(inkWarn, a.tf("The run is stopped at step %s. Page 5, r goes on with it.", count(st.Step)))
	case run.Failed:
		return a.say(inkError, "✗ "+a.tf("The run failed: %s", st.Message))
	case run.Died:
		if st.Checkpoint == "" {
			return a.say(inkError, "✗ "+a.t("The run's process is gone, and it had no checkpoint yet; g starts it again."))
		}
		return a.say(inkError, "✗ "+a.t("The run's process is gone. Page 5 resumes it from its last checkpoint."))
	}
	return nil
}

// attach opens a run, live or over.
func (p *trainPage) attach(r *run.Run) tea.Cmd {
	p.gen++
	p.show(newTracker(p.gen, r, p.a.now()))
	return p.a.watch(p.gen, r, 0, 0)
}

// show makes a run the page's own; what was chosen in another run is forgotten.
func (p *trainPage) show(t *tracker) {
	p.on = t
	p.a.data.yieldCores()
	p.follow()
	p.tune, p.undo, p.busy = nil, nil, ""
	p.a.samples.at, p.a.samples.back, p.a.samples.top = 0, 0, 0
}

// refresh has nothing to load: the tracker is fed all the time.
func (p *trainPage) refresh() tea.Cmd { return nil }

// start asks before a run begins; what would make it fail is said first.
func (p *trainPage) start() tea.Cmd {
	a := p.a
	if a.recipe.r == nil {
		return a.say(inkWarn, a.t("There is no recipe to train with yet."))
	}
	if _, alive := p.live(); alive {
		return a.say(inkWarn, a.t("A run is live. Stop it first (X), or let it end."))
	}
	lines, blocked := a.recipe.summary()
	if !blocked {
		lines = append(lines, a.recipe.before()...)
	}
	q := &question{title: a.t("Start training?"), lines: lines}
	from := p.begins
	if from.path != "" {
		q.lines = append([]string{from.told(a), ""}, q.lines...)
	}
	if !blocked {
		q.choices = []choice{{"enter", a.t("start"), func(a *app) tea.Cmd { return a.train.begin(a.recipe.r.YAML(), from) }}}
		if from.path != "" {
			q.choices = append(q.choices, choice{"m", a.t("start from the recipe's model instead"), func(a *app) tea.Cmd { return a.train.begin(a.recipe.r.YAML(), beginning{}) }})
		}
	}
	q.choices = append(q.choices, choice{"3", a.t("recipe"), func(a *app) tea.Cmd { return a.goTo(pageRecipe) }})
	a.push(q)
	return nil
}

// begin starts a new run of a recipe, with what from names in place of its model.
func (p *trainPage) begin(recipe []byte, from beginning) tea.Cmd {
	a := p.a
	a.page, p.begins = pageTrain, beginning{}
	p.busy = a.t("starting a process for the run")
	return a.startRun("", recipe, from, false)
}

// goOn starts the process of a run that was stopped, at its last checkpoint.
func (p *trainPage) goOn(dir string) tea.Cmd {
	p.a.page = pageTrain
	p.busy = p.a.t("starting a process for the run")
	return p.a.startRun(dir, nil, beginning{}, true)
}

// runStartedMsg is the answer to startRun.
type runStartedMsg struct {
	run    *run.Run
	exited <-chan error
	err    error
}

func (m runStartedMsg) apply(a *app) tea.Cmd {
	a.train.busy = ""
	if m.err != nil {
		return a.fail(m.err)
	}
	cmd := a.train.attach(m.run)
	if m.exited == nil { // it was found, not started: show what it trains on
		return tea.Batch(cmd, a.adoptRecipe(m.run))
	}
	return tea.Batch(cmd, a.waitExit(a.train.gen, m.run, m.exited), a.listRuns(false))
}

// runExitedMsg tells that the process of a run that this workbench started ended.
type runExitedMsg struct {
	gen   int
	known bool   // the run had written its status
	said  string // last lines of its log
}

func (m runExitedMsg) apply(a *app) tea.Cmd {
	t := a.train.on
	if t == nil || t.gen != m.gen || m.known {
		return a.listRuns(false)
	}
	t.known = true
	t.status.State = run.Failed
	t.status.Message = m.said
	t.failure = m.said
	return tea.Batch(a.say(inkError, "✗ "+a.tf("The run could not begin: %s", m.said)), a.listRuns(false))
}

// send asks the live run for something.
func (p *trainPage) send(verb run.Verb, what string, values map[string]string) tea.Cmd {
	if _, alive := p.live(); !alive {
		return p.a.say(inkWarn, p.a.t("No run is live. g starts one."))
	}
	p.busy = what
	return p.a.sendCommand(p.gen, p.on.run, run.Command{Verb: verb, Values: values}, what)
}

// replyMsg is a run's answer to a command.
type replyMsg struct {
	gen   int
	what  string
	reply run.Reply
	err   error
}

func (m replyMsg) apply(a *app) tea.Cmd {
	if m.gen != a.train.gen {
		return nil
	}
	a.train.busy = ""
	switch {
	case m.err != nil:
		return a.fail(m.err)
	case !m.reply.OK:
		return a.say(inkError, "✗ "+m.what+": "+m.reply.Message)
	}
	text := m.what
	if m.reply.Message != "" {
		text += ": " + m.reply.Message
	}
	return a.say(inkGood, text)
}

// pauseOrResume holds the run after its step, or lets it go on.
func (p *trainPage) pauseOrResume() tea.Cmd {
	if st, ok := p.live(); ok && st.State == run.Paused {
		return p.send(run.Resume, p.a.t("resume"), nil)
	}
	return p.send(run.Pause, p.a.t("pause after this step"), nil)
}

// stop asks whether to keep what the run has learned since its last checkpoint.
func (p *trainPage) stop() tea.Cmd {
	a := p.a
	st, alive := p.live()
	if !alive {
		return a.say(inkWarn, a.t("No run is live. g starts one."))
	}
	a.push(&question{
		title: a.t("Stop without saving?"),
		lines: []string{a.tf("The run is at step %s of %s. Without saving, what it learned since its last checkpoint is lost.", count(st.Step), count(st.TotalSteps))},
		choices: []choice{
			{"x", a.t("save a checkpoint, then stop"), func(a *app) tea.Cmd { return a.train.send(run.StopAndSave, a.t("save and stop"), nil) }},
			{"y", a.t("stop without saving"), func(a *app) tea.Cmd { return a.train.send(run.Stop, a.t("stop"), nil) }},
			{"K", a.t("end the process at once"), func(a *app) tea.Cmd { return a.train.send(run.Kill, a.t("end at once"), nil) }},
		},
	})
	return nil
}

// rowsAtCursor shows what the step under the crosshair was trained on.
func (p *trainPage) rowsAtCursor() tea.Cmd {
	a := p.a
	if p.on == nil || p.cursor == nil {
		return p.crosshair()
	}
	step := int(math.Round(*p.cursor))
	info, ok := p.on.rowsOf(step)
	if !ok {
		return a.say(inkWarn, a.tf("Step %s has no record of its rows.", count(step)))
	}
	return a.showRows(a.tf("the rows of step %s, the highest loss first", count(step)), p.on.run, false, byLoss(info.rows, info.losses), 0)
}

// stateLine is the right end of the top line: what the run does and when it ends.
func (p *trainPage) stateLine(wide bool) string {
	a, th := p.a, p.a.th
	if p.on == nil {
		if p.busy != "" {
			return th.paint(inkAccent, "● "+p.busy)
		}
		return th.paint(inkDim, a.t("no run"))
	}
	st, state := p.on.status, p.on.state()
	i, mark := stateInk(state)
	text := mark + " " + a.t(string(state))
	if !p.on.known {
		return th.paint(i, text)
	}
	if st.TotalSteps > 0 {
		text += fmt.Sprintf("  %s %s / %s", a.t("step"), count(st.Step), count(st.TotalSteps))
	}
	if wide && st.Epoch > 0 {
		text += fmt.Sprintf("  %s %.2f", a.t("epoch"), st.Epoch)
	}
	if !state.Over() && st.SecondsLeft > 0 && state != run.Paused {
		left := time.Duration(st.SecondsLeft * float64(time.Second))
		text += "  " + a.tf("ends %s (%s)", a.now().Add(left).Format("15:04"), span(left))
	}
	return th.paint(i, text)
}

// stateInk is how a state is marked.
func stateInk(s run.State) (ink, string) {
	switch s {
	case run.Failed, run.Died:
		return inkError, "✗"
	case run.Finished:
		return inkGood, "✓"
	case run.Stopped:
		return inkWarn, "■"
	case run.Paused:
		return inkWarn, "‖"
	}
	return inkAccent, "●"
}
