package jinja

import "strings"

func splitMethod(e *env, name, s string, a arguments) (any, error) {
	vals, given, err := a.bind(name, 0, "sep", "maxsplit")
	if err != nil {
		return nil, err
	}
	most := int64(-1)
	if given[1] {
		n, ok := integer(vals[1])
		if !ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(vals[1]))
		}
		most = n
	}
	var parts []string
	if vals[0] == nil {
		parts = splitSpace(s, most, name == "rsplit")
	} else {
		sep, ok := text(vals[0])
		if !ok {
			return nil, fail(kindType, "must be str or None, not %s", typeName(vals[0]))
		}
		if sep == "" {
			return nil, fail(kindValue, "empty separator")
		}
		parts = splitText(s, sep, most, name == "rsplit")
	}
	if err := e.elements(len(parts)); err != nil {
		return nil, err
	}
	return anyStrings(parts), nil
}

func anyStrings(parts []string) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}

// splitText splits at a separator, at most times times (-1: always).
func splitText(s, sep string, times int64, fromRight bool) []string {
	if times < 0 || times >= int64(len(s)) {
		return strings.Split(s, sep)
	}
	if !fromRight {
		return strings.SplitN(s, sep, int(times)+1)
	}
	var back []string
	for ; times > 0; times-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		back = append(back, s[i+len(sep):])
		s = s[:i]
	}
	back = append(back, s)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

// splitSpace splits at runs of white space.
func splitSpace(s string, times int64, fromRight bool) []string {
	notSpace := func(r rune) bool { return !isSpace(r) }
	out := []string{}
	if !fromRight {
		for s = trimLeft(s, isSpace); s != ""; s = trimLeft(s, isSpace) {
			if times == 0 {
				return append(out, s)
			}
			times--
			rest := trimLeft(s, notSpace)
			out = append(out, s[:len(s)-len(rest)])
			s = rest
		}
		return out
	}
	for s = trimRight(s, isSpace); s != ""; s = trimRight(s, isSpace) {
		if times == 0 {
			out = append(out, s)
			break
		}
		times--
		head := trimRight(s, notSpace)
		out = append(out, s[len(head):])
		s = head
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
