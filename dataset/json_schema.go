package dataset

import (
	"slices"

	"sftui/dataset/jinja"
)

// schemaBytes is how much of a JSON file decides its columns: HF datasets
// takes the features from the first 10 MB too.
const schemaBytes = 10 << 20

// jsonSchema is what the rows at one place have in common, as HF datasets
// infers it: objects with the same keys everywhere become structs, whose keys
// all have the first one's order; objects with differing keys stay as they
// are, each with its own keys. A column that mixes whole numbers and fractions
// holds fractions.
type jsonSchema struct {
	root    bool
	any     bool // left as it is: mixed kinds or objects with differing keys
	keys    []string
	fields  map[string]*jsonSchema
	item    *jsonSchema
	ints    bool
	floats  bool
	dicts   bool
	lists   bool
	scalars bool
}

// see takes one more value into account.
func (s *jsonSchema) see(v any) {
	if s.any || v == nil {
		return
	}
	switch v := v.(type) {
	case *jinja.Dict:
		s.dicts = true
		s.seeDict(v)
	case []any:
		s.lists = true
		if s.item == nil {
			s.item = &jsonSchema{}
		}
		for _, x := range v {
			s.item.see(x)
		}
	case int64:
		s.scalars, s.ints = true, true
	case float64:
		s.scalars, s.floats = true, true
	default:
		s.scalars = true
	}
	if s.dicts && s.lists || s.dicts && s.scalars || s.lists && s.scalars {
		*s = jsonSchema{root: s.root, any: true}
	}
}

func (s *jsonSchema) seeDict(d *jinja.Dict) {
	if s.fields == nil {
		s.keys = slices.Clone(d.Keys())
		s.fields = make(map[string]*jsonSchema, len(s.keys))
		for _, k := range s.keys {
			s.fields[k] = &jsonSchema{}
		}
	}
	for _, k := range d.Keys() {
		f, ok := s.fields[k]
		if !ok && !s.root {
			*s = jsonSchema{any: true}
			return
		}
		if !ok {
			f = &jsonSchema{}
			s.fields[k] = f
			s.keys = append(s.keys, k)
		}
		v, _ := d.Get(k)
		f.see(v)
	}
	if !s.root && (d.Len() != len(s.keys) || d.Len() == 0) {
		*s = jsonSchema{any: true}
	}
}

// apply gives v the form that the schema says; v itself where nothing changes.
func (s *jsonSchema) apply(v any) any {
	if s == nil || s.any {
		return v
	}
	switch v := v.(type) {
	case *jinja.Dict:
		return s.applyDict(v)
	case []any:
		if s.item == nil || s.item.trivial() {
			return v
		}
		for i, x := range v {
			v[i] = s.item.apply(x)
		}
	case int64:
		if s.floats {
			return float64(v)
		}
	}
	return v
}

func (s *jsonSchema) applyDict(d *jinja.Dict) *jinja.Dict {
	if !s.root && d.Len() != len(s.keys) {
		return d // a key set that the first rows did not have
	}
	for _, k := range d.Keys() {
		v, _ := d.Get(k)
		if f := s.fields[k]; f != nil && v != nil && !f.trivial() {
			d.Set(k, f.apply(v))
		}
	}
	if slices.Equal(d.Keys(), s.keys) {
		return d
	}
	out := jinja.NewDict(len(s.keys))
	for _, k := range s.keys {
		v, ok := d.Get(k)
		if !ok && !s.root {
			return d
		}
		out.Set(k, v)
	}
	for _, k := range d.Keys() { // columns that appear further down only
		if _, ok := s.fields[k]; !ok {
			v, _ := d.Get(k)
			out.Set(k, v)
		}
	}
	return out
}

// trivial reports that apply returns any value of this place unchanged.
func (s *jsonSchema) trivial() bool {
	return s.any || !s.dicts && !s.lists && !(s.ints && s.floats)
}
