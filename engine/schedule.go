package engine

import (
	"fmt"
	"math"
	"sort"
	"strings"
)

// Schedule is a learning rate as a function of the optimizer step, with the
// values of transformers' schedules of the same names.
type Schedule struct {
	base     float64
	factor   func(step float64) float64
	adaptive *adaptive // instead of factor, where the evaluations decide
}

// shape builds a schedule's factor from the warm-up and total steps.
type shape func(p *scheduleParams) (func(step float64) float64, error)

// scheduleParams is what a shape reads. Options that no shape asks for are
// reported as unknown, as transformers does.
type scheduleParams struct {
	name          string
	base          float64
	warmup, total float64
	kwargs        map[string]any
	used          map[string]bool
}

// shapes has one entry for each lr_scheduler_type.
func shapes() map[string]shape {
	return map[string]shape{
		"constant":                  constantShape,
		"constant_with_warmup":      constantWithWarmup,
		"linear":                    linearShape,
		"cosine":                    cosineShape,
		"cosine_with_restarts":      cosineWithRestarts,
		"cosine_with_min_lr":        cosineWithMinLR,
		"cosine_warmup_with_min_lr": cosineWarmupWithMinLR,
		"polynomial":                polynomialShape,
		"inverse_sqrt":              inverseSqrt,
		"warmup_stable_decay":       warmupStableDecay,
	}
}

