package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// move goes d rows; page and half page likewise.
func (p *dataPage) move(d int) tea.Cmd {
	p.list.Move(d, p.rows())
	return p.refresh()
}

func (p *dataPage) pages(d int) tea.Cmd {
	p.list.Page(d, p.rows())
	return p.refresh()
}

func (p *dataPage) home() tea.Cmd {
	p.list.Home()
	return p.refresh()
}

func (p *dataPage) end() tea.Cmd {
	p.list.End(p.rows())
	return p.refresh()
}

// show opens the page at a row of the data set.
func (p *dataPage) show(row int) tea.Cmd {
	if p.set == nil || row < 0 || row >= p.set.src.Len() {
		p.wanted = row
		return p.a.goTo(pageData)
	}
	if p.order != nil {
		p.order, p.sorted, p.query = nil, sortFile, ""
	}
	p.place()
	p.list.Center(row, p.rows())
	return p.a.goTo(pageData)
}

// scrollDetail scrolls the chosen row's text.
func (p *dataPage) scrollDetail(d int) tea.Cmd {
	p.top = max(0, p.top+d)
	return nil
}

// turnStage goes to another stage of the preparation.
func (p *dataPage) turnStage(d int) tea.Cmd {
	n := p.stages()
	p.stage = ((min(p.stage, n-1)+d)%n + n) % n
	p.top, p.flow = 0, nil
	return p.readPacked()
}

// nextProblem goes to the next row that is cut, dropped or not trained on.
func (p *dataPage) nextProblem(d int) tea.Cmd {
	if p.set == nil {
		return nil
	}
	n := p.rows()
	for k := 1; k <= n; k++ {
		i := ((p.list.Cursor()+k*d)%n + n) % n
		if p.mark(p.row(i)) != " " {
			p.list.Center(i, n)
			return p.refresh()
		}
	}
	if p.set.lengths.known < p.set.src.Len() {
		return p.a.say(inkDim, p.a.t("No row with a problem among those looked at so far; the scan goes on."))
	}
	return p.a.say(inkGood, p.a.t("No row is cut, dropped or without a trained token."))
}

// turnZoom shows the row alone, or the list again.
func (p *dataPage) turnZoom() tea.Cmd {
	p.zoom = !p.zoom
	p.flow = nil
	return p.refresh()
}

// patience is how long the row before stays on the screen while the next one is
// prepared: most are ready sooner, and nothing flickers.
const patience = 150 * time.Millisecond

// rowLateMsg tells that a row has been waited for.
type rowLateMsg struct{ gen, row int }

func (m rowLateMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen == p.gen && m.row == p.row(p.list.Cursor()) && p.detail != nil && p.detail.row != m.row {
		p.detail, p.flow = nil, nil
	}
	return nil
}

// wheel scrolls the list or the detail; click chooses a row.
func (p *dataPage) wheel(x, y, d int) tea.Cmd {
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	if l.detail.contains(x, y) {
		return p.scrollDetail(d)
	}
	p.list.Scroll(d, p.rows())
	return p.refresh()
}

func (p *dataPage) click(x, y int) tea.Cmd {
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	if !l.list.contains(x, y) {
		return nil
	}
	from, to := p.list.Window(p.rows())
	if i := from + y - l.list.y - 2; i >= from && i < to {
		p.list.Select(i, p.rows())
	}
	return p.refresh()
}
