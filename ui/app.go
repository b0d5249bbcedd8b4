// Package ui is the workbench: a terminal program in which a person looks at
// data, edits a recipe, starts training and watches and steers it.
//
// There is one tea.Model, app, which only routes: messages to the result that
// knows what to do, keys to one table, the picture to the open page. Pages are
// plain structs with methods. Nothing that reads a disk, tokenizes or waits
// happens in Update or View: such work is a command (commands.go), its answer
// carries a generation number, and an answer from an older generation is
// dropped. This is the only package that imports Bubble Tea.
package ui

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// app is the root model.
type app struct {
	ctx     context.Context
	opt     Options
	th      *theme
	lang    language
	w, h    int
	frame   frame
	page    pageID
	keys    []binding
	stack   []dialog // the last one has the keys
	note    notice
	errors  []string // the last that were shown, for the log
	now     func() time.Time
	leaving bool
	pace    pace
	// readFolder and stat look into the file system, in commands alone, which wait
	// for it no longer than patience.
	readFolder func(dir string) ([]os.DirEntry, error)
	stat       func(path string) (os.FileInfo, error)
	patience   time.Duration

	recent recent

	start    *startPage
	data     *dataPage
	findings *findingsPage
	recipe   *recipePage
	train    *trainPage
	runs     *runsPage
	samples  *samplesPage
}

// notice is one line above the keys: what just happened, or what went wrong.
type notice struct {
	text  string
	ink   ink
	until time.Time
}

// newApp makes the workbench; it does nothing until Init.
func newApp(ctx context.Context, o Options) *app {
	a := &app{ctx: ctx, opt: o, th: newTheme(true), lang: parseLanguage(o.Lang), now: time.Now, page: pageStart,
		readFolder: os.ReadDir, stat: os.Stat, patience: diskPatience}
	a.pace.wake, a.pace.touched = make(chan struct{}, 1), time.Now()
	a.start = &startPage{a: a}
	a.data = newDataPage(a)
	a.findings = &findingsPage{a: a}
	a.recipe = newRecipePage(a)
	a.train = newTrainPage(a)
	a.runs = newRunsPage(a)
	a.samples = &samplesPage{a: a}
	a.keys = bindings()
	a.resize(80, 24)
	return a
}

// Init asks the terminal for its background and starts what the command line named.
func (a *app) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, a.begin())
}

// begin loads the recipe, and with it data, model and a live run.
func (a *app) begin() tea.Cmd {
	return tea.Batch(a.loadRecipe(a.opt.Recipe), a.listRuns(true), a.readRecent())
}

// result is the answer of a command: it knows which part of the app it is for.
type result interface{ apply(a *app) tea.Cmd }

// Update routes a message.
func (a *app) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case result:
		return a, m.apply(a)
	case tea.WindowSizeMsg:
		a.pace.touch(a.now())
		a.resize(m.Width, m.Height)
		return a, a.open().refresh()
	case tea.BackgroundColorMsg:
		a.pace.touch(a.now())
		bare := a.th.bare
		a.th = newTheme(m.IsDark())
		a.th.bare = bare
	case tea.ColorProfileMsg:
		a.th.bare = m.Profile <= colorprofile.NoTTY
	case tea.KeyPressMsg:
		a.pace.touch(a.now())
		return a, a.press(m)
	case tea.PasteMsg:
		a.pace.touch(a.now())
		return a, a.paste(m.Content)
	case tea.MouseWheelMsg:
		a.pace.touch(a.now())
		return a, a.wheel(m)
	case tea.MouseClickMsg:
		a.pace.touch(a.now())
		return a, a.click(m)
	}
	return a, nil
}

// resize fits the frame to the terminal.
func (a *app) resize(w, h int) {
	a.w, a.h = w, h
	a.frame = layoutFrame(w, h)
}

// press gives a key to the topmost dialog, to a page that is being typed in,
// or to the key table.
func (a *app) press(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return a.quit()
	}
	if name == "ctrl+z" {
		return tea.Suspend
	}
	if n := len(a.stack); n > 0 {
		return a.stack[n-1].press(a, k)
	}
	p := a.open()
	if p.captures() {
		return p.typed(k)
	}
	if b, ok := a.find(k); ok {
		return b.do(a)
	}
	return nil
}

