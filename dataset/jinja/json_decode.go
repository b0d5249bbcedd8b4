package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonDepth is how deep JSON may nest, about where Python's decoder gives up.
const jsonDepth = 990

// DecodeJSON reads one JSON value as Python's json.loads does: key order kept,
// the last of equal keys wins at the first one's place, integers of any size,
// NaN and infinities read, lone surrogates kept (in their three-byte form).
// The error says what was expected and at which character.
func DecodeJSON(data []byte) (any, error) {
	d := &jsonReader{s: string(data)}
	if at := invalidByte(d.s); at >= 0 {
		return nil, d.fail(at, fmt.Sprintf("the text is not UTF-8: byte 0x%02x", d.s[at]))
	}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.i < len(d.s) {
		return nil, d.fail(d.i, "Extra data")
	}
	return v, nil
}

// invalidByte returns where s is not UTF-8 (lone surrogates allowed), -1 when it is.
func invalidByte(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i := 0; i < len(s); {
		r, w := nextRune(s[i:])
		if r == utf8.RuneError && w == 1 {
			return i
		}
		i += w
	}
	return -1
}

// jsonReader reads s from i on; the values share s's memory.
type jsonReader struct {
	s string
	i int
}

// fail is an error in Python's words, with line, column and character.
func (d *jsonReader) fail(at int, message string) error {
	if at > len(d.s) {
		at = len(d.s)
	}
	start := strings.LastIndexByte(d.s[:at], '\n') + 1
	return fmt.Errorf("%s: line %d column %d (char %d)", message, strings.Count(d.s[:at], "\n")+1, runeCount(d.s[start:at])+1, runeCount(d.s[:at]))
}

func (d *jsonReader) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

func (d *jsonReader) value(depth int) (any, error) {
	if depth > jsonDepth {
		return nil, d.fail(d.i, "the value nests too deep")
	}
	if d.i >= len(d.s) {
		return nil, d.fail(d.i, "Expecting value")
	}
	switch c := d.s[d.i]; {
	case c == '"':
		return d.str()
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '-' || decimal(c):
		return d.number()
	}
	for _, w := range [...]struct {
		word  string
		value any
	}{{"null", nil}, {"true", true}, {"false", false}, {"NaN", math.NaN()}, {"Infinity", math.Inf(1)}} {
		if strings.HasPrefix(d.s[d.i:], w.word) {
			d.i += len(w.word)
			return w.value, nil
		}
	}
	return nil, d.fail(d.i, "Expecting value")
}

func (d *jsonReader) object(depth int) (any, error) {
	d.i++
	out := NewDict(4)
	d.space()
	if d.i < len(d.s) && d.s[d.i] == '}' {
		d.i++
		return out, nil
	}
	for {
		if d.i >= len(d.s) || d.s[d.i] != '"' {
			return nil, d.fail(d.i, "Expecting property name enclosed in double quotes")
		}
		k, err := d.str()
		if err != nil {
			return nil, err
		}
		d.space()
		if d.i >= len(d.s) || d.s[d.i] != ':' {
			return nil, d.fail(d.i, "Expecting ':' delimiter")
		}
		d.i++
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out.Set(k, v)
		d.space()
		if d.i < len(d.s) && d.s[d.i] == '}' {
			d.i++
			return out, nil
		}
		if d.i >= len(d.s) || d.s[d.i] != ',' {
			return nil, d.fail(d.i, "Expecting ',' delimiter")
		}
		d.i++
		d.space()
	}
}

func (d *jsonReader) array(depth int) (any, error) {
	d.i++
	out := []any{}
	d.space()
	if d.i < len(d.s) && d.s[d.i] == ']' {
		d.i++
		return out, nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		d.space()
		if d.i < len(d.s) && d.s[d.i] == ']' {
			d.i++
			return out, nil
		}
		if d.i >= len(d.s) || d.s[d.i] != ',' {
			return nil, d.fail(d.i, "Expecting ',' delimiter")
		}
		d.i++
		d.space()
	}
}

