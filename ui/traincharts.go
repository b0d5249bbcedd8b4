package ui

import (
	tea "charm.land/bubbletea/v2"

	"sftui/ui/chart"
)

// panes are the metrics that have something to show, the loss always first.
func (p *trainPage) panes() []metric {
	list := []metric{metricLoss}
	if p.on != nil && p.on.series[metricLoss].Len() == 0 {
		return list // a reading before the first step has no step to be drawn at
	}
	for m := metricMemory; m < metricEval; m++ {
		if p.on != nil && p.on.series[m].Len() > 0 {
			list = append(list, m)
		}
	}
	return list
}

// choose moves to another chart.
func (p *trainPage) choose(d int) {
	n := len(p.panes())
	p.pane = ((p.pane+d)%n + n) % n
}

// chosen is the chart that zoom and the scale act on.
func (p *trainPage) chosen() metric {
	list := p.panes()
	return list[min(p.pane, len(list)-1)]
}

// stripsFrom is the first of the small charts that are in sight when n of them
// have room: the chosen one always is.
func (p *trainPage) stripsFrom(n int) int {
	return max(0, min(p.pane, len(p.panes())-1)-n)
}

// turnLog switches the chosen chart to a logarithmic axis or back.
func (p *trainPage) turnLog() {
	m := p.chosen()
	p.logY[m] = !p.logY[m]
}

// smoothings are the weights of the past that the keys go through; 0 draws the
// values as they are.
var smoothings = []float64{0, 0.6, 0.8, smoothing, 0.97, 0.99}

// smoothen draws the loss smoother or less smooth.
func (p *trainPage) smoothen(d int) tea.Cmd {
	if p.on == nil {
		return nil
	}
	i := 0
	for i < len(smoothings)-1 && smoothings[i] < p.on.average.Weight {
		i++
	}
	w := smoothings[min(max(i+d, 0), len(smoothings)-1)]
	p.on.resmooth(w)
	if w == 0 {
		return p.a.say(inkDim, p.a.t("The loss is drawn as it is, without smoothing."))
	}
	return p.a.say(inkDim, p.a.tf("The smoothed loss keeps %v of its past at each step.", w))
}

// crosshair switches the crosshair on at the newest step in sight, or off.
func (p *trainPage) crosshair() tea.Cmd {
	if p.cursor != nil {
		p.cursor = nil
		return nil
	}
	if !p.charted() {
		return p.a.say(inkWarn, p.a.t("There is no step to look at yet."))
	}
	_, hi := p.whole()
	if _, to := p.visible(); to > 0 {
		hi = to
	}
	s := &p.on.series[metricLoss]
	x, _ := s.At(s.Nearest(hi))
	p.cursor = &x
	return nil
}

// side moves the crosshair by points, or pans the visible range.
func (p *trainPage) side(d int) tea.Cmd {
	if p.on == nil {
		return nil
	}
	s := &p.on.series[metricLoss]
	from, to := p.visible()
	if p.cursor != nil && s.Len() > 0 {
		i := min(max(s.Nearest(*p.cursor)+d, 0), s.Len()-1)
		x, _ := s.At(i)
		p.cursor = &x
		switch {
		case to <= from:
		case x < from:
			p.look(x, x+to-from)
		case x > to:
			p.look(x-(to-from), x)
		}
		return nil
	}
	if to <= from {
		return p.a.say(inkDim, p.a.t("All steps are in sight; + shows fewer of them, larger."))
	}
	by := (to - from) / 10 * float64(d)
	lo, hi := p.whole()
	by = min(max(by, lo-from), hi-to)
	p.look(from+by, to+by)
	return nil
}

// whole is the range of all steps.
func (p *trainPage) whole() (lo, hi float64) {
	s := &p.on.series[metricLoss]
	if s.Len() == 0 {
		return 0, 1
	}
	lo, _ = s.At(0)
	hi, _, _ = s.Last()
	return lo, max(hi, lo+1)
}

// visible is the range of steps in sight; both 0 for all of them. A range that
// was left at the newest step goes with it.
func (p *trainPage) visible() (from, to float64) {
	if p.last > 0 && p.on != nil {
		lo, hi := p.whole()
		return max(lo, hi-p.last), hi
	}
	return p.from, p.to
}

