package ui

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// selfTest is a dialog that tries the chosen model on this machine, in a
// process of its own: `sftui doctor --model`, a line for each check as it is done.
type selfTest struct {
	model  string
	lines  []string
	text   *reader
	over   bool
	failed bool
	cancel context.CancelFunc
	out    *bufio.Reader
	cmd    *exec.Cmd
}

// testModel opens the dialog and starts the checks.
func (a *app) testModel() tea.Cmd {
	model := a.data.modelSpec()
	if a.opt.Doctor == nil || model == "" {
		return a.say(inkDim, a.t("No model is chosen; M chooses one."))
	}
	ctx, cancel := context.WithCancel(a.ctx)
	t := &selfTest{model: model, cancel: cancel, cmd: a.opt.Doctor(ctx, []string{"--model", model})}
	t.text = newReader("", t.shown)
	t.text.tail = true
	out, err := t.cmd.StdoutPipe()
	if err == nil {
		err = t.cmd.Start()
	}
	if err != nil {
		cancel()
		return a.fail(err)
	}
	t.out = bufio.NewReader(out)
	a.push(t)
	return t.listenChecks()
}

// checkSaidMsg is a line of the checks, or their end.
type checkSaidMsg struct {
	t    *selfTest
	line string
	over bool
	err  error
}

func (m checkSaidMsg) apply(*app) tea.Cmd {
	if m.over {
		m.t.over, m.t.failed = true, m.err != nil
		return nil
	}
	m.t.lines = append(m.t.lines, m.line)
	return m.t.listenChecks()
}

// listenChecks waits for the next line.
func (t *selfTest) listenChecks() tea.Cmd {
	return func() tea.Msg {
		line, err := t.out.ReadString('\n')
		if err == nil {
			return checkSaidMsg{t: t, line: strings.TrimRight(line, "\n")}
		}
		m := checkSaidMsg{t: t, over: true, err: t.cmd.Wait()}
		if m.err == nil && !errors.Is(err, io.EOF) {
			m.err = err
		}
		return m
	}
}

// shown are the checks so far.
func (t *selfTest) shown(a *app, w int) []string {
	var lines []string
	for _, l := range t.lines {
		i := inkPlain
		switch {
		case strings.HasPrefix(l, "✓"):
			i = inkGood
		case strings.HasPrefix(l, "!"):
			i = inkWarn
		case strings.HasPrefix(l, "✗"):
			i = inkError
		}
		sign, rest, _ := strings.Cut(l, " ")
		for n, piece := range wrap(visible(rest), w-2) {
			if n > 0 {
				sign = " "
			}
			lines = append(lines, a.th.paint(i, sign)+" "+piece)
		}
	}
	lines = append(lines, "")
	switch {
	case !t.over:
		lines = append(lines, a.th.paint(inkAccent, "● "+a.t("checking …")+"  "+a.t("the model is loaded and compiled, which takes up to a minute")))
	case t.failed:
		lines = append(lines, a.th.paint(inkWarn, "▲ "+a.t("Something above is not as it should be.")))
	default:
		lines = append(lines, a.th.paint(inkGood, "✓ "+a.t("The model trains on this machine as it should.")))
	}
	return lines
}

func (t *selfTest) scroll(d int) { t.text.scroll(d) }

func (t *selfTest) view(a *app, w, h int) []string {
	t.text.title = a.tf("self-test of %s", visible(t.model))
	return t.text.view(a, w, h)
}

func (t *selfTest) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	before := len(a.stack)
	cmd := t.text.press(a, k)
	if len(a.stack) < before { // closed: what is left of it ends
		t.cancel()
	}
	return cmd
}
