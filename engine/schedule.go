package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// schedule is a learning rate as a function of the optimizer step, with the
// values of transformers' schedules of the same names.
type schedule struct {
	base     float64
	factor   func(step float64) float64
	adaptive *adaptive // instead of factor, where the evaluations decide
}

// shape builds a schedule's factor from the warm-up and total steps. What is
// wrong with the options it leaves in p.err.
type shape func(p *scheduleParams) func(step float64) float64

// scheduleParams is what a shape reads. Options that no shape asks for are
// reported as unknown, as transformers does.
type scheduleParams struct {
	name          string
	base          float64
	warmup, total float64
	kwargs        map[string]any
	used          map[string]bool
	err           error // the first that was met
}

// fail keeps the first error, said of lr_scheduler_kwargs.
func (p *scheduleParams) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("lr_scheduler_kwargs: "+format, args...)
	}
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

// scheduleNames lists the lr_scheduler_type values that work, sorted.
func scheduleNames() []string {
	names := []string{reduceOnPlateau, greedySchedule}
	for name := range shapes() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// newSchedule builds the schedule name for a base learning rate, with warmup
// and total in optimizer steps and kwargs as in lr_scheduler_kwargs.
func newSchedule(name string, base float64, warmup, total int, kwargs map[string]any) (*schedule, error) {
	build, ok := shapes()[name]
	if !ok && !isAdaptive(name) {
		return nil, fmt.Errorf("lr_scheduler_type %q is not supported; use one of %s", name, strings.Join(scheduleNames(), ", "))
	}
	p := &scheduleParams{name: name, base: base, warmup: float64(warmup), total: float64(total), kwargs: kwargs, used: map[string]bool{}}
	s := &schedule{base: base}
	if isAdaptive(name) {
		s.adaptive = newAdaptive(p)
	} else {
		s.factor = build(p)
	}
	if name != "constant" { // transformers ignores the kwargs of this one
		for _, key := range slices.Sorted(maps.Keys(kwargs)) {
			if !p.used[key] {
				p.fail("%s has no option %q", name, key)
			}
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return s, nil
}

// at is the learning rate of the optimizer step that follows step finished
// ones: at(0) is the first step's. The step may be a fraction after a live
// change of the batch size stretched the schedule.
func (s *schedule) at(step float64) float64 {
	if s.adaptive != nil {
		return s.adaptive.state.Rate
	}
	return s.base * s.factor(step)
}

// observe takes in the metric of an evaluation. It matters to
// reduce_lr_on_plateau and greedy only.
func (s *schedule) observe(metric float64) {
	if s.adaptive != nil {
		s.adaptive.observe(metric)
	}
}

// state is what a checkpoint must hold of the schedule, nil where the step says
// everything.
func (s *schedule) state() *adaptiveState {
	if s.adaptive == nil {
		return nil
	}
	state := s.adaptive.state
	return &state
}

// restore goes on from a checkpoint's state.
func (s *schedule) restore(state *adaptiveState) {
	if s.adaptive != nil && state != nil {
		s.adaptive.state = *state
	}
}

// warmupSteps turns the option of that name into a number of optimizer steps:
// below 1 it is a share of all steps, rounded up.
func warmupSteps(option float64, total int) int {
	if option >= 1 {
		return int(option)
	}
	return int(math.Ceil(float64(total) * option))
}

// number reads an option that may be absent.
func (p *scheduleParams) number(key string, fallback float64) float64 {
	p.used[key] = true
	switch n := p.kwargs[key].(type) {
	case nil:
	case float64:
		return n
	case int:
		return float64(n)
	case int64:
		return float64(n)
	default:
		p.fail("%s must be a number, found %v", key, n)
	}
	return fallback
}

// word reads an option that may be absent and is one of a few words.
func (p *scheduleParams) word(key, fallback string, allowed ...string) string {
	p.used[key] = true
	v := p.kwargs[key]
	if v == nil {
		return fallback
	}
	for _, a := range allowed {
		if v == a {
			return a
		}
	}
	p.fail("%s must be one of %s, found %v", key, strings.Join(allowed, ", "), v)
	return fallback
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

func constantShape(*scheduleParams) func(float64) float64 {
	return func(float64) float64 { return 1 }
}

func constantWithWarmup(p *scheduleParams) func(float64) float64 {
	return p.ramp(func(float64) float64 { return 1 })
}

func linearShape(p *scheduleParams) func(float64) float64 {
	return p.ramp(func(step float64) float64 {
		return max(0, (p.total-step)/max(1, p.total-p.warmup))
	})
}

func cosineShape(p *scheduleParams) func(float64) float64 {
	cycles := p.number("num_cycles", 0.5)
	return p.ramp(func(step float64) float64 {
		return max(0, 0.5*(1+math.Cos(math.Pi*cycles*2*p.progress(step))))
	})
}

func cosineWithRestarts(p *scheduleParams) func(float64) float64 {
	cycles := p.number("num_cycles", 1)
	return p.ramp(func(step float64) float64 {
		progress := p.progress(step)
		if progress >= 1 {
			return 0
		}
		return max(0, 0.5*(1+math.Cos(math.Pi*math.Mod(cycles*progress, 1))))
	})
}

// minRate reads min_lr or min_lr_rate, of which one must be there.
func (p *scheduleParams) minRate() float64 {
	lr := p.number("min_lr", 0)
	rate := p.number("min_lr_rate", 0)
	switch {
	case p.has("min_lr") && p.has("min_lr_rate"):
		p.fail("set only one of min_lr and min_lr_rate for %s", p.name)
	case p.has("min_lr"):
		return lr / p.base
	case !p.has("min_lr_rate"):
		p.fail("%s needs min_lr or min_lr_rate", p.name)
	}
	return rate
}

func cosineWithMinLR(p *scheduleParams) func(float64) float64 {
	rate := p.minRate()
	cycles := p.number("num_cycles", 0.5)
	return p.ramp(func(step float64) float64 {
		f := 0.5 * (1 + math.Cos(math.Pi*cycles*2*p.progress(step)))
		return max(0, f*(1-rate)+rate)
	})
}

func cosineWarmupWithMinLR(p *scheduleParams) func(float64) float64 {
	rate := p.minRate()
	cycles := p.number("num_cycles", 0.5)
	first := p.number("warmup_lr_rate", 0)
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
	}
}

func polynomialShape(p *scheduleParams) func(float64) float64 {
	end := p.number("lr_end", 1e-7)
	power := p.number("power", 1)
	if p.base <= end {
		p.fail("lr_end (%v) must be smaller than learning_rate (%v)", end, p.base)
	}
	return p.ramp(func(step float64) float64 {
		if step > p.total || p.total == p.warmup {
			return end / p.base
		}
		left := 1 - (step-p.warmup)/(p.total-p.warmup)
		return ((p.base-end)*math.Pow(left, power) + end) / p.base
	})
}

func inverseSqrt(p *scheduleParams) func(float64) float64 {
	scale := p.number("timescale", 0)
	if !p.has("timescale") {
		if scale = p.warmup; scale == 0 {
			scale = 10000
		}
	}
	if scale <= 0 {
		p.fail("timescale must be above 0, found %v", scale)
	}
	shift := scale - p.warmup
	return p.ramp(func(step float64) float64 { return 1 / math.Sqrt((step+shift)/scale) })
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

func warmupStableDecay(p *scheduleParams) func(float64) float64 {
	decay := p.number("num_decay_steps", 0)
	if !p.has("num_decay_steps") {
		p.fail("warmup_stable_decay needs num_decay_steps")
	}
	stable := p.number("num_stable_steps", p.total-p.warmup-decay)
	low := p.number("min_lr_ratio", 0)
	cycles := p.number("num_cycles", 0.5)
	up := p.word("warmup_type", "linear", "linear", "cosine", "1-sqrt")
	down := p.word("decay_type", "cosine", "linear", "cosine", "1-sqrt")
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
	}
}
