package recipes

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Set gives an option a value written as text, as on the command line
// (learning_rate=1e-4, lora_target_modules=q_proj,v_proj). Old names are
// accepted and noted. The error is one sentence naming the key.
func (r *Recipe) Set(key, value string, from Origin) error {
	key = strings.TrimSpace(key)
	if o, ok := optionTable().byKey[key]; ok {
		return r.setNode(o, key, o.textNode(value), value, from)
	}
	old, ok := oldName(key)
	if !ok {
		return &Error{Key: key, Message: UnknownKey(key)}
	}
	n := scalar("", value)
	if switched, err := flowNode(strings.TrimSpace(value)); old.convert != nil && err == nil {
		n = switched // a switch, whatever its replacement is
	} else if old.Kept() {
		n = optionTable().byKey[old.Replacement].textNode(value)
	}
	if err := r.applyOld(old, n, false, from); err != nil {
		return &Error{Key: key, Message: fmt.Sprintf("%s %v", key, err)}
	}
	return nil
}

// setNode assigns and wraps the error into a sentence.
func (r *Recipe) setNode(o *option, key string, n *yaml.Node, _ string, from Origin) error {
	if err := r.assign(o, n, from); err != nil {
		return &Error{Key: key, Message: fmt.Sprintf("%s %v", key, err)}
	}
	return nil
}

// textNode reads the text of a command line as the kind of YAML the option takes.
func (o *option) textNode(value string) *yaml.Node {
	trimmed := strings.TrimSpace(value)
	switch strings.ToLower(trimmed) {
	case "null", "none", "~":
		if o.nullable || o.kind == KindList || o.kind == KindMultiple {
			return scalar("!!null", "null")
		}
	case "":
		if o.nullable && o.kind != KindString {
			return scalar("!!null", "null")
		}
	}
	switch o.kind {
	case KindString:
		return scalar("!!str", value)
	case KindList, KindObject, KindNames, KindMixture:
		if strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
			if n, err := flowNode(trimmed); err == nil {
				return n
			}
		}
		return scalar("!!str", value)
	}
	if n, err := flowNode(trimmed); err == nil && n.Kind == yaml.ScalarNode {
		return n
	}
	return scalar("!!str", value)
}

// Get returns an option's value as text (see Set; None is "null") and where it
// came from. For a key that does not exist the value is "".
func (r *Recipe) Get(key string) (string, Origin) {
	o, ok := optionTable().byKey[key]
	if !ok {
		return "", Origin{}
	}
	return o.display(o.field(r)), r.origins[key]
}

// Reset gives an option its default back.
func (r *Recipe) Reset(key string) error {
	o, ok := optionTable().byKey[key]
	if !ok {
		return &Error{Key: key, Message: UnknownKey(key)}
	}
	o.field(r).Set(o.field(Default()))
	delete(r.origins, key)
	return nil
}

// Override applies key=value arguments of a command line in order.
func (r *Recipe) Override(args []string) error {
	for _, a := range args {
		key, value, ok := strings.Cut(a, "=")
		if !ok {
			return &Error{Message: fmt.Sprintf("%q is not of the form key=value", shorten(a))}
		}
		if err := r.Set(strings.TrimLeft(key, "-"), value, Origin{Kind: OriginCommandLine}); err != nil {
			return err
		}
	}
	return nil
}

// Clone returns an independent copy.
func (r *Recipe) Clone() *Recipe {
	c := *r
	c.origins = maps.Clone(r.origins)
	c.notes = append([]Note(nil), r.notes...)
	for _, o := range optionTable().options {
		o.field(&c).Set(cloneValue(o.field(r)))
	}
	return &c
}

// cloneValue copies what a value points to.
func cloneValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(cloneValue(v.Elem()))
		return p
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(cloneValue(v.Index(i)))
		}
		return s
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, k := range v.MapKeys() {
			m.SetMapIndex(k, cloneValue(v.MapIndex(k)))
		}
		return m
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			c.Field(i).Set(cloneValue(v.Field(i)))
		}
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return cloneValue(v.Elem())
	default:
		return v
	}
}

// Change is one option that differs between two recipes.
type Change struct {
	Key              string
	A, B             string // values as text
	OriginA, OriginB Origin
}

// Diff lists the options whose values differ, in declaration order.
func Diff(a, b *Recipe) []Change {
	var out []Change
	for _, o := range optionTable().options {
		va, vb := o.display(o.field(a)), o.display(o.field(b))
		if va != vb {
			out = append(out, Change{Key: o.key, A: va, B: vb, OriginA: a.origins[o.key], OriginB: b.origins[o.key]})
		}
	}
	return out
}

// KindOf returns the kind of value that a key takes, by its current or an old
// name; an old name that nothing took the place of takes any text.
func KindOf(key string) (Kind, bool) {
	if o, ok := optionTable().byKey[key]; ok {
		return o.kind, true
	}
	old, ok := oldName(key)
	switch {
	case !ok:
		return "", false
	case old.convert != nil || old.toggle:
		return KindBool, true
	case old.Kept():
		return optionTable().byKey[old.Replacement].kind, true
	}
	return KindString, true
}

// IsSwitchWord reports whether a text is one of the words for on and off that
// TRL's command line takes.
func IsSwitchWord(s string) bool {
	_, err := decodeBool(scalar("!!str", s))
	return err == nil
}

// ListText writes texts as the value of an option that is a list.
func ListText(items []string) string {
	return strings.TrimSuffix(encodeNode(listNode(items), true), "\n")
}
