package ui

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/ui/chart"
)

// reportPage is a run as one HTML file that needs nothing else: no script, no
// font, no picture from elsewhere.
var reportPage = template.Must(template.New("report").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Name}} · sftui</title>
<style>
:root{color-scheme:light dark;--line:#0550ae;--raw:#9aa4b2;--eval:#bc4c00;--edge:#d0d7de}
@media(prefers-color-scheme:dark){:root{--line:#6cb6ff;--raw:#5b6572;--eval:#ffb86b;--edge:#3b434d}}
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em}
h1{font-size:1.4em;margin-bottom:.2em}h2{font-size:1.1em;margin:1.6em 0 .4em}
table{border-collapse:collapse}td,th{padding:.15em .9em .15em 0;text-align:left;vertical-align:top}
svg{width:100%;height:auto;border:1px solid var(--edge);border-radius:6px}
svg text{font:12px system-ui,sans-serif;fill:currentColor}
pre{white-space:pre-wrap;border:1px solid var(--edge);border-radius:6px;padding:.8em;overflow-x:auto}
.raw{stroke:var(--raw)}.line{stroke:var(--line)}.mark{fill:var(--eval)}.grid{stroke:var(--edge)}path{fill:none;stroke-width:1.5}
</style></head><body>
<h1>{{.Name}}</h1><p>{{.State}}</p>
<table>{{range .Facts}}<tr><th>{{.Name}}</th><td>{{.Value}}</td></tr>{{end}}</table>
{{range .Plots}}<h2>{{.Title}}</h2>
<svg viewBox="0 0 {{.W}} {{.H}}" role="img" aria-label="{{.Title}}">
{{range .Ticks}}<line class="grid" x1="60" x2="{{$.Right}}" y1="{{.At}}" y2="{{.At}}"/><text x="54" y="{{.At}}" dy="4" text-anchor="end">{{.Text}}</text>{{end}}
{{range .XTicks}}<text x="{{.At}}" y="{{$.Foot}}" text-anchor="middle">{{.Text}}</text>{{end}}
{{range .Lines}}<path class="{{.Class}}" d="{{.Path}}"/>{{end}}
{{range .Marks}}<circle class="mark" cx="{{.X}}" cy="{{.Y}}" r="4"><title>{{.Text}}</title></circle>{{end}}
</svg>{{end}}
{{if .Samples}}<h2>Samples</h2>{{range .Samples}}<p><strong>{{.When}}</strong> · {{.Prompt}}</p><pre>{{.Text}}</pre>{{end}}{{end}}
{{if .Events}}<h2>What happened</h2><pre>{{.Events}}</pre>{{end}}
<h2>Recipe</h2><pre>{{.Recipe}}</pre>
</body></html>
`))

// Sizes of a plot in the report, in SVG units.
const (
	plotW, plotH       = 900, 260
	plotLeft, plotFoot = 60, 230
)

type reportData struct {
	Name, State string
	Facts       []reportFact
	Plots       []reportPlot
	Samples     []reportSample
	Events      string
	Recipe      string
	Right, Foot int
}

type reportFact struct{ Name, Value string }

type reportSample struct{ When, Prompt, Text string }

type reportPlot struct {
	Title  string
	W, H   int
	Ticks  []reportTick
	XTicks []reportTick
	Lines  []reportLine
	Marks  []reportMark
}

type reportTick struct {
	At   float64
	Text string
}

type reportLine struct{ Class, Path string }

type reportMark struct {
	X, Y float64
	Text string
}

// writeReport writes a run as one HTML file.
func writeReport(r *run.Run, path string) error {
	t := newTracker(0, r, time.Now())
	for from := int64(0); ; {
		events, next, err := r.Events(from)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		t.take(events)
		from = next
	}
	st, err := r.Status()
	if err != nil {
		return err
	}
	t.status, t.known = st, true
	recipe, err := readRunRecipe(r)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the recipe of the run: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(reportPage.Execute(f, t.report(string(recipe))), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// report gathers what the page shows.
func (t *tracker) report(recipe string) reportData {
	st := t.status
	d := reportData{Name: t.run.Name(), State: string(st.State), Recipe: recipe, Right: plotW - 10, Foot: plotH - 8}
	if st.Message != "" {
		d.State += ": " + st.Message
	}
	row := func(name, value string) {
		if value != "" && value != "0" {
			d.Facts = append(d.Facts, reportFact{name, value})
		}
	}
	row("model", st.Model)
	row("data", st.Data)
	row("device", st.Device)
	row("steps", fmt.Sprintf("%s of %s", count(st.Step), count(st.TotalSteps)))
	row("loss", value(float64(st.Loss)))
	if st.BestEval != 0 {
		row("best evaluation loss", fmt.Sprintf("%s at step %s", value(float64(st.BestEval)), count(st.BestStep)))
	}
	row("trained tokens", count(st.TrainedTokens))
	row("time in steps", seconds(st.TrainSeconds))
	row("memory at most", size(st.MemoryPeak))
	d.Plots = append(d.Plots, t.plot("loss, raw and smoothed, evaluations as dots", &t.series[metricEval], &t.series[metricLoss], &t.smooth))
	for _, p := range []struct {
		title string
		m     metric
	}{{"learning rate", metricRate}, {"gradient norm", metricNorm}, {"trained tokens a second", metricSpeed}, {"mean token accuracy", metricAccuracy}, {"memory in bytes", metricMemory}} {
		if t.series[p.m].Len() > 1 {
			d.Plots = append(d.Plots, t.plot(p.title, nil, nil, &t.series[p.m]))
		}
	}
	for _, s := range t.samples {
		when := "before training"
		if s.Step > 0 {
			when = "after step " + count(s.Step)
		}
		d.Samples = append(d.Samples, reportSample{when, s.Prompt, s.Text})
	}
	var b strings.Builder
	for _, l := range t.lines {
		if l.step == nil {
			b.WriteString(l.text + "\n")
		}
	}
	d.Events = b.String()
	return d
}

// plot draws series into SVG paths; dots and raw may be nil.
func (t *tracker) plot(title string, dots, raw, line *chart.Series) reportPlot {
	p := reportPlot{Title: title, W: plotW, H: plotH}
	n := line.Len()
	if n == 0 {
		return p
	}
	x0, _ := line.At(0)
	x1, _, _ := line.Last()
	x1 = max(x1, x0+1)
	lo, hi, ok := line.Bounds(x0, x1)
	if !ok {
		return p
	}
	for _, s := range []*chart.Series{dots, raw} {
		if s == nil {
			continue
		}
		if l, h, ok := s.Bounds(x0, x1); ok {
			lo, hi = min(lo, l), max(hi, h)
		}
	}
	if hi <= lo {
		hi = lo + max(math.Abs(lo)*0.1, 1e-12)
	}
	px := func(x float64) float64 { return plotLeft + (x-x0)/(x1-x0)*(plotW-10-plotLeft) }
	py := func(y float64) float64 { return 10 + (hi-y)/(hi-lo)*(plotFoot-10) }
	for i := range 5 {
		v := lo + (hi-lo)*float64(i)/4
		p.Ticks = append(p.Ticks, reportTick{py(v), chart.FormatValue(v, (hi-lo)/40)})
		x := x0 + (x1-x0)*float64(i)/4
		p.XTicks = append(p.XTicks, reportTick{px(x), count(int(x))})
	}
	if raw != nil {
		p.Lines = append(p.Lines, reportLine{"raw", svgPath(raw, px, py)})
	}
	p.Lines = append(p.Lines, reportLine{"line", svgPath(line, px, py)})
	if dots != nil {
		for i := range dots.Len() {
			if x, y := dots.At(i); !math.IsNaN(y) && !math.IsInf(y, 0) && x >= x0 && x <= x1 {
				p.Marks = append(p.Marks, reportMark{px(x), py(y), fmt.Sprintf("step %s: %s", count(int(x)), value(y))})
			}
		}
	}
	return p
}

// svgPath draws a series; of the points that fall on the same unit it keeps the
// lowest and the highest, so that a long run stays small and its spikes stay.
func svgPath(s *chart.Series, px, py func(float64) float64) string {
	var b strings.Builder
	pen := false
	for i := 0; i < s.Len(); {
		x, _ := s.At(i)
		column := math.Floor(px(x))
		lo, hi, gap := math.Inf(1), math.Inf(-1), false
		for ; i < s.Len(); i++ {
			nx, y := s.At(i)
			if math.Floor(px(nx)) != column {
				break
			}
			if math.IsNaN(y) || math.IsInf(y, 0) {
				gap = true
				continue
			}
			lo, hi = min(lo, y), max(hi, y)
		}
		if lo > hi {
			pen = false
			continue
		}
		verb := "L"
		if !pen {
			verb = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", verb, px(x), py(lo))
		if hi > lo {
			fmt.Fprintf(&b, "L%.1f %.1f", px(x), py(hi))
		}
		pen = !gap
	}
	return b.String()
}

// report asks where to write the run's report.
func (p *runsPage) report() tea.Cmd {
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	p.a.ask(&picker{title: p.a.t("Write the report (HTML) to which file?"), in: *newField(s.Name + ".html"),
		free: func(_ *app, path string) tea.Cmd {
			return func() tea.Msg { return exportedMsg{path, writeReport(&run.Run{Dir: s.Dir}, path)} }
		}})
	return nil
}
