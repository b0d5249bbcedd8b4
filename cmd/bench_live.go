package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sftui/engine/run"
)

// liveSettings are what the live bench starts with and changes to, in rows of a
// micro-batch and micro-batches of a step.
func liveSettings() [][2]int { return [][2]int{{4, 2}, {1, 8}, {8, 1}} }

// liveSteps is how many steps it does with each at least.
const liveSteps = 5

// liveBench is what `sftui bench live` prints.
type liveBench struct {
	Steps         int              `json:"steps"`
	MedianSeconds float64          `json:"median_step_interval_seconds"` // before the first request
	Changes       []liveBenchEntry `json:"changes"`
	CurveEqual    bool             `json:"curve_equal"` // with the run that had the changes scheduled
	Difference    string           `json:"difference,omitempty"`
}

// liveBenchEntry is one change.
type liveBenchEntry struct {
	To              string  `json:"to"`
	AppliedSeconds  float64 `json:"request_to_applied_seconds"`
	AppliedSteps    int     `json:"steps_done_meanwhile"`
	LongestSeconds  float64 `json:"longest_step_interval_seconds"`     // until the next request
	UsualSeconds    float64 `json:"usual_step_interval_seconds"`       // median of the intervals with the new setting
	CompileSeconds  float64 `json:"slowest_new_shape_compile_seconds"` // in the background, beside steps; 0 where it was compiled before
	ForecastBytes   uint64  `json:"forecast_bytes"`
	MeasuredBytes   uint64  `json:"measured_bytes"` // peak of the process by the end of the setting
	ForecastPercent float64 `json:"forecast_error_percent"`
}

// benchLive changes the batch size of a live run twice, and trains once more
// with the same changes scheduled. Both runs are processes of their own.
func benchLive(ctx context.Context, args []string, s streams) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sftui-live-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	live := filepath.Join(dir, "live")
	common := append([]string{"train"}, args...)
	common = append(common, "save_strategy=no", "eval_strategy=no", "max_steps=100000",
		fmt.Sprintf("per_device_train_batch_size=%d", liveSettings()[0][0]), fmt.Sprintf("gradient_accumulation_steps=%d", liveSettings()[0][1]))
	process, err := startBench(ctx, exe, append(slices.Clone(common), "--run", live), s)
	if err != nil {
		return err
	}
	requests, err := steerLive(process.alive, live, s)
	if err := process.stopped(ctx, err, live); err != nil {
		return err
	}
	events, err := eventsIn(live)
	if err != nil {
		return err
	}
	b := describeLive(events, requests)
	scheduled := filepath.Join(dir, "scheduled")
	arguments := append(slices.Clone(common), "--run", scheduled)
	for _, e := range applied(events) {
		arguments = append(arguments, "--at", fmt.Sprintf("%d:per_device_train_batch_size=%d,gradient_accumulation_steps=%d", e.Step, e.MicroBatch, e.Accumulation))
	}
	fmt.Fprintln(s.err, "the same with the changes scheduled")
	if process, err = startBench(ctx, exe, arguments, s); err != nil {
		return err
	}
	// Its max_steps is the live run's too, or the learning rates would differ; so it is stopped as well.
	_, err = untilStep(process.alive, scheduled, b.Steps)
	if err := process.stopped(ctx, err, scheduled); err != nil {
		return err
	}
	again, err := eventsIn(scheduled)
	if err != nil {
		return err
	}
	b.Difference = curveDifference(stepEvents(events), stepEvents(again), b.Steps)
	b.CurveEqual = b.Difference == ""
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", " ")
	return encoder.Encode(b)
}

// benchProcess is a run in a process of its own.
type benchProcess struct {
	alive context.Context //nolint:containedctx // ends with the process, so that nothing waits for one that is gone
	kill  context.CancelFunc
	ended chan error
}

func startBench(ctx context.Context, exe string, args []string, s streams) (*benchProcess, error) {
	alive, kill := context.WithCancel(ctx)
	c := exec.CommandContext(alive, exe, args...)
	c.Stderr = s.err
	c.Env = append(os.Environ(), compiledVariable+"=") // what a machine sees that has never compiled these shapes
	if err := c.Start(); err != nil {
		kill()
		return nil, err
	}
	p := &benchProcess{alive, kill, make(chan error, 1)}
	go func() {
		p.ended <- c.Wait()
		kill()
	}()
	return p, nil
}

// stopped stops the run, by a kill where something went wrong with it, and waits for its end.
func (p *benchProcess) stopped(ctx context.Context, wrong error, dir string) error {
	if wrong == nil {
		wrong = stopRun(ctx, dir)
	}
	ended := p.alive.Err() != nil
	if wrong != nil {
		p.kill()
	}
	err := <-p.ended
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitWarning {
		err = nil // stopped by command
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case wrong != nil && !ended:
		return wrong // and not that it was killed
	case err != nil:
		return fmt.Errorf("sftui train ended early: %w", err) // it has said why
	}
	return wrong
}

