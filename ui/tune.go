package ui

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// tunePane edits the settings that a live run takes on: rows of a micro-batch,
// micro-batches of a step, and a factor on the learning rate.
type tunePane struct {
	micro, accumulation int
	scale               float64
	constant            bool              // accumulation follows so that rows per step stay
	rows                int               // rows per step to keep
	field               int               // 0 micro-batch, 1 accumulation, 2 learning rate
	turns               int               // of the dials, so that only the last is forecast
	peaks               map[int]*Forecast // by rows of a micro-batch
}

// maxMicroBatch bounds what the keys can ask for.
const maxMicroBatch = 4096

// openTune opens the pane on the run's present settings.
func (p *trainPage) openTune() tea.Cmd {
	st, alive := p.live()
	if !alive {
		return p.a.say(inkWarn, p.a.t("Only a live run can be tuned. g starts one."))
	}
	if st.MicroBatch == 0 || st.Accumulation == 0 {
		return p.a.say(inkWarn, p.a.t("The run has not done its first step yet; it can be tuned after that."))
	}
	scale := st.LearningScale
	if scale == 0 {
		scale = 1
	}
	p.tune = &tunePane{micro: st.MicroBatch, accumulation: st.Accumulation, scale: scale,
		constant: true, rows: st.MicroBatch * st.Accumulation, peaks: map[int]*Forecast{}}
	return nil
}

// closeTune leaves the pane without changing the run.
func (p *trainPage) closeTune() tea.Cmd {
	p.tune = nil
	return nil
}

// field moves between the settings.
func (t *tunePane) move(d int) { t.field = (t.field + d + 3) % 3 }

// turn changes the chosen setting by one notch.
func (t *tunePane) turn(d int) {
	switch t.field {
	case 0:
		t.micro = t.next(t.micro, d)
		if t.constant {
			t.accumulation = max(1, t.rows/t.micro)
		}
	case 1:
		t.accumulation = t.next(t.accumulation, d)
		if t.constant {
			t.micro = max(1, t.rows/t.accumulation)
		}
	case 2:
		const notch = 1.25
		if d > 0 {
			t.scale = min(t.scale*notch, 100)
		} else {
			t.scale = max(t.scale/notch, 0.01)
		}
		if t.scale > 0.99 && t.scale < 1.01 {
			t.scale = 1
		}
	}
}

// dial turns the chosen setting and asks for the forecast of what it comes to.
func (p *trainPage) dial(d int) tea.Cmd {
	p.tune.turn(d)
	return p.forecastTune()
}

// next is the following value: while rows per step are kept, the next divisor
// of them, else one more or less.
func (t *tunePane) next(v, d int) int {
	for n := v + d; n >= 1 && n <= maxMicroBatch; n += d {
		if !t.constant || t.rows%n == 0 {
			return n
		}
		if n > t.rows {
			break
		}
	}
	return v
}

// keep switches whether rows per step stay the same.
func (t *tunePane) keep() {
	t.constant = !t.constant
	t.rows = t.micro * t.accumulation
}

// values are the options that differ from the run's.
func (t *tunePane) values(st run.Status) map[string]string {
	out := map[string]string{}
	if t.micro != st.MicroBatch || t.accumulation != st.Accumulation {
		out["per_device_train_batch_size"] = strconv.Itoa(t.micro)
		out["gradient_accumulation_steps"] = strconv.Itoa(t.accumulation)
	}
	now := st.LearningScale
	if now == 0 {
		now = 1
	}
	if t.scale != now {
		out["learning_rate_scale"] = strconv.FormatFloat(t.scale, 'g', 6, 64)
	}
	return out
}

// present are the run's settings, to go back to.
func present(st run.Status) map[string]string {
	scale := st.LearningScale
	if scale == 0 {
		scale = 1
	}
	return map[string]string{
		"per_device_train_batch_size": strconv.Itoa(st.MicroBatch),
		"gradient_accumulation_steps": strconv.Itoa(st.Accumulation),
		"learning_rate_scale":         strconv.FormatFloat(scale, 'g', 6, 64),
	}
}

// applyTune sends the settings to the run.
func (p *trainPage) applyTune() tea.Cmd {
	st, alive := p.live()
	if !alive || p.tune == nil {
		return p.closeTune()
	}
	values := p.tune.values(st)
	if len(values) == 0 {
		return p.a.say(inkDim, p.a.t("These are the run's settings already."))
	}
	p.undo = append(p.undo, present(st))
	p.tune = nil
	return p.send(run.Set, p.a.t("change"), values)
}

// undoTune goes back to the settings before the last change.
func (p *trainPage) undoTune() tea.Cmd {
	if len(p.undo) == 0 {
		return p.a.say(inkDim, p.a.t("Nothing was changed in this run from here."))
	}
	last := p.undo[len(p.undo)-1]
	p.undo = p.undo[:len(p.undo)-1]
	p.tune = nil
	return p.send(run.Set, p.a.t("undo"), last)
}

