package jinja

import (
	"math/big"
)

// testFunc is a test: v is name(args).
type testFunc func(e *env, v any, a arguments) (bool, error)

// simple makes a test of a value alone.
func simple(ok func(any) bool) testFunc {
	return func(_ *env, v any, a arguments) (bool, error) {
		if n := len(a.pos) + len(a.names); n > 0 {
			return false, fail(kindType, "the test takes 1 positional argument but %d were given", n+1)
		}
		return ok(v), nil
	}
}

// operatorTest makes a test of a comparison operator.
func operatorTest(op string) testFunc {
	return func(e *env, v any, a arguments) (bool, error) {
		if len(a.pos) != 1 || len(a.names) > 0 {
			return false, fail(kindType, "%s expected 2 arguments, got %d", op, 1+len(a.pos))
		}
		return compare(e, op, v, a.pos[0])
	}
}

// remainder makes a test of v % n == want.
func remainder(e *env, v, n any, want int64) (bool, error) {
	m, err := binary(e, '%', v, n)
	if err != nil {
		return false, err
	}
	return equal(e, m, want), nil
}

// testNamed returns a test, nil where Jinja has none of that name.
func testNamed(name string) testFunc {
	switch name {
	case "defined":
		return simple(func(v any) bool { _, u := v.(*undefined); return !u })
	case "undefined":
		return simple(func(v any) bool { _, u := v.(*undefined); return u })
	case "none":
		return simple(func(v any) bool { return v == nil })
	case "boolean":
		return simple(func(v any) bool { _, b := v.(bool); return b })
	case "true":
		return simple(func(v any) bool { b, _ := v.(bool); return b })
	case "false":
		return simple(func(v any) bool { b, is := v.(bool); return is && !b })
	case "string":
		return simple(func(v any) bool { _, is := text(v); return is })
	case "mapping":
		return simple(func(v any) bool { _, is := v.(*Dict); return is })
	case "number":
		return simple(isNumber)
	case "float":
		return simple(func(v any) bool { _, is := v.(float64); return is })
	case "integer":
		return simple(isInteger)
	case "sequence":
		return simple(isSequence)
	case "iterable":
		return simple(func(v any) bool { _, err := iterate(v); return err == nil })
	case "callable":
		return simple(isCallable)
	case "escaped":
		return simple(func(v any) bool { _, is := v.(markup); return is })
	case "lower", "upper":
		return func(_ *env, v any, _ arguments) (bool, error) {
			s, err := str(v)
			return oneCase(s, name == "upper"), err
		}
	case "filter":
		return simple(func(v any) bool { s, ok := text(v); return ok && filterNamed(s) != nil })
	case "test":
		return simple(func(v any) bool { s, ok := text(v); return ok && testNamed(s) != nil })
	case "odd":
		return func(e *env, v any, _ arguments) (bool, error) { return remainder(e, v, int64(2), 1) }
	case "even":
		return func(e *env, v any, _ arguments) (bool, error) { return remainder(e, v, int64(2), 0) }
	case "divisibleby":
		return divisible
	case "sameas":
		return func(_ *env, v any, a arguments) (bool, error) {
			vals, _, err := a.bind("test_sameas", 1, "other")
			if err != nil {
				return false, err
			}
			return same(v, vals[0]), nil
		}
	case "in":
		return func(e *env, v any, a arguments) (bool, error) {
			vals, _, err := a.bind("test_in", 1, "seq")
			if err != nil {
				return false, err
			}
			return contains(e, vals[0], v)
		}
	}
	if op := testOperator(name); op != "" {
		return operatorTest(op)
	}
	return nil
}

// testOperator returns the comparison that a test's name stands for.
func testOperator(name string) string {
	switch name {
	case "==", "eq", "equalto":
		return "=="
	case "!=", "ne":
		return "!="
	case ">", "gt", "greaterthan":
		return ">"
	case ">=", "ge":
		return ">="
	case "<", "lt", "lessthan":
		return "<"
	case "<=", "le":
		return "<="
	}
	return ""
}

func divisible(e *env, v any, a arguments) (bool, error) {
	vals, _, err := a.bind("test_divisibleby", 1, "num")
	if err != nil {
		return false, err
	}
	return remainder(e, v, vals[0], 0)
}

// isInteger tells whether v is an int and no bool.
func isInteger(v any) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// isSequence tells whether v has a length and elements.
func isSequence(v any) bool {
	switch v.(type) {
	case string, markup, []any, tuple, *Dict, *groupTuple, rangeValue, *undefined:
		return true
	}
	return false
}

// isCallable is Python's callable(v).
func isCallable(v any) bool {
	switch v.(type) {
	case *callable, *macro, *loopContext, *joiner, *undefined:
		return true
	}
	return false
}

// same is Python's "is", as far as values have an identity here: small
// integers, None, booleans and equal constants are the same.
func same(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case bool, int64, float64, string:
		return a == b
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && len(x) > 0 && &x[0] == &y[0]
	case *Dict, *namespace, *macro, *iterator, *loopContext:
		return a == b
	}
	return false
}
