package recipes

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds the nesting of a value, so that aliases cannot recurse forever.
const maxDepth = 24

// decode converts a YAML node into a value for the option. The error is the
// second half of a sentence: "must be a whole number, but …".
func (o *option) decode(n *yaml.Node) (reflect.Value, error) {
	n = resolve(n)
	if isNull(n) || o.isNone(n) {
		return o.none()
	}
	switch o.kind {
	case KindBool:
		return o.wrap(decodeBool(n))
	case KindInt:
		return o.wrap(o.decodeInt(n))
	case KindFloat:
		return o.wrap(o.decodeFloat(n))
	case KindList:
		return o.wrap(o.decodeList(n))
	case KindObject:
		return o.wrap(o.decodeObject(n))
	case KindNames:
		return o.wrap(decodeNames(n))
	case KindMultiple:
		return o.wrap(decodeMultiple(n))
	case KindMixture:
		return o.wrap(decodeMixture(n))
	default:
		return o.wrap(o.decodeString(n))
	}
}

// wrap makes a field value out of a decoded one, behind a pointer where the field has one.
func (o *option) wrap(v any, err error) (reflect.Value, error) {
	if err != nil {
		return reflect.Value{}, err
	}
	rv := reflect.ValueOf(v)
	t := reflect.TypeFor[Recipe]().FieldByIndex(o.index).Type
	if t.Kind() == reflect.Pointer && rv.Kind() != reflect.Pointer {
		p := reflect.New(t.Elem())
		p.Elem().Set(rv)
		return p, nil
	}
	return rv, nil
}

// none returns the option's None: a nil pointer or an empty value. An option
// that has no None but for which emptiness is a value of its own takes that.
func (o *option) none() (reflect.Value, error) {
	t := reflect.TypeFor[Recipe]().FieldByIndex(o.index).Type
	if o.nullable || o.kind == KindList || o.kind == KindBool { // None is false to Python
		return reflect.Zero(t), nil
	}
	return reflect.Value{}, fmt.Errorf("must be %s, but it is empty (null); leave the line out for the default", o.expected())
}

// isNone recognizes Python's None written as text for an option that has one.
func (o *option) isNone(n *yaml.Node) bool {
	if !o.nullable || n.Kind != yaml.ScalarNode {
		return false
	}
	if o.kind == KindString {
		return n.Value == "None" && n.Style == 0
	}
	return strings.EqualFold(n.Value, "none") && o.kind != KindList
}

// expected names the kind of value the option takes, for error sentences.
func (o *option) expected() string {
	if len(o.enum) > 0 {
		return "one of " + strings.Join(o.enum, ", ")
	}
	var s string
	switch o.kind {
	case KindBool:
		s = "true or false"
	case KindInt:
		s = "a whole number"
	case KindFloat:
		s = "a number"
	case KindList:
		s = "a list of texts"
	case KindObject:
		s = "a mapping of keys to values"
	case KindNames:
		s = "a mapping of names to column names"
	case KindMultiple:
		s = "auto, null or a whole number above 0"
	case KindMixture:
		s = "a mapping with a list called datasets"
	default:
		s = "a text"
	}
	if o.nullable && o.kind != KindMultiple {
		s += " (or null)"
	}
	return s
}

// found describes what stands in place of the expected value.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping was found"
	case yaml.SequenceNode:
		return fmt.Sprintf("a list of %d was found", len(n.Content))
	}
	switch n.ShortTag() {
	case "!!bool":
		return fmt.Sprintf("%s (true/false) was found", n.Value)
	case "!!int", "!!float":
		return fmt.Sprintf("the number %s was found", n.Value)
	default:
		return fmt.Sprintf("the text %q was found", shorten(n.Value))
	}
}

// shorten cuts a text for an error sentence.
func shorten(s string) string {
	const limit = 60
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return string(r[:limit]) + "…"
}

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n.Kind == yaml.AliasNode && n.Alias != nil && i < maxDepth; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// mismatch is the error for a value of the wrong kind.
func mismatch(want string, n *yaml.Node) error {
	return fmt.Errorf("must be %s, but %s", want, found(n))
}

// decodeBool accepts YAML 1.1's words, as PyYAML does, and the short forms of TRL's command line.
func decodeBool(n *yaml.Node) (any, error) {
	if n.Kind == yaml.ScalarNode {
		switch strings.ToLower(strings.TrimSpace(n.Value)) {
		case "true", "yes", "on", "y", "t", "1":
			return true, nil
		case "false", "no", "off", "n", "f", "0":
			return false, nil
		}
	}
	return nil, mismatch("true or false", n)
}

// decodeInt accepts 8, 1_000, "8", 8.0 and 1e3.
func (o *option) decodeInt(n *yaml.Node) (any, error) {
	f, ok := scalarNumber(n)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return nil, mismatch(o.expected(), n)
	}
	if err := o.inRange(f, n.Value); err != nil {
		return nil, err
	}
	return int(f), nil
}

// decodeFloat accepts 1e-5 in all the ways people write it; PyYAML reads 1e-5 as a text.
func (o *option) decodeFloat(n *yaml.Node) (any, error) {
	f, ok := scalarNumber(n)
	if !ok {
		return nil, mismatch(o.expected(), n)
	}
	if err := o.inRange(f, n.Value); err != nil {
		return nil, err
	}
	return f, nil
}

