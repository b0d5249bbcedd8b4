package recipes

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds how many values aliases may multiply into.
const maxNodes = 100_000

// fileOptions are the mappings that may also be given as the path of a file.
func (o *option) takesFile() bool {
	return slices.Contains([]string{"deepspeed", "fsdp_config", "accelerator_config"}, o.key)
}

// decodeObject accepts a mapping, the JSON text of one (as on TRL's command
// line), or a file's path where transformers takes one.
func (o *option) decodeObject(n *yaml.Node) (any, error) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		text := strings.TrimSpace(n.Value)
		switch {
		case strings.HasPrefix(text, "{"):
			inner, err := flowNode(text)
			if err != nil {
				return nil, fmt.Errorf("must be a mapping, but the text %q cannot be read as one", shorten(text))
			}
			n = inner
		case text == "":
			return Object(nil), nil
		case o.takesFile():
			return Object{FileKey: text}, nil
		}
	}
	if n.Kind != yaml.MappingNode {
		return nil, mismatch(o.expected(), n)
	}
	budget := maxNodes
	v, err := plain(n, 0, &budget)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// flowNode parses a one-line YAML value such as "{min_lr_rate: 0.1}" or "[a, b]".
func flowNode(text string) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, fmt.Errorf("nothing in %q", text)
	}
	return doc.Content[0], nil
}

// plain converts a node into Object, []any and scalars, merge keys resolved.
func plain(n *yaml.Node, depth int, budget *int) (any, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, fmt.Errorf("is nested too deeply or too large; write it out without aliases")
	}
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		pairs, err := pairsOf(n)
		if err != nil {
			return nil, err
		}
		out := Object{}
		for _, p := range pairs {
			v, err := plain(p.value, depth+1, budget)
			if err != nil {
				return nil, err
			}
			out[p.key.Value] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := plain(c, depth+1, budget)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	default:
		return plainScalar(n), nil
	}
}

// plainScalar reads a scalar as PyYAML would, except that 1e-5 is a number.
func plainScalar(n *yaml.Node) any {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Value
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
			return i
		}
	case "!!float":
		text := strings.ToLower(strings.ReplaceAll(n.Value, "_", ""))
		switch strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-") {
		case ".inf":
			return math.Inf(1 - 2*strings.Count(text, "-"))
		case ".nan":
			return math.NaN()
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return f
		}
	}
	switch strings.ToLower(n.Value) {
	case "yes", "on":
		return true
	case "no", "off":
		return false
	}
	return n.Value
}

// pair is one entry of a mapping.
type pair struct {
	key, value *yaml.Node
}

// pairsOf lists a mapping's entries with merge keys (<<) resolved: what the
// mapping says itself wins. A key given twice is an error.
func pairsOf(n *yaml.Node) ([]pair, error) {
	var own, merged []pair
	lines := map[string]int{}
	budget := maxNodes
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = resolve(k)
		}
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			ps, err := mergedPairs(v, 0, &budget)
			if err != nil {
				return nil, err
			}
			merged = append(merged, ps...)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			return nil, &keyError{line: k.Line, message: "a key must be a plain word, but a nested value was found in its place"}
		}
		if first, twice := lines[k.Value]; twice {
			return nil, &keyError{line: k.Line, key: k.Value,
				message: fmt.Sprintf("%s is given twice, first on line %d; keep one of the two", k.Value, first)}
		}
		lines[k.Value] = k.Line
		own = append(own, pair{key: k, value: v})
	}
	for _, p := range merged {
		if _, ok := lines[p.key.Value]; !ok {
			lines[p.key.Value] = p.key.Line
			own = append(own, p)
		}
	}
	return own, nil
}

// mergedPairs lists what a merge key brings in: one mapping or a list of them, earlier ones first.
func mergedPairs(v *yaml.Node, depth int, budget *int) ([]pair, error) {
	v = resolve(v)
	*budget -= 1 + len(v.Content)
	if depth > maxDepth || *budget < 0 {
		return nil, &keyError{line: v.Line, message: "merge keys (<<) are nested too deeply"}
	}
	var own, nested []pair
	merge := func(n *yaml.Node) error {
		ps, err := mergedPairs(n, depth+1, budget)
		nested = append(nested, ps...)
		return err
	}
	switch v.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(v.Content); i += 2 {
			k := resolve(v.Content[i])
			if k.ShortTag() == "!!merge" {
				if err := merge(v.Content[i+1]); err != nil {
					return nil, err
				}
				continue
			}
			own = append(own, pair{key: k, value: v.Content[i+1]})
		}
	case yaml.SequenceNode:
		for _, c := range v.Content {
			if err := merge(c); err != nil {
				return nil, err
			}
		}
	default:
		return nil, &keyError{line: v.Line, message: "a merge key (<<) must name a mapping, but " + found(v)}
	}
	return append(own, nested...), nil
}

// keyError is an error inside a mapping that knows its own line.
type keyError struct {
	line    int
	key     string
	message string
}

func (e *keyError) Error() string { return e.message }

// decodeNames reads a mapping of texts, such as columns.
func decodeNames(n *yaml.Node) (any, error) {
	if n.Kind == yaml.ScalarNode { // prompt:question,completion:answer on a command line
		text := strings.TrimSpace(n.Value)
		if strings.HasPrefix(text, "{") {
			inner, err := flowNode(text)
			if err != nil || inner.Kind != yaml.MappingNode {
				return nil, mismatch("a mapping of names to column names", n)
			}
			n = inner
		} else {
			return namesFromText(n, text)
		}
	}
	if n.Kind != yaml.MappingNode {
		return nil, mismatch("a mapping of names to column names", n)
	}
	pairs, err := pairsOf(n)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, p := range pairs {
		v := resolve(p.value)
		if v.Kind != yaml.ScalarNode || isNull(v) {
			return nil, fmt.Errorf("must name a column for %q, but %s", p.key.Value, found(v))
		}
		out[p.key.Value] = v.Value
	}
	return out, nil
}

// namesFromText reads name:column pairs joined by commas.
func namesFromText(n *yaml.Node, text string) (any, error) {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, column, ok := strings.Cut(part, ":")
		name, column = strings.TrimSpace(name), strings.TrimSpace(column)
		if !ok || name == "" || column == "" {
			return nil, mismatch("a mapping of names to column names, such as prompt:question,completion:answer", n)
		}
		out[name] = column
	}
	return out, nil
}
