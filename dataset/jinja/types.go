package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// undefined is what a missing name, key or attribute evaluates to: it prints
// as nothing, is false, iterates over nothing; any other use fails with message().
type undefined struct {
	hint   string // a message of its own
	owner  any    // the object that lacks name
	owned  bool   // whether owner is set
	name   any    // the missing name or index
	unsafe bool   // the sandbox refused the access
}

// message says what is undefined, in Jinja's words.
func (u *undefined) message() string {
	if u.hint != "" {
		return u.hint
	}
	if !u.owned {
		return repr(u.name) + " is undefined"
	}
	if _, isName := u.name.(string); isName {
		return "'" + objectName(u.owner) + "' has no attribute " + repr(u.name)
	}
	return objectName(u.owner) + " has no element " + repr(u.name)
}

// err is the error of using an undefined value.
func (u *undefined) err() *Error {
	if u.unsafe {
		return fail(kindSecurity, "%s", u.message())
	}
	return fail(kindUndefined, "%s", u.message())
}

// undefinedName is the value of a variable that does not exist.
func undefinedName(name string) *undefined { return &undefined{name: name} }

// undefinedHint is an undefined value with a message of its own.
func undefinedHint(hint string) *undefined { return &undefined{hint: hint} }

// undefinedOf is the value of an attribute or element that obj lacks.
func undefinedOf(obj, name any) *undefined { return &undefined{owner: obj, owned: true, name: name} }

// undefinedUnsafe is the value of an attribute that the sandbox hides.
func undefinedUnsafe(obj any, attr string) *undefined {
	return &undefined{unsafe: true, owner: obj, owned: true, name: attr,
		hint: fmt.Sprintf("access to attribute %s of '%s' object is unsafe.", repr(attr), typeName(obj))}
}

// tuple is Python's tuple.
type tuple []any

// markup is text that the safe or escape filter marked as HTML.
type markup string

// namespace is the object that namespace() makes, whose attributes can be set.
type namespace struct{ attrs *Dict }

// rangeValue is Python's range.
type rangeValue struct{ start, stop, step, length int64 }

// at returns the i-th number of the range.
func (r rangeValue) at(i int64) int64 { return r.start + i*r.step }

// dictView is what keys(), values() and items() of a dict return.
type dictView struct {
	dict *Dict
	kind byte // 'k', 'v' or 'i'
}

// at returns the i-th element of the view.
func (v dictView) at(i int) any {
	switch v.kind {
	case 'k':
		return v.dict.keyAt(i)
	case 'v':
		return v.dict.values[i]
	}
	return tuple{v.dict.keyAt(i), v.dict.values[i]}
}

// iterator is a value that is consumed by iterating: a generator of a filter,
// or the result of reversed(). next returns false at the end.
type iterator struct {
	next func() (any, bool, error)
	kind string // Python's type name
}

// callable is anything a template can call: global functions and bound methods.
type callable struct {
	name  string
	owner any // the object of a bound method
	bound bool
	call  func(e *env, args arguments) (any, error)
}

// arguments are the evaluated arguments of a call.
type arguments struct {
	pos   []any
	names []string // keyword arguments, in order
	vals  []any
}

// take removes and returns the keyword argument name.
func (a *arguments) take(name string) (any, bool) {
	for i, n := range a.names {
		if n == name {
			v := a.vals[i]
			a.names = append(a.names[:i:i], a.names[i+1:]...)
			a.vals = append(a.vals[:i:i], a.vals[i+1:]...)
			return v, true
		}
	}
	return nil, false
}

// bind matches args to parameter names; parameters without a value come back
// nil with false in given. The first required ones must have a value.
func (a arguments) bind(fn string, required int, params ...string) (vals []any, given []bool, err error) {
	if len(a.pos) > len(params) {
		return nil, nil, tooMany(fn, required, len(params), len(a.pos))
	}
	vals, given = make([]any, len(params)), make([]bool, len(params))
	for i, v := range a.pos {
		vals[i], given[i] = v, true
	}
	for i, n := range a.names {
		at := indexOf(params, n)
		switch {
		case at < 0:
			return nil, nil, fail(kindType, "%s() got an unexpected keyword argument '%s'", fn, n)
		case given[at]:
			return nil, nil, fail(kindType, "%s() got multiple values for argument '%s'", fn, n)
		}
		vals[at], given[at] = a.vals[i], true
	}
	var missing []string
	for i := 0; i < required; i++ {
		if !given[i] {
			missing = append(missing, "'"+params[i]+"'")
		}
	}
	if len(missing) > 0 {
		return nil, nil, fail(kindType, "%s() missing %d required positional argument%s: %s", fn, len(missing), plural(len(missing)), strings.Join(missing, " and "))
	}
	return vals, given, nil
}

