package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/compute"
	"sftui/engine/run"
)

// TestDiskRefusal refuses a run whose model is larger than any disk, unless it is forced.
func TestDiskRefusal(t *testing.T) {
	f := newFixture(t, 10)
	fake := newFake()
	fake.weights = 1 << 55
	for options, says := range map[string]string{"save_strategy=steps": "the first checkpoint needs", "save_strategy=no": "the final model needs"} {
		res, err := train(t, f, fake, nil, options)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "PB, but the disk of") || !strings.Contains(err.Error(), "--force") {
			t.Errorf("%s: %v", options, err)
		}
		if _, err := os.Stat(filepath.Join(res.Dir, run.ModelDir)); !os.IsNotExist(err) {
			t.Errorf("%s: a model was written (%v)", options, err)
		}
	}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Force = true }, "save_strategy=steps", "save_steps=5")
	if err != nil {
		t.Fatalf("forced: %v", err)
	}
	warned := false
	for _, e := range eventsOf(t, res.Dir) {
		warned = warned || e.Kind == run.KindWarning && e.Code == run.CodeDisk
	}
	if !warned {
		t.Error("forced without a warning")
	}
}

// TestDiskForecast adds up what is written in each way.
func TestDiskForecast(t *testing.T) {
	f := newFixture(t, 4)
	for _, c := range []struct {
		options    []string
		cadence    cadence
		checkpoint int64
		export     int64
		impossible uint64 // the most free bytes with which the run is refused
	}{
		{[]string{"dtype=float32"}, cadence{saveEvery: 5}, 1600, 400, 1599},
		{[]string{"dtype=bfloat16"}, cadence{saveEvery: 5}, 1400, 200, 1399},
		{[]string{"dtype=auto"}, cadence{saveEvery: 5}, 1600, 400, 1399},
		{[]string{"dtype=auto"}, cadence{}, 1600, 400, 199},
		{[]string{"dtype=float32", "save_only_model=true"}, cadence{saveEvery: 5}, 400, 400, 399},
		{[]string{"dtype=bfloat16", "use_peft=true"}, cadence{saveEvery: 5}, 1600, 400, 1599},
		{[]string{"dtype=bfloat16", "use_peft=true", "lora_modules_to_save=[lm_head]"}, cadence{saveEvery: 5}, 1600, 400, 1399},
	} {
		d := forecastDisk(f.recipe(t, c.options...), compute.Info{Parameters: 100, Trainable: 100, StateBytes: 800}, c.cadence, 10, 10)
		if d.Checkpoint != c.checkpoint || d.Export != c.export {
			t.Errorf("%q: %+v", c.options, d)
		}
		if d.impossible(c.impossible) == "" || d.impossible(c.impossible+1) != "" {
			t.Errorf("%q: refused otherwise than up to %d bytes", c.options, c.impossible)
		}
	}
	for _, c := range []struct {
		option  string
		cadence cadence
		steps   int
		want    int // checkpoints on the disk at once: one more than are kept while the next is written
	}{
		{"save_total_limit=null", cadence{saveEvery: 3}, 10, 4},
		{"save_total_limit=2", cadence{saveEvery: 3}, 10, 3},
		{"save_total_limit=8", cadence{saveEvery: 3}, 10, 4},
		{"save_total_limit=null", cadence{saveEpoch: true}, 11, 3},
		{"save_total_limit=null", cadence{saveBest: true}, 10, 1},
	} {
		d := forecastDisk(f.recipe(t, c.option), compute.Info{Parameters: 100}, c.cadence, c.steps, 5)
		if d.Checkpoints != c.want || d.Total() != d.Checkpoint*int64(c.want)+d.Export {
			t.Errorf("%s %+v: %+v, want %d checkpoints", c.option, c.cadence, d, c.want)
		}
	}
}