// paste types text where typing goes.
func (a *app) paste(s string) tea.Cmd {
	if n := len(a.stack); n > 0 {
		if d, ok := a.stack[n-1].(interface{ pasted(string) tea.Cmd }); ok {
			return d.pasted(s)
		}
	}
	if t := a.samples.talk; t != nil && len(a.stack) == 0 && a.page == pageSamples {
		t.in.insert(strings.ReplaceAll(s, "\r\n", "\n"))
		return nil
	}
	s = strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\n", " ")
	k := tea.KeyPressMsg{Text: s, Code: tea.KeyExtended}
	if n := len(a.stack); n > 0 {
		return a.stack[n-1].press(a, k)
	}
	if p := a.open(); p.captures() {
		return p.typed(k)
	}
	return nil
}

// wheel scrolls what is under the pointer.
func (a *app) wheel(m tea.MouseWheelMsg) tea.Cmd {
	d := 3
	if m.Button == tea.MouseWheelUp {
		d = -3
	}
	if n := len(a.stack); n > 0 {
		a.stack[n-1].scroll(d)
		return nil
	}
	return a.open().wheel(m.X-a.frame.body.x, m.Y-a.frame.body.y, d)
}

// click opens a page by its tab or tells the open page where it was hit.
func (a *app) click(m tea.MouseClickMsg) tea.Cmd {
	if m.Button != tea.MouseLeft || len(a.stack) > 0 {
		return nil
	}
	if m.Y == a.frame.tabs.y {
		for _, t := range a.tabs() {
			if m.X >= t.from && m.X < t.to {
				return a.goTo(t.page)
			}
		}
		return nil
	}
	if a.frame.body.contains(m.X, m.Y) {
		return a.open().click(m.X-a.frame.body.x, m.Y-a.frame.body.y)
	}
	return nil
}

// goTo opens a page.
func (a *app) goTo(p pageID) tea.Cmd {
	a.page = p
	return a.open().refresh()
}

// quit leaves the workbench; a live run goes on.
func (a *app) quit() tea.Cmd {
	a.leaving = true
	return tea.Quit
}

// say shows a line above the keys for a while.
func (a *app) say(i ink, text string) tea.Cmd {
	const shown = 8 * time.Second
	a.note = notice{text: text, ink: i, until: a.now().Add(shown)}
	return tea.Tick(shown, func(time.Time) tea.Msg { return noticeOverMsg{} })
}

// fail shows an error as the sentence that it is, and keeps it for the log.
func (a *app) fail(err error) tea.Cmd {
	const kept = 100
	a.errors = append(a.errors, a.now().Format("15:04:05")+" ✗ "+err.Error())
	a.errors = a.errors[max(0, len(a.errors)-kept):]
	text := "✗ " + firstLine(err.Error())
	if n := strings.Count(strings.TrimSpace(err.Error()), "\n"); n > 0 {
		text += "  " + a.plural(n, "(%s line more: ctrl+l)", "(%s lines more: ctrl+l)")
	}
	return a.say(inkError, text)
}

// noticeOverMsg makes the screen drop a line whose time is over.
type noticeOverMsg struct{}

func (noticeOverMsg) apply(a *app) tea.Cmd {
	if !a.now().Before(a.note.until) {
		a.note = notice{}
	}
	return nil
}

// View draws the screen.
func (a *app) View() tea.View {
	lines := a.screen()
	cursor := takeCursor(lines, a.w)
	a.pace.took(lines)
	v := tea.NewView(strings.Join(lines, "\n"))
	v.Cursor = cursor
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "sftui"
	if st, ok := a.train.live(); ok {
		v.WindowTitle = "sftui · " + string(st.State)
		if st.TotalSteps > 0 {
			v.ProgressBar = tea.NewProgressBar(tea.ProgressBarDefault, min(100, st.Step*100/st.TotalSteps))
		}
	}
	return v
}

// screen is the whole picture as lines.
func (a *app) screen() []string {
	if a.frame.tooSmall {
		return block([]string{
			a.tf("The terminal is %d×%d cells.", a.w, a.h),
			a.tf("sftui needs at least %d×%d: enlarge it", minWidth, minHeight),
			a.t("or press q to leave (a run goes on)."),
		}, a.w, a.h)
	}
	body := a.open().view(a.frame.body.w, a.frame.body.h)
	lines := make([]string, 0, a.h)
	lines = append(lines, fit(a.topLine(), a.w), fit(a.tabLine(), a.w))
	lines = append(lines, block(body, a.frame.body.w, a.frame.body.h)...)
	foot := a.footLines()
	lines = append(lines[:a.h-len(foot)], block(foot, a.w, len(foot))...)
	for _, d := range a.stack {
		lines = overlay(unmarked(lines), d.view(a, a.w, a.h), a.w)
	}
	return lines
}

