package dataset

import (
	"fmt"
	"math/big"
	"regexp"
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
	root   bool
	any    bool // mixed kinds or objects with differing keys: see readMixed
	again  bool // the file is written again before it is read: see rewritten
	keys   []string
	fields map[string]*jsonSchema
	item   *jsonSchema

	ints, floats, bools, texts, dicts, lists bool // what was seen

	notDates bool // a text that is no date was seen
	readable bool // a text that is JSON was seen
}

// see takes one more value into account.
func (s *jsonSchema) see(v any) {
	if v == nil {
		return
	}
	if text, ok := v.(string); ok {
		s.seeText(text)
	}
	if s.any {
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
		s.ints = true
	case float64:
		s.floats = true
	case bool:
		s.bools = true
	case string:
		s.texts = true
	default: // a whole number of more than 64 bits
		s.floats = true
	}
	kinds := 0
	for _, seen := range [...]bool{s.dicts, s.lists, s.bools, s.texts, s.ints || s.floats} {
		if seen {
			kinds++
		}
	}
	if kinds > 1 {
		*s = jsonSchema{root: s.root, any: true, readable: s.readable}
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

// mixed says whether a place in the rows has values of several kinds, or
// objects with differing keys.
func (s *jsonSchema) mixed() bool {
	if s == nil || s.any {
		return s != nil
	}
	for _, k := range s.keys {
		if s.fields[k].mixed() {
			return true
		}
	}
	return s.item.mixed()
}

// settle is called once all rows are seen; again says that datasets writes the
// file again whatever is in it.
func (s *jsonSchema) settle(again bool) {
	if s == nil {
		return
	}
	s.again = again
	for _, k := range s.keys {
		s.fields[k].settle(again)
	}
	s.item.settle(again)
}

// seeText notes what another reader would take a text for.
func (s *jsonSchema) seeText(text string) {
	s.notDates = s.notDates || !isDate(text)
	if !s.readable {
		v := readMixedText(text)
		same, isText := v.(string)
		s.readable = !isText || same != text
	}
}

// isoDate is a text that Arrow's JSON reader takes for a timestamp.
var isoDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d)?)?Z?)?$`)

func isDate(text string) bool {
	return len(text) >= len("2006-01-02") && len(text) <= len("2006-01-02T15:04:05Z") && text[4] == '-' && isoDate.MatchString(text)
}

// notes says of what is below path that TRL reads otherwise than one would think.
func (s *jsonSchema) notes(path string) []string {
	switch {
	case s == nil:
		return nil
	case s.any && s.readable:
		return []string{fmt.Sprintf("%s mixes kinds of values, so text in it that is JSON (42, true, {…}) is read as its value, as HF datasets reads it for TRL: give every row one kind to keep the text", path)}
	case s.texts && !s.notDates:
		return []string{fmt.Sprintf("%s holds nothing but dates, which HF datasets reads as timestamps: TRL fails on them as text, and writes <datetime> for them in a chat; sftui keeps the text as it is", path)}
	}
	var notes []string
	for _, k := range s.keys {
		notes = append(notes, s.fields[k].notes(path+"."+k)...)
	}
	return append(notes, s.item.notes(path+"[]")...)
}

// apply gives v the form that the schema says; v itself where nothing changes.
func (s *jsonSchema) apply(v any) any {
	if s == nil {
		return v
	}
	if s.any {
		return readMixed(v)
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
	case float64:
		if s.again {
			return rewritten(v)
		}
	case *big.Int:
		return bigNumber(v, s.again)
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
	return !s.any && !s.dicts && !s.lists && !s.floats
}
