package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sftui/dataset"
	"sftui/recipes"
)

// OpenTraining opens the rows that a recipe trains on: dataset_mixture where it
// has one, as in open-r1, else dataset_name.
func OpenTraining(ctx context.Context, r *recipes.Recipe, progress func(done, total int64)) (dataset.Source, error) {
	if r.DatasetMixture != nil {
		train, _, err := openMixture(ctx, r.DatasetMixture, progress)
		return train, err
	}
	if r.DatasetName == "" {
		return nil, errors.New("dataset_name is not set: give a file, a folder or a hub id")
	}
	source, err := dataset.Open(ctx, r.DatasetName, dataset.OpenOptions{Config: r.DatasetConfig, Split: r.DatasetTrainSplit, Progress: progress})
	if err == nil && source.Len() == 0 {
		return nil, errors.Join(fmt.Errorf("dataset_name %s has no rows", r.DatasetName), source.Close())
	}
	return source, err
}

// openMixture opens the data sets of a mixture and joins them as open-r1 does:
// the columns, then a shuffled share of each, one after the other, all of it
// shuffled, and a share of that held out where test_split_size says so. test is
// nil without one, and closing train closes both.
func openMixture(ctx context.Context, m *recipes.DatasetMixture, progress func(done, total int64)) (train, test dataset.Source, err error) {
	if err := checkColumns(m); err != nil {
		return nil, nil, err
	}
	seed := int64(m.Seed)
	var parts []dataset.Source
	var names []string
	defer func() {
		if err != nil {
			for _, p := range parts {
				err = errors.Join(err, p.Close())
			}
		}
	}()
	for _, d := range m.Datasets {
		part, err := openMixturePart(ctx, d, seed, progress)
		if err != nil {
			return nil, nil, fmt.Errorf("dataset_mixture: %w", err)
		}
		parts = append(parts, part)
		names = append(names, part.Name())
	}
	whole := dataset.Concatenate(strings.Join(names, " + "), parts...)
	if whole.Len() == 0 {
		return nil, nil, errors.New("dataset_mixture has no rows: the weights keep none of any data set")
	}
	mixed := dataset.Select(whole, dataset.NumpyPermutation(whole.Len(), seed))
	if m.TestSplitSize == nil {
		return mixed, nil, nil
	}
	kept, held := HeldOut(mixed.Len(), *m.TestSplitSize, seed)
	if len(kept) == 0 {
		return nil, nil, fmt.Errorf("dataset_mixture: test_split_size %v leaves no row of %d to train on", *m.TestSplitSize, mixed.Len())
	}
	return dataset.Select(mixed, kept), dataset.Select(mixed, held), nil
}

// openMixturePart opens one data set of a mixture.
func openMixturePart(ctx context.Context, d recipes.MixtureDataset, seed int64, progress func(done, total int64)) (dataset.Source, error) {
	opened, err := dataset.Open(ctx, d.ID, dataset.OpenOptions{Config: d.Config, Split: d.Split, Progress: progress})
	if err != nil {
		return nil, err
	}
	part := opened
	if len(d.Columns) > 0 {
		if part, err = dataset.SelectColumns(opened, d.Columns); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
	}
	weight := 1.0
	if d.Weight != nil {
		weight = *d.Weight
	}
	order := dataset.NumpyPermutation(part.Len(), seed)
	return dataset.Select(part, order[:int(float64(part.Len())*weight)]), nil
}

// checkColumns refuses data sets that name different columns, as open-r1 does.
func checkColumns(m *recipes.DatasetMixture) error {
	var first []string
	for _, d := range m.Datasets {
		if len(d.Columns) == 0 {
			continue
		}
		sorted := slices.Clone(d.Columns)
		slices.Sort(sorted)
		if first == nil {
			first = sorted
		}
		if !slices.Equal(slices.Compact(sorted), slices.Compact(first)) {
			return fmt.Errorf("dataset_mixture: %s has the columns %s where the first has %s: give all data sets the same columns",
				d.ID, strings.Join(sorted, ", "), strings.Join(first, ", "))
		}
	}
	return nil
}

// openMixtureTest opens the rows that a mixture holds out.
func openMixtureTest(ctx context.Context, r *recipes.Recipe) (dataset.Source, error) {
	if r.DatasetMixture.TestSplitSize == nil {
		return nil, fmt.Errorf("eval_strategy is %s but there is nothing to evaluate on: set test_split_size in dataset_mixture, eval_dataset_name or eval_holdout", r.EvalStrategy)
	}
	_, test, err := openMixture(ctx, r.DatasetMixture, nil)
	return test, err
}
