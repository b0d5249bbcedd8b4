package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"sftui/dataset/jinja"
)

// Files of one data set are read as HF datasets reads them: the first decides
// the columns, and their types. A later file may lack columns or have them in
// another order, and its numbers are converted; a column or a key that the first
// file does not have, and a value that cannot be converted, is an error there
// and here.

// schemaOf is what the rows at the beginning of src have in common.
func schemaOf(src Source) *jsonSchema {
	schema := &jsonSchema{root: true}
	for i, seen := 0, int64(0); seen < schemaBytes && i < schemaRows; i++ {
		row, err := src.At(i)
		if err != nil {
			break
		}
		seen += max(1, src.ByteSize(i))
		schema.see(row)
	}
	for _, column := range src.Columns() {
		if _, ok := schema.fields[column]; !ok {
			schema.keys = append(schema.keys, column)
			if schema.fields == nil {
				schema.fields = map[string]*jsonSchema{}
			}
			schema.fields[column] = &jsonSchema{}
		}
	}
	return schema
}

// schemaRows bounds how many rows of the first file decide.
const schemaRows = 10_000

// conformRow gives a row of a later file the columns of the first one. The row
// itself is not changed.
func conformRow(row Row, schema *jsonSchema, first string) (Row, error) {
	v, err := schema.conform(row, "", first)
	if err != nil {
		return nil, err
	}
	out, ok := v.(Row)
	if !ok {
		return row, nil
	}
	return out, nil
}

// conform gives v, which stands at path, the type that the first file has there.
func (s *jsonSchema) conform(v any, path, first string) (any, error) {
	if v == nil || s == nil || s.any {
		return v, nil
	}
	refuse := func(want string) (any, error) {
		return nil, fmt.Errorf("has %s in %q, where %s has %s: give all files the same types", excerpt([]byte(jinja.EncodeJSON(v, jinja.JSONOptions{}))), path, first, want)
	}
	switch x := v.(type) {
	case *jinja.Dict:
		if s.dicts || s.root {
			return s.conformDict(x, path, first)
		}
	case []any:
		if s.lists {
			return s.conformList(x, path, first)
		}
	}
	switch {
	case s.dicts:
		return refuse("objects")
	case s.lists:
		return refuse("lists")
	case s.floats:
		if f, ok := asFloat(v); ok {
			return f, nil
		}
		return refuse("numbers")
	case s.ints:
		if n, ok := asInt(v); ok {
			return n, nil
		}
		return refuse("whole numbers")
	case s.bools:
		switch x := v.(type) {
		case bool:
			return x, nil
		case int64:
			return x != 0, nil
		}
		return refuse("true and false")
	case s.texts:
		if text, ok := asText(v); ok {
			return text, nil
		}
		return refuse("text")
	}
	return v, nil // the first file has nothing there that would tell
}

// conformDict is conform for an object, or for the row itself.
func (s *jsonSchema) conformDict(d *jinja.Dict, path, first string) (any, error) {
	at := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	for _, key := range d.Keys() {
		if _, ok := s.fields[key]; !ok {
			what := "column"
			if path != "" {
				what = "key"
			}
			return nil, fmt.Errorf("has the %s %q, which %s does not have: give all files the same %ss", what, at(key), first, what)
		}
	}
	out := jinja.NewDict(len(s.keys))
	same := slices.Equal(d.Keys(), s.keys)
	for _, key := range s.keys {
		v, _ := d.Get(key)
		to, err := s.fields[key].conform(v, at(key), first)
		if err != nil {
			return nil, err
		}
		same = same && identical(v, to)
		out.Set(key, to)
	}
	if same {
		return d, nil
	}
	return out, nil
}

func (s *jsonSchema) conformList(list []any, path, first string) (any, error) {
	var out []any
	for i, v := range list {
		to, err := s.item.conform(v, path+"[]", first)
		if err != nil {
			return nil, err
		}
		if out == nil && !identical(v, to) {
			out = slices.Clone(list)
		}
		if out != nil {
			out[i] = to
		}
	}
	if out == nil {
		return list, nil
	}
	return out, nil
}

// identical says that conform has left a value as it was.
func identical(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	case nil, bool, int64, string, *jinja.Dict:
		return a == b
	}
	return false
}

// asFloat converts as Arrow does.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<63
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
