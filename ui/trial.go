package ui

import (
	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// trial shows what the preparation would make of one row with options that
// are not in the recipe yet.
type trial struct {
	p    *dataPage
	set  *dataSet
	row  int
	gen  int
	busy bool

	shape dataset.Shape
	view  dataset.View
	err   error
}

// canTry reports whether there is data to try options out on.
func (p *dataPage) canTry() bool { return p.set != nil || p.stuck != nil }

// newTrial tries options out on the row under the cursor.
func (p *dataPage) newTrial() *trial {
	if p.set != nil {
		return &trial{p: p, set: p.set, row: max(0, p.row(p.list.Cursor()))}
	}
	return &trial{p: p, set: p.stuck}
}

// run prepares the row with changed options.
func (t *trial) run(change func(o *dataset.Options)) tea.Cmd {
	if t.set != t.p.set && t.set != t.p.stuck {
		return nil // other data was opened meanwhile; this may be closed
	}
	t.gen++
	t.busy = true
	gen, set, row, o := t.gen, t.set, t.row, t.set.options
	change(&o)
	return set.using(func() tea.Msg {
		m := trialMsg{t: t, gen: gen}
		p, err := dataset.NewPreparer(dataset.Select(set.src, []int{row}), set.tok, o)
		if err != nil {
			m.err = err
			return m
		}
		m.shape = p.Shape()
		m.view, m.err = p.View(0)
		return m
	})
}

// trialMsg is what came of a trial.
type trialMsg struct {
	t     *trial
	gen   int
	shape dataset.Shape
	view  dataset.View
	err   error
}

func (m trialMsg) apply(*app) tea.Cmd {
	if m.gen == m.t.gen {
		m.t.busy, m.t.shape, m.t.view, m.t.err = false, m.shape, m.view, m.err
	}
	return nil
}

// lines show the shape that the row has and the text that it becomes.
func (t *trial) lines(a *app, w, h int) []string {
	th := a.th
	var out []string
	say := func(i ink, text string) {
		for _, l := range wrap(visible(text), w) {
			out = append(out, th.paint(i, l))
		}
	}
	if t.err != nil {
		say(inkError, "✗ "+t.err.Error())
		return out
	}
	if t.shape.Name == "" {
		return append(out, th.paint(inkDim, a.t("working it out …")))
	}
	say(inkGood, a.shapeText(shapeName(t.shape))+" · "+a.noteText(t.shape.Why))
	say(inkDim, a.noteText(t.shape.RatingWhy))
	for _, note := range t.shape.Notes {
		say(inkWarn, "▲ "+a.noteText(note))
	}
	trained := 0
	for _, l := range t.view.Labels {
		if l != dataset.IgnoreIndex {
			trained++
		}
	}
	say(inkDim, a.tf("row %s", count(t.row))+" · "+a.plural(len(t.view.IDs), "%s token", "%s tokens")+" · "+
		a.tf("%s trained (%s)", count(trained), percent(int64(trained), int64(len(t.view.IDs)))))
	out = append(out, "")
	if t.view.Text == nil {
		return out
	}
	for _, l := range splitLines(*t.view.Text, h*w) {
		out = append(out, wrapVisible(l, w)...)
		if len(out) > h {
			break
		}
	}
	return out
}
