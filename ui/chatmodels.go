package ui

import (
	"path/filepath"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// chooseChat asks which model to talk to: one of the run's checkpoints, its
// final model, or the base model.
func (p *samplesPage) chooseChat() tea.Cmd {
	a := p.a
	if a.opt.Chat == nil {
		return a.say(inkWarn, a.t("This program cannot start a chat; use `sftui chat`."))
	}
	var of *run.Run
	var st run.Status
	if on := a.train.on; on != nil && on.known {
		of, st = on.run, on.status
	}
	base := a.data.modelSpec()
	return func() tea.Msg {
		m := chatModelsMsg{base: base}
		if of == nil {
			return m
		}
		m.run, m.export = of.Dir, st.Export
		// Without a list there are still the final and the base model.
		m.checkpoints, _ = of.Checkpoints()
		return m
	}
}

// chatModelsMsg is what there is to talk to.
type chatModelsMsg struct {
	run, export, base string
	checkpoints       []run.Checkpoint
}

func (m chatModelsMsg) apply(a *app) tea.Cmd {
	pk := &picker{title: a.t("Talk to which model?")}
	add := func(name, note string, args ...string) {
		pk.items = append(pk.items, pick{text: name, note: note, do: func(a *app) tea.Cmd { return a.samples.openChat(name, args) }})
	}
	if m.export != "" {
		add(a.tf("final model of %s", filepath.Base(m.run)), m.export, "--run", m.run)
	}
	for i := len(m.checkpoints) - 1; i >= 0; i-- {
		c := m.checkpoints[i]
		note := ""
		if i == len(m.checkpoints)-1 {
			note = a.t("newest")
		}
		add(a.tf("step %s of %s", count(c.Step), filepath.Base(m.run)), note, "--run", m.run, "--step", strconv.Itoa(c.Step))
	}
	if m.base != "" {
		add(filepath.Base(m.base), a.t("the base model"), "--model", m.base)
	}
	if _, alive := a.train.live(); alive {
		pk.title += " " + a.t("It takes cores and memory from the live run.")
	}
	a.ask(pk)
	return nil
}

// openChat starts the process and shows the conversation.
func (p *samplesPage) openChat(name string, args []string) tea.Cmd {
	a := p.a
	cmd := a.opt.Chat(a.ctx, append(args, "--json", "max_new_tokens=256"))
	return func() tea.Msg {
		process, err := startChat(cmd)
		return chatStartedMsg{name: name, process: process, err: err}
	}
}

// chatStartedMsg is a process that a model answers from.
type chatStartedMsg struct {
	name    string
	process *chatProcess
	err     error
}

func (m chatStartedMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	t := &talk{name: m.name, process: m.process, in: newEditor("")}
	a.samples.talk = t
	return tea.Batch(a.goTo(pageSamples), t.readChat())
}

// captures is true while a message is typed.
func (p *samplesPage) captures() bool { return p.talk != nil }

// typed gives a key to the conversation.
func (p *samplesPage) typed(k tea.KeyPressMsg) tea.Cmd {
	cmd, done := p.talk.press(p.a, k)
	if done {
		p.talk = nil
	}
	return cmd
}
