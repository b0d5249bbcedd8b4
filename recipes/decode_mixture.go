package recipes

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mixtureKeys are the keys of a mixture and of each of its data sets.
var (
	mixtureKeys        = [...]string{"datasets", "seed", "test_split_size"}
	mixtureDatasetKeys = [...]string{"id", "config", "split", "columns", "weight"}
)

// decodeMixture reads open-r1's dataset_mixture.
func decodeMixture(n *yaml.Node) (any, error) {
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(strings.TrimSpace(n.Value), "{") {
		if inner, err := flowNode(n.Value); err == nil {
			n = inner
		}
	}
	if n.Kind != yaml.MappingNode {
		return nil, mismatch("a mapping with a list called datasets", n)
	}
	pairs, err := pairsOf(n)
	if err != nil {
		return nil, err
	}
	m := &DatasetMixture{}
	for _, p := range pairs {
		v := resolve(p.value)
		switch p.key.Value {
		case "datasets":
			if v.Kind != yaml.SequenceNode {
				return nil, fmt.Errorf("needs a list under datasets, but %s", found(v))
			}
			for i, c := range v.Content {
				d, err := decodeMixtureDataset(resolve(c))
				if err != nil {
					return nil, fmt.Errorf("data set %d %w", i+1, err)
				}
				m.Datasets = append(m.Datasets, d)
			}
		case "seed":
			f, ok := scalarNumber(v)
			if !ok || f != float64(int(f)) {
				return nil, fmt.Errorf("needs a whole number for seed, but %s", found(v))
			}
			m.Seed = int(f)
		case "test_split_size":
			if isNull(v) {
				continue
			}
			f, ok := scalarNumber(v)
			if !ok || f <= 0 || f >= 1 {
				return nil, fmt.Errorf("needs a share between 0 and 1 for test_split_size, but %s", found(v))
			}
			m.TestSplitSize = &f
		default:
			return nil, unknownInside(p.key, mixtureKeys[:])
		}
	}
	if len(m.Datasets) == 0 {
		return nil, fmt.Errorf("needs at least one data set under datasets")
	}
	return m, nil
}

// decodeMixtureDataset reads one data set of a mixture.
func decodeMixtureDataset(n *yaml.Node) (MixtureDataset, error) {
	var d MixtureDataset
	if n.Kind != yaml.MappingNode {
		return d, mismatch("a mapping with an id", n)
	}
	pairs, err := pairsOf(n)
	if err != nil {
		return d, err
	}
	for _, p := range pairs {
		v := resolve(p.value)
		switch p.key.Value {
		case "id":
			d.ID = v.Value
		case "config":
			if !isNull(v) {
				d.Config = v.Value
			}
		case "split":
			if !isNull(v) {
				d.Split = v.Value
			}
		case "columns":
			if isNull(v) {
				continue
			}
			if v.Kind != yaml.SequenceNode {
				return d, fmt.Errorf("needs a list under columns, but %s", found(v))
			}
			if d.Columns, err = stringList(v); err != nil {
				return d, err
			}
		case "weight":
			if isNull(v) {
				continue
			}
			f, ok := scalarNumber(v)
			if !ok || f < 0 || f > 1 {
				return d, fmt.Errorf("needs a share from 0 to 1 for weight, but %s", found(v))
			}
			d.Weight = &f
		default:
			return d, unknownInside(p.key, mixtureDatasetKeys[:])
		}
	}
	if d.ID == "" {
		return d, fmt.Errorf("has no id (a hub name or a path)")
	}
	return d, nil
}

// unknownInside is the error for a key that a nested mapping does not have.
func unknownInside(k *yaml.Node, known []string) error {
	message := fmt.Sprintf("has an unknown key %q on line %d (known: %s)", k.Value, k.Line, strings.Join(known, ", "))
	if near := nearest(k.Value, known, 1); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return fmt.Errorf("%s", message)
}
