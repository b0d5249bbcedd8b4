package jinja

// The values a template (and a data row) is made of are plain Go values:
//
//	nil, bool, int64, *big.Int, float64, string, []any, *Dict
//
// and, inside the interpreter only, the types of types.go.

// indexAbove is the number of keys from which a Dict keeps a hash index; below
// it a walk over the keys is faster and a row costs less memory.
const indexAbove = 8

// Dict is an insertion-ordered mapping, as Python's dict is: templates render
// keys in the order in which the data has them. Reading it from several
// goroutines is safe, writing is not.
type Dict struct {
	keys   []string
	values []any
	index  map[string]int // key -> position, nil while there are few keys
	other  map[string]any // encoded key -> key, for keys that are no strings (only templates make those)
}

// NewDict returns an empty Dict with room for n keys.
func NewDict(n int) *Dict {
	return &Dict{keys: make([]string, 0, n), values: make([]any, 0, n)}
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
	if i := d.position(key); i >= 0 {
		return d.values[i], true
	}
	return nil, false
}

// position returns where key is, -1 when it is not there.
func (d *Dict) position(key string) int {
	if d == nil {
		return -1
	}
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range d.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Set stores value under key, keeping the key's first position.
func (d *Dict) Set(key string, value any) {
	if i := d.position(key); i >= 0 {
		d.values[i] = value
		return
	}
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
	if d.index != nil {
		d.index[key] = len(d.keys) - 1
	} else if len(d.keys) > indexAbove {
		d.reindex()
	}
}

// Delete removes key if it is there.
func (d *Dict) Delete(key string) {
	i := d.position(key)
	if i < 0 {
		return
	}
	d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
	d.values = append(d.values[:i:i], d.values[i+1:]...)
	delete(d.other, key)
	if d.index != nil {
		d.reindex()
	}
}

// reindex builds the hash index anew.
func (d *Dict) reindex() {
	d.index = make(map[string]int, 2*len(d.keys))
	for i, k := range d.keys {
		d.index[k] = i
	}
}

// Clone returns a copy of d that shares its values.
func (d *Dict) Clone() *Dict {
	c := NewDict(d.Len())
	for i, k := range d.Keys() {
		c.Set(k, d.values[i])
	}
	if d != nil && d.other != nil {
		c.other = make(map[string]any, len(d.other))
		for k, v := range d.other {
			c.other[k] = v
		}
	}
	return c
}

// keyAt returns the i-th key as the template's value, which need not be a string.
func (d *Dict) keyAt(i int) any {
	k := d.keys[i]
	if d.other != nil {
		if v, ok := d.other[k]; ok {
			return v
		}
	}
	return k
}

// setAny stores value under a key of any hashable type.
func (d *Dict) setAny(key, value any) error {
	if s, ok := key.(string); ok {
		d.Set(s, value)
		return nil
	}
	code, err := hashKey(key)
	if err != nil {
		return err
	}
	if d.other == nil {
		d.other = map[string]any{}
	}
	if d.position(code) < 0 {
		d.other[code] = plainText(key)
	}
	d.Set(code, value)
	return nil
}

// getAny returns the value under a key of any hashable type.
func (d *Dict) getAny(key any) (any, bool, error) {
	if s, ok := key.(string); ok {
		v, found := d.Get(s)
		return v, found, nil
	}
	code, err := hashKey(key)
	if err != nil {
		return nil, false, err
	}
	if _, isText := key.(markup); !isText && d.other == nil {
		return nil, false, nil
	}
	v, found := d.Get(code)
	return v, found, nil
}
