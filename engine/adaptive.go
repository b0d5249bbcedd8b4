package engine

import "math"

// adaptiveState is where a schedule stands that follows the evaluations instead
// of the steps. A checkpoint holds it.
type adaptiveState struct {
	Rate     float64   `json:"rate"`
	Best     *float64  `json:"best,omitempty"` // nil before the first evaluation
	Bad      int       `json:"bad"`            // evaluations in a row that were no better
	Good     int       `json:"good"`           // and that were
	Cooldown int       `json:"cooldown"`       // evaluations that still do not count
	Warmup   int       `json:"warmup"`
	Reset    int       `json:"reset"`            // rounds at the lower bound before greedy starts over
	Window   []float64 `json:"window,omitempty"` // for greedy's average
	Sum      float64   `json:"sum,omitempty"`
}

// adaptive is reduce_lr_on_plateau (torch's ReduceLROnPlateau) or greedy
// (transformers' GreedyLR).
type adaptive struct {
	greedy             bool
	base               float64
	maximize, relative bool
	factor, threshold  float64
	patience           int
	cooldown, warmup   int
	low, high, least   float64 // bounds of the rate, and the smallest change
	resetStart         int
	window             int // evaluations that greedy averages, 0 for none

	state adaptiveState
}

// isAdaptive reports whether a schedule follows the evaluations.
func isAdaptive(name string) bool { return name == reduceOnPlateau || name == greedySchedule }

// Names of the schedules that follow the evaluations.
const (
	reduceOnPlateau = "reduce_lr_on_plateau"
	greedySchedule  = "greedy"
)

// newAdaptive reads the options of lr_scheduler_kwargs.
func newAdaptive(p *scheduleParams) *adaptive {
	a := &adaptive{greedy: p.name == greedySchedule, base: p.base}
	defaults := map[string]float64{"factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "min_lr": 0, "eps": 1e-8}
	thresholdMode := "rel"
	if a.greedy {
		defaults = map[string]float64{
			"factor": 0.95, "patience": 10, "threshold": 1e-6, "cooldown": 0, "min_lr": 1e-3, "eps": 1e-8,
			"warmup": 0, "max_lr": 1, "window_size": 50, "reset_start": 500,
		}
		thresholdMode = "abs"
	}
	read := map[string]float64{}
	for key, fallback := range defaults {
		read[key] = p.number(key, fallback)
	}
	mode := p.word("mode", "min", "min", "max")
	thresholdMode = p.word("threshold_mode", thresholdMode, "rel", "abs")
	if a.greedy {
		p.used["verbose"], p.used["smooth"] = true, true
		if smooth, _ := p.kwargs["smooth"].(bool); smooth {
			a.window = max(1, int(read["window_size"]))
		}
	}
	if read["factor"] >= 1 || read["factor"] <= 0 {
		p.fail("factor must be above 0 and below 1 for %s, found %v", p.name, read["factor"])
	}
	a.maximize, a.relative = mode == "max", thresholdMode == "rel"
	a.factor, a.threshold, a.patience = read["factor"], read["threshold"], int(read["patience"])
	a.cooldown, a.warmup = int(read["cooldown"]), int(read["warmup"])
	a.low, a.high, a.least, a.resetStart = read["min_lr"], read["max_lr"], read["eps"], int(read["reset_start"])
	a.start()
	return a
}

// start begins anew.
func (a *adaptive) start() { a.state = adaptiveState{Rate: a.base, Reset: a.resetStart} }

// better reports whether a metric beats the best so far by the threshold.
func (a *adaptive) better(metric float64) bool {
	best := math.Inf(1)
	if a.maximize {
		best = math.Inf(-1)
	}
	if a.state.Best != nil {
		best = *a.state.Best
	}
	switch {
	case a.maximize && a.relative:
		return metric > best*(1+a.threshold)
	case a.maximize:
		return metric > best+a.threshold
	case a.relative:
		return metric < best*(1-a.threshold)
	}
	return metric < best-a.threshold
}

// observe takes an evaluation's metric in.
func (a *adaptive) observe(metric float64) {
	if a.greedy {
		a.observeGreedy(a.average(metric))
		return
	}
	s := &a.state
	if a.better(metric) {
		s.Best, s.Bad = &metric, 0
	} else {
		s.Bad++
	}
	if s.Cooldown > 0 {
		s.Cooldown--
		s.Bad = 0
	}
	if s.Bad > a.patience {
		a.reduce()
		s.Cooldown, s.Bad = a.cooldown, 0
	}
}

// average is the mean of the latest metrics where greedy is to smooth them.
func (a *adaptive) average(metric float64) float64 {
	if a.window == 0 {
		return metric
	}
	s := &a.state
	s.Window = append(s.Window, metric)
	s.Sum += metric
	if len(s.Window) > a.window {
		s.Sum -= s.Window[0]
		s.Window = s.Window[1:]
	}
	return s.Sum / float64(len(s.Window))
}

// observeGreedy lowers the rate after evaluations that got worse and raises it
// after evaluations that got better.
func (a *adaptive) observeGreedy(metric float64) {
	s := &a.state
	switch {
	case s.Cooldown > 0:
		s.Cooldown--
		s.Bad, s.Good = 0, 0
		return
	case s.Warmup > 0:
		s.Warmup--
		s.Bad, s.Good = 0, 0
		return
	case a.better(metric):
		s.Best, s.Bad = &metric, 0
		s.Good++
	default:
		s.Bad++
		s.Good = 0
	}
	switch {
	case s.Good > a.patience:
		if raised := min(s.Rate/a.factor, a.high); raised-s.Rate > a.least {
			s.Rate = raised
		}
		s.Warmup, s.Good, s.Reset = a.warmup, 0, a.resetStart
	case s.Bad > a.patience:
		a.reduce()
		s.Cooldown, s.Bad = a.cooldown, 0
	}
}

// reduce lowers the rate. greedy starts over when it was at its lower bound for
// so many rounds.
func (a *adaptive) reduce() {
	s := &a.state
	if lowered := max(s.Rate*a.factor, a.low); s.Rate-lowered > a.least {
		s.Rate = lowered
	}
	if !a.greedy || s.Rate > a.low {
		return
	}
	if s.Reset--; s.Reset <= 0 {
		a.start()
	}
}
