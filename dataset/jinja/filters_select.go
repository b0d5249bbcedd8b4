package jinja

import (
	"sort"
	"strings"
)

// attribGetter looks an attribute path like "address.city" or "0" up.
type attribGetter struct {
	parts    []any
	fold     bool // lower-case text, for comparisons that ignore case
	fallback any  // what stands for a missing attribute; nil: nothing does
}

// newGetter reads an attribute path; nil stands for the item itself.
func newGetter(path any, fold bool, fallback any) (*attribGetter, error) {
	g := &attribGetter{fold: fold, fallback: fallback}
	switch p := path.(type) {
	case nil:
	case int64:
		g.parts = []any{p}
	default:
		s, ok := text(path)
		if !ok {
			g.parts = []any{path}
			break
		}
		for _, part := range strings.Split(s, ".") {
			if part != "" && every(part, isDigit) {
				n, err := toInt(part, 10)
				if err != nil {
					return nil, err
				}
				g.parts = append(g.parts, n)
			} else {
				g.parts = append(g.parts, part)
			}
		}
	}
	return g, nil
}

// get returns the value at the path.
func (g *attribGetter) get(e *env, v any) (any, error) {
	for _, part := range g.parts {
		var err error
		if v, err = getItem(e, v, part); err != nil {
			return nil, err
		}
		if _, isUndefined := v.(*undefined); isUndefined && g.fallback != nil {
			v = g.fallback
		}
	}
	if g.fold {
		if s, ok := text(v); ok {
			return lower(s), nil
		}
	}
	return v, nil
}

// lazy makes a generator whose source is opened at the first step. Jinja's
// generators give nothing for a false value, whatever it is.
func lazy(e *env, v any, open func() (func(any) (any, bool, error), error)) *iterator {
	var next func() (any, bool, error)
	var step func(any) (any, bool, error)
	return &iterator{kind: "generator", next: func() (any, bool, error) {
		if next == nil {
			if !truth(v) {
				next = overSlice(nil)
			} else {
				var err error
				if step, err = open(); err != nil {
					return nil, false, err
				}
				if next, err = iterate(v); err != nil {
					return nil, false, err
				}
			}
		}
		for {
			if err := e.burn(1); err != nil {
				return nil, false, err
			}
			item, ok, err := next()
			if err != nil || !ok {
				return nil, false, err
			}
			out, keep, err := step(item)
			if err != nil || keep {
				return out, keep, err
			}
		}
	}}
}

func mapFilter(e *env, v any, a arguments) (any, error) {
	return lazy(e, v, func() (func(any) (any, bool, error), error) {
		if path, ok := a.take("attribute"); ok && len(a.pos) == 0 {
			fallback, _ := a.take("default")
			if len(a.names) > 0 {
				return nil, fail(kindFilterArg, "Unexpected keyword argument %s", repr(a.names[0]))
			}
			g, err := newGetter(path, false, fallback)
			return func(item any) (any, bool, error) {
				out, err := g.get(e, item)
				return out, err == nil, err
			}, err
		}
		if len(a.pos) == 0 {
			return nil, fail(kindFilterArg, "map requires a filter argument")
		}
		name, _ := text(a.pos[0])
		f := filterNamed(name)
		if f == nil {
			return nil, fail(kindRuntime, "No filter named %s.", repr(a.pos[0]))
		}
		rest := arguments{pos: a.pos[1:], names: a.names, vals: a.vals}
		return func(item any) (any, bool, error) {
			out, err := f(e, item, rest)
			return out, err == nil, err
		}, nil
	}), nil
}

// selectFilter makes select, reject and their attr variants.
func selectFilter(name string) filterFunc {
	wanted := strings.HasPrefix(name, "select")
	byAttr := strings.HasSuffix(name, "attr")
	return func(e *env, v any, a arguments) (any, error) {
		return lazy(e, v, func() (func(any) (any, bool, error), error) {
			g := &attribGetter{}
			if byAttr {
				if len(a.pos) == 0 {
					return nil, fail(kindFilterArg, "Missing parameter for attribute name")
				}
				var err error
				if g, err = newGetter(a.pos[0], false, nil); err != nil {
					return nil, err
				}
				a.pos = a.pos[1:]
			}
			test, rest := testFunc(nil), arguments{}
			if len(a.pos) > 0 {
				testName, _ := text(a.pos[0])
				if test = testNamed(testName); test == nil {
					return nil, fail(kindRuntime, "No test named %s.", repr(a.pos[0]))
				}
				rest = arguments{pos: a.pos[1:], names: a.names, vals: a.vals}
			}
			return func(item any) (any, bool, error) {
				x, err := g.get(e, item)
				if err != nil {
					return nil, false, err
				}
				if test == nil {
					return item, truth(x) == wanted, nil
				}
				ok, err := test(e, x, rest)
				return item, err == nil && ok == wanted, err
			}, nil
		}), nil
	}
}

// sorter sorts items by keys, stably, and keeps the first error.
type sorter struct {
	e     *env
	items []any
	keys  []any
	err   error
	back  bool
}

func (s *sorter) Len() int { return len(s.items) }
func (s *sorter) Swap(i, j int) {
	s.items[i], s.items[j] = s.items[j], s.items[i]
	s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
}

func (s *sorter) Less(i, j int) bool {
	if s.err != nil {
		return false
	}
	if s.err = s.e.burn(1); s.err != nil {
		return false
	}
	a, b := s.keys[i], s.keys[j]
	if s.back {
		a, b = b, a
	}
	var less bool
	less, s.err = compare(s.e, "<", a, b)
	return less
}

