package jinja

// overSlice iterates over a slice.
func overSlice(items []any) func() (any, bool, error) {
	i := 0
	return func() (any, bool, error) {
		if i >= len(items) {
			return nil, false, nil
		}
		i++
		return items[i-1], true, nil
	}
}

// iterate is Python's iter(v): a function that returns the next item.
func iterate(v any) (func() (any, bool, error), error) {
	switch v := v.(type) {
	case []any:
		return overSlice(v), nil
	case tuple:
		return overSlice(v), nil
	case string:
		return overString(v), nil
	case markup:
		return overString(string(v)), nil
	case *undefined:
		return overSlice(nil), nil
	case *iterator:
		return v.next, nil
	case *Dict:
		return overIndex(v.Len, v.keyAt), nil
	case dictView:
		return overIndex(v.dict.Len, v.at), nil
	case rangeValue:
		return overIndex(func() int { return int(v.length) }, func(i int) any { return v.at(int64(i)) }), nil
	case *groupTuple:
		return overSlice([]any{v.key, v.list}), nil
	case *loopContext:
		return func() (any, bool, error) {
			item, ok, err := v.take()
			return tuple{item, v}, ok, err
		}, nil
	}
	return nil, fail(kindType, "'%s' object is not iterable", typeName(v))
}

func overString(s string) func() (any, bool, error) {
	return func() (any, bool, error) {
		if s == "" {
			return nil, false, nil
		}
		_, w := nextRune(s)
		c := s[:w]
		s = s[w:]
		return c, true, nil
	}
}

func overIndex(length func() int, at func(int) any) func() (any, bool, error) {
	i := 0
	return func() (any, bool, error) {
		if i >= length() {
			return nil, false, nil
		}
		i++
		return at(i - 1), true, nil
	}
}

// listOf is Python's list(v). The result may be v's own slice: it must not be changed.
func listOf(e *env, v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case tuple:
		return v, nil
	}
	next, err := iterate(v)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for {
		item, ok, err := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		if len(out)%elementsPerFuel == 0 {
			if err := e.burn(1); err != nil {
				return nil, err
			}
		}
		out = append(out, item)
	}
}

// lengthOf is Python's len(v), false where v has none.
func lengthOf(v any) (int64, bool) {
	switch v := v.(type) {
	case string:
		return int64(runeCount(v)), true
	case markup:
		return int64(runeCount(string(v))), true
	case []any:
		return int64(len(v)), true
	case tuple:
		return int64(len(v)), true
	case *Dict:
		return int64(v.Len()), true
	case dictView:
		return int64(v.dict.Len()), true
	case rangeValue:
		return v.length, true
	case *undefined:
		return 0, true
	case *groupTuple:
		return 2, true
	case *loopContext:
		n, err := v.length()
		return n, err == nil
	}
	return 0, false
}

// reversed is Python's reversed(v), nil where v cannot be reversed.
func reversed(v any) *iterator {
	var length int
	var at func(int) any
	kind := "reversed"
	switch v := v.(type) {
	case []any:
		length, at, kind = len(v), func(i int) any { return v[i] }, "list_reverseiterator"
	case tuple:
		length, at = len(v), func(i int) any { return v[i] }
	case *groupTuple:
		return reversed(tuple{v.key, v.list})
	case string:
		rs := runes(v)
		length, at = len(rs), func(i int) any { return fromRunes(rs[i : i+1]) }
	case markup:
		return reversed(string(v))
	case *Dict:
		length, at, kind = v.Len(), v.keyAt, "dict_reversekeyiterator"
	case dictView:
		length, at, kind = v.dict.Len(), v.at, "dict_reverseitemiterator"
	case *undefined:
		length = 0
	case rangeValue:
		length, at, kind = int(v.length), func(i int) any { return v.at(int64(i)) }, "range_iterator"
	default:
		return nil
	}
	i := length
	return &iterator{kind: kind, next: func() (any, bool, error) {
		if i == 0 {
			return nil, false, nil
		}
		i--
		return at(i), true, nil
	}}
}
