package ui

import (
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

// A run without a step says so where its curves would be, and names what its two
// starts are.
func TestARunWithoutSteps(t *testing.T) {
	at := clock.Add(-time.Minute)
	d, _ := liveRun(t, 120, 40, []run.Event{
		{Kind: run.KindPhase, Phase: string(run.Starting), Message: "opening the model", Time: at},
		{Kind: run.KindPhase, Phase: string(run.Preparing), Message: "reading the data", Time: at.Add(2 * time.Second)},
		{Kind: run.KindPhase, Phase: string(run.Starting), Message: "loading the model", Time: at.Add(5 * time.Second)},
	})
	d.want("✓ opening the model", "✓ preparing", "● loading the model").press("5").want("No steps yet.")
	d.a.lang = chinese
	d.want("还没有训练步。").press("4").want("✓ 打开模型", "● 载入模型")
}

// A long line of the log is read to its end where there is room for it.
func TestLongLogLinesAreWrapped(t *testing.T) {
	long := strings.Repeat("many words of a warning ", 6) + "and its end."
	events := append(steps(3), run.Event{Kind: run.KindWarning, Message: long, Time: clock})
	d, _ := liveRun(t, 120, 40, events)
	d.want("many words of a warning", "and its end.", "step 3").wantSize()
}
