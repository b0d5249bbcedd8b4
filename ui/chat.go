package ui

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	tea "charm.land/bubbletea/v2"
)

// talk is a conversation with a model in a process of its own, `sftui chat
// --json`: the workbench stays quick, and the model's memory is given back
// when the process ends.
type talk struct {
	name     string // of the model
	process  *chatProcess
	turns    []turn
	in       *editor
	plain    bool // the model has no chat template: each message is continued as it is
	waiting  bool // a reply is in the making
	answered bool // the process has said something: the model is loaded
	ended    bool
	up       int // lines scrolled up from the end
}

// turn is one message, or an error or note in its place.
type turn struct {
	role string // user, assistant, or "" for a note
	text string
	note string // of a finished reply: tokens, speed, how it ended
	bad  bool
}

// chatLine is a line that the process writes.
type chatLine struct {
	Token   *string `json:"token"`
	Reply   *string `json:"reply"`
	Tokens  int     `json:"tokens"`
	Seconds float64 `json:"seconds"`
	Finish  string  `json:"finish"`
	Error   string  `json:"error"`
	Code    string  `json:"code"` // of an error that a program can do something about
}

// chatProcess is the running process.
type chatProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	said  *lastWords
}

// lastWords keeps the end of what a process writes to its error stream.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastWords) Write(p []byte) (int, error) {
	const kept = 4096
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-kept):]
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// startChat starts the process of a conversation.
func startChat(cmd *exec.Cmd) (*chatProcess, error) {
	p := &chatProcess{cmd: cmd, said: &lastWords{}}
	cmd.Stderr = p.said
	// In a group of its own the keys of the terminal do not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the chat: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the chat: %w", err)
	}
	p.lines = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the chat: %w", err)
	}
	return p, nil
}

// close ends the process, which stops at the end of its input.
func (p *chatProcess) close() tea.Cmd {
	return func() tea.Msg {
		// The process may be gone already; there is nothing to save.
		_ = p.in.Close()
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		return nil
	}
}

// chatLineMsg is what the process has written.
type chatLineMsg struct {
	t    *talk
	line chatLine
	err  error // io.EOF at its end
}

// readChat waits for the next line.
func (t *talk) readChat() tea.Cmd {
	p := t.process
	return func() tea.Msg {
		m := chatLineMsg{t: t}
		data, err := p.lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(data, &m.line)
		}
		if err != nil {
			m.err = err
			_ = p.in.Close() // a process that writes nonsense is to end too
			if waited := p.cmd.Wait(); errors.Is(err, io.EOF) && waited != nil {
				m.err = errors.New(lastLine(p.said.String()))
			}
		}
		return m
	}
}

func (m chatLineMsg) apply(a *app) tea.Cmd {
	t := m.t
	if m.err != nil {
		t.ended, t.waiting = true, false
		if !errors.Is(m.err, io.EOF) && a.samples.talk == t {
			t.turns = append(t.turns, turn{text: m.err.Error(), bad: true})
		}
		return nil
	}
	t.answered = true
	switch l := m.line; {
	case l.Token != nil:
		if n := len(t.turns); n == 0 || t.turns[n-1].role != "assistant" {
			t.turns = append(t.turns, turn{role: "assistant"})
		}
		t.turns[len(t.turns)-1].text += *l.Token
	case l.Reply != nil:
		if n := len(t.turns); n == 0 || t.turns[n-1].role != "assistant" {
			t.turns = append(t.turns, turn{role: "assistant"})
		}
		last := &t.turns[len(t.turns)-1]
		last.text, t.waiting = *l.Reply, false
		last.note = a.plural(l.Tokens, "%s token", "%s tokens") + " · " + seconds(l.Seconds) + " · " + a.t(l.Finish)
	case l.Code == "no_template" && !t.plain:
		t.plain = true
		t.turns = slices.Insert(t.turns, max(0, len(t.turns)-1), turn{text: a.t("This model has no chat template: each message is continued as plain text, without what was said before.")})
		return tea.Batch(t.send(), t.readChat())
	default:
		t.waiting = false
		t.turns = append(t.turns, turn{text: l.Error, bad: true})
	}
	return t.readChat()
}

// ask sends the conversation with a new message.
func (t *talk) ask(text string) tea.Cmd {
	t.turns = append(t.turns, turn{role: "user", text: text})
	t.waiting, t.up = true, 0
	return t.send()
}

// send asks for a reply to the last message.
func (t *talk) send() tea.Cmd {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var messages []message
	for _, u := range t.turns {
		if u.role != "" {
			messages = append(messages, message{u.role, u.text})
		}
	}
	request := map[string]any{"messages": messages}
	if len(messages) == 1 || t.plain { // works without a chat template too
		request = map[string]any{"prompt": messages[len(messages)-1].Content}
	}
	p := t.process
	return func() tea.Msg {
		data, err := json.Marshal(request)
		if err == nil {
			_, err = p.in.Write(append(data, '\n'))
		}
		if err != nil && !errors.Is(err, os.ErrClosed) {
			return chatSentMsg{t, err}
		}
		return nil
	}
}

