package ui

import (
	"maps"
	"testing"

	"sftui/engine/run"
	"sftui/ui/chart"
)

// Only what differs from the run is asked for; a run that never had its
// learning rate changed has a scale of 1, also where its status says 0.
func TestTuneAsksForDifferences(t *testing.T) {
	st := run.Status{MicroBatch: 2, Accumulation: 4}
	for _, c := range []struct {
		pane tunePane
		want map[string]string
	}{
		{tunePane{micro: 2, accumulation: 4, scale: 1}, map[string]string{}},
		{tunePane{micro: 2, accumulation: 4, scale: 0.5}, map[string]string{"learning_rate_scale": "0.5"}},
		{tunePane{micro: 4, accumulation: 4, scale: 1}, map[string]string{"per_device_train_batch_size": "4", "gradient_accumulation_steps": "4"}},
	} {
		if got := c.pane.values(st); !maps.Equal(got, c.want) {
			t.Errorf("%+v asks for %v, want %v", c.pane, got, c.want)
		}
	}
}

// A spike is marked once, also at a step that has another mark.
func TestMarkSpikeOnce(t *testing.T) {
	tr := tracker{marks: []chart.Event{{X: 5, Label: "eval"}, {X: 7, Label: "eval"}}}
	for _, step := range []int{5, 5, 7, 7} {
		tr.markSpike(step)
	}
	spikes := 0
	for _, m := range tr.marks {
		if m.Label == "spike" {
			spikes++
		}
	}
	if spikes != 2 {
		t.Errorf("%d spikes are marked, want one at step 5 and one at step 7: %+v", spikes, tr.marks)
	}
}
