package jinja

import (
	"math"
	"strings"
)

// getAttr is obj.name in a template: the attribute first, then the item.
func getAttr(e *env, obj any, name string) (any, error) {
	if u, ok := obj.(*undefined); ok {
		if strings.HasPrefix(name, "__") && hiddenAttribute(obj, name) {
			return undefinedUnsafe(obj, name), nil
		}
		return nil, u.err()
	}
	v, ok, err := attribute(e, obj, name)
	if ok || err != nil {
		return v, err
	}
	if d, isDict := obj.(*Dict); isDict {
		if v, found := d.Get(name); found {
			return v, nil
		}
	}
	return undefinedOf(obj, name), nil
}

// getItem is obj[key] in a template: the item first, then the attribute.
func getItem(e *env, obj, key any) (any, error) {
	switch o := obj.(type) {
	case *undefined:
		return nil, o.err()
	case *Dict:
		v, found, err := o.getAny(key)
		if err == nil && found {
			return v, nil
		}
	case []any:
		if v, ok := elementAt(o, key); ok {
			return v, nil
		}
	case tuple:
		if v, ok := elementAt(o, key); ok {
			return v, nil
		}
	case *groupTuple:
		if v, ok := elementAt([]any{o.key, o.list}, key); ok {
			return v, nil
		}
	case string:
		if c, ok := runeAt(o, key); ok {
			return c, nil
		}
	case markup:
		if c, ok := runeAt(string(o), key); ok {
			return markup(c), nil
		}
	case rangeValue:
		if i, ok := integer(key); ok {
			if i < 0 {
				i += o.length
			}
			if i >= 0 && i < o.length {
				return o.at(i), nil
			}
		}
	}
	if name, ok := text(key); ok {
		v, found, err := attribute(e, obj, name)
		if found || err != nil {
			return v, err
		}
	}
	return undefinedOf(obj, plainText(key)), nil
}

// elementAt returns an element by a Python index.
func elementAt(items []any, key any) (any, bool) {
	i, ok := integer(key)
	if !ok {
		return nil, false
	}
	if i < 0 {
		i += int64(len(items))
	}
	if i < 0 || i >= int64(len(items)) {
		return nil, false
	}
	return items[i], true
}

// runeAt returns a code point of s by a Python index.
func runeAt(s string, key any) (string, bool) {
	i, ok := integer(key)
	if !ok {
		return "", false
	}
	if i < 0 {
		if i == -1 && s != "" {
			_, w := lastRune(s)
			return s[len(s)-w:], true
		}
		i += int64(runeCount(s))
	}
	if i < 0 || i >= int64(len(s)) {
		return "", false
	}
	at := runeOffset(s, int(i))
	if at >= len(s) {
		return "", false
	}
	_, w := nextRune(s[at:])
	return s[at : at+w], true
}

// slice is obj[start:stop:step].
func slice(e *env, obj, start, stop, step any) (any, error) {
	switch o := obj.(type) {
	case *undefined:
		return nil, o.err()
	case string:
		return sliceString(o, start, stop, step)
	case markup:
		s, err := sliceString(string(o), start, stop, step)
		return markup(s), err
	case []any:
		return sliceList(e, o, start, stop, step)
	case tuple:
		out, err := sliceList(e, o, start, stop, step)
		return tuple(out), err
	case rangeValue:
		from, _, by, n, err := bounds(o.length, start, stop, step)
		if err != nil {
			return nil, err
		}
		r := rangeValue{start: o.at(from), step: o.step * by, length: n}
		r.stop = r.at(n)
		return r, nil
	case *Dict:
		return nil, fail(kindType, "unhashable type: 'slice'")
	}
	return nil, fail(kindType, "'%s' object is not subscriptable", typeName(obj))
}

// bounds resolves a slice over n elements: the first index, the step and how many.
func bounds(n int64, start, stop, step any) (from, to, by, count int64, err error) {
	index := func(v any, otherwise int64) (int64, error) {
		if v == nil {
			return otherwise, nil
		}
		i, ok := integer(v)
		if !ok {
			return 0, fail(kindType, "slice indices must be integers or None or have an __index__ method")
		}
		return i, nil
	}
	if by, err = index(step, 1); err != nil {
		return 0, 0, 0, 0, err
	}
	if by == 0 {
		return 0, 0, 0, 0, fail(kindValue, "slice step cannot be zero")
	}
	if by == math.MinInt64 {
		by++
	}
	low, high := int64(0), n
	first, last := low, high
	if by < 0 {
		low, high = -1, n-1
		first, last = high, low
	}
	clamp := func(v any, otherwise int64) (int64, error) {
		i, err := index(v, otherwise)
		if err != nil || v == nil {
			return i, err
		}
		if i < 0 {
			if i += n; i < low {
				i = low
			}
		} else if i > high {
			i = high
		}
		return i, nil
	}
	if from, err = clamp(start, first); err != nil {
		return 0, 0, 0, 0, err
	}
	if to, err = clamp(stop, last); err != nil {
		return 0, 0, 0, 0, err
	}
	switch {
	case by > 0 && from < to:
		count = (to-from-1)/by + 1
	case by < 0 && to < from:
		count = (from-to-1)/(-by) + 1
	}
	return from, to, by, count, nil
}

