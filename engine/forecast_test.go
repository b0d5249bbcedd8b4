package engine

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/recipes"
)

// scanned looks through a fixture's rows as a forecast does, for a model of
// SmolLM2's shape.
func scanned(t *testing.T, f fixture, r *recipes.Recipe) *Scanned {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.model, "config.json"), []byte(smolLM2), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scanData(context.Background(), r, f.model, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A forecast knows the rows by their lengths: the same sequences as a run's.
func TestForecastSeesTheRowsOfARun(t *testing.T) {
	f := newFixture(t, 40)
	tok, err := dataset.OpenTokenizer(f.model)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close() //nolint:errcheck // only read from
	lengths := func(f feed) (out []int) {
		for i := range f.Len() {
			out = append(out, f.Tokens(i))
		}
		return out
	}
	for name, options := range map[string][]string{
		"plain":                 nil,
		"cut":                   {"max_length=9"},
		"long rows dropped":     {"max_length=9", "long_rows=drop"},
		"packing":               {"packing=true", "max_length=32"},
		"packing, wrapped":      {"packing=true", "max_length=32", "packing_strategy=wrapped"},
		"held out":              {"eval_strategy=epoch", "eval_holdout=0.25"},
		"held out, not packed":  {"eval_strategy=epoch", "eval_holdout=0.25", "packing=true", "max_length=32", "eval_packing=false"},
		"shuffled before order": {"shuffle_dataset=true", "max_length=12"},
	} {
		r := f.recipe(t, options...)
		data, err := prepare(context.Background(), r, tok, func(string, int, int) {})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := scanned(t, f, r)
		o, err := DataOptions(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := lengths(newOutlineFeed(s.Outline, s.Rows, o)), lengths(data.train); !slices.Equal(got, want) {
			t.Errorf("%s: the forecast sees lengths %v, the run %v", name, got, want)
		}
		if got, want := len(s.Outline.Dropped), len(data.dropped); got != want {
			t.Errorf("%s: %d rows are left out, by the run %d", name, got, want)
		}
		if (s.Eval == nil) != (data.eval == nil) {
			t.Errorf("%s: evaluation rows: %v by the forecast, %v by the run", name, s.Eval != nil, data.eval != nil)
		} else if s.Eval != nil {
			if got, want := lengths(newOutlineFeed(s.Eval, nil, o)), lengths(data.eval); !slices.Equal(got, want) {
				t.Errorf("%s: the forecast sees evaluation lengths %v, the run %v", name, got, want)
			}
		}
		if err := data.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What a remedy promises is what a forecast of the changed recipe says, whose
// rows are prepared anew.
func TestRemediesHoldWhatTheyPromise(t *testing.T) {
	for name, c := range map[string]struct {
		options []string
		want    []string // offered, one option of each
	}{
		"full":               {nil, []string{"gradient_checkpointing", "max_length", "optim", "per_device_train_batch_size", "use_peft"}},
		"one batch a step":   {[]string{"gradient_accumulation_steps=1"}, []string{"optim", "use_peft"}},
		"odd":                {[]string{"per_device_train_batch_size=7", "gradient_accumulation_steps=3"}, []string{"per_device_train_batch_size"}},
		"the newer name":     {[]string{"activation_checkpointing=false"}, []string{"activation_checkpointing"}},
		"LoRA, head trained": {[]string{"use_peft=true", "lora_modules_to_save=[lm_head]"}, []string{"gradient_checkpointing", "optim"}},
		"packing":            {[]string{"packing=true", "max_length=512", "per_device_train_batch_size=4"}, []string{"max_length", "use_peft"}},
		"sorted":             {[]string{"train_sampling_strategy=group_by_length"}, []string{"max_length"}},
	} {
		f := newFixture(t, 400)
		r := f.recipe(t, append([]string{"per_device_train_batch_size=64", "gradient_accumulation_steps=2", "max_length=1024", "gradient_checkpointing=false"}, c.options...)...)
		forecaster := func(r *recipes.Recipe) *Forecaster {
			out, _, err := newScannedForecaster(r, f.model, scanned(t, f, r))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return out
		}
		before := forecaster(r)
		now, _, err := before.Memory(r)
		if err != nil {
			t.Fatal(err)
		}
		remedies, err := before.remedies(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		offered := map[string]bool{}
		for i, remedy := range remedies {
			changed := r.Clone()
			for key, value := range remedy.Set {
				offered[key] = true
				if err := changed.Set(key, value, recipes.Origin{Kind: recipes.OriginEdit}); err != nil {
					t.Fatal(err)
				}
			}
			m, _, err := forecaster(changed).Memory(changed)
			if err != nil {
				t.Fatal(err)
			}
			if m.Total() != remedy.TotalBytes {
				t.Errorf("%s: %v promises %d bytes, a forecast with it says %d", name, remedy.Set, remedy.TotalBytes, m.Total())
			}
			if remedy.SavesBytes != now.Total()-remedy.TotalBytes || remedy.SavesBytes <= 0 {
				t.Errorf("%s: %v saves %d of %d bytes", name, remedy.Set, remedy.SavesBytes, now.Total())
			}
			if i > 0 && remedy.SavesBytes > remedies[i-1].SavesBytes {
				t.Errorf("%s: %v saves more than the one before it", name, remedy.Set)
			}
			if remedy.Effect == "" || remedy.Chinese == "" {
				t.Errorf("%s: %v has no words", name, remedy.Set)
			}
			if rows := changed.PerDeviceTrainBatchSize * changed.GradientAccumulationSteps; rows < r.PerDeviceTrainBatchSize*r.GradientAccumulationSteps {
				t.Errorf("%s: %v makes a step of %d rows", name, remedy.Set, rows)
			}
		}
		for _, key := range c.want {
			if !offered[key] {
				t.Errorf("%s: %s is not offered, only %v", name, key, slices.Sorted(maps.Keys(offered)))
			}
		}
	}
}

// Steps of one micro-batch need less than steps of two: gradients come about
// where activations have gone. An untied head is a weight of its own.
func TestEstimateOfWhatIsShared(t *testing.T) {
	dir, m := described(t, smolLM2)
	const head = 4 * 49152 * 576
	for _, c := range []struct {
		name          string
		checkpointing bool
		length        int
		want          int64 // gradients that memory of their own is needed for
	}{
		{"many activations", false, 2048, head + 4*576},
		{"few activations", true, 64, 4*134515008 - 4*576*30*64},
	} {
		config := compute.Config{ModelDir: dir, GradientCheckpointing: c.checkpointing}
		e := Estimate(m, config, compute.Shape{Rows: 1, Length: c.length}, Target{})
		if got := alone(e, m, config, false); got.Gradients != c.want || got.Total() >= e.Total() {
			t.Errorf("%s: gradients take %d bytes, want %d; %d in all instead of %d", c.name, got.Gradients, c.want, got.Total(), e.Total())
		}
	}
	shape := compute.Shape{Rows: 1, Length: 640}
	plain := Estimate(m, compute.Config{ModelDir: dir, LoRA: &compute.LoRAConfig{R: 8}}, shape, Target{})
	untied := Estimate(m, compute.Config{ModelDir: dir, LoRA: &compute.LoRAConfig{R: 8, ModulesToSave: []string{"lm_head"}}}, shape, Target{})
	if got := untied.Weights - plain.Weights; got != head {
		t.Errorf("a head of its own is %d bytes, want %d", got, head)
	}
	if got := untied.Gradients - plain.Gradients; got != head {
		t.Errorf("its gradient is %d bytes, want %d", got, head)
	}
	if got := untied.Head - plain.Head; got != head {
		t.Errorf("its gradient by one chunk is %d bytes, want %d", got, head)
	}
	if plain.Block != 0 || plain.Head == 0 {
		t.Errorf("the block's %d bytes are counted beside the head's %d, which are gone by then", plain.Block, plain.Head)
	}
	if !m.Tied {
		t.Error("the model itself was untied")
	}
}