// scalarNumber reads a finite number from a plain or quoted scalar.
func scalarNumber(n *yaml.Node) (float64, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!bool" {
		return 0, false
	}
	s := strings.ReplaceAll(strings.TrimSpace(n.Value), "_", "")
	base := 0 // 010 is octal to YAML 1.1, but a text "010" is ten to Python
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		base = 10
	}
	if i, err := strconv.ParseInt(s, base, 64); err == nil {
		return float64(i), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	return f, true
}

// inRange checks the bounds of the tags.
func (o *option) inRange(f float64, text string) error {
	if o.min != nil && f < *o.min {
		return fmt.Errorf("must be at least %s, but %s was found", trimFloat(*o.min), text)
	}
	if o.max != nil && f > *o.max {
		return fmt.Errorf("must be at most %s, but %s was found", trimFloat(*o.max), text)
	}
	return nil
}

func trimFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// decodeString takes any scalar as it is written, and checks the allowed values.
func (o *option) decodeString(n *yaml.Node) (any, error) {
	if n.Kind == yaml.SequenceNode && o.key == "fsdp" { // transformers takes the words as a list too
		parts, err := stringList(n)
		return strings.Join(parts, " "), err
	}
	if n.Kind != yaml.ScalarNode {
		return nil, mismatch(o.expected(), n)
	}
	v := n.Value
	if on, err := decodeBool(n); o.key == "fsdp" && err == nil && on == false { // transformers 5 takes true and false
		return "", nil
	}
	if len(o.enum) == 0 {
		return v, nil
	}
	v = o.canonical(v, n)
	for _, e := range o.enum {
		if v == e {
			return v, nil
		}
	}
	if v == "" && o.nullable {
		return "", nil
	}
	message := fmt.Sprintf("must be one of %s, but %q was found", enumList(o.enum), shorten(n.Value))
	if near := nearest(v, o.enum, 1); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return nil, fmt.Errorf("%s", message)
}

// enumList lists allowed values, cut where there are very many.
func enumList(enum []string) string {
	const limit = 12
	if len(enum) <= limit {
		return strings.Join(enum, ", ")
	}
	return strings.Join(enum[:limit], ", ") + fmt.Sprintf(" and %d more", len(enum)-limit)
}

// canonical maps the spellings that transformers, TRL and YAML accept for a value to the one in the table.
func (o *option) canonical(v string, n *yaml.Node) string {
	v = strings.TrimSpace(v)
	boolean := n.ShortTag() == "!!bool"
	switch o.key {
	case "eval_strategy", "save_strategy", "logging_strategy":
		if boolean && (strings.EqualFold(v, "false") || strings.EqualFold(v, "off")) {
			return "no" // YAML 1.1 readers turn an unquoted no into false
		}
	case "include_num_input_tokens_seen":
		if on, err := decodeBool(n); err == nil {
			return map[any]string{true: "all", false: "no"}[on]
		}
	case "dtype":
		if short, ok := map[string]string{"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32"}[v]; ok {
			return short
		}
		return strings.TrimPrefix(v, "torch.")
	case "packing_strategy":
		if v == "bfd-requeue" {
			return "bfd_split"
		}
	case "device":
		if v == "gpu" {
			return "cuda"
		}
	}
	return strings.ToLower(v)
}

// regexMeta marks a text that is a pattern rather than a list of names.
var regexMeta = regexp.MustCompile(`[()\[\]{}*\\|?+^$\s]`)

// decodeList accepts a list, or one text standing for a list of one; names
// joined by commas are taken apart.
func (o *option) decodeList(n *yaml.Node) (any, error) {
	if n.Kind == yaml.SequenceNode {
		return stringList(n)
	}
	if n.Kind != yaml.ScalarNode {
		return nil, mismatch(o.expected(), n)
	}
	v := strings.TrimSpace(n.Value)
	switch {
	case v == "":
		return []string(nil), nil
	case o.key == "debug":
		return strings.Fields(v), nil
	case o.key == "sample_prompts": // sentences have commas of their own
		return []string{n.Value}, nil
	}
	var parts []string
	for p := range strings.SplitSeq(v, ",") {
		p = strings.TrimSpace(p)
		if p == "" || regexMeta.MatchString(p) {
			return []string{n.Value}, nil
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// stringList reads a list of scalars.
func stringList(n *yaml.Node) ([]string, error) {
	out := make([]string, 0, len(n.Content))
	for i, c := range n.Content {
		c = resolve(c)
		if c.Kind != yaml.ScalarNode || isNull(c) {
			return nil, fmt.Errorf("must be a list of texts, but at place %d %s", i+1, found(c))
		}
		out = append(out, c.Value)
	}
	return out, nil
}

// decodeMultiple reads pad_to_multiple_of.
func decodeMultiple(n *yaml.Node) (any, error) {
	if n.Kind == yaml.ScalarNode {
		switch strings.ToLower(n.Value) {
		case "auto":
			return MultipleOf{Auto: true}, nil
		case "none", "null", "":
			return MultipleOf{}, nil
		}
		if f, ok := scalarNumber(n); ok && f == math.Trunc(f) && f >= 1 && f <= 1<<31 {
			return MultipleOf{N: int(f)}, nil
		}
	}
	return nil, mismatch("auto, null or a whole number above 0", n)
}
