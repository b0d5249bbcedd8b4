package engine

import (
	"fmt"
	"math"

	"sftui/recipes"
)

// cadence says when to print, evaluate and save, with transformers' rules.
type cadence struct {
	logEvery  int // steps, 0 never; printing only, every step is recorded
	logFirst  bool
	logEpoch  bool
	evalEvery int // steps, 0 for not by steps
	evalEpoch bool
	evalDelay float64 // steps or epochs, by the strategy
	saveEvery int
	saveEpoch bool
	saveBest  bool
}

// newCadence reads the strategies of a recipe for a run of total steps.
func newCadence(r *recipes.Recipe, total int) (cadence, error) {
	c := cadence{logFirst: r.LoggingFirstStep, evalDelay: r.EvalDelay}
	var err error
	switch r.LoggingStrategy {
	case "steps":
		if c.logEvery, err = interval("logging_steps", r.LoggingSteps, total); err != nil {
			return c, err
		}
	case "epoch":
		c.logEpoch = true
	}
	switch r.EvalStrategy {
	case "steps":
		if c.evalEvery, err = interval("eval_steps", r.EvalEvery(), total); err != nil {
			return c, err
		}
	case "epoch":
		c.evalEpoch = true
	}
	switch r.SaveStrategy {
	case "steps":
		if c.saveEvery, err = interval("save_steps", r.SaveSteps, total); err != nil {
			return c, err
		}
	case "epoch":
		c.saveEpoch = true
	case "best":
		c.saveBest = true
	}
	return c, nil
}

// interval is a number of steps; below 1 it is a share of all steps, rounded up.
func interval(key string, value float64, total int) (int, error) {
	if value <= 0 {
		return 0, fmt.Errorf("%s must be above 0 when its strategy is steps, found %v", key, value)
	}
	if value < 1 {
		return max(1, int(math.Ceil(float64(total)*value))), nil
	}
	return int(value), nil
}

// prints reports whether a step is printed where there is no progress bar.
func (c cadence) prints(step int, epochEnded, last bool) bool {
	return last || step == 1 && c.logFirst || c.logEpoch && epochEnded || c.logEvery > 0 && step%c.logEvery == 0
}

// evaluates reports whether to evaluate after a step.
func (c cadence) evaluates(step int, epochEnded, last bool, epoch float64) bool {
	switch {
	case c.evalEvery > 0:
		return (step%c.evalEvery == 0 || last) && c.evalDelay <= float64(step)
	case c.evalEpoch:
		return epochEnded && c.evalDelay <= epoch
	}
	return false
}

// saves reports whether to write a checkpoint after a step.
func (c cadence) saves(step int, epochEnded, last, isBest bool) bool {
	switch {
	case c.saveEvery > 0:
		return step%c.saveEvery == 0 || last
	case c.saveEpoch:
		return epochEnded
	}
	return c.saveBest && isBest
}

// Prints returns what decides, for a recipe and so many steps in all, whether
// a step is worth a line of a log: logging_strategy, logging_steps and
// logging_first_step. Every step is recorded whatever it says.
func Prints(r *recipes.Recipe, total int) (func(step int, epochEnded, last bool) bool, error) {
	c, err := newCadence(r, total)
	return c.prints, err
}
