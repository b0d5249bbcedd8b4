package ui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/recipes"
	"sftui/ui/chart"
)

// Forecast is what a run of the open recipe will need.
type Forecast struct {
	Parts []ForecastPart // in the order in which they come about
	Total uint64         // bytes at the peak
	Limit uint64         // bytes that the device has, 0 when unknown
	Steps int
	Rows  []int  // of the data set, in the heaviest micro-batch
	Shape string // of that micro-batch
	// Remedies say what would need less, each as "key=value: effect", by language.
	Remedies map[recipes.Language][]string
	// Findings are what it comes to for memory and disk, by language.
	Findings map[recipes.Language][]Finding
}

// ForecastPart is one part of the memory.
type ForecastPart struct {
	Name  string
	Bytes uint64
}

// forecaster keeps the forecast of the recipe as it is edited.
type forecaster struct {
	gen    int // of the last change
	cancel context.CancelFunc
	busy   bool
	last   *Forecast
	lastOf int // the change that it is of
	err    error
}

// current is the forecast of the recipe as it is now, nil while it is being
// worked out.
func (f *forecaster) current() *Forecast {
	if f.lastOf != f.gen || f.err != nil {
		return nil
	}
	return f.last
}

// settle is how long a recipe must stay as it is before it is forecast.
const settle = 900 * time.Millisecond

// forecastSoon forecasts the recipe once it has not changed for a moment.
func (a *app) forecastSoon() tea.Cmd {
	f := &a.recipe.forecast
	f.gen++
	gen := f.gen
	if a.opt.Forecast == nil || a.data.set == nil {
		return nil
	}
	if f.cancel != nil {
		f.cancel()
		f.cancel = nil
	}
	return tea.Tick(settle, func(time.Time) tea.Msg { return forecastDueMsg{gen} })
}

// forecastDueMsg tells that the recipe has settled.
type forecastDueMsg struct{ gen int }

func (m forecastDueMsg) apply(a *app) tea.Cmd {
	f := &a.recipe.forecast
	if _, alive := a.train.live(); m.gen != f.gen || alive { // the cores belong to the run
		return nil
	}
	ctx, cancel := context.WithCancel(a.ctx)
	f.cancel, f.busy = cancel, true
	forecast, yaml, gen := a.opt.Forecast, a.recipe.r.YAML(), m.gen
	return func() tea.Msg {
		out, err := forecast(ctx, yaml, nil)
		return forecastMsg{gen: gen, out: out, err: err}
	}
}

// forecastMsg is a forecast.
type forecastMsg struct {
	gen int
	out *Forecast
	err error
}

func (m forecastMsg) apply(a *app) tea.Cmd {
	f := &a.recipe.forecast
	if m.gen == f.gen {
		f.busy, f.last, f.lastOf, f.err = false, m.out, m.gen, m.err
		a.findings.list.Select(a.findings.list.Cursor(), len(a.findings.all()))
	}
	return nil
}

// forecastWaits tells what a forecast that is not there waits for.
func (p *recipePage) forecastWaits() string {
	a := p.a
	switch _, alive := a.train.live(); {
	case p.forecast.busy, a.opt.Forecast == nil:
		return ""
	case alive:
		return a.t("The forecast waits while a run is live; the cores belong to it.")
	case a.data.set == nil:
		return a.t("The forecast needs the data and the model open.")
	}
	return a.t("It comes when the recipe has not changed for a second.")
}

// forecastPane shows the memory that the recipe needs against what there is.
func (p *recipePage) forecastPane(w, h int) []string {
	if h < 3 {
		return block(nil, w, h)
	}
	a, th, f := p.a, p.a.th, p.forecast
	title := a.t("forecast")
	if f.busy {
		title += " · " + a.t("working it out …")
	}
	var lines []string
	switch {
	case f.err != nil:
		for _, l := range wrap(visible2(f.err.Error()), w-4) {
			lines = append(lines, " "+th.paint(inkWarn, l))
		}
	case f.last != nil:
		title = a.t("forecast") + " · " + f.last.of(a)
		if f.busy {
			title += " · …"
		}
		lines = f.last.lines(a, w-4)
	default:
		for _, l := range wrap(p.forecastWaits(), w-4) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
	}
	return th.pane(title, lines, w, h, false)
}

// of writes the peak against the limit.
func (f *Forecast) of(a *app) string {
	if f.Limit == 0 {
		return size(f.Total)
	}
	text := a.tf("%s of %s", size(f.Total), size(f.Limit))
	if f.Total > f.Limit {
		return a.th.paint(inkError, "✗ "+text+" "+a.t("does not fit"))
	}
	return text
}

// lines draw the forecast in w cells.
func (f *Forecast) lines(a *app, w int) []string {
	var lines []string
	if f.Limit > 0 {
		share := float64(f.Total) / float64(f.Limit)
		i := inkGood
		if share > 1 {
			i = inkError
		} else if share > 0.9 {
			i = inkWarn
		}
		text := fmt.Sprintf(" %.0f%%", share*100)
		lines = append(lines, " "+a.th.paint(i, chart.Gauge(share, w-width(text)))+text)
	}
	var parts []string
	for _, p := range f.Parts {
		if p.Bytes > 0 {
			parts = append(parts, a.t(p.Name)+" "+size(p.Bytes))
		}
	}
	for _, l := range wrap(strings.Join(parts, " · "), w) {
		lines = append(lines, " "+a.th.paint(inkDim, l))
	}
	if f.Limit > 0 && f.Total > f.Limit {
		for _, r := range f.Remedies[a.docLanguage()] {
			for i, l := range wrap(visible(r), w-2) {
				lines = append(lines, " "+a.th.paint(inkWarn, []string{"▸ ", "  "}[min(i, 1)]+l))
			}
		}
	}
	return lines
}

// forecastTune asks for the peak of the micro-batch that is being dialled.
func (p *trainPage) forecastTune() tea.Cmd {
	t, a := p.tune, p.a
	if t == nil || a.opt.Forecast == nil || a.recipe.r == nil || t.peaks[t.micro] != nil {
		return nil
	}
	t.turns++
	turns, micro := t.turns, t.micro
	return tea.Tick(settle, func(time.Time) tea.Msg { return tuneDueMsg{turns, micro} })
}

// tuneDueMsg tells that nobody has turned a dial for a moment.
type tuneDueMsg struct{ turns, micro int }

func (m tuneDueMsg) apply(a *app) tea.Cmd {
	t := a.train.tune
	if t == nil || t.turns != m.turns {
		return nil
	}
	ctx, forecast, on := a.ctx, a.opt.Forecast, a.train.on.run
	yaml := a.recipe.r.YAML()
	return func() tea.Msg {
		if its, err := readRunRecipe(on); err == nil {
			yaml = its // the run's own recipe, not the one that is being edited
		}
		out, err := forecast(ctx, yaml, map[string]string{"per_device_train_batch_size": fmt.Sprint(m.micro)})
		return tunedMsg{micro: m.micro, out: out, err: err}
	}
}

// tunedMsg is the forecast of a micro-batch.
type tunedMsg struct {
	micro int
	out   *Forecast
	err   error
}

func (m tunedMsg) apply(a *app) tea.Cmd {
	if t := a.train.tune; t != nil && m.err == nil {
		t.peaks[m.micro] = m.out
	}
	return nil
}