// topLine tells model, data and device, and what a run is doing.
func (a *app) topLine() string {
	left := " " + a.th.paint(inkAccent, "sftui") + "  " + a.facts()
	right := a.train.stateLine(a.w >= compactBelow)
	room := a.w - width(right) - 2
	return fit(left, room) + " " + right + " "
}

// facts is what is open: model · data · device.
func (a *app) facts() string {
	var parts []string
	if t := a.train.on; t != nil && (a.page == pageTrain || a.page == pageSamples) {
		return visible(t.run.Name()) // what is open elsewhere may be another model and other data
	}
	if m := a.data.modelName(); m != "" {
		parts = append(parts, m)
	}
	if d := a.data.dataName(); d != "" {
		parts = append(parts, d)
	}
	if a.opt.Device != "" {
		parts = append(parts, a.opt.Device)
	}
	return visible(strings.Join(parts, " · "))
}

// tab is the place of a page's name.
type tab struct {
	page     pageID
	text     string
	from, to int
}

// tabs are the page names with their places.
func (a *app) tabs() []tab {
	var out []tab
	x := 1
	for _, p := range tabOrder {
		text := string(rune('0'+int(p))) + " " + a.t(pageNames[p])
		if p == pageFindings {
			text += a.findings.badge()
		}
		out = append(out, tab{p, text, x, x + width(text)})
		gap := 3
		if a.w < compactBelow {
			gap = 2
		}
		x += width(text) + gap
	}
	return out
}

// openMark stands before what is open where a terminal underlines nothing.
const openMark = "▸"

// tabLine is the second line: the pages.
func (a *app) tabLine() string {
	var b strings.Builder
	x := 0
	for _, t := range a.tabs() {
		gap := strings.Repeat(" ", t.from-x)
		if t.page == a.page && a.th.bare {
			gap = gap[1:] + openMark
		}
		b.WriteString(gap)
		switch {
		case t.page == a.page:
			b.WriteString(a.th.paint(inkTab, t.text))
		case strings.ContainsAny(t.text, "✗"):
			b.WriteString(a.th.paint(inkError, t.text))
		case strings.ContainsAny(t.text, "▲"):
			b.WriteString(a.th.paint(inkWarn, t.text))
		default:
			b.WriteString(a.th.paint(inkDim, t.text))
		}
		x = t.to
	}
	return b.String()
}

// footLines are the last line: the keys that matter here, or a notice, which
// takes more lines when it is long.
func (a *app) footLines() []string {
	if a.note.text == "" {
		return []string{a.footLine()}
	}
	lines := wrap(visible(a.note.text), a.w-2)
	lines = lines[:min(len(lines), a.h/4)]
	for i, l := range lines {
		lines[i] = " " + a.th.paint(a.note.ink, l)
	}
	return lines
}

// footLine shows the keys that matter here.
func (a *app) footLine() string {
	if len(a.stack) > 0 || a.open().captures() { // other keys are text now, or the dialog's own
		line := " " + a.th.paint(inkKey, "esc") + " " + a.t("back") + "   "
		if p, ok := a.open().(hinter); ok && len(a.stack) == 0 {
			return line + a.th.paint(inkDim, p.hint())
		}
		return line + a.th.paint(inkKey, "ctrl+c") + " " + a.t("quit")
	}
	m := help.New()
	m.Styles, m.ShortSeparator = a.th.help, "   "
	more := onKeys("?", a.t("all keys"), "?")
	keys := []key.Binding{more}
	for _, b := range a.footKeys() {
		h := b.Help()
		wider := slices.Insert(slices.Clone(keys), len(keys)-1, onKeys(h.Key, a.t(h.Desc), b.Keys()...))
		if width(m.ShortHelpView(wider)) > a.w-2 { // what does not fit is under ?
			break
		}
		keys = wider
	}
	return " " + m.ShortHelpView(keys)
}
