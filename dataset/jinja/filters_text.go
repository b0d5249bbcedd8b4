package jinja

import (
	"strings"
	"unicode"
)

// textFilter makes a filter of a function from text to text.
func textFilter(name string, f func(string) string) filterFunc {
	return func(e *env, v any, a arguments) (any, error) {
		if _, _, err := a.bind("do_"+name, 0); err != nil {
			return nil, err
		}
		s, err := str(v)
		if err != nil {
			return nil, err
		}
		out := f(s)
		return out, e.hold(len(out))
	}
}

// titleWords capitalises words; unlike str.title only white space, hyphens and
// opening brackets begin one.
func titleWords(s string) string {
	begins := func(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) }
	var out []byte
	for s != "" {
		rest := trimLeft(s, begins)
		out = append(out, s[:len(s)-len(rest)]...)
		if rest == "" {
			break
		}
		s = trimLeft(rest, func(r rune) bool { return !begins(r) })
		word := rest[:len(rest)-len(s)]
		_, w := nextRune(word)
		out = append(out, upper(word[:w])...)
		out = append(out, lower(word[w:])...)
	}
	return string(out)
}

func trimFilter(_ *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_trim", 0, "chars")
	if err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	return stripMethod("strip", s, arguments{pos: vals})
}

func stringFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("soft_str", 0); err != nil {
		return nil, err
	}
	if m, ok := v.(markup); ok {
		return m, nil
	}
	s, err := e.str(v)
	if err != nil {
		return nil, err
	}
	return s, e.hold(len(s))
}

func replaceFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_replace", 2, "old", "new", "count")
	if err != nil {
		return nil, err
	}
	var parts [3]string
	for i, x := range [3]any{v, vals[0], vals[1]} {
		if parts[i], err = str(x); err != nil {
			return nil, err
		}
	}
	n := int64(-1)
	if vals[2] != nil {
		var ok bool
		if n, ok = integer(vals[2]); !ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(vals[2]))
		}
	}
	return replaceText(e, parts[0], parts[1], parts[2], n)
}

// intArgument returns an argument that must be an integer, or its default.
func intArgument(v any, given bool, otherwise int64) (int64, error) {
	if !given {
		return otherwise, nil
	}
	n, ok := integer(v)
	if !ok {
		return 0, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(v))
	}
	return n, nil
}

func centerFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_center", 0, "width")
	if err != nil {
		return nil, err
	}
	width, err := intArgument(vals[0], given[0], 80)
	if err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	return justifyMethod("center", s, arguments{pos: []any{width}})
}

func indentFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_indent", 0, "width", "first", "blank")
	if err != nil {
		return nil, err
	}
	indent, isText := text(vals[0])
	if !isText {
		width, err := intArgument(vals[0], given[0], 4)
		if err != nil {
			return nil, err
		}
		if width > maxPad {
			return nil, fail(kindLimit, "the template indents by %d characters: it was stopped", width)
		}
		indent = strings.Repeat(" ", int(max(width, 0)))
	}
	s, ok := text(v)
	if !ok {
		_, err := binary(e, '+', v, "\n")
		if _, isList := v.([]any); isList {
			err = fail(kindAttribute, "'%s' object has no attribute 'splitlines'", typeName(v))
		}
		return nil, err
	}
	lines := splitLines(s+"\n", false)
	if err := e.hold(len(s) + len(lines)*(len(indent)+1)); err != nil {
		return nil, err
	}
	var b strings.Builder
	if truth(vals[1]) {
		b.WriteString(indent)
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
			if line != "" || truth(vals[2]) {
				b.WriteString(indent)
			}
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

func truncateFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_truncate", 0, "length", "killwords", "end", "leeway")
	if err != nil {
		return nil, err
	}
	length, err := intArgument(vals[0], given[0], 255)
	if err != nil {
		return nil, err
	}
	end := "..."
	if given[2] {
		if end, err = str(vals[2]); err != nil {
			return nil, err
		}
	}
	leeway, err := intArgument(vals[3], vals[3] != nil, 5)
	if err != nil {
		return nil, err
	}
	tail := int64(runeCount(end))
	if length < tail {
		return nil, fail(kindAssertion, "expected length >= %d, got %d", tail, length)
	}
	if leeway < 0 {
		return nil, fail(kindAssertion, "expected leeway >= 0, got %d", leeway)
	}
	s, ok := text(v)
	if !ok {
		if n, sized := lengthOf(v); !sized {
			return nil, fail(kindType, "object of type '%s' has no len()", typeName(v))
		} else if n <= length+leeway {
			return v, nil
		}
		return nil, fail(kindAttribute, "'%s' object has no attribute 'rsplit'", typeName(v))
	}
	if int64(runeCount(s)) <= length+leeway {
		return v, nil
	}
	cut := s[:runeOffset(s, int(length-tail))]
	if !truth(vals[1]) {
		cut = splitText(cut, " ", 1, true)[0]
	}
	return cut + end, nil
}

func wordcountFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_wordcount", 0); err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	n, inside := int64(0), false
	for _, r := range runes(s) {
		word := r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
		if word && !inside {
			n++
		}
		inside = word
	}
	return n, nil
}

func formatFilter(e *env, v any, a arguments) (any, error) {
	if len(a.pos) > 0 && len(a.names) > 0 {
		return nil, fail(kindFilterArg, "can't handle positional and keyword arguments at the same time")
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	if len(a.names) > 0 {
		d := NewDict(len(a.names))
		for i, n := range a.names {
			d.Set(n, a.vals[i])
		}
		return percentFormat(e, s, d)
	}
	return percentFormat(e, s, tuple(a.pos))
}

func pprintFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_pprint", 0); err != nil {
		return nil, err
	}
	s, err := reprOf(v)
	if err != nil {
		return nil, err
	}
	if runeCount(s) > 80 {
		return nil, fail(kindRuntime, "the filter pprint is only supported for values that fit in one line of 80 characters")
	}
	return s, e.hold(len(s))
}

func tojsonFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys")
	if err != nil {
		return nil, err
	}
	var o JSONOptions
	o.EnsureASCII, o.SortKeys = truth(vals[0]), truth(vals[3])
	switch indent := vals[1].(type) {
	case nil:
	case string:
		o.Indented, o.Indent = true, indent
	default:
		n, ok := integer(indent)
		if !ok {
			return nil, fail(kindType, "can't multiply sequence by non-int of type '%s'", typeName(indent))
		}
		if n > 1000 {
			return nil, fail(kindLimit, "the template indents JSON by %d characters: it was stopped", n)
		}
		o.Indented, o.Indent = true, strings.Repeat(" ", int(max(n, 0)))
	}
	o = o.withDefaults()
	if given[2] && vals[2] != nil {
		pair, err := listOf(e, vals[2])
		if err != nil {
			return nil, err
		}
		if len(pair) != 2 {
			return nil, fail(kindValue, "not enough values to unpack (expected 2, got %d)", len(pair))
		}
		var ok, ok2 bool
		o.Comma, ok = text(pair[0])
		o.Colon, ok2 = text(pair[1])
		if !ok || !ok2 {
			return nil, fail(kindType, "separators must be strings")
		}
	}
	s, err := encodeJSON(e, v, o)
	if err != nil {
		return nil, err
	}
	return s, e.hold(len(s))
}
