package ui

import (
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

// At rest a live run is drawn as seldom as its pictures are large; a key brings
// the quick pace back.
func TestPaceAtRest(t *testing.T) {
	p := &pace{wake: make(chan struct{}, 1)}
	p.took([]string{"loss 1.234", strings.Repeat("x", 2000)})
	p.took([]string{"loss 1.239", strings.Repeat("y", 2000)})
	if d := p.wait(clock); d < 8*time.Second || d > restLongest {
		t.Errorf("after a large picture it waits %v", d)
	}
	p.took([]string{"loss 1.238", strings.Repeat("y", 2000)})
	if d := p.wait(clock); d != pollLive {
		t.Errorf("after a digit it waits %v", d)
	}
	p.took([]string{"loss 1.238", strings.Repeat("z", 2000)})
	p.touch(clock)
	if d := p.wait(clock.Add(time.Second)); d != pollLive {
		t.Errorf("after a key it waits %v", d)
	}
	if len(p.wake) != 1 {
		t.Error("a key does not wake the watch")
	}
}

// While a run grows its charts stay where they are for most steps, so that a
// step changes few cells.
func TestLiveChartsChangeLittle(t *testing.T) {
	all := steps(140)
	d, f := liveRun(t, 120, 40, all[:100])
	d.screen()
	moved := 0
	const more = 20
	for i := range more {
		before := strings.Split(d.screen(), "\n")
		f.write(run.Event{Kind: run.KindStep, Step: 120 + i, Loss: 2.1, GradNorm: 1, LearningRate: 5e-5, TrainedTokens: 2400, Seconds: 2, MicroBatch: 4, Accumulation: 8})
		d.poll()
		changed := 0
		for k, l := range strings.Split(d.screen(), "\n") {
			if l != before[k] {
				changed += between(before[k], l)
			}
		}
		if changed > 2500 {
			moved++
		}
	}
	if moved > more/3 {
		t.Errorf("%d of %d steps changed most of the picture", moved, more)
	}
}

// At rest the charts of a young run stand still for a while and its numbers go
// on, that over the main chart too; a key, a new size or the end of the run shows the charts as they are.
func TestChartsStandStillAtRest(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(10))
	at := clock
	d.a.now = func() time.Time { return at }
	d.a.pace.touched = clock.Add(-time.Hour)
	step := func(n int) string {
		t.Helper()
		f.write(run.Event{Kind: run.KindStep, Step: n, Loss: run.Number(float64(n)), GradNorm: 1, LearningRate: 5e-5, TrainedTokens: 2400, Seconds: 2, MicroBatch: 4, Accumulation: 8})
		at = at.Add(time.Second)
		d.poll()
		return d.screen()
	}
	step(11)
	step(12)
	before := step(13)
	after := step(14)
	charts := func(s string) string { return strings.Join(strings.Split(s, "\n")[3:30], "\n") }
	if charts(before) != charts(after) {
		t.Error("the charts moved at rest")
	}
	d.want("step 14", "loss 14", "╭ loss 14.00 · raw")
	d.press("k")
	if charts(d.screen()) == charts(after) {
		t.Error("a key does not show the charts as they are")
	}
	d.a.pace.touched = clock.Add(-time.Hour)
	at = at.Add(restCharts)
	if late := step(15); charts(late) == charts(after) {
		t.Error("the charts never move")
	}
}
