package cmd

import (
	"math"
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

// The live bench measures from the end of one step to the end of the next, each
// setting by itself.
func TestDescribeLive(t *testing.T) {
	start := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	step := func(n int, seconds float64, memory uint64) run.Event {
		return run.Event{Kind: run.KindStep, Step: n, Time: at(seconds), MemoryBytes: memory}
	}
	events := []run.Event{
		step(1, 20, 900), step(2, 22, 900), step(3, 24, 900), step(4, 26, 900),
		step(5, 29, 900), // compiles beside it
		{Kind: run.KindChange, Phase: run.ChangeCompiling, Time: at(26.2)},
		{Kind: run.KindChange, Phase: run.ChangeApplied, Time: at(29.1), Step: 6, MicroBatch: 1, Accumulation: 8, MemoryForecast: 110},
		step(6, 30, 90), step(7, 31, 100), step(8, 32, 95),
	}
	b := describeLive(events, []time.Time{at(26.1)})
	if b.Steps != 8 || b.MedianSeconds != 2 || len(b.Changes) != 1 {
		t.Fatalf("%+v", b)
	}
	c := b.Changes[0]
	if c.To != "1 × 8" || math.Abs(c.AppliedSeconds-3) > 1e-9 || c.AppliedSteps != 1 || c.LongestSeconds != 3 || c.UsualSeconds != 1 || c.MeasuredBytes != 100 || math.Abs(c.ForecastPercent-10) > 1e-9 {
		t.Errorf("%+v", c)
	}
}

// The bench steers a run to its end, and does not wait for one that has ended.
func TestBenchLive(t *testing.T) {
	m := newTiny(t)
	status, out, errText := sftui(t, "bench", "live", "--recipe", m.recipe)
	if status != exitDone || !strings.Contains(out, `"curve_equal": true`) || strings.Count(out, `"to"`) != len(liveSettings())-1 {
		t.Errorf("status %d: %s%s", status, out, errText)
	}
	status, _, errText = sftui(t, "bench", "live", "--recipe", m.recipe, "dataset_name="+m.data+".missing")
	if status != exitFailure || !strings.Contains(errText, "ended early") || !strings.Contains(errText, ".missing") {
		t.Errorf("status %d: %s", status, errText)
	}
}

func TestCurveDifference(t *testing.T) {
	a := []run.Event{{Step: 1, Loss: 2, RowIDs: []int{1, 2}}, {Step: 2, Loss: 1.5, RowIDs: []int{3}}}
	b := []run.Event{a[0], a[1]}
	if d := curveDifference(a, b, 2); d != "" {
		t.Error(d)
	}
	b[1].Loss = run.Number(math.Nextafter(1.5, 2))
	if d := curveDifference(a, b, 2); !strings.Contains(d, "step 2") {
		t.Errorf("one bit is not seen: %q", d)
	}
	if d := curveDifference(a, b[:1], 2); d == "" {
		t.Error("a missing step is not seen")
	}
}
