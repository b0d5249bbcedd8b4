package recipes

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Kind is the type of an option's value.
type Kind string

// The kinds of options.
const (
	KindBool     Kind = "bool"
	KindInt      Kind = "int"
	KindFloat    Kind = "float"
	KindString   Kind = "string"
	KindList     Kind = "list"     // of strings
	KindObject   Kind = "mapping"  // free keys and values
	KindNames    Kind = "names"    // mapping of string to string
	KindMultiple Kind = "multiple" // "auto", null or a number
	KindMixture  Kind = "mixture"  // open-r1's dataset_mixture
)

// option is what the struct tags say of one option.
type option struct {
	key      string
	goName   string
	class    string // struct that declares it: ScriptArguments, SFTConfig …
	group    string
	kind     Kind
	nullable bool
	enum     []string
	min, max *float64
	index    []int // path to the field inside Recipe
}

// schema is the table of options in declaration order, and by key.
type schema struct {
	options []option
	byKey   map[string]*option
}

// optionTable reads the struct tags once; the result is never changed.
var optionTable = sync.OnceValue(func() *schema {
	s := &schema{byKey: map[string]*option{}}
	t := reflect.TypeFor[Recipe]()
	for i := range t.NumField() {
		group := t.Field(i)
		if !group.Anonymous {
			continue
		}
		for j := range group.Type.NumField() {
			f := group.Type.Field(j)
			s.options = append(s.options, readTags(f, group.Name, []int{i, j}))
		}
	}
	for i := range s.options {
		s.byKey[s.options[i].key] = &s.options[i]
	}
	return s
})

// readTags turns one struct field into its option.
func readTags(f reflect.StructField, class string, index []int) option {
	o := option{
		key: f.Tag.Get("key"), goName: f.Name, class: class, group: f.Tag.Get("group"),
		kind: kindOf(f.Type), nullable: f.Tag.Get("null") == "true", index: index,
		min: number(f.Tag.Get("min")), max: number(f.Tag.Get("max")),
	}
	if e := f.Tag.Get("enum"); e != "" {
		o.enum = strings.Split(e, "|")
	}
	return o
}

// number parses a tag's bound; nil when there is none.
func number(tag string) *float64 {
	if tag == "" {
		return nil
	}
	v, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		return nil
	}
	return &v
}

// kindOf maps a Go type to the kind of option it holds.
func kindOf(t reflect.Type) Kind {
	switch t {
	case reflect.TypeFor[Object]():
		return KindObject
	case reflect.TypeFor[map[string]string]():
		return KindNames
	case reflect.TypeFor[MultipleOf]():
		return KindMultiple
	case reflect.TypeFor[*DatasetMixture]():
		return KindMixture
	case reflect.TypeFor[[]string]():
		return KindList
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return KindBool
	case reflect.Int:
		return KindInt
	case reflect.Float64:
		return KindFloat
	default:
		return KindString
	}
}

// field returns the struct field of r that holds the option.
func (o *option) field(r *Recipe) reflect.Value {
	return reflect.ValueOf(r).Elem().FieldByIndex(o.index)
}

// Keys returns every current key in declaration order.
func Keys() []string {
	s := optionTable()
	keys := make([]string, len(s.options))
	for i, o := range s.options {
		keys[i] = o.key
	}
	return keys
}
