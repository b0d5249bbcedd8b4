package cmd

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/recipes"
	"sftui/setup"
)

// progress prints a run's events: on a terminal one line that is drawn over,
// with a bar; elsewhere a plain line for every logging_steps.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	drawn    bool // the bar stands on the current line
	redrawn  time.Time
	prints   func(step int, epochEnded, last bool) bool
	recipe   *recipes.Recipe
	status   run.Status
	phase    string
	started  bool // training began
	tenth    int64
}

func newProgress(w io.Writer, r *recipes.Recipe) *progress {
	return &progress{w: w, terminal: setup.IsTerminal(w), recipe: r, prints: func(int, bool, bool) bool { return true }}
}

// training reports whether steps are being made, so that stopping can save.
func (p *progress) training() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// redrawEvery bounds how often the bar is drawn.
const redrawEvery = 100 * time.Millisecond

// event prints one event.
func (p *progress) event(e run.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Apply(&e)
	switch e.Kind {
	case run.KindStart:
		p.start(&e)
	case run.KindPhase:
		p.enter(&e)
	case run.KindStep:
		p.step(&e)
	case run.KindEval:
		p.say("eval  step %d  loss %.4f  accuracy %.3f  %d rows  %.1f s%s", e.Step, float64(e.Loss), float64(e.Accuracy), e.Rows, e.Seconds, mark(e.Best, "  best"))
	case run.KindSample:
		p.say("sample  step %d  %s → %s", e.Step, quote(e.Prompt), quote(e.Text))
	case run.KindCheckpoint:
		if e.Seconds == 0 { // told again by a run that goes on from it
			p.say("going on from %s", e.Path)
			return
		}
		p.say("saved %s in %.1f s", e.Path, e.Seconds)
	case run.KindChange:
		p.say("change: %s", e.Message)
	case run.KindWarning:
		p.say("warning: %s%s", e.Message, rowsOf(&e))
	case run.KindLog:
		p.say("%s", e.Message)
	case run.KindDone:
		if e.Path != "" {
			p.say("finished; the model is in %s", e.Path)
		}
	}
}

func mark(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

// quote shortens a text to one line.
func quote(text string) string {
	const most = 100
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

func rowsOf(e *run.Event) string {
	const most = 10
	if len(e.RowIDs) == 0 {
		return ""
	}
	text := strings.Trim(fmt.Sprint(e.RowIDs[:min(most, len(e.RowIDs))]), "[]")
	if len(e.RowIDs) > most {
		text += " …"
	}
	return " (rows " + text + ")"
}

func (p *progress) start(e *run.Event) {
	p.started = true
	if prints, err := engine.Prints(p.recipe, e.TotalSteps); err == nil {
		p.prints = prints
	}
	p.say("%s · %d rows · %s · %s parameters, %s trained · %d steps of %d × %d rows", e.Device, e.Rows, e.Model,
		count(e.Parameters), count(e.Trainable), e.TotalSteps, e.MicroBatch, e.Accumulation)
}

// count writes 134,515,008 as "134.5M".
func count(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

func (p *progress) enter(e *run.Event) {
	if e.Total > 0 {
		p.share(e)
		return
	}
	text := e.Phase
	if e.Message != "" {
		text += ": " + e.Message
	}
	p.phase = e.Phase
	if e.Phase == string(run.Training) && p.terminal {
		p.bar(true)
		return
	}
	switch run.State(e.Phase) {
	case run.Training, run.Evaluating, run.Saving:
		// A line of their own follows when they are done.
		if e.Message == "" {
			return
		}
	}
	p.say("%s", text)
}

// share shows how far a phase is.
func (p *progress) share(e *run.Event) {
	text := fmt.Sprintf("%s %d of %d", phaseName(e), e.Done, e.Total)
	if p.terminal {
		p.over(text)
		return
	}
	if tenth := 10 * e.Done / e.Total; tenth != p.tenth {
		p.tenth = tenth
		p.say("%s", text)
	}
}

func phaseName(e *run.Event) string {
	if e.Message != "" {
		return e.Message
	}
	return e.Phase
}

func (p *progress) step(e *run.Event) {
	last := e.Step == e.TotalSteps
	if !p.terminal {
		if p.prints(e.Step, e.Epoch == math.Trunc(e.Epoch), last) {
			p.say("%s", p.describe())
		}
		return
	}
	p.bar(last)
}

// describe is the line about the last step.
func (p *progress) describe() string {
	s := &p.status
	if s.Step == 0 {
		return fmt.Sprintf("step 1/%d  the first step also compiles", s.TotalSteps)
	}
	perSecond := 0.0
	if s.TrainSeconds > 0 {
		perSecond = float64(s.TrainedTokens) / s.TrainSeconds
	}
	text := fmt.Sprintf("step %d/%d  epoch %.2f  loss %.4f  norm %.3f  lr %.3g  %.0f tok/s  %.1f s",
		s.Step, s.TotalSteps, s.Epoch, float64(s.Loss), float64(s.GradNorm), float64(s.LearningRate), perSecond, s.StepSeconds)
	if s.MemoryBytes > 0 {
		text += "  " + engine.Bytes(int64(s.MemoryBytes))
	}
	if left := time.Duration(s.SecondsLeft * float64(time.Second)); left > 0 {
		text += fmt.Sprintf("  ends %s (%s)", time.Now().Add(left).Format("15:04"), roundTime(left))
	}
	return text
}

func roundTime(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// barWidth is the bar's width in columns.
const barWidth = 20

// bar draws the bar and the line about the last step.
func (p *progress) bar(force bool) {
	if !force && time.Since(p.redrawn) < redrawEvery {
		return
	}
	p.redrawn = time.Now()
	done := 0
	if p.status.TotalSteps > 0 {
		done = barWidth * p.status.Step / p.status.TotalSteps
	}
	p.over(strings.Repeat("█", done) + strings.Repeat("░", barWidth-done) + " " + p.describe())
}

// over draws text over the current line, cut to the terminal's width.
func (p *progress) over(text string) {
	if runes, width := []rune(text), p.width(); len(runes) > width {
		text = string(runes[:width])
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	p.drawn = true
}

// width is the terminal's width in columns.
func (p *progress) width() int {
	const usual = 80
	f, ok := p.w.(*os.File)
	if !ok {
		return usual
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return usual
	}
	return int(size.Col) - 1
}

// say prints a line of its own, above the bar; the caller holds mu.
func (p *progress) say(format string, args ...any) {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// line prints a line from another goroutine.
func (p *progress) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say("%s", text)
}

// close ends the bar's line.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}
