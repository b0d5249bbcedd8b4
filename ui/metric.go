package ui

import (
	"sftui/engine/run"
	"sftui/ui/chart"
)

// metric is one quantity that is drawn over the steps.
type metric int

// The metrics, in the order of the panes; eval is drawn into the loss.
const (
	metricLoss metric = iota
	metricMemory
	metricSpeed
	metricNorm
	metricRate
	metricAccuracy
	metricSeconds
	metricProcessor // of the GPU on NVIDIA, of the CPU cores elsewhere
	metricPower
	metricHeat
	metricEval
	metricCount
)

// metricNames are the titles of the panes, and their units behind the value.
var metricNames = [metricCount]struct{ title, unit string }{
	metricLoss: {"loss", ""}, metricMemory: {"memory", ""}, metricSpeed: {"trained tokens/s", ""}, metricNorm: {"grad norm", ""},
	metricRate: {"learning rate", ""}, metricAccuracy: {"accuracy", ""}, metricSeconds: {"seconds a step", ""},
	metricProcessor: {"CPU", "%"}, metricPower: {"power", " W"}, metricHeat: {"temperature", " °C"}, metricEval: {"eval", ""},
}

// takeDevice folds in what an event says of the device. A quantity that the
// device does not report has no points and so no pane.
func (t *tracker) takeDevice(e *run.Event, x float64) {
	put := func(m metric, v float64) {
		if v > 0 {
			last, _, _ := t.series[m].Last()
			t.series[m].Append(max(x, last), v)
		}
	}
	put(metricMemory, float64(e.MemoryBytes))
	if e.GPUPercent > 0 {
		t.onGPU = true
	}
	if t.onGPU {
		put(metricProcessor, e.GPUPercent)
	} else {
		put(metricProcessor, e.CPUPercent)
	}
	put(metricPower, e.PowerWatts)
	put(metricHeat, e.TemperatureC)
}

// metricTitle names a metric with its newest value, or the one under the
// crosshair, in at most room cells: what does not fit is left out, the least
// important first.
func (p *trainPage) metricTitle(m metric, room int) string {
	a, t := p.a, p.on
	s := &t.series[m]
	title := a.t(metricNames[m].title)
	if m == metricProcessor && t.onGPU {
		title = "GPU"
	}
	var v float64
	var ok bool
	if p.cursor != nil && s.Len() > 0 {
		_, v = s.At(s.Nearest(*p.cursor))
		ok = true
	} else {
		_, v, ok = s.Last()
	}
	if ok {
		title += " " + metricValue(m, v)
	}
	for _, more := range p.titleExtras(m) {
		if width(title)+width(more)+3 > room {
			break
		}
		title += " · " + more
	}
	return title
}

// titleExtras is what else a pane's title says where there is room.
func (p *trainPage) titleExtras(m metric) []string {
	a, t := p.a, p.on
	var out []string
	switch m {
	case metricLoss:
		if p.cursor != nil {
			out = append(out, a.tf("step %s", count(int(*p.cursor))))
		}
		out = append(out, p.legend())
		if w := t.average.Weight; w != smoothing {
			out = append(out, a.tf("smoothing %v", w))
		}
	case metricMemory:
		if f := t.status.MemoryForecast; f > 0 {
			out = append(out, a.tf("forecast %s", size(f)))
		}
	case metricNorm:
		if limit := a.recipe.number("max_grad_norm"); limit > 0 {
			if above, of := t.clipped(limit); above > 0 {
				out = append(out, a.tf("clipped %d of last %d", above, of))
			}
		}
	}
	if m != metricLoss && p.chosen() != m {
		from, to := p.visible()
		if to <= from {
			from, to = p.whole()
		}
		if lo, hi, ok := t.series[m].Bounds(from, to); ok && lo < hi {
			out = append(out, metricValue(m, lo)+" … "+metricValue(m, hi))
		}
	}
	if p.logY[m] {
		out = append(out, "log")
	}
	if m == p.chosen() {
		if r := p.rangeWord(); r != "" {
			out = append(out, r)
		}
	}
	return out
}

// legend names the lines of the main chart that are there.
func (p *trainPage) legend() string {
	a, t := p.a, p.on
	text := ""
	if !p.hideRaw {
		text = a.t("raw") + " "
	}
	text += a.t("smoothed") + " ━"
	if t.series[metricEval].Len() > 0 {
		text += " " + a.t("eval") + " ◆"
	}
	return text
}

// metricValue writes a value of a metric.
func metricValue(m metric, v float64) string {
	switch m {
	case metricMemory:
		return size(uint64(max(v, 0)))
	case metricProcessor, metricPower, metricHeat:
		return count(int64(v+0.5)) + metricNames[m].unit
	}
	return value(v)
}

// metricLines is the content of a small chart; the memory chart has a bar
// against its limit and a line at its forecast.
func (p *trainPage) metricLines(m metric, w, h int) []string {
	t, th := p.on, p.a.th
	s := &t.series[m]
	var head []string
	st := t.status
	if m == metricMemory && st.MemoryLimit > 0 && h >= 3 {
		text := p.a.tf("%.0f%% of %s", float64(st.MemoryBytes)/float64(st.MemoryLimit)*100, size(st.MemoryLimit))
		head = append(head, " "+p.memoryBar(float64(st.MemoryBytes), w-3-width(text))+" "+text)
		h--
	}
	if s.Len() == 0 {
		return append(head, " "+th.paint(inkDim, p.a.t("no value yet")))
	}
	from, to := p.drawn()
	o := chart.Options{Width: w, Height: h, XMin: from, XMax: to, NoAxes: h < 6, LogY: p.logY[m],
		Lines: []chart.Line{{Series: s}}, Cursor: p.cursor,
		Paint: func(part chart.Part, text string) string {
			switch part {
			case chart.PartLine:
				return th.paint(inkSmooth, text)
			case chart.PartLine + 1:
				return th.paint(inkEvent, text)
			}
			return p.paintChart(part, text)
		}}
	if m == metricMemory {
		o.FormatY = func(v, _ float64) string { return size(uint64(max(v, 0))) }
		if f := float64(st.MemoryForecast); f > 0 && h >= 6 {
			level := &chart.Series{}
			first, _ := s.At(0)
			last, _, _ := s.Last()
			level.Append(first, f)
			level.Append(last, f)
			o.Lines = append(o.Lines, chart.Line{Series: level})
		}
	}
	return append(head, chart.Render(o)...)
}

// memoryBar is a bar of used memory against the device's limit, w cells wide.
func (p *trainPage) memoryBar(used float64, w int) string {
	limit := float64(p.on.status.MemoryLimit)
	if limit <= 0 {
		return ""
	}
	i := inkGood
	if share := used / limit; share > 0.9 {
		i = inkError
	} else if share > 0.75 {
		i = inkWarn
	}
	return p.a.th.paint(i, chart.Gauge(used/limit, w))
}
