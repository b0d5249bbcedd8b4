package jinja

// The values a template (and a data row) is made of are plain Go values:
//
//	nil, bool, int64, *big.Int, float64, string, []any, *Dict
//
// and, inside the interpreter only, Undefined and callables.

// Dict is an insertion-ordered mapping, as Python's dict is: templates render
// keys in the order in which the data has them.
type Dict struct {
	keys   []string
	values map[string]any
}

// NewDict returns an empty Dict with room for n keys.
func NewDict(n int) *Dict {
	return &Dict{keys: make([]string, 0, n), values: make(map[string]any, n)}
}

// Len returns the number of keys.
func (d *Dict) Len() int {
	if d == nil {
		return 0
	}
	return len(d.keys)
}

// Keys returns the keys in insertion order; the slice is the Dict's own and must not be changed.
func (d *Dict) Keys() []string {
	if d == nil {
		return nil
	}
	return d.keys
}

// Get returns the value under key and whether the key is there.
func (d *Dict) Get(key string) (any, bool) {
	if d == nil {
		return nil, false
	}
	v, ok := d.values[key]
	return v, ok
}

// Set stores value under key, keeping the key's first position.
func (d *Dict) Set(key string, value any) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

// Delete removes key if it is there.
func (d *Dict) Delete(key string) {
	if _, ok := d.values[key]; !ok {
		return
	}
	delete(d.values, key)
	for i, k := range d.keys {
		if k == key {
			d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
			return
		}
	}
}