// drawn is the range that the charts are drawn over: that in sight, and while a
// run is live and all is in sight a little more, so that not everything moves at
// every step.
func (p *trainPage) drawn() (from, to float64) {
	from, to = p.visible()
	if to > from || p.on.state().Over() {
		return from, to
	}
	lo, hi := p.whole()
	to = chart.Roof(lo, hi)
	if total := float64(p.on.status.TotalSteps); total >= hi && total < to {
		to = total
	}
	return lo, to
}

// look shows the steps between two, all where that is all, and follows the
// newest where the range ends there and no crosshair holds it.
func (p *trainPage) look(from, to float64) {
	lo, hi := p.whole()
	from, to = max(from, lo), min(to, hi)
	p.from, p.to, p.last = 0, 0, 0
	switch {
	case from <= lo && to >= hi:
	case to >= hi && p.cursor == nil:
		p.last = to - from
	default:
		p.from, p.to = from, to
	}
}

// scale zooms the steps in (factor below 1) or out around the crosshair or the end.
func (p *trainPage) scale(factor float64) tea.Cmd {
	if p.on == nil {
		return nil
	}
	from, to := p.visible()
	if to <= from {
		from, to = p.whole()
	}
	anchor := to
	if p.cursor != nil {
		anchor = *p.cursor
	}
	const fewest = 4
	if (to-from)*factor < fewest {
		return nil
	}
	p.look(anchor-(anchor-from)*factor, anchor+(to-anchor)*factor)
	return nil
}

// follow shows all steps again and goes with the newest.
func (p *trainPage) follow() tea.Cmd {
	p.from, p.to, p.last, p.cursor = 0, 0, 0, nil
	return nil
}

// rangeWord says which steps are in sight when it is not all of them.
func (p *trainPage) rangeWord() string {
	from, to := p.visible()
	switch {
	case p.last > 0:
		return p.a.tf("last %s steps", count(int(to-from+0.5)))
	case to > from:
		return p.a.tf("steps %s–%s", count(int(from+0.5)), count(int(to+0.5)))
	}
	return ""
}

// lossOptions is the main chart.
func (p *trainPage) lossOptions(w, h int) chart.Options {
	t := p.on
	from, to := p.drawn()
	o := chart.Options{Width: w, Height: h, LogY: p.logY[metricLoss], XMin: from, XMax: to, Cursor: p.cursor, Events: t.marks}
	if !p.hideRaw {
		o.Lines = append(o.Lines, chart.Line{Series: &t.series[metricLoss]})
	} else {
		o.Lines = append(o.Lines, chart.Line{Series: &chart.Series{}})
	}
	o.Lines = append(o.Lines, chart.Line{Series: &t.smooth}, chart.Line{Series: &t.series[metricEval], Mark: '◆'})
	o.Paint = p.paintChart
	return o
}

// paintChart colours the parts of the main chart.
func (p *trainPage) paintChart(part chart.Part, s string) string {
	i := inkDim
	switch part {
	case chart.PartLine:
		i = inkCurve
	case chart.PartLine + 1:
		i = inkSmooth
	case chart.PartLine + 2:
		i = inkEval
	case chart.PartEvent:
		i = inkEvent
	case chart.PartCursor:
		i = inkAccent
	}
	return p.a.th.paint(i, s)
}

// click puts the crosshair under the pointer, or chooses a small chart.
func (p *trainPage) click(x, y int) tea.Cmd {
	if p.on == nil {
		return nil
	}
	l := p.layout(p.a.frame.body.w, p.a.frame.body.h)
	if !l.loss.contains(x, y) {
		first := p.stripsFrom(len(l.strips))
		for i, s := range l.strips {
			if s.contains(x, y) {
				p.pane = first + i + 1
			}
		}
		return nil
	}
	o := p.lossOptions(l.loss.w-2, l.loss.h-2)
	if at, ok := chart.XAt(o, x-l.loss.x-1); ok {
		if i := p.on.series[metricLoss].Nearest(at); i >= 0 {
			near, _ := p.on.series[metricLoss].At(i)
			p.cursor = &near
		}
	}
	return nil
}

// wheel zooms the steps.
func (p *trainPage) wheel(_, _, d int) tea.Cmd {
	if d < 0 {
		return p.scale(0.8)
	}
	return p.scale(1.25)
}
