package jinja

import (
	"math"
	"math/big"
	"strings"
)

// compare applies a comparison operator.
func compare(e *env, op string, a, b any) (bool, error) {
	switch op {
	case "==":
		return equal(e, a, b), e.burn(0)
	case "!=":
		return !equal(e, a, b), e.burn(0)
	case "in":
		return contains(e, b, a)
	case "not in":
		ok, err := contains(e, b, a)
		return !ok, err
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return holds(op, strings.Compare(x, y)), nil
		}
	}
	return order(e, op, a, b, 0)
}

// holds tells whether op is true of the outcome of a three-way comparison.
func holds(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// order compares with <, <=, > or >=.
func order(e *env, op string, a, b any, depth int) (bool, error) {
	if depth > maxDepth {
		return false, fail(kindRecursion, "maximum recursion depth exceeded in comparison")
	}
	for _, v := range [2]any{a, b} {
		if u, ok := v.(*undefined); ok {
			return false, u.err()
		}
	}
	if x, ok := text(a); ok {
		if y, ok := text(b); ok {
			return holds(op, strings.Compare(x, y)), nil
		}
	}
	if isNumber(a) && isNumber(b) {
		c, ordered := compareNumbers(a, b)
		return ordered && holds(op, c), nil
	}
	x, y, ok := sequences(a, b)
	if !ok {
		return false, fail(kindType, "'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	}
	for i := 0; i < len(x) && i < len(y); i++ {
		if !equalDeep(e, x[i], y[i], depth+1) {
			return order(e, op, x[i], y[i], depth+1)
		}
	}
	return holds(op, len(x)-len(y)), nil
}

// sequences returns two lists, or two tuples, as slices.
func sequences(a, b any) (x, y []any, ok bool) {
	switch a := a.(type) {
	case []any:
		y, ok = b.([]any)
		return a, y, ok
	case tuple:
		switch b := b.(type) {
		case tuple:
			return a, b, true
		case *groupTuple:
			return a, []any{b.key, b.list}, true
		}
	case *groupTuple:
		return sequences(tuple{a.key, a.list}, b)
	}
	return nil, nil, false
}

// compareNumbers orders two numbers exactly; false if one is not a number (nan).
func compareNumbers(a, b any) (int, bool) {
	x, fx := a.(float64)
	y, fy := b.(float64)
	if !fx && !fy {
		_, bx := a.(*big.Int)
		_, by := b.(*big.Int)
		if bx || by {
			return toBig(a).Cmp(toBig(b)), true
		}
		i, _ := integer(a)
		j, _ := integer(b)
		switch {
		case i < j:
			return -1, true
		case i > j:
			return 1, true
		}
		return 0, true
	}
	if fx && math.IsNaN(x) || fy && math.IsNaN(y) {
		return 0, false
	}
	return exact(a).Cmp(exact(b)), true
}

// exact is a number without rounding.
func exact(v any) *big.Float {
	if f, ok := v.(float64); ok {
		return new(big.Float).SetFloat64(f)
	}
	return new(big.Float).SetInt(toBig(v))
}

// equal is Python's a == b. When the fuel is spent it is false: the next step then stops the render.
func equal(e *env, a, b any) bool { return equalDeep(e, a, b, 0) }

func equalDeep(e *env, a, b any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := text(b)
		return ok && x == y
	case markup:
		y, ok := text(b)
		return ok && string(x) == y
	case bool, int64, float64, *big.Int:
		if !isNumber(b) {
			return false
		}
		c, ordered := compareNumbers(a, b)
		return ordered && c == 0
	case *Dict:
		y, ok := b.(*Dict)
		return ok && equalDicts(e, x, y, depth)
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case []any, tuple, *groupTuple:
		l, r, ok := sequences(a, b)
		if !ok || len(l) != len(r) || e.burn(1+len(l)/elementsPerFuel) != nil {
			return false
		}
		for i := range l {
			if !equalDeep(e, l[i], r[i], depth+1) {
				return false
			}
		}
		return true
	case rangeValue:
		y, ok := b.(rangeValue)
		return ok && x.length == y.length && (x.length == 0 || x.start == y.start && (x.length == 1 || x.step == y.step))
	case dictView:
		y, ok := b.(dictView)
		if !ok || x.kind == 'v' || y.kind == 'v' || x.dict.Len() != y.dict.Len() {
			return ok && x == y
		}
		for i := 0; i < x.dict.Len(); i++ {
			if in, err := contains(e, y, x.at(i)); err != nil || !in {
				return false
			}
		}
		return true
	case *macro:
		y, ok := b.(*macro)
		return ok && *x == *y
	case *callable:
		y, ok := b.(*callable)
		return ok && x.name == y.name && x.bound == y.bound && (!x.bound || equalDeep(e, x.owner, y.owner, depth+1))
	case *namespace, *iterator, *loopContext, *cycler, *joiner:
		return a == b
	}
	return false
}

func equalDicts(e *env, x, y *Dict, depth int) bool {
	if x == y {
		return true
	}
	if x.Len() != y.Len() || e.burn(1) != nil {
		return false
	}
	for i, k := range x.Keys() {
		v, ok := y.Get(k)
		if !ok || !equalDeep(e, x.values[i], v, depth+1) {
			return false
		}
	}
	return true
}

// contains is Python's item in box.
func contains(e *env, box, item any) (bool, error) {
	switch b := box.(type) {
	case string:
		s, ok := text(item)
		if !ok {
			return false, fail(kindType, "'in <string>' requires string as left operand, not %s", typeName(item))
		}
		return strings.Contains(b, s), e.burn(len(b) / bytesPerFuel)
	case markup:
		return contains(e, string(b), item)
	case *Dict:
		_, ok, err := b.getAny(item)
		return ok, err
	case *undefined:
		return false, nil
	case dictView:
		if b.kind == 'k' {
			return contains(e, b.dict, item)
		}
	case rangeValue:
		if f, ok := item.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<62 {
			item = int64(f)
		}
		i, ok := integer(item)
		if !ok {
			return false, nil
		}
		return b.length > 0 && (i-b.start)%b.step == 0 && (i-b.start)/b.step >= 0 && (i-b.start)/b.step < b.length, nil
	}
	next, err := iterate(box)
	if err != nil {
		return false, fail(kindType, "argument of type '%s' is not iterable", typeName(box))
	}
	seen := 0
	for {
		v, ok, err := next()
		if err != nil || !ok {
			return false, err
		}
		if seen++; seen%elementsPerFuel == 0 {
			if err := e.burn(1); err != nil {
				return false, err
			}
		}
		if equal(e, v, item) {
			return true, nil
		}
	}
}
