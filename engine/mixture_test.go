package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/recipes"
)

// TestGroupByLengthEqualsTransformers compares the order of three epochs with
// what a Trainer of transformers 5.23 used.
func TestGroupByLengthEqualsTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/group_by_length.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Lengths []int   `json:"lengths"`
		Batch   int     `json:"batch"`
		Orders  [][]int `json:"orders"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	r := recipes.Default()
	r.TrainSamplingStrategy, r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps = groupByLength, want.Batch/2, 2
	o, err := RecipeOrder(r, len(want.Lengths), func(item int) int { return want.Lengths[item] })
	if err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []int{0, 2, 1} {
		if got := o.Epoch(epoch); !slices.Equal(got, want.Orders[epoch]) {
			t.Errorf("epoch %d: got %v, want %v", epoch, got, want.Orders[epoch])
		}
	}
}

// mixtureFile writes n rows that say where they are from.
func mixtureFile(t *testing.T, name string, n int, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".jsonl")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"text\": %q%s}\n", fmt.Sprintf("%s-%d", name, i), more)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(t *testing.T, s dataset.Source) string {
	t.Helper()
	var out []string
	for i := range s.Len() {
		row, err := s.At(i)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := row.Get("text")
		out = append(out, text.(string))
	}
	return strings.Join(out, " ")
}

// TestMixtureIsOpenR1s compares rows and order with what open-r1's get_dataset
// made of the same files with datasets 5.2.
func TestMixtureIsOpenR1s(t *testing.T) {
	half, test := 0.5, 0.25
	r := recipes.Default()
	r.EvalStrategy = "epoch"
	r.DatasetName = "ignored"
	r.DatasetMixture = &recipes.DatasetMixture{Seed: 7, TestSplitSize: &test, Datasets: []recipes.MixtureDataset{
		{ID: mixtureFile(t, "a", 5, `, "id": 1`), Columns: []string{"text"}}, {ID: mixtureFile(t, "b", 6, ""), Weight: &half},
	}}
	train, eval, err := openSources(context.Background(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = train.Close() }()
	if got := train.Columns(); !slices.Equal(got, []string{"text"}) {
		t.Errorf("columns %q", got)
	}
	data, err := os.ReadFile("testdata/mixture.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Train, Test string }
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, train); got != want.Train {
		t.Errorf("train: got %s, want %s", got, want.Train)
	}
	if got := texts(t, eval); got != want.Test {
		t.Errorf("test: got %s, want %s", got, want.Test)
	}
	if where := train.Location(0); !strings.Contains(where, "line") {
		t.Errorf("the first row lies at %q", where)
	}
}

func TestMixtureRefuses(t *testing.T) {
	none := 0.0
	a, b := mixtureFile(t, "a", 3, ""), mixtureFile(t, "b", 3, "")
	for want, m := range map[string]*recipes.DatasetMixture{
		`no column "chat"`:  {Datasets: []recipes.MixtureDataset{{ID: a, Columns: []string{"chat"}}}},
		"the same columns":  {Datasets: []recipes.MixtureDataset{{ID: a, Columns: []string{"text"}}, {ID: b, Columns: []string{"id"}}}},
		"weights keep none": {Datasets: []recipes.MixtureDataset{{ID: a, Weight: &none}}},
		"nowhere":           {Datasets: []recipes.MixtureDataset{{ID: a}, {ID: "/nowhere.jsonl"}}},
	} {
		r := recipes.Default()
		r.DatasetMixture = m
		if _, err := OpenTraining(context.Background(), r, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
