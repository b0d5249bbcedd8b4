package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// maxText bounds the text of one value: shared lists can spell far more than they hold.
const maxText = 256 << 20

// str is Python's str(v), which is how a value is printed.
func str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case markup:
		return string(v), nil
	case *undefined:
		return "", nil
	case nil:
		return "None", nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return floatRepr(v), nil
	case *cycler, *joiner:
		return fmt.Sprintf("<jinja2.utils.%s object>", typeName(v)), nil
	}
	p := printer{}
	p.value(v, 0)
	return string(p.out), p.err
}

// str is Python's str(v) within the render's limits.
func (e *env) str(v any) (string, error) {
	switch v.(type) {
	case []any, *Dict, tuple, *groupTuple, *namespace, dictView:
		p := printer{e: e}
		p.value(v, 0)
		return string(p.out), p.err
	}
	return str(v)
}

// room checks that a text of n bytes may exist, by the render's limits if there is one.
func room(e *env, n int) error {
	if e != nil {
		if n > e.output {
			return e.hold(n)
		}
		return nil
	}
	if n > maxText {
		return fail(kindLimit, "the template makes a text of more than %d bytes: it was stopped", maxText)
	}
	return nil
}

// repr is Python's repr(v) for messages, where a failure does not matter.
func repr(v any) string {
	p := printer{}
	p.value(v, 0)
	return string(p.out)
}

// reprOf is Python's repr(v).
func reprOf(v any) (string, error) {
	p := printer{}
	p.value(v, 0)
	return string(p.out), p.err
}

// printer writes the repr of nested values.
type printer struct {
	e   *env // whose limits count, may be nil
	out []byte
	err error
}

func (p *printer) add(s string) { p.out = append(p.out, s...) }

// value writes v.
func (p *printer) value(v any, depth int) {
	switch {
	case p.err != nil:
		return
	case depth > maxDepth:
		p.err = fail(kindRecursion, "maximum recursion depth exceeded while getting the repr of an object")
		return
	}
	if p.err = room(p.e, len(p.out)); p.err != nil {
		return
	}
	switch v := v.(type) {
	case nil:
		p.add("None")
	case string:
		p.out = appendQuoted(p.out, v)
	case markup:
		p.add("Markup(")
		p.out = appendQuoted(p.out, string(v))
		p.add(")")
	case bool, int64, float64:
		s, _ := str(v)
		p.add(s)
	case *big.Int:
		p.integer(v)
	case []any:
		p.list("[", v, "]", depth)
	case tuple:
		if len(v) == 1 {
			p.list("(", v, ",)", depth)
		} else {
			p.list("(", v, ")", depth)
		}
	case *groupTuple:
		p.list("(", []any{v.key, v.list}, ")", depth)
	case *Dict:
		p.dict(v, depth)
	case *undefined:
		p.add("Undefined")
	case *namespace:
		p.add("<Namespace ")
		p.dict(v.attrs, depth)
		p.add(">")
	case rangeValue:
		fmt.Fprintf(p, "range(%d, %d", v.start, v.stop)
		if v.step != 1 {
			fmt.Fprintf(p, ", %d", v.step)
		}
		p.add(")")
	case dictView:
		items := make([]any, v.dict.Len())
		for i := range items {
			items[i] = v.at(i)
		}
		p.add(typeName(v))
		p.list("([", items, "])", depth)
	case *macro:
		if v.def.named {
			p.add("<Macro " + repr(v.def.name) + ">")
		} else {
			p.add("<Macro anonymous>")
		}
	case *loopContext:
		n, err := v.length()
		if p.err = err; err == nil {
			fmt.Fprintf(p, "<LoopContext %d/%d>", v.index0+1, n)
		}
	case *callable:
		if v.bound {
			p.add("<built-in method " + v.name + " of " + typeName(v.owner) + " object>")
		} else {
			p.add("<function " + v.name + ">")
		}
	default:
		p.add("<" + typeName(v) + " object>")
	}
}

// Write lets fmt print into the printer.
func (p *printer) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	return len(b), nil
}

// integer writes a big integer; Python refuses more than 4300 digits.
func (p *printer) integer(v *big.Int) {
	s := v.String()
	if len(strings.TrimPrefix(s, "-")) > 4300 {
		p.err = fail(kindValue, "Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit")
		return
	}
	p.add(s)
}

func (p *printer) list(open string, items []any, end string, depth int) {
	p.add(open)
	for i, v := range items {
		if i > 0 {
			p.add(", ")
		}
		p.value(v, depth+1)
		if p.err != nil {
			return
		}
	}
	p.add(end)
}

func (p *printer) dict(d *Dict, depth int) {
	p.add("{")
	for i := range d.Keys() {
		if i > 0 {
			p.add(", ")
		}
		p.value(d.keyAt(i), depth+1)
		p.add(": ")
		p.value(d.values[i], depth+1)
		if p.err != nil {
			return
		}
	}
	p.add("}")
}

// floatRepr is Python's repr of a float: the shortest digits that read back
// the same, with an exponent below 1e-4 and from 1e16 on.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsRune(s, '.') {
		s += ".0"
	}
	return s
}

// appendQuoted writes Python's repr of a string: single quotes unless the text
// has some and no double ones.
func appendQuoted(b []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	b = append(b, quote)
	for len(s) > 0 {
		r, w := nextRune(s)
		switch {
		case r == rune(quote) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r >= ' ' && r < 0x7F || r > 0x7F && printable(r):
			b = append(b, s[:w]...)
		default:
			b = appendEscape(b, r)
		}
		s = s[w:]
	}
	return append(b, quote)
}

// appendEscape writes a code point by its number, in the shortest of Python's forms.
func appendEscape(b []byte, r rune) []byte {
	switch {
	case r <= 0xFF:
		return fmt.Appendf(b, "\\x%02x", r)
	case r <= 0xFFFF:
		return fmt.Appendf(b, "\\u%04x", r)
	}
	return fmt.Appendf(b, "\\U%08x", r)
}

// printable is Python's str.isprintable for one code point above ASCII.
func printable(r rune) bool {
	if r >= 0xD800 && r <= 0xDFFF {
		return false
	}
	return unicode.IsGraphic(r) && !unicode.In(r, unicode.Zs) || r == ' '
}
