package report

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// difference is an option that the runs do not share: its value in each run,
// "" where the recipe does not name it.
type difference struct {
	Key    string
	Values []string
}

// recipeDifferences lists the options in which runs with a recipe differ. A
// recipe that cannot be read takes part with no options.
func recipeDifferences(runs []*Run) []difference {
	if len(runs) < 2 {
		return nil
	}
	var keys []string
	options := make([]map[string]string, len(runs))
	for i, r := range runs {
		var order []string
		order, options[i] = flatRecipe(r.Recipe)
		for _, key := range order {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	var out []difference
	for _, key := range keys {
		d := difference{Key: key}
		for i := range runs {
			d.Values = append(d.Values, options[i][key])
		}
		if slices.ContainsFunc(d.Values, func(v string) bool { return v != d.Values[0] }) {
			out = append(out, d)
		}
	}
	return out
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
