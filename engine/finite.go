package engine

import (
	"fmt"
	"math"

	"sftui/engine/run"
	"sftui/engine/weights"
)

// notFiniteError ends a run whose loss or gradient is not a number any more.
type notFiniteError struct{ message string }

func (e *notFiniteError) Error() string { return e.message }

// mostLeftOut is how many steps in a row nan_policy=skip leaves out before the
// run ends: by then it is not single rows that are at fault.
const mostLeftOut = 50

// notFinite applies nan_policy; the weights have not moved. its are the words
// for the step's rows.
func (l *loop) notFinite(e *run.Event, what, its string) error {
	if l.suspect == nil {
		name := notFiniteWeight(l.model)
		l.suspect = &name
	}
	if *l.suspect != "" {
		its += ", and at the model: its weight " + *l.suspect + " has values that are not finite"
	}
	if l.recipe.NanPolicy == "skip" {
		l.state.LeftOut++
		l.out.warn(run.CodeNaN, e.Step, what+"; the step is left out; look at "+its, e.RowIDs)
		if l.state.LeftOut < mostLeftOut {
			return nil
		}
		return &notFiniteError{fmt.Sprintf("%s, and so is that of each of the %d steps before it, so the run ends; %s", what, l.state.LeftOut-1, l.advice())}
	}
	l.out.warn(run.CodeNaN, e.Step, what+"; look at "+its, e.RowIDs)
	if *l.suspect != "" {
		return &notFiniteError{what + "; " + l.advice()}
	}
	return &notFiniteError{what + "; nan_policy=skip would leave such steps out, a lower learning_rate may avoid them"}
}

// advice is what may help where leaving steps out does not.
func (l *loop) advice() string {
	if l.suspect != nil && *l.suspect != "" {
		return fmt.Sprintf("the model's weight %s has values that are not finite: get its files again, or another model", *l.suspect)
	}
	return "a lower learning_rate or max_grad_norm may avoid it"
}

// nothingLearned is the error of a run that left out each of its steps, nil for others.
func (l *loop) nothingLearned() error {
	if l.state.Moved || l.state.LeftOut == 0 {
		return nil
	}
	return &notFiniteError{fmt.Sprintf("no step had a finite loss and gradient, so all %d were left out and the model is as it was; %s", l.state.LeftOut, l.advice())}
}

// tellLeftOut warns of a run that ends with steps that were all left out: what it
// exports is older than it looks.
func (l *loop) tellLeftOut() {
	if n := l.state.LeftOut; n > 1 {
		l.out.warn(run.CodeNaN, l.state.Step, fmt.Sprintf("each of the last %d steps was left out, so the model is as step %d left it; %s", n, l.state.Step-n, l.advice()), nil)
	}
}

// notFiniteWeight names the first weight in a model folder that has a NaN or an
// infinity, "" when there is none or the files cannot be read, which is not what
// the caller is to tell.
func notFiniteWeight(dir string) string {
	c, err := weights.OpenSafetensors(dir)
	if err != nil {
		return ""
	}
	defer c.Close() //nolint:errcheck // only read from
	for _, name := range c.Names() {
		values, err := c.Float32(name)
		if err != nil {
			continue // of integers
		}
		for _, v := range values {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return name
			}
		}
	}
	return ""
}