// sorted sorts a copy of items by key.
func sorted(e *env, items []any, back bool, key func(any) (any, error)) ([]any, error) {
	s := &sorter{e: e, back: back, items: append(make([]any, 0, len(items)), items...), keys: make([]any, len(items))}
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		s.keys[i] = k
	}
	sort.Stable(s)
	return s.items, s.err
}

// sortKeys sorts positions of a dict by its keys, for sort_keys.
func sortKeys(d *Dict, order []int) error {
	var err error
	sort.SliceStable(order, func(i, j int) bool {
		a, b := d.keyAt(order[i]), d.keyAt(order[j])
		x, xs := text(a)
		y, ys := text(b)
		switch {
		case xs && ys:
			return x < y
		case isNumber(a) && isNumber(b):
			c, _ := compareNumbers(a, b)
			return c < 0
		case err == nil:
			err = fail(kindType, "'<' not supported between instances of '%s' and '%s'", typeName(b), typeName(a))
		}
		return false
	})
	return err
}

func sortFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_sort", 0, "reverse", "case_sensitive", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := listOf(e, v)
	if err != nil {
		return nil, err
	}
	paths := []any{vals[2]}
	if s, ok := text(vals[2]); ok {
		paths = anyStrings(strings.Split(s, ","))
	}
	getters := make([]*attribGetter, len(paths))
	for i, p := range paths {
		if getters[i], err = newGetter(p, !truth(vals[1]), nil); err != nil {
			return nil, err
		}
	}
	return sorted(e, items, truth(vals[0]), func(item any) (any, error) {
		// Keys are lists even of one value: equal values that have no order,
		// None or undefined ones, then sort without an error.
		key := make([]any, len(getters))
		for i, g := range getters {
			if key[i], err = g.get(e, item); err != nil {
				return nil, err
			}
		}
		return key, nil
	})
}

func dictsortFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_dictsort", 0, "case_sensitive", "by", "reverse")
	if err != nil {
		return nil, err
	}
	by := 0
	if given[1] {
		switch s, _ := text(vals[1]); s {
		case "key":
		case "value":
			by = 1
		default:
			return nil, fail(kindFilterArg, `You can only sort by either "key" or "value"`)
		}
	}
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	d, ok := v.(*Dict)
	if !ok {
		return nil, fail(kindAttribute, "'%s' object has no attribute 'items'", typeName(v))
	}
	items := make([]any, d.Len())
	for i := range items {
		items[i] = tuple{d.keyAt(i), d.values[i]}
	}
	return sorted(e, items, truth(vals[2]), func(item any) (any, error) {
		pair, _ := item.(tuple)
		if s, ok := text(pair[by]); ok && !truth(vals[0]) {
			return lower(s), nil
		}
		return pair[by], nil
	})
}

func uniqueFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_unique", 0, "case_sensitive", "attribute")
	if err != nil {
		return nil, err
	}
	g, err := newGetter(vals[1], !truth(vals[0]), nil)
	if err != nil {
		return nil, err
	}
	next, err := iterate(v)
	seen := NewDict(8)
	return &iterator{kind: "generator", next: func() (any, bool, error) {
		if err != nil {
			return nil, false, err
		}
		for {
			if err := e.burn(1); err != nil {
				return nil, false, err
			}
			item, ok, err := next()
			if err != nil || !ok {
				return nil, false, err
			}
			key, err := g.get(e, item)
			if err != nil {
				return nil, false, err
			}
			if _, found, err := seen.getAny(key); err != nil {
				return nil, false, err
			} else if found {
				continue
			}
			if err := seen.setAny(key, true); err != nil {
				return nil, false, err
			}
			return item, true, nil
		}
	}}, nil
}

// extremeFilter makes min and max.
func extremeFilter(name string) filterFunc {
	op := map[string]string{"min": "<", "max": ">"}[name]
	return func(e *env, v any, a arguments) (any, error) {
		vals, _, err := a.bind("do_"+name, 0, "case_sensitive", "attribute")
		if err != nil {
			return nil, err
		}
		g, err := newGetter(vals[1], !truth(vals[0]), nil)
		if err != nil {
			return nil, err
		}
		next, err := iterate(v)
		if err != nil {
			return nil, err
		}
		var best, bestKey any
		for n := 0; ; n++ {
			item, ok, err := next()
			if err != nil {
				return nil, err
			}
			if !ok {
				if n == 0 {
					return undefinedHint("No aggregated item, sequence was empty."), nil
				}
				return best, nil
			}
			key, err := g.get(e, item)
			if err != nil {
				return nil, err
			}
			better := n == 0
			if !better {
				if better, err = compare(e, op, key, bestKey); err != nil {
					return nil, err
				}
			}
			if better {
				best, bestKey = item, key
			}
			if err := e.burn(1); err != nil {
				return nil, err
			}
		}
	}
}

func sumFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_sum", 0, "attribute", "start")
	if err != nil {
		return nil, err
	}
	var total any = int64(0)
	if given[1] {
		total = vals[1]
	}
	if _, ok := text(total); ok {
		return nil, fail(kindType, "sum() can't sum strings [use ''.join(seq) instead]")
	}
	g, err := newGetter(vals[0], false, nil)
	if err != nil {
		return nil, err
	}
	next, err := iterate(v)
	if err != nil {
		return nil, err
	}
	for {
		item, ok, err := next()
		if err != nil || !ok {
			return total, err
		}
		if item, err = g.get(e, item); err != nil {
			return nil, err
		}
		if total, err = binary(e, '+', total, item); err != nil {
			return nil, err
		}
		if err := e.burn(1); err != nil {
			return nil, err
		}
	}
}
