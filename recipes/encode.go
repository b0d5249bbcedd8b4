package recipes

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// display returns an option's value as text: a string as it is, everything else
// as one line of YAML, None as "null".
func (o *option) display(v reflect.Value) string {
	if o.kind == KindString {
		if v.String() == "" && o.nullable {
			return "null"
		}
		return v.String()
	}
	return o.inline(v)
}

// inline returns the value as YAML that fits behind "key: ".
func (o *option) inline(v reflect.Value) string {
	return strings.TrimSuffix(encodeNode(o.node(v), true), "\n")
}

// node builds the YAML node of a value.
func (o *option) node(v reflect.Value) *yaml.Node {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return scalar("!!null", "null")
		}
		if o.kind == KindMixture {
			return v.Interface().(*DatasetMixture).node()
		}
		v = v.Elem()
	}
	switch o.kind {
	case KindBool:
		return scalar("!!bool", strconv.FormatBool(v.Bool()))
	case KindInt:
		return scalar("!!int", strconv.FormatInt(v.Int(), 10))
	case KindFloat:
		return scalar("!!float", formatFloat(v.Float()))
	case KindMultiple:
		return v.Interface().(MultipleOf).node()
	case KindString:
		if v.String() == "" && o.nullable {
			return scalar("!!null", "null")
		}
		return stringNode(v.String())
	}
	if v.IsNil() {
		if o.nullable {
			return scalar("!!null", "null")
		}
		return &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	}
	switch o.kind {
	case KindList:
		return listNode(v.Interface().([]string))
	case KindNames:
		return namesNode(v.Interface().(map[string]string))
	default:
		return objectNode(v.Interface().(Object))
	}
}

// encodeNode writes a node, on one line where it is nested and flow is asked for.
func encodeNode(n *yaml.Node, flow bool) string {
	if flow {
		setFlow(n)
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return ""
	}
	return b.String()
}

// setFlow asks for the one-line form of every collection and string inside n.
func setFlow(n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		n.Style = yaml.FlowStyle
	case yaml.ScalarNode:
		if n.Tag == "!!str" && strings.ContainsAny(n.Value, "\n\r") {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	for _, c := range n.Content {
		setFlow(c)
	}
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// stringNode quotes what a YAML 1.1 reader would take for something else.
func stringNode(s string) *yaml.Node {
	n := scalar("!!str", s)
	switch {
	case strings.Contains(s, "\n"):
		n.Style = yaml.LiteralStyle
	case pythonWouldMisread(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// pythonWouldMisread reports whether PyYAML reads the bare text as something other than a text.
func pythonWouldMisread(s string) bool {
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off", "y", "n", "true", "false", "null", "~", "":
		return true
	}
	_, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return err == nil
}

// formatFloat writes a number that PyYAML reads as one too: it takes 2e-05 for a text.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 0):
		return map[bool]string{true: "-.inf", false: ".inf"}[f < 0]
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok && !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exponent
	}
	if !strings.ContainsAny(s, ".e") {
		return s + ".0"
	}
	return s
}

func (m MultipleOf) node() *yaml.Node {
	switch {
	case m.Auto:
		return scalar("!!str", "auto")
	case m.N == 0:
		return scalar("!!null", "null")
	default:
		return scalar("!!int", strconv.Itoa(m.N))
	}
}

func listNode(items []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if len(items) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, s := range items {
		n.Content = append(n.Content, stringNode(s))
	}
	return n
}

func namesNode(m map[string]string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range sortedKeys(m) {
		n.Content = append(n.Content, stringNode(k), stringNode(m[k]))
	}
	return n
}

func objectNode(o Object) *yaml.Node {
	if path, ok := o[FileKey].(string); ok && len(o) == 1 {
		return stringNode(path)
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range sortedKeys(o) {
		n.Content = append(n.Content, stringNode(k), anyNode(o[k]))
	}
	return n
}

// anyNode builds the node of a value inside an Object.
func anyNode(v any) *yaml.Node {
	switch v := v.(type) {
	case nil:
		return scalar("!!null", "null")
	case bool:
		return scalar("!!bool", strconv.FormatBool(v))
	case int64:
		return scalar("!!int", strconv.FormatInt(v, 10))
	case int:
		return scalar("!!int", strconv.Itoa(v))
	case float64:
		return scalar("!!float", formatFloat(v))
	case string:
		return stringNode(v)
	case Object:
		return objectNode(v)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range v {
			n.Content = append(n.Content, anyNode(e))
		}
		return n
	default:
		return scalar("!!null", "null")
	}
}

func (m *DatasetMixture) node() *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, d := range m.Datasets {
		e := &yaml.Node{Kind: yaml.MappingNode}
		add := func(key string, value *yaml.Node) { e.Content = append(e.Content, stringNode(key), value) }
		add("id", stringNode(d.ID))
		if d.Config != "" {
			add("config", stringNode(d.Config))
		}
		if d.Split != "" {
			add("split", stringNode(d.Split))
		}
		if len(d.Columns) > 0 {
			add("columns", listNode(d.Columns))
		}
		if d.Weight != nil {
			add("weight", scalar("!!float", formatFloat(*d.Weight)))
		}
		list.Content = append(list.Content, e)
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	n.Content = append(n.Content, stringNode("datasets"), list)
	n.Content = append(n.Content, stringNode("seed"), scalar("!!int", strconv.Itoa(m.Seed)))
	if m.TestSplitSize != nil {
		n.Content = append(n.Content, stringNode("test_split_size"), scalar("!!float", formatFloat(*m.TestSplitSize)))
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