// tooMany is the error of too many positional arguments; the value that a
// filter or test works on counts as one.
func tooMany(fn string, least, most, given int) error {
	if strings.HasPrefix(fn, "do_") || strings.HasPrefix(fn, "test_") {
		least, most, given = least+1, most+1, given+1
	}
	takes := fmt.Sprint(most)
	if least != most {
		takes = fmt.Sprintf("from %d to %d", least, most)
	}
	return fail(kindType, "%s() takes %s positional argument%s but %d %s given", fn, takes, plural(most), given, wasWere(given))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// typeName is Python's type(v).__name__.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case []any:
		return "list"
	case tuple, *groupTuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *undefined:
		return "Undefined"
	case *namespace:
		return "TemplateNamespace"
	case rangeValue:
		return "range"
	case dictView:
		return map[byte]string{'k': "dict_keys", 'v': "dict_values", 'i': "dict_items"}[v.kind]
	case *iterator:
		return v.kind
	case *macro:
		return "Macro"
	case *loopContext:
		return "LoopContext"
	case *cycler:
		return "Cycler"
	case *joiner:
		return "Joiner"
	case *callable:
		if v.bound {
			return "builtin_function_or_method"
		}
		return "function"
	}
	return fmt.Sprintf("%T", v)
}

// objectName is how an undefined value's message names its owner.
func objectName(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case *undefined:
		return "jinja2.runtime.Undefined object"
	case markup:
		return "markupsafe.Markup object"
	case *namespace:
		return "transformers.utils.chat_template_utils.TemplateNamespace object"
	case *macro:
		return "jinja2.runtime.Macro object"
	case *loopContext:
		return "jinja2.runtime.LoopContext object"
	case *cycler:
		return "jinja2.utils.Cycler object"
	case *joiner:
		return "jinja2.utils.Joiner object"
	case *groupTuple:
		return "jinja2.filters._GroupTuple object"
	}
	return typeName(v) + " object"
}

// truth is Python's bool(v).
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int64:
		return v != 0
	case []any:
		return len(v) > 0
	case *Dict:
		return v.Len() > 0
	case *undefined:
		return false
	case tuple:
		return len(v) > 0
	case float64:
		return v != 0
	case markup:
		return v != ""
	case *big.Int:
		return v.Sign() != 0
	case rangeValue:
		return v.length > 0
	case dictView:
		return v.dict.Len() > 0
	case *loopContext:
		n, err := v.length()
		return err != nil || n > 0
	}
	return true
}

// plainText turns marked text into a string and leaves other values alone.
func plainText(v any) any {
	if m, ok := v.(markup); ok {
		return string(m)
	}
	return v
}

// text returns v as a string if it is one, marked or not.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// integer returns v as an int64 if Python would use it as an index (bool is an int).
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case *big.Int:
		if v.Sign() < 0 {
			return math.MinInt64, true
		}
		return math.MaxInt64, true
	}
	return 0, false
}

// normInt keeps an int as int64 where it fits.
func normInt(b *big.Int) any {
	if b.IsInt64() {
		return b.Int64()
	}
	return b
}

// hashKey encodes a key that is no string so that keys equal in Python
// (1, 1.0 and True) have one code, and none collides with likely text.
func hashKey(v any) (string, error) { return hashDeep(v, 0) }

func hashDeep(v any, depth int) (string, error) {
	const mark = "\x00\xff"
	if depth > maxDepth {
		return "", fail(kindRecursion, "maximum recursion depth exceeded")
	}
	switch v := v.(type) {
	case nil:
		return mark + "N", nil
	case string:
		return v, nil
	case markup:
		return string(v), nil
	case bool:
		if v {
			return mark + "i1", nil
		}
		return mark + "i0", nil
	case int64:
		return mark + "i" + strconv.FormatInt(v, 10), nil
	case *big.Int:
		return mark + "i" + v.String(), nil
	case float64:
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			whole, _ := big.NewFloat(v).Int(nil)
			return mark + "i" + whole.String(), nil
		}
		return mark + "f" + strconv.FormatFloat(v, 'g', -1, 64), nil
	case tuple:
		var b strings.Builder
		b.WriteString(mark + "(")
		for _, x := range v {
			code, err := hashDeep(x, depth+1)
			if err != nil {
				return "", err
			}
			_, isText := text(x)
			fmt.Fprintf(&b, "%d%t:%s", len(code), isText, code)
			if b.Len() > 1<<20 {
				return "", fail(kindLimit, "the template uses a tuple of more than a million bytes as a key: it was stopped")
			}
		}
		return b.String(), nil
	case []any, *Dict, dictView:
		return "", fail(kindType, "unhashable type: '%s'", typeName(v))
	case *groupTuple:
		return hashDeep(tuple{v.key, v.list}, depth+1)
	case *undefined:
		return mark + "U", nil
	case rangeValue:
		return mark + fmt.Sprint("r", v), nil
	}
	return mark + fmt.Sprintf("p%p", v), nil
}

// maxDepth bounds recursion over nested data, as Python's recursion limit does.
const maxDepth = 900