// steerLive asks for each setting in turn and returns when it asked.
func steerLive(ctx context.Context, dir string, s streams) ([]time.Time, error) {
	var requests []time.Time
	next, err := untilStep(ctx, dir, liveSteps)
	if err != nil {
		return nil, err
	}
	for i, setting := range liveSettings()[1:] {
		r, err := run.Open(dir)
		if err != nil {
			return nil, err
		}
		requests = append(requests, time.Now())
		reply, err := r.Send(ctx, run.Command{Verb: run.Set, Values: map[string]string{
			"per_device_train_batch_size": strconv.Itoa(setting[0]), "gradient_accumulation_steps": strconv.Itoa(setting[1])}})
		if err != nil || !reply.OK {
			return nil, errors.Join(err, fmt.Errorf("%d × %d was refused: %s", setting[0], setting[1], reply.Message))
		}
		fmt.Fprintf(s.err, "asked for %d × %d after step %d\n", setting[0], setting[1], next)
		if next, err = untilApplied(ctx, dir, i+1); err != nil {
			return nil, err
		}
		if next, err = untilStep(ctx, dir, next+liveSteps-1); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

func stopRun(ctx context.Context, dir string) error {
	r, err := run.Open(dir)
	if err != nil {
		return err
	}
	_, err = r.Send(ctx, run.Command{Verb: run.Stop})
	return err
}

// livePoll is the time between two looks at a run.
const livePoll = 50 * time.Millisecond

// until looks at a run's events until found has an answer.
func until(ctx context.Context, dir string, found func([]run.Event) (int, bool)) (int, error) {
	for ctx.Err() == nil {
		events, err := eventsIn(dir)
		if err == nil {
			if n, ok := found(events); ok {
				return n, nil
			}
			if len(events) > 0 && events[len(events)-1].Kind == run.KindDone {
				return 0, fmt.Errorf("the run ended early: %s", events[len(events)-1].Message)
			}
		}
		time.Sleep(livePoll)
	}
	return 0, ctx.Err()
}

func untilStep(ctx context.Context, dir string, step int) (int, error) {
	return until(ctx, dir, func(events []run.Event) (int, bool) {
		list := stepEvents(events)
		return len(list), len(list) >= step
	})
}

// untilApplied returns the first step that the n-th change is in force for.
func untilApplied(ctx context.Context, dir string, n int) (int, error) {
	return until(ctx, dir, func(events []run.Event) (int, bool) {
		list := applied(events)
		if len(list) < n {
			return 0, false
		}
		return list[n-1].Step, true
	})
}

func eventsIn(dir string) ([]run.Event, error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	events, _, err := r.Events(0)
	return events, err
}

func stepEvents(events []run.Event) []run.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e run.Event) bool { return e.Kind != run.KindStep })
}

func applied(events []run.Event) []run.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e run.Event) bool {
		return e.Kind != run.KindChange || e.Phase != run.ChangeApplied
	})
}

// describeLive measures a live run: intervals are from the end of one step to
// the end of the next, so that waiting between steps counts.
func describeLive(events []run.Event, requests []time.Time) liveBench {
	steps, changes := stepEvents(events), applied(events)
	b := liveBench{Steps: len(steps)}
	intervals := func(from, to time.Time) []float64 {
		var out []float64
		for i := 2; i < len(steps); i++ { // the first steps compile what every run compiles
			if at := steps[i].Time; at.After(from) && !at.After(to) {
				out = append(out, at.Sub(steps[i-1].Time).Seconds())
			}
		}
		return out
	}
	end := steps[len(steps)-1].Time
	if before := intervals(time.Time{}, requests[0]); len(before) > 0 {
		b.MedianSeconds = median(before)
	}
	for i, c := range changes {
		till := end
		if i+1 < len(requests) {
			till = requests[i+1]
		}
		e := liveBenchEntry{
			To: fmt.Sprintf("%d × %d", c.MicroBatch, c.Accumulation), AppliedSeconds: c.Time.Sub(requests[i]).Seconds(), ForecastBytes: c.MemoryForecast, CompileSeconds: c.CompileSeconds,
		}
		for _, step := range steps {
			if step.Time.After(requests[i]) && step.Time.Before(c.Time) {
				e.AppliedSteps++
			}
		}
		if all := intervals(requests[i], till); len(all) > 0 {
			e.LongestSeconds = slices.Max(all)
		}
		if after := intervals(c.Time, till); len(after) > 0 {
			e.UsualSeconds = median(after)
		}
		for _, m := range events {
			if m.MemoryBytes > 0 && m.Time.After(c.Time) && !m.Time.After(till) {
				e.MeasuredBytes = max(e.MeasuredBytes, m.MemoryBytes, m.MemoryPeak)
			}
		}
		if e.MeasuredBytes > 0 {
			e.ForecastPercent = 100 * (float64(e.ForecastBytes)/float64(e.MeasuredBytes) - 1)
		}
		b.Changes = append(b.Changes, e)
	}
	return b
}

// curveDifference names the first of n steps that are not equal to the bit.
func curveDifference(a, b []run.Event, n int) string {
	if len(a) < n || len(b) < n {
		return fmt.Sprintf("%d and %d steps", len(a), len(b))
	}
	for i := range n {
		x, y := a[i], b[i]
		if x.Loss != y.Loss || x.GradNorm != y.GradNorm || x.LearningRate != y.LearningRate || !slices.Equal(x.RowIDs, y.RowIDs) {
			return strings.TrimSpace(fmt.Sprintf("step %d: loss %v and %v, grad norm %v and %v, rows %v and %v", i+1, x.Loss, y.Loss, x.GradNorm, y.GradNorm, x.RowIDs, y.RowIDs))
		}
	}
	return ""
}
