package jinja

import (
	"math"
	"math/big"
	"strconv"
)

// method is a bound method of a value that is no string.
func method(owner any, name string, call func(*env, arguments) (any, error)) (any, bool, error) {
	return &callable{name: name, owner: owner, bound: true, call: call}, true, nil
}

// dictAttribute tells whether a Python dict has an attribute of that name, so
// that d.name is not the item.
func dictAttribute(name string) bool {
	switch name {
	case "items", "keys", "values", "get", "copy", "fromkeys", "clear", "pop", "popitem", "setdefault", "update":
		return true
	}
	return len(name) > 4 && name[:2] == "__"
}

// dictMethod returns a method of dict; those that change it are hidden.
func dictMethod(d *Dict, name string) (any, bool, error) {
	switch name {
	case "items", "keys", "values":
		return method(d, name, func(_ *env, a arguments) (any, error) {
			return dictView{dict: d, kind: name[0]}, noArguments("dict."+name, a)
		})
	case "get":
		return method(d, name, func(_ *env, a arguments) (any, error) { return dictGet(d, a) })
	case "copy":
		return method(d, name, func(_ *env, a arguments) (any, error) { return d.Clone(), noArguments("dict.copy", a) })
	case "fromkeys":
		return method(d, name, dictFromKeys)
	case "clear", "pop", "popitem", "setdefault", "update":
		return undefinedUnsafe(d, name), true, nil
	}
	return nil, false, nil
}

func dictGet(d *Dict, a arguments) (any, error) {
	if len(a.names) > 0 {
		return nil, fail(kindType, "dict.get() takes no keyword arguments")
	}
	if len(a.pos) < 1 {
		return nil, fail(kindType, "get expected at least 1 argument, got 0")
	}
	if len(a.pos) > 2 {
		return nil, fail(kindType, "get expected at most 2 arguments, got %d", len(a.pos))
	}
	v, ok, err := d.getAny(a.pos[0])
	if err != nil || ok {
		return v, err
	}
	if len(a.pos) == 2 {
		return a.pos[1], nil
	}
	return nil, nil
}

// dictFromKeys is dict.fromkeys.
func dictFromKeys(e *env, a arguments) (any, error) {
	if len(a.pos) < 1 || len(a.pos) > 2 || len(a.names) > 0 {
		return nil, fail(kindType, "fromkeys expected at least 1 argument, got %d", len(a.pos))
	}
	keys, err := listOf(e, a.pos[0])
	if err != nil {
		return nil, err
	}
	var v any
	if len(a.pos) == 2 {
		v = a.pos[1]
	}
	out := NewDict(len(keys))
	for _, k := range keys {
		if err := out.setAny(k, v); err != nil {
			return nil, err
		}
	}
	return out, e.elements(len(keys))
}

// listMethod returns a method of list; those that change it are hidden.
func listMethod(l []any, name string) (any, bool, error) {
	switch name {
	case "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove":
		return undefinedUnsafe(l, name), true, nil
	case "copy":
		return method(l, name, func(e *env, a arguments) (any, error) {
			return append([]any(nil), l...), noArguments("list.copy", a)
		})
	}
	return sequenceMethod(l, l, name)
}

func tupleMethod(t tuple, name string) (any, bool, error) { return sequenceMethod(t, t, name) }

// sequenceMethod is count and index of lists and tuples.
func sequenceMethod(owner any, items []any, name string) (any, bool, error) {
	switch name {
	case "count":
		return method(owner, name, func(e *env, a arguments) (any, error) {
			if err := a.count(name, 1, 1); err != nil {
				return nil, err
			}
			n := int64(0)
			for _, v := range items {
				if equal(e, v, a.pos[0]) {
					n++
				}
			}
			return n, e.burn(len(items) / elementsPerFuel)
		})
	case "index":
		return method(owner, name, func(e *env, a arguments) (any, error) { return indexMethod(e, owner, items, a) })
	}
	return nil, false, nil
}

func indexMethod(e *env, owner any, items []any, a arguments) (any, error) {
	if err := a.count("index", 1, 3); err != nil {
		return nil, err
	}
	var limits [2]any
	copy(limits[:], a.pos[1:])
	from, to, _, _, err := bounds(int64(len(items)), limits[0], limits[1], nil)
	if err != nil {
		return nil, err
	}
	for i := from; i < to; i++ {
		if equal(e, items[i], a.pos[0]) {
			return i, nil
		}
	}
	if _, isTuple := owner.(tuple); isTuple {
		return nil, fail(kindValue, "tuple.index(x): x not in tuple")
	}
	return nil, fail(kindValue, "%s is not in list", repr(a.pos[0]))
}

// numberMethod returns an attribute of an int or float.
func numberMethod(v any, name string) (any, bool, error) {
	if !isNumber(v) {
		return nil, false, nil
	}
	f, isFloat := v.(float64)
	if isFloat {
		switch name {
		case "real":
			return f, true, nil
		case "imag":
			return 0.0, true, nil
		case "conjugate":
			return method(v, name, func(*env, arguments) (any, error) { return f, nil })
		case "is_integer":
			return method(v, name, func(*env, arguments) (any, error) { return f == math.Trunc(f) && !math.IsInf(f, 0), nil })
		case "hex":
			return method(v, name, func(*env, arguments) (any, error) { return strconv.FormatFloat(f, 'x', 13, 64), nil })
		case "as_integer_ratio":
			return method(v, name, func(*env, arguments) (any, error) {
				r := new(big.Rat)
				if r.SetFloat64(f) == nil {
					return nil, fail(kindOverflow, "cannot convert %s to integer ratio", floatRepr(f))
				}
				return tuple{normInt(r.Num()), normInt(r.Denom())}, nil
			})
		}
		return nil, false, nil
	}
	n := toBig(v)
	switch name {
	case "real", "numerator":
		return normInt(n), true, nil
	case "imag":
		return int64(0), true, nil
	case "denominator":
		return int64(1), true, nil
	case "conjugate":
		return method(v, name, func(*env, arguments) (any, error) { return normInt(n), nil })
	case "bit_length":
		return method(v, name, func(*env, arguments) (any, error) { return int64(n.BitLen()), nil })
	case "bit_count":
		return method(v, name, func(*env, arguments) (any, error) {
			ones := int64(0)
			for i := 0; i < n.BitLen(); i++ {
				ones += int64(new(big.Int).Abs(n).Bit(i))
			}
			return ones, nil
		})
	case "as_integer_ratio":
		return method(v, name, func(*env, arguments) (any, error) { return tuple{normInt(n), int64(1)}, nil })
	}
	return nil, false, nil
}