// chatSentMsg tells that a message could not be sent.
type chatSentMsg struct {
	t   *talk
	err error
}

func (m chatSentMsg) apply(a *app) tea.Cmd {
	m.t.waiting = false
	return a.fail(fmt.Errorf("send the message: %w", m.err))
}

// stop interrupts the reply that is in the making.
func (t *talk) stop() tea.Cmd {
	p := t.process
	return func() tea.Msg {
		_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended meanwhile
		return nil
	}
}

// press takes a key of the conversation; done reports that it is to be left.
func (t *talk) press(a *app, k tea.KeyPressMsg) (cmd tea.Cmd, done bool) {
	switch k.String() {
	case "esc":
		if t.waiting && !t.ended {
			return t.stop(), false
		}
		return t.process.close(), true
	case "enter":
		text := strings.TrimSpace(t.in.String())
		if text == "" || t.waiting || t.ended {
			return nil, false
		}
		t.in = newEditor("")
		return t.ask(text), false
	case "alt+enter", "shift+enter", "ctrl+j":
		t.in.insert("\n")
	case "ctrl+r":
		if !t.waiting {
			t.turns, t.up = nil, 0
		}
	case "pgup":
		t.up += a.h / 3
	case "pgdown":
		t.up = max(0, t.up-a.h/3)
	case "up", "down":
		if strings.Contains(t.in.String(), "\n") {
			t.in.press(k)
		} else if k.String() == "up" {
			t.up += a.h / 3
		} else {
			t.up = max(0, t.up-a.h/3)
		}
	default:
		t.in.press(k)
	}
	return nil, false
}

// view draws the conversation.
func (t *talk) view(a *app, w, h int) []string {
	th := a.th
	var lines []string
	for _, u := range t.turns {
		color, name := inkPlain, u.role
		switch {
		case u.bad:
			color, name = inkError, "✗"
		case u.role == "user":
			color = inkAccent
		}
		if name == "" {
			color = inkDim // a note of the workbench
		} else {
			lines = append(lines, " "+th.paint(inkTitle, a.t(name)))
		}
		for _, l := range strings.Split(strings.TrimRight(u.text, "\n"), "\n") {
			for _, piece := range wrapVisible(l, w-6) {
				lines = append(lines, "   "+th.paint(color, piece))
			}
		}
		if u.note != "" {
			lines = append(lines, "   "+th.paint(inkDim, u.note))
		}
		lines = append(lines, "")
	}
	switch {
	case t.ended:
		lines = append(lines, " "+th.paint(inkDim, a.t("The model's process has ended; esc goes back.")))
	case t.waiting && !t.answered:
		lines = append(lines, " "+th.paint(inkDim, a.t("The model is loaded and compiled before the first word …")))
	case t.waiting:
		lines = append(lines, " "+th.paint(inkDim, "…"))
	case len(t.turns) == 0:
		lines = append(lines, "", " "+th.paint(inkDim, a.t("Write a message. Replies are greedy: the likeliest token each time.")))
	}
	typed := t.inputHeight(w - 6)
	room := max(1, h-4-typed)
	t.up = min(t.up, max(0, len(lines)-room))
	end := len(lines) - t.up
	lines = block(lines[max(0, end-room):end], w-2, room)
	keys := []string{th.paint(inkKey, "enter") + " " + a.t("send"), th.paint(inkKey, "alt+enter") + " " + a.t("new line"), th.paint(inkKey, "esc") + " " + a.t("back")}
	if t.waiting && !t.ended {
		keys = []string{th.paint(inkKey, "esc") + " " + a.t("stop the reply")}
	} else if len(t.turns) > 0 {
		keys = append(keys, th.paint(inkKey, "ctrl+r")+" "+a.t("begin anew"), th.paint(inkKey, "PgUp PgDn")+" "+a.t("scroll"))
	}
	lines = append(lines, th.paint(inkBorder, strings.Repeat("─", w-2)))
	for i, l := range t.in.view(th, w-6, typed) {
		mark := " "
		if i == 0 {
			mark = th.paint(inkKey, "›")
		}
		lines = append(lines, " "+mark+" "+l)
	}
	lines = append(lines, " "+strings.Join(keys, "   "))
	return th.pane(a.tf("chat with %s", visible(t.name)), lines, w, h, true)
}

// inputHeight is how many lines what is being typed takes, up to five.
func (t *talk) inputHeight(w int) int {
	const most = 5
	n := 0
	for _, l := range strings.Split(t.in.String(), "\n") {
		n += width(l)/max(w, 1) + 1
	}
	return min(n, most)
}
