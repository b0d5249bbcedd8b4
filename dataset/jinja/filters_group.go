package jinja

// groupTuple is one group that groupby makes: a pair with names.
type groupTuple struct {
	key  any
	list []any
}

func groupbyFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_groupby", 1, "attribute", "default", "case_sensitive")
	if err != nil {
		return nil, err
	}
	items, err := listOf(e, v)
	if err != nil {
		return nil, err
	}
	folded, err := newGetter(vals[0], !truth(vals[2]), vals[1])
	if err != nil {
		return nil, err
	}
	items, err = sorted(e, items, false, func(item any) (any, error) { return folded.get(e, item) })
	if err != nil {
		return nil, err
	}
	exactKey := *folded
	exactKey.fold = false
	out := []any{}
	var last any
	for i, item := range items {
		key, err := folded.get(e, item)
		if err != nil {
			return nil, err
		}
		if i > 0 && equal(e, key, last) {
			if g, ok := out[len(out)-1].(*groupTuple); ok {
				g.list = append(g.list, item)
			}
			continue
		}
		last = key
		shown, err := exactKey.get(e, item)
		if err != nil {
			return nil, err
		}
		out = append(out, &groupTuple{key: shown, list: []any{item}})
	}
	return out, nil
}

func batchFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_batch", 1, "linecount", "fill_with")
	if err != nil {
		return nil, err
	}
	next, err := iterate(v)
	done := false
	var held []any // the item that begins the next batch
	return &iterator{kind: "generator", next: func() (any, bool, error) {
		if err != nil || done {
			return nil, false, err
		}
		batch := held
		held = nil
		for {
			if err := e.burn(1); err != nil {
				return nil, false, err
			}
			item, ok, err := next()
			if err != nil {
				return nil, false, err
			}
			if !ok {
				done = true
				return lastBatch(e, batch, vals[0], vals[1])
			}
			if equal(e, int64(len(batch)), vals[0]) {
				held = []any{item}
				return append([]any{}, batch...), true, nil
			}
			batch = append(batch, item)
		}
	}}, nil
}

// lastBatch fills the last batch up.
func lastBatch(e *env, batch []any, count, fill any) (any, bool, error) {
	if len(batch) == 0 {
		return nil, false, nil
	}
	n, ok := integer(count)
	if fill != nil && ok && int64(len(batch)) < n {
		if n > maxPad {
			return nil, false, fail(kindLimit, "the template makes a list of %d elements: it was stopped", n)
		}
		if err := e.elements(int(n)); err != nil {
			return nil, false, err
		}
		for int64(len(batch)) < n {
			batch = append(batch, fill)
		}
	}
	return batch, true, nil
}

func sliceFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_slice", 1, "slices", "fill_with")
	if err != nil {
		return nil, err
	}
	var items []any
	var n, i, offset int64
	opened := false
	return &iterator{kind: "generator", next: func() (any, bool, error) {
		if !opened {
			opened = true
			if items, err = listOf(e, v); err != nil {
				return nil, false, err
			}
			var ok bool
			if n, ok = integer(vals[0]); !ok {
				return nil, false, unsupported('f', int64(len(items)), vals[0])
			}
			if n == 0 {
				return nil, false, fail(kindZero, "integer division or modulo by zero")
			}
		}
		if i >= n {
			return nil, false, nil
		}
		if err := e.burn(1); err != nil {
			return nil, false, err
		}
		each, extra := int64(len(items))/n, int64(len(items))%n
		start := offset + i*each
		if i < extra {
			offset++
		}
		part := append([]any{}, items[start:offset+(i+1)*each]...)
		if vals[1] != nil && i >= extra {
			part = append(part, vals[1])
		}
		i++
		return part, true, nil
	}}, nil
}
