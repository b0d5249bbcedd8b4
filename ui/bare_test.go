package ui

import (
	"context"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"sftui/engine/run"
)

// A terminal without colour and underline marks the open page and stage by a sign.
func TestABareTerminalHasMarks(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.wantNot(openMark)
	d.send(tea.ColorProfileMsg{Profile: colorprofile.NoTTY})
	d.press("1").want(openMark+"1 Data", openMark+"tokens").wantSize()
	d.send(tea.BackgroundColorMsg{}) // the terminal's answer keeps what is known
	d.press("3").want(openMark + "3 Recipe").wantNot(openMark + "1 Data")
	d.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
	d.wantNot(openMark)
}

// The forecast says what it waits for, and comes when a live run is over.
func TestTheForecastSaysWhatItWaitsFor(t *testing.T) {
	asked := 0
	d, f := liveRun(t, 120, 40, steps(3))
	d.a.opt.Forecast = func(context.Context, []byte, map[string]string) (*Forecast, error) {
		asked++
		return &Forecast{Total: 1 << 30, Limit: 2 << 30}, nil
	}
	d.press("3").want("The forecast waits while a run is live")
	before := d.a.recipe.forecast.gen
	f.st.State = run.Finished
	f.write(run.Event{Kind: run.KindDone, Reason: string(run.Finished), Time: clock})
	d.poll()
	now := d.a.recipe.forecast.gen
	if now == before {
		t.Fatal("the end of the run does not ask for a forecast")
	}
	d.send(forecastDueMsg{now})
	if asked != 1 {
		t.Errorf("the forecast was asked %d times", asked)
	}
	d.want("forecast · ", "1.1 GB").wantNot("waits while a run")
}
