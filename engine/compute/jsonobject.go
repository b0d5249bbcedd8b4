package compute

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"sftui/engine/weights"
)

// object is a JSON object whose fields keep their order and their spelling.
type object struct {
	name string
	data []byte
}

// field is a key and the value that it should have.
type field struct {
	key   string
	value any
}

func readObject(path string) (*object, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &object{path, data}, nil
}

// span finds a field's value; start is -1 where it has none, end then the place behind the last value.
func (o *object) span(key string) (start, end int, err error) {
	bad := func(err error) (int, int, error) {
		return 0, 0, fmt.Errorf("%s is not a JSON object: %w", o.name, err)
	}
	d := json.NewDecoder(bytes.NewReader(o.data))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return bad(errors.Join(err, fmt.Errorf("it begins with %v", token)))
	}
	start, last := -1, int(d.InputOffset())
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return bad(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return bad(err)
		}
		last = int(d.InputOffset())
		if name == key { // of a key that is there twice, the last counts
			start, end = last-len(value), last
		}
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	if start < 0 {
		end = last
	}
	return start, end, nil
}

// text is the configuration of the language model: the object itself or its text_config.
func (o *object) text() (*object, error) {
	start, end, err := o.span(textConfig)
	if err != nil || start < 0 || o.data[start] != '{' {
		return o, err
	}
	return &object{o.name, o.data[start:end]}, nil
}

// ids reads a field that is a number or a list of them; none where it is neither.
func (o *object) ids(key string) (ids []int32, several bool) {
	start, end, err := o.span(key)
	if err != nil || start < 0 {
		return nil, false
	}
	var one *int32
	if json.Unmarshal(o.data[start:end], &one) == nil {
		if one == nil {
			return nil, false
		}
		return []int32{*one}, false
	}
	err = json.Unmarshal(o.data[start:end], &ids)
	return ids, err == nil
}

// with sets fields and leaves everything else as it stands.
func (o *object) with(fields []field) ([]byte, error) {
	data := o.data
	for _, f := range fields {
		value, err := json.Marshal(f.value)
		if text, ok := f.value.(string); ok {
			value, err = marshalText(text)
		}
		if raw, ok := f.value.(json.RawMessage); ok {
			value, err = raw, nil // Marshal would take its indentation away
		}
		if err != nil {
			return nil, err
		}
		next := &object{o.name, data}
		start, end, err := next.span(f.key)
		if err != nil {
			return nil, err
		}
		switch {
		case start >= 0:
		case bytes.HasSuffix(bytes.TrimSpace(data[:end]), []byte("{")):
			start, value = end, fmt.Appendf(nil, "\n  %q: %s", f.key, value)
		default:
			start, value = end, fmt.Appendf(nil, ",\n  %q: %s", f.key, value)
		}
		data = slices.Concat(data[:start], value, data[end:])
	}
	return data, nil
}

// marshalText writes a token as Python does, with < and > as they are.
func marshalText(text string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return bytes.TrimSpace(b.Bytes()), err
}

// write writes the object with fields set.
func (o *object) write(path string, fields []field) error {
	data, err := o.with(fields)
	if err != nil {
		return err
	}
	return weights.WriteFile(path, data)
}
