package engine

import (
	"strings"
	"testing"

	"sftui/engine/run"
)

// A change that would leave the run no step, or pass over the end of an epoch
// because too few rows for a new batch are left of it, waits: every step is made,
// none beyond the epochs that were asked for, and each epoch is evaluated.
func TestChangeThatLeavesNoStepWaits(t *testing.T) {
	for name, c := range map[string]struct {
		options []string
		change  Change
		applied int // step, 0 for never
	}{
		"the part of an epoch is made":      {[]string{"num_train_epochs=0.6", "per_device_train_batch_size=30", "gradient_accumulation_steps=1"}, Change{Step: 3, MicroBatch: 1}, 0},
		"the last epoch's end is too short": {[]string{"num_train_epochs=1", "per_device_train_batch_size=9", "gradient_accumulation_steps=1", "dataloader_drop_last=true"}, Change{Step: 11, MicroBatch: 16}, 0},
		"an epoch's end is too short":       {[]string{"num_train_epochs=2", "per_device_train_batch_size=9", "gradient_accumulation_steps=1", "dataloader_drop_last=true"}, Change{Step: 11, MicroBatch: 16}, 12},
	} {
		for _, live := range []bool{false, true} {
			f, fake, control := newFixture(t, 110), newFake(), NewControl(nil)
			change := c.change
			if live {
				change.Step = 0
				fake.onMicro = func(step int) {
					if step == c.change.Step-1 {
						if err := control.Set(change); err != nil {
							t.Error(err)
						}
						prepared(t)
					}
				}
			}
			res, err := train(t, f, fake, func(o *TrainOptions) {
				o.Control = control
				if !live {
					o.Changes = []Change{change}
				}
			}, append(c.options, "eval_strategy=epoch", "eval_holdout=10", "sample_prompts=null")...)
			if err != nil {
				t.Fatal(err)
			}
			made := steps(t, res.Dir)
			last := made[len(made)-1]
			if got := appliedStep(eventsOf(t, res.Dir)); got != c.applied {
				t.Errorf("%s, live %v: applied at step %d, want %d", name, live, got, c.applied)
			}
			if last.Step != last.TotalSteps || last.Epoch > 2 || c.applied == 0 && last.Epoch > 1 {
				t.Errorf("%s, live %v: ends with step %d of %d in epoch %v", name, live, last.Step, last.TotalSteps, last.Epoch)
			}
			ends := 1
			if c.applied > 0 {
				ends = 2
			}
			if n := len(evaluations(t, res.Dir)); n != ends {
				t.Errorf("%s, live %v: %d evaluations, want %d", name, live, n, ends)
			}
			refused := changesOf(t, res.Dir, run.ChangeRefused)
			if told := len(refused) == 1 && strings.Contains(refused[0].Message, "made its last step before"); told != (c.applied == 0) {
				t.Errorf("%s, live %v: left out %+v", name, live, refused)
			}
		}
	}
}
