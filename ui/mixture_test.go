package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/recipes"
)

// TestMixtureInData opens the rows of all parts of dataset_mixture, in its
// order, each with the file and line that it comes from.
func TestMixtureInData(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"one.jsonl", "two.jsonl"} {
		path := filepath.Join(dir, name)
		line := `{"text": "` + name + `"}` + "\n"
		if err := os.WriteFile(path, []byte(strings.Repeat(line, 3)), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	r := recipes.Default()
	r.DatasetName = "ignored.jsonl"
	r.DatasetMixture = &recipes.DatasetMixture{Seed: 1, Datasets: []recipes.MixtureDataset{{ID: paths[0]}, {ID: paths[1]}}}
	spec := trainingSpec(r)
	if spec != paths[0]+" + "+paths[1] {
		t.Fatalf("named %q", spec)
	}
	set, _, err := openSet(t.Context(), Options{}, r, spec, filepath.Join("..", "dataset", "testdata", "tokenizer"), make(progressLine, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer set.close()
	if set.src.Len() != 6 {
		t.Fatalf("%d rows", set.src.Len())
	}
	seen := map[string]bool{}
	for i := range 6 {
		v := set.view(i)
		if v.err != nil {
			t.Fatal(v.err)
		}
		seen[v.location] = true
		name, _, _ := strings.Cut(filepath.Base(v.location), " ")
		if !strings.Contains(strings.Join(v.text[stageRaw], "\n"), name) {
			t.Errorf("row %d is said to be of %s and reads %q", i, v.location, v.text[stageRaw])
		}
	}
	if len(seen) != 6 {
		t.Errorf("the rows come from %v", seen)
	}
}
