package engine

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/run"
	"sftui/recipes"
)

// Warnings about a step name its rows by their numbers, and by their places
// where the numbers are those of no file.
func TestWarningsNameRows(t *testing.T) {
	f := newFixture(t, 4)
	batches := filepath.Join(t.TempDir(), "batches.json")
	// Batches 2 and 3 have no label, which is step 2 at two batches a step.
	text := `[{"input_ids": [[5,6]], "labels": [[5,6]]}, {"input_ids": [[7,8]], "labels": [[7,8]]},
	{"input_ids": [[5,6]], "labels": [[-100,-100]]}, {"input_ids": [[7,8]], "labels": [[7,-100]]},
	{"input_ids": [[5,6]], "labels": [[5,6]]}, {"input_ids": [[7,8]], "labels": [[7,8]]}]`
	if err := os.WriteFile(batches, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := newFake()
	fake.poison = map[int]bool{1: true}
	res, err := train(t, f, fake, func(o *TrainOptions) { o.Replay = batches }, "max_steps=3", "nan_policy=skip")
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[run.Code]string{run.CodeNoTrained: "batch 2, 3 of " + batches, run.CodeNaN: "batch 0, 1 of " + batches} {
		if w := warnings(t, res.Dir, code); len(w) != 1 || !strings.Contains(w[0].Message, want) {
			t.Errorf("%s: %+v, want %q", code, w, want)
		}
	}

	// Of a mixture every row is named by its file and line.
	a, b := mixtureFile(t, "a", 5, ""), mixtureFile(t, "b", 6, "")
	fake = newFake()
	fake.poison = map[int]bool{2: true}
	res, err = train(t, f, fake, func(o *TrainOptions) {
		o.Recipe.DatasetMixture = &recipes.DatasetMixture{Seed: 7, Datasets: []recipes.MixtureDataset{{ID: a}, {ID: b}}}
	}, "num_train_epochs=1", "nan_policy=skip", "eval_strategy=epoch", "eval_holdout=2")
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := OpenTraining(t.Context(), fixtureMixture(a, b), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mixed.Close() }()
	w, second := warnings(t, res.Dir, run.CodeNaN), steps(t, res.Dir)[1]
	if len(w) != 1 || !slices.Equal(w[0].RowIDs, second.RowIDs) || len(second.RowIDs) != 4 {
		t.Fatalf("%+v, want the four rows of step 2", w)
	}
	var places []string
	for _, row := range second.RowIDs {
		places = append(places, mixed.Location(row))
	}
	if want := fmt.Sprintf("look at its rows (%s)", strings.Join(places, ", ")); !strings.Contains(w[0].Message, want) {
		t.Errorf("%s\nwant %s", w[0].Message, want)
	}
}

func fixtureMixture(files ...string) *recipes.Recipe {
	r := recipes.Default()
	r.DatasetMixture = &recipes.DatasetMixture{Seed: 7}
	for _, file := range files {
		r.DatasetMixture.Datasets = append(r.DatasetMixture.Datasets, recipes.MixtureDataset{ID: file})
	}
	return r
}

// Rows keep the numbers of their file through shuffling, packing and holding out.
func TestRowsKeepTheirNumbers(t *testing.T) {
	f := newFixture(t, 40)
	for _, more := range [][]string{
		{"shuffle_dataset=true"},
		{"packing=true", "max_length=32"},
		{"packing=true", "max_length=32", "packing_strategy=bfd_split", "shuffle_dataset=true"},
		{"packing=true", "max_length=32", "packing_strategy=wrapped", "shuffle_dataset=true", "eval_strategy=epoch", "eval_holdout=8"},
		{"train_sampling_strategy=group_by_length", "eval_strategy=epoch", "eval_holdout=8"},
	} {
		res, err := train(t, f, newFake(), nil, append(more, "num_train_epochs=1")...)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[int]bool{}
		for _, e := range steps(t, res.Dir) {
			tokens := 0
			for _, row := range e.RowIDs {
				rows[row] = true
				tokens += 4 + (row*7)%23 // the words of a row and its EOS
			}
			if !slices.Contains(more, "packing=true") && int(e.TrainedTokens) != tokens-len(e.RowIDs) {
				t.Errorf("%v: step %d names rows %v, which have %d trained tokens, not %d", more, e.Step, e.RowIDs, tokens-len(e.RowIDs), e.TrainedTokens)
			}
		}
		want := 40
		if slices.Contains(more, "eval_holdout=8") {
			want = 32
		}
		if len(rows) != want {
			t.Errorf("%v: %d rows are named, want %d", more, len(rows), want)
		}
	}
}

// A step without trained tokens is an optimizer step on gradients of zero, as in TRL: momentum goes on.
func TestStepWithoutTrainedTokens(t *testing.T) {
	f := newFixture(t, 4)
	batches := filepath.Join(t.TempDir(), "batches.json")
	text := `[{"input_ids": [[5,6]], "labels": [[5,6]]}, {"input_ids": [[5,6]], "labels": [[-100,-100]]}]`
	if err := os.WriteFile(batches, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var after [2]*fakeTrainer
	for i := range after {
		after[i] = newFake()
		options := []string{fmt.Sprintf("max_steps=%d", i+1), "gradient_accumulation_steps=1", "lr_scheduler_type=constant"}
		if _, err := train(t, f, after[i], func(o *TrainOptions) { o.Replay = batches }, options...); err != nil {
			t.Fatal(err)
		}
	}
	for k := range after[0].w {
		if want := after[0].w[k] - 0.01*0.9*after[0].m[k]; math.Abs(after[1].w[k]-want) > 1e-12 || k == 6 && after[0].m[k] == 0 {
			t.Errorf("weight %d is %v after the second step, want %v", k, after[1].w[k], want)
		}
	}
}
