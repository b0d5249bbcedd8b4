package report

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// differences is a table of the options that runs do not share. Runs without
// a recipe are not in it: nothing is known of their options.
type differences struct {
	Runs []runView
	Rows []difference
}

// difference is one option: its value in each run, "" where the recipe leaves
// it at the default.
type difference struct {
	Key    string
	Values []string
}

// recipeDifferences lists the options in which runs with a recipe differ; nil
// where there is nothing to compare or no difference.
func recipeDifferences(runs []runView) *differences {
	var d differences
	var keys []string
	var options []map[string]string
	for _, r := range runs {
		order, values := flatRecipe(r.Recipe)
		if len(order) == 0 {
			continue
		}
		d.Runs, options = append(d.Runs, r), append(options, values)
		for _, key := range order {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	for _, key := range keys {
		row := difference{Key: key}
		for _, values := range options {
			row.Values = append(row.Values, values[key])
		}
		if slices.ContainsFunc(row.Values, func(v string) bool { return v != row.Values[0] }) {
			d.Rows = append(d.Rows, row)
		}
	}
	if len(d.Rows) == 0 {
		return nil
	}
	return &d
}

// flatRecipe reads the options of a recipe as text, in the order of the file.
func flatRecipe(text string) (order []string, values map[string]string) {
	values = map[string]string{}
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, values
	}
	fields := doc.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		key, node := fields[i].Value, fields[i+1]
		value := node.Value
		if node.Kind != yaml.ScalarNode {
			node.Style = yaml.FlowStyle
			if encoded, err := yaml.Marshal(node); err == nil {
				value = strings.TrimSpace(string(encoded))
			}
		}
		if _, twice := values[key]; !twice {
			order = append(order, key)
		}
		values[key] = value
	}
	return order, values
}
