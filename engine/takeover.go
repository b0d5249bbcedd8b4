package engine

import (
	"fmt"
	"maps"
	"slices"

	"sftui/engine/run"
)

// takeOver cuts the events back to the checkpoint and carries its sums on.
func (t *training) takeOver() error {
	old, err := t.folder.Status()
	if err != nil {
		return err
	}
	made, err := t.madeSince(old)
	if err != nil {
		return err
	}
	waits := old.Pending // until it is asked for again
	if len(waits) > 0 {
		c, err := changeFrom(waits)
		if err != nil {
			return fmt.Errorf("%s: pending change: %w", t.folder.Path(run.StatusFile), err)
		}
		// One that came into force as the process ended is made again at its own step.
		if n := len(made); n == 0 || !maps.Equal(made[n-1].values(), c.values()) {
			t.o.Control.goOn(c)
		} else {
			waits = nil
		}
	}
	carried := t.resume.state.Status
	carried.Pending, carried.Again = waits, pastOf(made)
	carried.Started, carried.Resumes, carried.Parent = old.Started, old.Resumes+1, old.Parent
	carried.State, carried.Message, carried.Arguments = run.Starting, "", t.o.Arguments
	carried.Export, carried.Checkpoint = "", t.resume.checkpoint
	carried.Mine()
	t.out.status = carried
	// Before the events of these changes go, so that they outlive this process too.
	if err := t.folder.WriteStatus(carried, true); err != nil {
		return err
	}
	return cutMetrics(t.folder, t.resume.state.Metrics)
}

// madeSince are the changes that were made after the checkpoint, by this run's
// last process or, where that ended before it came to them, by an earlier one.
// They join those of the command line, of which they take the place.
func (t *training) madeSince(old run.Status) ([]Change, error) {
	step := t.resume.state.Step
	made, err := laterChanges(t.folder, t.resume.state.Metrics, step)
	if err != nil {
		return nil, err
	}
	for _, past := range old.Again {
		c, err := changeFrom(past.Values)
		if err != nil {
			return nil, fmt.Errorf("%s: change of step %d: %w", t.folder.Path(run.StatusFile), past.Step, err)
		}
		c.Step = past.Step
		there := slices.ContainsFunc(made, func(m Change) bool { return m.Step == c.Step && maps.Equal(m.values(), c.values()) })
		if c.Step > step && !there {
			made = append(made, c)
		}
	}
	for i := range made {
		made[i].again = true
	}
	changes := slices.Clone(made)
	for _, c := range t.o.Changes {
		if c.Step > step && !slices.ContainsFunc(made, func(done Change) bool { return done.Step == c.Step }) {
			changes = append(changes, c)
		}
	}
	bySteps := func(a, b Change) int { return a.Step - b.Step }
	slices.SortStableFunc(made, bySteps)
	slices.SortStableFunc(changes, bySteps)
	t.o.Changes = changes
	return made, nil
}

// pastOf are the changes among a list that are to be made again, as the status has them.
func pastOf(changes []Change) (past []run.PastChange) {
	for _, c := range changes {
		if c.again {
			past = append(past, run.PastChange{Step: c.Step, Values: c.values()})
		}
	}
	return past
}
