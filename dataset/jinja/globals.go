package jinja

// globalNamed returns what every chat template can call by name.
func globalNamed(name string) (any, bool) {
	call := map[string]func(*env, arguments) (any, error){
		"range": rangeGlobal, "dict": dictGlobal, "namespace": namespaceGlobal, "cycler": cyclerGlobal, "joiner": joinerGlobal,
		"raise_exception": raiseGlobal, "strftime_now": strftimeGlobal,
	}[name]
	if call == nil {
		return nil, false
	}
	return &callable{name: name, call: call}, true
}

// maxRange is the sandbox's limit on the length of a range.
const maxRange = 100000

func rangeGlobal(_ *env, a arguments) (any, error) {
	if len(a.names) > 0 {
		return nil, fail(kindType, "safe_range() got an unexpected keyword argument '%s'", a.names[0])
	}
	if len(a.pos) < 1 || len(a.pos) > 3 {
		return nil, fail(kindType, "range expected at %s, got %d", map[bool]string{true: "least 1 argument", false: "most 3 arguments"}[len(a.pos) < 1], len(a.pos))
	}
	var n [3]int64
	for i, v := range a.pos {
		if u, ok := v.(*undefined); ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(u))
		}
		var ok bool
		if n[i], ok = integer(v); !ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(v))
		}
	}
	r := rangeValue{stop: n[0], step: 1}
	if len(a.pos) > 1 {
		r.start, r.stop = n[0], n[1]
	}
	if len(a.pos) == 3 {
		r.step = n[2]
	}
	const far = 1 << 60
	switch {
	case r.step == 0:
		return nil, fail(kindValue, "range() arg 3 must not be zero")
	case r.start > far || r.start < -far || r.stop > far || r.stop < -far || r.step > far || r.step < -far:
		return nil, fail(kindOverflow, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	case r.step > 0 && r.start < r.stop:
		r.length = (r.stop-r.start-1)/r.step + 1
	case r.step < 0 && r.start > r.stop:
		r.length = (r.start-r.stop-1)/(-r.step) + 1
	}
	if r.length > maxRange {
		return nil, fail(kindOverflow, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	}
	return r, nil
}

// dictGlobal is dict(mapping or pairs, name=value …).
func dictGlobal(e *env, a arguments) (any, error) {
	if len(a.pos) > 1 {
		return nil, fail(kindType, "dict expected at most 1 argument, got %d", len(a.pos))
	}
	out := NewDict(len(a.names))
	if len(a.pos) == 1 {
		if d, ok := a.pos[0].(*Dict); ok {
			out = d.Clone()
		} else if err := addPairs(e, out, a.pos[0]); err != nil {
			return nil, err
		}
	}
	for i, n := range a.names {
		out.Set(n, a.vals[i])
	}
	return out, e.elements(out.Len())
}

// addPairs stores pairs of keys and values.
func addPairs(e *env, out *Dict, v any) error {
	items, err := listOf(e, v)
	if err != nil {
		return err
	}
	for i, item := range items {
		pair, err := listOf(e, item)
		if err != nil {
			return fail(kindType, "cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		if len(pair) != 2 {
			return fail(kindValue, "dictionary update sequence element #%d has length %d; 2 is required", i, len(pair))
		}
		if err := out.setAny(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// namespaceName refuses the names that transformers does not let a namespace have.
func namespaceName(name string) error {
	if name != "" && name[0] == '_' {
		return fail(kindSecurity, "Chat templates cannot store underscore-prefixed attributes on a namespace, but got %s. Please rename the attribute.", repr(name))
	}
	return nil
}

func namespaceGlobal(e *env, a arguments) (any, error) {
	v, err := dictGlobal(e, a)
	if err != nil {
		return nil, err
	}
	d, _ := v.(*Dict)
	for _, name := range d.Keys() {
		if err := namespaceName(name); err != nil {
			return nil, err
		}
	}
	return &namespace{attrs: d}, nil
}

// cycler goes round a list of values.
type cycler struct {
	items []any
	at    int
}

func cyclerGlobal(_ *env, a arguments) (any, error) {
	if len(a.pos) == 0 {
		return nil, fail("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: a.pos}, nil
}

func (c *cycler) attr(name string) (any, bool, error) {
	switch name {
	case "current":
		return c.items[c.at], true, nil
	case "pos":
		return int64(c.at), true, nil
	case "items":
		return tuple(c.items), true, nil
	case "next":
		return method(c, name, func(*env, arguments) (any, error) {
			v := c.items[c.at]
			c.at = (c.at + 1) % len(c.items)
			return v, nil
		})
	case "reset":
		return method(c, name, func(*env, arguments) (any, error) {
			c.at = 0
			return nil, nil
		})
	}
	return nil, false, nil
}

// joiner gives nothing the first time it is called, then its separator.
type joiner struct {
	sep  any
	used bool
}

func joinerGlobal(_ *env, a arguments) (any, error) {
	vals, given, err := a.bind("joiner", 0, "sep")
	if err != nil {
		return nil, err
	}
	if !given[0] {
		return &joiner{sep: ", "}, nil
	}
	return &joiner{sep: vals[0]}, nil
}

func (j *joiner) call(a arguments) (any, error) {
	if len(a.pos)+len(a.names) > 0 {
		return nil, fail(kindType, "Joiner.__call__() takes 1 positional argument but %d were given", 1+len(a.pos))
	}
	if !j.used {
		j.used = true
		return "", nil
	}
	return j.sep, nil
}

// raiseGlobal is raise_exception(message): the template refuses its input.
func raiseGlobal(_ *env, a arguments) (any, error) { //nolint:unparam // the type of a global function
	vals, _, err := a.bind("raise_exception", 1, "message")
	if err != nil {
		return nil, err
	}
	s, err := str(vals[0])
	if err != nil {
		return nil, err
	}
	return nil, fail(kindTemplate, "%s", s)
}

func strftimeGlobal(e *env, a arguments) (any, error) {
	vals, _, err := a.bind("strftime_now", 1, "format")
	if err != nil {
		return nil, err
	}
	s, ok := text(vals[0])
	if !ok {
		return nil, fail(kindType, "strftime() argument 1 must be str, not %s", typeName(vals[0]))
	}
	return strftime(e.now(), s), nil
}
