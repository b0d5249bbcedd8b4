package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// JSONOptions are the arguments of Python's json.dumps. The zero value is what
// templates get: non-ASCII text kept, ", " and ": " between items, no indent.
type JSONOptions struct {
	EnsureASCII  bool
	Indent       string // one level's indent, used when Indented
	Indented     bool
	Comma, Colon string // separators, "" for the default
	SortKeys     bool
	RejectNaN    bool // fail on NaN and infinities instead of writing NaN, Infinity
}

// EncodeJSON writes v as Python's json.dumps does. Values that JSON cannot
// hold are written as null; templates get an error instead (see encodeJSON).
func EncodeJSON(v any, o JSONOptions) string {
	w := jsonWriter{o: o.withDefaults(), lenient: true}
	w.value(v, 0)
	return string(w.out)
}

// withDefaults fills the separators in.
func (o JSONOptions) withDefaults() JSONOptions {
	if o.Comma == "" {
		o.Comma = ", "
		if o.Indented {
			o.Comma = ","
		}
	}
	if o.Colon == "" {
		o.Colon = ": "
	}
	return o
}

// encodeJSON is json.dumps with its errors; o must have its separators.
func encodeJSON(e *env, v any, o JSONOptions) (string, error) {
	w := jsonWriter{o: o, e: e}
	w.value(v, 0)
	return string(w.out), w.err
}

// jsonWriter writes nested values.
type jsonWriter struct {
	e       *env // whose limits count; nil outside of a render
	o       JSONOptions
	out     []byte
	err     error
	lenient bool
}

// room checks that the text may grow; data that is written outside of a render is not bounded.
func (w *jsonWriter) room() error {
	if w.e == nil {
		return nil
	}
	return room(w.e, len(w.out))
}

func (w *jsonWriter) add(s string) { w.out = append(w.out, s...) }

// refuse notes the first error; a lenient writer writes null instead.
func (w *jsonWriter) refuse(err error) {
	if w.lenient {
		w.add("null")
	} else if w.err == nil {
		w.err = err
	}
}

func (w *jsonWriter) value(v any, depth int) {
	if w.err != nil {
		return
	}
	if depth > maxDepth {
		w.refuse(fail(kindRecursion, "maximum recursion depth exceeded while encoding a JSON object"))
		return
	}
	if err := w.room(); err != nil {
		w.refuse(err)
		return
	}
	switch v := v.(type) {
	case nil:
		w.add("null")
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case *big.Int:
		w.out = v.Append(w.out, 10)
	case float64:
		w.float(v)
	case string:
		w.out = appendJSONString(w.out, v, w.o.EnsureASCII)
	case markup:
		w.out = appendJSONString(w.out, string(v), w.o.EnsureASCII)
	case []any:
		w.list(v, depth)
	case tuple:
		w.list(v, depth)
	case *groupTuple:
		w.list([]any{v.key, v.list}, depth)
	case *Dict:
		w.dict(v, depth)
	default:
		w.refuse(fail(kindType, "Object of type %s is not JSON serializable", typeName(v)))
	}
}

func (w *jsonWriter) float(f float64) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		if w.o.RejectNaN {
			w.refuse(fail(kindValue, "Out of range float values are not JSON compliant: %s", floatRepr(f)))
			return
		}
		w.add(map[string]string{"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[floatRepr(f)])
	default:
		w.add(floatRepr(f))
	}
}

// newline begins a line at a depth of indent.
func (w *jsonWriter) newline(depth int) {
	if !w.o.Indented {
		return
	}
	w.add("\n")
	for i := 0; i < depth; i++ {
		w.add(w.o.Indent)
	}
}

func (w *jsonWriter) list(items []any, depth int) {
	if len(items) == 0 {
		w.add("[]")
		return
	}
	w.add("[")
	for i, v := range items {
		if i > 0 {
			w.add(w.o.Comma)
		}
		w.newline(depth + 1)
		w.value(v, depth+1)
		if w.err != nil {
			return
		}
	}
	w.newline(depth)
	w.add("]")
}

func (w *jsonWriter) dict(d *Dict, depth int) {
	if d.Len() == 0 {
		w.add("{}")
		return
	}
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if w.o.SortKeys {
		if err := sortKeys(d, order); err != nil {
			w.refuse(err)
			return
		}
	}
	w.add("{")
	for n, i := range order {
		if n > 0 {
			w.add(w.o.Comma)
		}
		w.newline(depth + 1)
		w.key(d.keyAt(i))
		w.add(w.o.Colon)
		w.value(d.values[i], depth+1)
		if w.err != nil {
			return
		}
	}
	w.newline(depth)
	w.add("}")
}

// key writes a key as text: JSON has no others.
func (w *jsonWriter) key(k any) {
	switch k := k.(type) {
	case string:
		w.out = appendJSONString(w.out, k, w.o.EnsureASCII)
	case nil:
		w.add(`"null"`)
	case bool:
		w.add(`"` + strconv.FormatBool(k) + `"`)
	case int64, *big.Int, float64:
		s, _ := str(k)
		w.add(`"` + s + `"`)
	default:
		w.refuse(fail(kindType, "keys must be str, int, float, bool or None, not %s", typeName(k)))
	}
}

// appendJSONString writes a JSON string as Python does: only quotes,
// backslashes and control characters escaped, and all but ASCII if asked.
func appendJSONString(b []byte, s string, ascii bool) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && (c < 0x7F || !ascii) {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		r, w := nextRune(s[i:])
		i += w
		from = i
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			if r > 0xFFFF {
				r -= 0x10000
				b = fmt.Appendf(b, "\\u%04x\\u%04x", 0xD800+(r>>10), 0xDC00+(r&0x3FF))
			} else {
				b = fmt.Appendf(b, "\\u%04x", r)
			}
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