// number reads an int or a float.
func (d *jsonReader) number() (any, error) {
	start := d.i
	if d.s[d.i] == '-' {
		if strings.HasPrefix(d.s[d.i:], "-Infinity") {
			d.i += len("-Infinity")
			return math.Inf(-1), nil
		}
		d.i++
	}
	digits := d.i
	for d.i < len(d.s) && decimal(d.s[d.i]) {
		d.i++
	}
	if d.i == digits {
		return nil, d.fail(start, "Expecting value")
	}
	if d.s[digits] == '0' {
		d.i = digits + 1
	}
	isFloat := false
	if d.i+1 < len(d.s) && d.s[d.i] == '.' && decimal(d.s[d.i+1]) {
		isFloat = true
		for d.i++; d.i < len(d.s) && decimal(d.s[d.i]); d.i++ {
		}
	}
	if d.i < len(d.s) && d.s[d.i]|0x20 == 'e' {
		exp := d.i + 1
		if exp < len(d.s) && (d.s[exp] == '+' || d.s[exp] == '-') {
			exp++
		}
		if exp < len(d.s) && decimal(d.s[exp]) {
			isFloat = true
			for d.i = exp; d.i < len(d.s) && decimal(d.s[d.i]); d.i++ {
			}
		}
	}
	lit := d.s[start:d.i]
	if isFloat {
		f, _ := strconv.ParseFloat(lit, 64) // out of range is an infinity, as in Python
		return f, nil
	}
	if n, err := strconv.ParseInt(lit, 10, 64); err == nil {
		return n, nil
	}
	if len(lit) > 4300 {
		return nil, d.fail(start, "an integer of more than 4300 digits")
	}
	n, _ := new(big.Int).SetString(lit, 10)
	return n, nil
}

// str reads a string.
func (d *jsonReader) str() (string, error) {
	start := d.i
	d.i++
	from := d.i
	var buf []byte
	for d.i < len(d.s) {
		switch c := d.s[d.i]; {
		case c == '"':
			s := d.s[from:d.i]
			d.i++
			if buf == nil {
				return s, nil
			}
			return string(append(buf, s...)), nil
		case c == '\\':
			buf = append(buf, d.s[from:d.i]...)
			r, err := d.escape(start)
			if err != nil {
				return "", err
			}
			buf = appendRune(buf, r)
			from = d.i
		case c < ' ':
			return "", d.fail(d.i, "Invalid control character at")
		default:
			d.i++
		}
	}
	return "", d.fail(start, "Unterminated string starting at")
}

// escape reads an escape; a pair of surrogates becomes one code point.
func (d *jsonReader) escape(start int) (rune, error) {
	if d.i+1 >= len(d.s) {
		return 0, d.fail(start, "Unterminated string starting at")
	}
	c := d.s[d.i+1]
	if c == 'u' {
		r, ok := d.hex(d.i + 2)
		if !ok {
			return 0, d.fail(d.i+1, "Invalid \\uXXXX escape")
		}
		d.i += 6
		if r >= 0xD800 && r <= 0xDBFF && strings.HasPrefix(d.s[d.i:], "\\u") {
			if low, ok := d.hex(d.i + 2); ok && low >= 0xDC00 && low <= 0xDFFF {
				d.i += 6
				return 0x10000 + (r-0xD800)<<10 + (low - 0xDC00), nil
			}
		}
		return r, nil
	}
	at := strings.IndexByte(`"\/bfnrt`, c)
	if at < 0 {
		return 0, d.fail(d.i, "Invalid \\escape")
	}
	d.i += 2
	return rune("\"\\/\b\f\n\r\t"[at]), nil
}

// hex reads four hexadecimal digits.
func (d *jsonReader) hex(at int) (rune, bool) {
	if at+4 > len(d.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(d.s[at:at+4], 16, 32)
	return rune(n), err == nil
}
