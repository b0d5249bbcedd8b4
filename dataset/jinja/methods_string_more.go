package jinja

import (
	"strings"
)

// justifyMethod is center, ljust, rjust and zfill.
func justifyMethod(name, s string, a arguments) (any, error) {
	most := 2
	if name == "zfill" {
		most = 1
	}
	if err := a.count(name, 1, most); err != nil {
		return nil, err
	}
	width, ok := integer(a.pos[0])
	if !ok {
		return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(a.pos[0]))
	}
	if width > maxPad {
		return nil, fail(kindLimit, "the template pads to %d characters: it was stopped", width)
	}
	n := int(width) - runeCount(s)
	if n <= 0 {
		return s, nil
	}
	if name == "zfill" {
		if s != "" && (s[0] == '+' || s[0] == '-') {
			return s[:1] + strings.Repeat("0", n) + s[1:], nil
		}
		return strings.Repeat("0", n) + s, nil
	}
	fill := " "
	if len(a.pos) == 2 {
		t, isText := text(a.pos[1])
		if !isText || runeCount(t) != 1 {
			return nil, fail(kindType, "The fill character must be exactly one character long")
		}
		fill = t
	}
	switch name {
	case "ljust":
		return s + strings.Repeat(fill, n), nil
	case "rjust":
		return strings.Repeat(fill, n) + s, nil
	}
	return center(s, int(width), fill), nil
}

// center puts the odd space to the left when the width is odd, as Python does.
func center(s string, width int, fill string) string {
	n := width - runeCount(s)
	if n <= 0 {
		return s
	}
	left := n/2 + (n & width & 1)
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, n-left)
}

func expandTabs(e *env, s string, a arguments) (any, error) {
	vals, given, err := a.bind("expandtabs", 0, "tabsize")
	if err != nil {
		return nil, err
	}
	size := int64(8)
	if given[0] {
		var ok bool
		if size, ok = integer(vals[0]); !ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(vals[0]))
		}
	}
	if size > maxPad {
		return nil, fail(kindLimit, "the template pads to %d characters: it was stopped", size)
	}
	if err := e.hold(len(s) + strings.Count(s, "\t")*int(max(size, 0))); err != nil {
		return nil, err
	}
	var out []byte
	column := int64(0)
	for _, r := range runes(s) {
		switch r {
		case '\t':
			if size > 0 {
				n := size - column%size
				out = append(out, strings.Repeat(" ", int(n))...)
				column += n
			}
		case '\n', '\r':
			out = appendRune(out, r)
			column = 0
		default:
			out = appendRune(out, r)
			column++
		}
	}
	return string(out), nil
}

func formatMethod(e *env, s string, a arguments) (any, error) { return braceFormat(e, s, a) }

func formatMapMethod(e *env, s string, a arguments) (any, error) {
	if len(a.names) > 0 {
		return nil, fail(kindType, "format_map() takes no keyword arguments")
	}
	if len(a.pos) != 1 {
		return nil, fail(kindType, "format_map() takes exactly one argument (%d given)", len(a.pos))
	}
	d, ok := a.pos[0].(*Dict)
	if !ok {
		return nil, fail(kindType, "'%s' object is not subscriptable", typeName(a.pos[0]))
	}
	var named arguments
	for i := range d.keys {
		if k, ok := d.keyAt(i).(string); ok {
			named.names = append(named.names, k)
			named.vals = append(named.vals, d.values[i])
		}
	}
	return braceFormat(e, s, named)
}

func encodeMethod(*env, string, arguments) (any, error) {
	return nil, fail(kindRuntime, "str.encode() is not supported: a template renders text, not bytes")
}

// translateMethod replaces single code points by what a table of ordinals says.
func translateMethod(e *env, s string, a arguments) (any, error) {
	if err := a.count("translate", 1, 1); err != nil {
		return nil, err
	}
	var out []byte
	for _, r := range runes(s) {
		v, err := getItem(e, a.pos[0], int64(r))
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case nil:
		case *undefined:
			out = appendRune(out, r)
		case int64:
			out = appendRune(out, rune(v))
		case string:
			out = append(out, v...)
		default:
			return nil, fail(kindType, "character mapping must return integer, None or str")
		}
		if err := e.hold(len(out)); err != nil {
			return nil, err
		}
	}
	return string(out), nil
}

// makeTransMethod makes a table for translate.
func makeTransMethod(_ *env, _ string, a arguments) (any, error) {
	if err := a.count("maketrans", 1, 3); err != nil {
		return nil, err
	}
	out := NewDict(8)
	if len(a.pos) == 1 {
		d, ok := a.pos[0].(*Dict)
		if !ok {
			return nil, fail(kindType, "if you give only one argument to maketrans it must be a dict")
		}
		for i := range d.keys {
			k := d.keyAt(i)
			if s, isText := text(k); isText {
				if runeCount(s) != 1 {
					return nil, fail(kindValue, "string keys in translate table must be of length 1")
				}
				r, _ := nextRune(s)
				k = int64(r)
			}
			if err := out.setAny(k, d.values[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	var sets [3][]rune
	for i := range a.pos {
		s, err := textArgument("maketrans", a, i)
		if err != nil {
			return nil, err
		}
		sets[i] = runes(s)
	}
	if len(sets[0]) != len(sets[1]) {
		return nil, fail(kindValue, "the first two maketrans arguments must have equal length")
	}
	for i, r := range sets[0] {
		if err := out.setAny(int64(r), int64(sets[1][i])); err != nil {
			return nil, err
		}
	}
	for _, r := range sets[2] {
		if err := out.setAny(int64(r), nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}
