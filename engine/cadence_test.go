package engine

import (
	"testing"

	"sftui/recipes"
)

// TestCadence has steps on either side of where something is due.
func TestCadence(t *testing.T) {
	type at struct {
		step                int
		epochEnded, last    bool
		best                bool
		epoch               float64
		prints, evals, save bool
	}
	for name, c := range map[string]struct {
		cadence cadence
		at      []at
	}{
		"nothing": {cadence{}, []at{
			{step: 1, epochEnded: true, best: true, epoch: 1},
			{step: 2, last: true, epochEnded: true, prints: true},
		}},
		"steps": {cadence{logEvery: 2, evalEvery: 3, saveEvery: 4, evalDelay: 4}, []at{
			{step: 1}, {step: 2, prints: true}, {step: 3, epochEnded: true}, {step: 4, prints: true, save: true},
			{step: 6, prints: true, evals: true}, {step: 7, best: true}, {step: 7, last: true, prints: true, evals: true, save: true},
		}},
		"epochs": {cadence{logEpoch: true, evalEpoch: true, saveEpoch: true, evalDelay: 2}, []at{
			{step: 4, epoch: 2}, {step: 5, epochEnded: true, epoch: 1, prints: true, save: true}, {step: 10, epochEnded: true, epoch: 2, prints: true, evals: true, save: true},
		}},
		"best": {cadence{logFirst: true, saveBest: true}, []at{
			{step: 1, prints: true}, {step: 2, best: true, save: true}, {step: 3, epochEnded: true}, {step: 4, last: true, prints: true},
		}},
	} {
		for _, a := range c.at {
			prints, evals, save := c.cadence.prints(a.step, a.epochEnded, a.last), c.cadence.evaluates(a.step, a.epochEnded, a.last, a.epoch), c.cadence.saves(a.step, a.epochEnded, a.last, a.best)
			if prints != a.prints || evals != a.evals || save != a.save {
				t.Errorf("%s, %+v: prints %t, evaluates %t, saves %t", name, a, prints, evals, save)
			}
		}
	}
}

// TestEvalStepsFollowLogging has eval_steps that transformers replaces by logging_steps: none and 0.
func TestEvalStepsFollowLogging(t *testing.T) {
	for _, value := range []string{"null", "0", "5"} {
		r := recipes.Default()
		if err := r.Override([]string{"eval_strategy=steps", "logging_steps=3", "eval_steps=" + value}); err != nil {
			t.Fatal(err)
		}
		want := 3
		if value == "5" {
			want = 5
		}
		if c, err := newCadence(r, 20); err != nil || c.evalEvery != want {
			t.Errorf("eval_steps %s: every %d steps (%v), want %d", value, c.evalEvery, err, want)
		}
	}
}