// ScheduleNames lists the lr_scheduler_type values that work, sorted.
func ScheduleNames() []string {
	names := []string{reduceOnPlateau, greedySchedule}
	for name := range shapes() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// NewSchedule builds the schedule name for a base learning rate, with warmup
// and total in optimizer steps and kwargs as in lr_scheduler_kwargs.
func NewSchedule(name string, base float64, warmup, total int, kwargs map[string]any) (*Schedule, error) {
	build, ok := shapes()[name]
	if !ok && !isAdaptive(name) {
		return nil, fmt.Errorf("lr_scheduler_type %q is not supported; use one of %s", name, strings.Join(ScheduleNames(), ", "))
	}
	p := &scheduleParams{name: name, base: base, warmup: float64(warmup), total: float64(total), kwargs: kwargs, used: map[string]bool{}}
	s := &Schedule{base: base}
	var err error
	if isAdaptive(name) {
		s.adaptive, err = newAdaptive(p)
	} else {
		s.factor, err = build(p)
	}
	if err != nil {
		return nil, err
	}
	if name != "constant" { // transformers ignores the kwargs of this one
		for key := range kwargs {
			if !p.used[key] {
				return nil, fmt.Errorf("lr_scheduler_kwargs: %s has no option %q", name, key)
			}
		}
	}
	return s, nil
}

// At is the learning rate of the optimizer step that follows step finished
// ones: At(0) is the first step's. The step may be a fraction after a live
// change of the batch size stretched the schedule.
func (s *Schedule) At(step float64) float64 {
	if s.adaptive != nil {
		return s.adaptive.state.Rate
	}
	return s.base * s.factor(step)
}

// Observe takes in the metric of an evaluation. It matters to
// reduce_lr_on_plateau and greedy only.
func (s *Schedule) Observe(metric float64) {
	if s.adaptive != nil {
		s.adaptive.observe(metric)
	}
}

// state is what a checkpoint must hold of the schedule, nil where the step says
// everything.
func (s *Schedule) state() *adaptiveState {
	if s.adaptive == nil {
		return nil
	}
	state := s.adaptive.state
	return &state
}

// restore goes on from a checkpoint's state.
func (s *Schedule) restore(state *adaptiveState) {
	if s.adaptive != nil && state != nil {
		s.adaptive.state = *state
	}
}

// WarmupSteps turns warmup_steps into a number of optimizer steps: below 1 it
// is a share of all steps, rounded up. warmup_ratio, which transformers 5 no
// longer has, is that share under its old name and counts when warmup_steps
// is 0.
func WarmupSteps(warmupSteps, warmupRatio float64, total int) int {
	if warmupSteps == 0 {
		warmupSteps = warmupRatio
	}
	if warmupSteps >= 1 {
		return int(warmupSteps)
	}
	return int(math.Ceil(float64(total) * warmupSteps))
}

// number reads an option that may be absent.
func (p *scheduleParams) number(key string, fallback float64) (float64, error) {
	p.used[key] = true
	v, ok := p.kwargs[key]
	if !ok || v == nil {
		return fallback, nil
	}
	switch n := v.(type) {
	case float64:
		return n, nil
	case int:
		return float64(n), nil
	case int64:
		return float64(n), nil
	}
	return 0, fmt.Errorf("lr_scheduler_kwargs: %s must be a number, found %v", key, v)
}

func (p *scheduleParams) word(key, fallback string, allowed ...string) (string, error) {
	p.used[key] = true
	v, ok := p.kwargs[key]
	if !ok || v == nil {
		return fallback, nil
	}
	for _, a := range allowed {
		if v == a {
			return a, nil
		}
	}
	return "", fmt.Errorf("lr_scheduler_kwargs: %s must be one of %s, found %v", key, strings.Join(allowed, ", "), v)
}

func (p *scheduleParams) has(key string) bool {
	v, ok := p.kwargs[key]
	return ok && v != nil
}

// ramp puts the linear warm-up from 0 before the rest.
func (p *scheduleParams) ramp(rest func(step float64) float64) func(float64) float64 {
	warmup := p.warmup
	return func(step float64) float64 {
		if step < warmup {
			return step / max(1, warmup)
		}
		return rest(step)
	}
}

// progress is the share of the steps after the warm-up that are done.
func (p *scheduleParams) progress(step float64) float64 {
	return (step - p.warmup) / max(1, p.total-p.warmup)
}

func constantShape(*scheduleParams) (func(float64) float64, error) {
	return func(float64) float64 { return 1 }, nil
}

func constantWithWarmup(p *scheduleParams) (func(float64) float64, error) {
	return p.ramp(func(float64) float64 { return 1 }), nil
}

func linearShape(p *scheduleParams) (func(float64) float64, error) {
	return p.ramp(func(step float64) float64 {
		return max(0, (p.total-step)/max(1, p.total-p.warmup))
	}), nil
}

func cosineShape(p *scheduleParams) (func(float64) float64, error) {
	cycles, err := p.number("num_cycles", 0.5)
	if err != nil {
		return nil, err
	}
	return p.ramp(func(step float64) float64 {
		return max(0, 0.5*(1+math.Cos(math.Pi*cycles*2*p.progress(step))))
	}), nil
}

func cosineWithRestarts(p *scheduleParams) (func(float64) float64, error) {
	cycles, err := p.number("num_cycles", 1)
	if err != nil {
		return nil, err
	}
	return p.ramp(func(step float64) float64 {
		progress := p.progress(step)
		if progress >= 1 {
			return 0
		}
		return max(0, 0.5*(1+math.Cos(math.Pi*math.Mod(cycles*progress, 1))))
	}), nil
}

// minRate reads min_lr or min_lr_rate, of which one must be there.
func (p *scheduleParams) minRate() (float64, error) {
	lr, err := p.number("min_lr", 0)
	if err != nil {
		return 0, err
	}
	rate, err := p.number("min_lr_rate", 0)
	if err != nil {
		return 0, err
	}
	switch {
	case p.has("min_lr") && p.has("min_lr_rate"):
		return 0, fmt.Errorf("lr_scheduler_kwargs: set only one of min_lr and min_lr_rate for %s", p.name)
	case p.has("min_lr"):
		return lr / p.base, nil
	case p.has("min_lr_rate"):
		return rate, nil
	}
	return 0, fmt.Errorf("lr_scheduler_kwargs: %s needs min_lr or min_lr_rate", p.name)
}

func cosineWithMinLR(p *scheduleParams) (func(float64) float64, error) {
	rate, err := p.minRate()
	if err != nil {
		return nil, err
	}
	cycles, err := p.number("num_cycles", 0.5)
	if err != nil {
		return nil, err
	}
	return p.ramp(func(step float64) float64 {
		f := 0.5 * (1 + math.Cos(math.Pi*cycles*2*p.progress(step)))
		return max(0, f*(1-rate)+rate)
	}), nil
}

func cosineWarmupWithMinLR(p *scheduleParams) (func(float64) float64, error) {
	rate, err := p.minRate()
	if err != nil {
		return nil, err
	}
	cycles, err := p.number("num_cycles", 0.5)
	if err != nil {
		return nil, err
	}
	first, err := p.number("warmup_lr_rate", 0)
	if err != nil {
		return nil, err
	}
	fromFirst := p.has("warmup_lr_rate")
	return func(step float64) float64 {
		if step < p.warmup {
			if fromFirst {
				return first + (1-first)*step/max(1, p.warmup-1)
			}
			return (step + 1) / max(1, p.warmup)
		}
		progress := (step - p.warmup + 1) / max(1, p.total-p.warmup)
		f := 0.5 * (1 + math.Cos(math.Pi*cycles*2*progress))
		return max(0, f*(1-rate)+rate)
	}, nil
}

func polynomialShape(p *scheduleParams) (func(float64) float64, error) {
	end, err := p.number("lr_end", 1e-7)
	if err != nil {
		return nil, err
	}
	power, err := p.number("power", 1)
	if err != nil {
		return nil, err
	}
	if p.base <= end {
		return nil, fmt.Errorf("lr_scheduler_kwargs: lr_end (%v) must be smaller than learning_rate (%v)", end, p.base)
	}
	return p.ramp(func(step float64) float64 {
		if step > p.total || p.total == p.warmup {
			return end / p.base
		}
		left := 1 - (step-p.warmup)/(p.total-p.warmup)
		return ((p.base-end)*math.Pow(left, power) + end) / p.base
	}), nil
}

func inverseSqrt(p *scheduleParams) (func(float64) float64, error) {
	scale, err := p.number("timescale", 0)
	if err != nil {
		return nil, err
	}
	if !p.has("timescale") {
		if scale = p.warmup; scale == 0 {
			scale = 10000
		}
	}
	if scale <= 0 {
		return nil, fmt.Errorf("lr_scheduler_kwargs: timescale must be above 0, found %v", scale)
	}
	shift := scale - p.warmup
	return p.ramp(func(step float64) float64 { return 1 / math.Sqrt((step+shift)/scale) }), nil
}

// bend is one of the curves from 0 to 1 (rise) or 1 to 0 (fall) of
// warmup_stable_decay.
func bend(kind string, progress, cycles float64, rise bool) float64 {
	switch {
	case kind == "linear" && rise:
		return progress
	case kind == "linear":
		return 1 - progress
	case kind == "cosine" && rise:
		return 0.5 * (1 - math.Cos(math.Pi*progress))
	case kind == "cosine":
		return 0.5 * (1 + math.Cos(math.Pi*cycles*2*progress))
	case rise:
		return 1 - math.Sqrt(1-progress)
	}
	return 1 - math.Sqrt(progress)
}

func warmupStableDecay(p *scheduleParams) (func(float64) float64, error) {
	decay, err := p.number("num_decay_steps", 0)
	if err != nil {
		return nil, err
	}
	if !p.has("num_decay_steps") {
		return nil, fmt.Errorf("lr_scheduler_kwargs: warmup_stable_decay needs num_decay_steps")
	}
	stable, err := p.number("num_stable_steps", p.total-p.warmup-decay)
	if err != nil {
		return nil, err
	}
	low, err := p.number("min_lr_ratio", 0)
	if err != nil {
		return nil, err
	}
	cycles, err := p.number("num_cycles", 0.5)
	if err != nil {
		return nil, err
	}
	up, err := p.word("warmup_type", "linear", "linear", "cosine", "1-sqrt")
	if err != nil {
		return nil, err
	}
	down, err := p.word("decay_type", "cosine", "linear", "cosine", "1-sqrt")
	if err != nil {
		return nil, err
	}
	return func(step float64) float64 {
		switch {
		case step < p.warmup:
			return max(0, bend(up, step/max(1, p.warmup), cycles, true)*(1-low)+low)
		case step < p.warmup+stable:
			return 1
		case step < p.warmup+stable+decay:
			return max(0, bend(down, (step-p.warmup-stable)/max(1, decay), cycles, false)*(1-low)+low)
		}
		return low
	}, nil
}