func sliceList(e *env, items []any, start, stop, step any) ([]any, error) {
	from, to, by, n, err := bounds(int64(len(items)), start, stop, step)
	if err != nil {
		return nil, err
	}
	if by == 1 {
		if n == 0 {
			return []any{}, nil
		}
		return items[from:to:to], nil
	}
	if err := e.elements(int(n)); err != nil {
		return nil, err
	}
	out := make([]any, n)
	for i := range out {
		out[i] = items[from+int64(i)*by]
	}
	return out, nil
}

func sliceString(s string, start, stop, step any) (string, error) {
	ascii := isASCII(s)
	n := int64(len(s))
	if !ascii {
		n = int64(runeCount(s))
	}
	from, to, by, count, err := bounds(n, start, stop, step)
	if err != nil || count == 0 {
		return "", err
	}
	if by == 1 {
		if ascii {
			return s[from:to], nil
		}
		a := runeOffset(s, int(from))
		return s[a : a+runeOffset(s[a:], int(to-from))], nil
	}
	rs := runes(s)
	out := make([]rune, 0, count)
	for i := int64(0); i < count; i++ {
		out = append(out, rs[from+i*by])
	}
	return fromRunes(out), nil
}

// attribute returns an attribute of Python's object, not its items. Attributes
// that the sandbox hides come back as undefined values that fail when used.
func attribute(e *env, obj any, name string) (any, bool, error) {
	if len(name) > 4 && name[:2] == "__" && name[len(name)-2:] == "__" && hiddenAttribute(obj, name) {
		return undefinedUnsafe(obj, name), true, nil
	}
	switch o := obj.(type) {
	case string:
		if m, ok := stringMethod(name); ok {
			return &callable{name: name, owner: o, bound: true, call: func(e *env, a arguments) (any, error) { return m(e, o, a) }}, true, nil
		}
	case markup:
		return attribute(e, string(o), name)
	case *Dict:
		return dictMethod(o, name)
	case []any:
		return listMethod(o, name)
	case tuple:
		return tupleMethod(o, name)
	case *namespace:
		if v, ok := o.attrs.Get(name); ok {
			return v, true, nil
		}
	case *loopContext:
		return o.attr(name)
	case *macro:
		return macroAttr(o, name)
	case *groupTuple:
		switch name {
		case "grouper":
			return o.key, true, nil
		case "list":
			return o.list, true, nil
		}
		return tupleMethod(tuple{o.key, o.list}, name)
	case *cycler:
		return o.attr(name)
	case rangeValue:
		switch name {
		case "start":
			return o.start, true, nil
		case "stop":
			return o.stop, true, nil
		case "step":
			return o.step, true, nil
		case "count", "index":
			items, err := listOf(e, o)
			if err != nil {
				return nil, false, err
			}
			return sequenceMethod(o, items, name)
		}
	case *callable:
		if o.name == "dict" && name == "fromkeys" {
			return &callable{name: name, owner: o, bound: true, call: dictFromKeys}, true, nil
		}
	default:
		return numberMethod(obj, name)
	}
	return nil, false, nil
}

// macroAttr is what a template can see of a macro.
func macroAttr(m *macro, name string) (any, bool, error) {
	switch name {
	case "name":
		if !m.def.named {
			return nil, true, nil
		}
		return m.def.name, true, nil
	case "arguments":
		out := tuple{}
		for _, p := range m.def.params {
			out = append(out, p)
		}
		return out, true, nil
	case "caller":
		return m.def.caller, true, nil
	case "catch_kwargs":
		return m.def.kwargs, true, nil
	case "catch_varargs":
		return m.def.varargs, true, nil
	}
	return nil, false, nil
}

// hiddenAttribute tells whether obj has the internal attribute name in Python.
func hiddenAttribute(obj any, name string) bool {
	if _, ok := obj.(*namespace); ok {
		return name == "__class__"
	}
	switch name {
	case "__class__", "__doc__", "__init__", "__new__", "__eq__", "__ne__", "__hash__", "__repr__", "__str__", "__dir__",
		"__getattribute__", "__setattr__", "__delattr__", "__reduce__", "__reduce_ex__", "__sizeof__", "__format__",
		"__init_subclass__", "__subclasshook__", "__lt__", "__le__", "__gt__", "__ge__":
		return true
	case "__len__", "__iter__", "__contains__", "__getitem__":
		_, sized := lengthOf(obj)
		return sized
	case "__add__", "__mul__", "__rmul__":
		switch obj.(type) {
		case string, markup, []any, tuple, int64, float64, bool:
			return true
		}
	case "__call__", "__self__", "__name__", "__qualname__", "__module__":
		_, fn := obj.(*callable)
		return fn
	case "__globals__", "__code__", "__dict__":
		c, fn := obj.(*callable)
		return fn && !c.bound
	}
	return false
}