// tuneLines draw the pane in h lines: the dials first, then what they come to.
func (p *trainPage) tuneLines(w, h int) []string {
	a, th, t := p.a, p.a.th, p.tune
	st := p.on.status
	dial := func(i int, name, v, now string) string {
		if v != now {
			v = now + " → " + v
		}
		if t.field == i {
			return th.paint(inkAccent, "▌"+name+" ◂ "+v+" ▸")
		}
		return " " + name + "   " + v + "  "
	}
	scale := st.LearningScale
	if scale == 0 {
		scale = 1
	}
	lines := []string{
		dial(0, a.t("rows per micro-batch"), strconv.Itoa(t.micro), strconv.Itoa(st.MicroBatch)) + "  " +
			dial(1, a.t("accumulation"), strconv.Itoa(t.accumulation), strconv.Itoa(st.Accumulation)),
		dial(2, a.t("learning rate ×"), fmt.Sprintf("%.2f", t.scale), fmt.Sprintf("%.2f", scale)) + p.tunedRate(scale),
	}
	rows := t.micro * t.accumulation
	text := "= " + a.plural(rows, "%s row a step", "%s rows a step")
	if mean := p.on.meanTrained(); mean > 0 {
		text += ", " + a.tf("≈ %s trained tokens", count(int64(mean*float64(rows)+0.5)))
	}
	if now := st.MicroBatch * st.Accumulation; rows != now {
		text += "  " + a.plural(now, "(now %s row)", "(now %s rows)")
	}
	lines = append(lines, " "+text)
	lines = append(lines, p.memoryGuess(t.micro, w-2)...)
	keep := a.t("c: tokens a step may change")
	if t.constant {
		keep = a.t("c: tokens a step stay the same")
	}
	lines = append(lines, " "+th.paint(inkDim, keep))
	if note := p.tuneNote(); note != "" {
		for _, l := range wrap(note, w-2) {
			lines = append(lines, " "+th.paint(inkDim, l))
		}
	}
	return lines[:min(len(lines), max(h, 0))]
}

// tunedRate is the learning rate that the factor makes of the present one.
func (p *trainPage) tunedRate(now float64) string {
	rate := float64(p.on.status.LearningRate)
	if rate <= 0 || p.tune.scale == now {
		return ""
	}
	return p.a.th.paint(inkDim, "  "+p.a.tf("%s becomes %s", value(rate), value(rate*p.tune.scale/now)))
}

// tuneNote says when a change would take effect.
func (p *trainPage) tuneNote() string {
	a, t, st := p.a, p.tune, p.on.status
	switch {
	case p.on.pending != "":
		return a.tf("compiling %s; another change takes its place", p.on.pending)
	case len(t.values(st)) == 0:
		return ""
	case t.micro != st.MicroBatch:
		return a.t("enter: the new shape compiles while steps go on as before, then it is applied")
	}
	return a.t("enter: applied at the next step")
}

// memoryGuess is the peak for another micro-batch with a bar of the headroom.
// Until the forecast from the data's own lengths is there, it extrapolates what
// this run measured: activations grow with the rows, the rest stays.
func (p *trainPage) memoryGuess(micro int, w int) []string {
	a, th, st := p.a, p.a.th, p.on.status
	if st.MemoryPeak == 0 || st.MicroBatch == 0 {
		return []string{" " + th.paint(inkDim, a.t("memory: no reading yet"))}
	}
	fixed := p.fixedBytes()
	grow := max(0, float64(st.MemoryPeak)-fixed)
	guess := fixed + grow*float64(micro)/float64(st.MicroBatch)
	text := a.tf("memory peak ≈ %s", size(uint64(guess)))
	switch f := p.tune.peaks[micro]; {
	case micro == st.MicroBatch:
		guess = float64(st.MemoryPeak)
		text = a.tf("memory peak %s", size(uint64(guess)))
	case f != nil:
		guess = float64(f.Total)
		text = a.tf("memory peak %s forecast", size(uint64(guess)))
	}
	if st.MemoryLimit == 0 {
		return []string{" " + fit(text, w)}
	}
	text += " " + a.tf("of %s", size(st.MemoryLimit))
	i := inkGood
	switch share := guess / float64(st.MemoryLimit); {
	case share > 1:
		i, text = inkError, "✗ "+text+" · "+a.t("does not fit")
	case share > 0.9:
		i, text = inkWarn, "▲ "+text+" · "+a.t("tight")
	default:
		text += " · " + a.t("fits") + ", " + a.tf("%s free", size(st.MemoryLimit-uint64(guess)))
	}
	bar := min(24, w-width(text)-1)
	if bar < 6 {
		return []string{" " + th.paint(i, fit(text, min(w, width(text))))}
	}
	return []string{" " + p.memoryBar(guess, bar) + " " + th.paint(i, text)}
}

// fixedBytes is what does not grow with the micro-batch: the first reading,
// taken when weights, gradients and moments were in place.
func (p *trainPage) fixedBytes() float64 {
	s := &p.on.series[metricMemory]
	if s.Len() == 0 {
		return 0
	}
	_, first := s.At(0)
	return min(first, float64(p.on.status.MemoryPeak))
}
