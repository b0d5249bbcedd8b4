package jinja

import (
	"strings"
	"unicode"
)

// strMethod is a method of str.
type strMethod func(e *env, s string, a arguments) (any, error)

// stringMethod returns the method of str called name.
func stringMethod(name string) (strMethod, bool) {
	switch name {
	case "strip", "lstrip", "rstrip":
		return func(_ *env, s string, a arguments) (any, error) { return stripMethod(name, s, a) }, true
	case "split", "rsplit":
		return func(e *env, s string, a arguments) (any, error) { return splitMethod(e, name, s, a) }, true
	case "startswith", "endswith":
		return func(_ *env, s string, a arguments) (any, error) { return affixMethod(name, s, a) }, true
	case "find", "rfind", "index", "rindex", "count":
		return func(_ *env, s string, a arguments) (any, error) { return searchMethod(name, s, a) }, true
	case "upper", "lower", "casefold", "title", "capitalize", "swapcase":
		return func(e *env, s string, a arguments) (any, error) {
			if err := noArguments("str."+name, a); err != nil {
				return nil, err
			}
			out := caseMethod(name, s)
			return out, e.hold(len(out))
		}, true
	case "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper":
		return func(_ *env, s string, a arguments) (any, error) {
			return isMethod(name, s), noArguments("str."+name, a)
		}, true
	case "center", "ljust", "rjust", "zfill":
		return func(_ *env, s string, a arguments) (any, error) { return justifyMethod(name, s, a) }, true
	case "partition", "rpartition":
		return func(_ *env, s string, a arguments) (any, error) { return partitionMethod(name, s, a) }, true
	case "removeprefix", "removesuffix":
		return func(_ *env, s string, a arguments) (any, error) { return removeMethod(name, s, a) }, true
	}
	m, ok := map[string]strMethod{
		"replace": replaceMethod, "join": joinMethod, "splitlines": splitLinesMethod, "expandtabs": expandTabs,
		"format": formatMethod, "format_map": formatMapMethod, "encode": encodeMethod,
		"translate": translateMethod, "maketrans": makeTransMethod,
	}[name]
	return m, ok
}

// noArguments refuses arguments of a method that takes none.
func noArguments(fn string, a arguments) error {
	if len(a.names) > 0 {
		return fail(kindType, "%s() takes no keyword arguments", fn)
	}
	if len(a.pos) > 0 {
		return fail(kindType, "%s() takes no arguments (%d given)", fn, len(a.pos))
	}
	return nil
}

// textArgument returns a positional argument that must be text.
func textArgument(fn string, a arguments, i int) (string, error) {
	s, ok := text(a.pos[i])
	if !ok {
		return "", fail(kindType, "%s() argument %d must be str, not %s", fn, i+1, typeName(a.pos[i]))
	}
	return s, nil
}

// count checks the number of positional arguments of a method without keywords.
func (a arguments) count(fn string, least, most int) error {
	if len(a.names) > 0 {
		return fail(kindType, "str.%s() takes no keyword arguments", fn)
	}
	n := len(a.pos)
	switch {
	case n >= least && n <= most:
		return nil
	case least == most && least == 1:
		return fail(kindType, "str.%s() takes exactly one argument (%d given)", fn, n)
	case n < least:
		return fail(kindType, "%s expected at least %d argument%s, got %d", fn, least, plural(least), n)
	}
	return fail(kindType, "%s expected at most %d argument%s, got %d", fn, most, plural(most), n)
}

func stripMethod(name, s string, a arguments) (any, error) {
	if err := a.count(name, 0, 1); err != nil {
		return nil, err
	}
	cut := isSpace
	if len(a.pos) == 1 && a.pos[0] != nil {
		set, ok := text(a.pos[0])
		if !ok {
			return nil, fail(kindType, "%s arg must be None or str", name)
		}
		cut = func(r rune) bool {
			for t := set; t != ""; {
				c, w := nextRune(t)
				if c == r {
					return true
				}
				t = t[w:]
			}
			return false
		}
	}
	if name != "rstrip" {
		s = trimLeft(s, cut)
	}
	if name != "lstrip" {
		s = trimRight(s, cut)
	}
	return s, nil
}

// span cuts s to the optional start and end arguments from position at on;
// false when they lie outside.
func span(s string, a arguments, at int) (part string, offset int, ok bool, err error) {
	n := int64(runeCount(s))
	var from, to any
	if len(a.pos) > at {
		from = a.pos[at]
	}
	if len(a.pos) > at+1 {
		to = a.pos[at+1]
	}
	if from == nil && to == nil {
		return s, 0, true, nil
	}
	index := func(v any, otherwise int64) (int64, error) {
		if v == nil {
			return otherwise, nil
		}
		i, isInt := integer(v)
		if !isInt {
			return 0, fail(kindType, "slice indices must be integers or None or have an __index__ method")
		}
		if i < 0 {
			i = max(i+n, 0)
		}
		return i, nil
	}
	start, err := index(from, 0)
	if err != nil {
		return "", 0, false, err
	}
	stop, err := index(to, n)
	if err != nil {
		return "", 0, false, err
	}
	stop = min(stop, n)
	if start > stop {
		return "", 0, false, nil
	}
	b := runeOffset(s, int(start))
	return s[b : b+runeOffset(s[b:], int(stop-start))], int(start), true, nil
}

func affixMethod(name, s string, a arguments) (any, error) {
	if err := a.count(name, 1, 3); err != nil {
		return nil, err
	}
	part, _, ok, err := span(s, a, 1)
	if err != nil {
		return nil, err
	}
	has := strings.HasPrefix
	if name == "endswith" {
		has = strings.HasSuffix
	}
	affixes := []any{a.pos[0]}
	if t, isTuple := a.pos[0].(tuple); isTuple {
		affixes = t
	} else if _, isText := text(a.pos[0]); !isText {
		return nil, fail(kindType, "%s first arg must be str or a tuple of str, not %s", name, typeName(a.pos[0]))
	}
	for _, v := range affixes {
		affix, isText := text(v)
		if !isText {
			return nil, fail(kindType, "tuple for %s must only contain str, not %s", name, typeName(v))
		}
		if ok && has(part, affix) {
			return true, nil
		}
	}
	return false, nil
}

func searchMethod(name, s string, a arguments) (any, error) {
	if err := a.count(name, 1, 3); err != nil {
		return nil, err
	}
	sub, isText := text(a.pos[0])
	if !isText {
		return nil, fail(kindType, "must be str, not %s", typeName(a.pos[0]))
	}
	part, offset, ok, err := span(s, a, 1)
	if err != nil {
		return nil, err
	}
	if name == "count" {
		switch {
		case !ok:
			return int64(0), nil
		case sub == "":
			return int64(runeCount(part) + 1), nil
		}
		return int64(strings.Count(part, sub)), nil
	}
	at := -1
	if ok {
		if name[0] == 'r' {
			at = strings.LastIndex(part, sub)
		} else {
			at = strings.Index(part, sub)
		}
	}
	if at < 0 {
		if strings.HasSuffix(name, "index") {
			return nil, fail(kindValue, "substring not found")
		}
		return int64(-1), nil
	}
	return int64(offset + runeCount(part[:at])), nil
}

func replaceMethod(e *env, s string, a arguments) (any, error) {
	if err := a.count("replace", 2, 3); err != nil {
		return nil, err
	}
	old, err := textArgument("replace", a, 0)
	if err != nil {
		return nil, err
	}
	to, err := textArgument("replace", a, 1)
	if err != nil {
		return nil, err
	}
	n := int64(-1)
	if len(a.pos) == 3 {
		var ok bool
		if n, ok = integer(a.pos[2]); !ok {
			return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(a.pos[2]))
		}
	}
	return replaceText(e, s, old, to, n)
}

// replaceText is str.replace: at most n times, always where n is negative.
func replaceText(e *env, s, old, to string, n int64) (string, error) {
	found := int64(runeCount(s) + 1)
	if old != "" {
		found = int64(strings.Count(s, old))
	}
	if n < 0 || n > found {
		n = found
	}
	if err := e.hold(len(s) + int(n)*max(len(to)-len(old), 0)); err != nil {
		return "", err
	}
	return strings.Replace(s, old, to, int(n)), nil
}

func joinMethod(e *env, s string, a arguments) (any, error) {
	if err := a.count("join", 1, 1); err != nil {
		return nil, err
	}
	if _, err := iterate(a.pos[0]); err != nil {
		return nil, fail(kindType, "can only join an iterable")
	}
	items, err := listOf(e, a.pos[0])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	size := 0
	for i, v := range items {
		t, ok := text(v)
		if !ok {
			return nil, fail(kindType, "sequence item %d: expected str instance, %s found", i, typeName(v))
		}
		parts[i] = t
		size += len(t) + len(s)
	}
	if err := e.hold(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, s), nil
}

func splitLinesMethod(e *env, s string, a arguments) (any, error) {
	vals, _, err := a.bind("splitlines", 0, "keepends")
	if err != nil {
		return nil, err
	}
	lines := splitLines(s, truth(vals[0]))
	return anyStrings(lines), e.elements(len(lines))
}

// lineBreak tells whether Python's splitlines breaks at r.
func lineBreak(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

func splitLines(s string, keep bool) []string {
	out := []string{}
	for start, i := 0, 0; start < len(s); {
		if i >= len(s) {
			return append(out, s[start:])
		}
		r, w := nextRune(s[i:])
		if !lineBreak(r) {
			i += w
			continue
		}
		end := i
		i += w
		if r == '\r' && i < len(s) && s[i] == '\n' {
			i++
		}
		if keep {
			end = i
		}
		out = append(out, s[start:end])
		start = i
	}
	return out
}

func partitionMethod(name, s string, a arguments) (any, error) {
	if err := a.count(name, 1, 1); err != nil {
		return nil, err
	}
	sep, ok := text(a.pos[0])
	if !ok {
		return nil, fail(kindType, "must be str, not %s", typeName(a.pos[0]))
	}
	if sep == "" {
		return nil, fail(kindValue, "empty separator")
	}
	if name == "partition" {
		if i := strings.Index(s, sep); i >= 0 {
			return tuple{s[:i], sep, s[i+len(sep):]}, nil
		}
		return tuple{s, "", ""}, nil
	}
	if i := strings.LastIndex(s, sep); i >= 0 {
		return tuple{s[:i], sep, s[i+len(sep):]}, nil
	}
	return tuple{"", "", s}, nil
}

func removeMethod(name, s string, a arguments) (any, error) {
	if err := a.count(name, 1, 1); err != nil {
		return nil, err
	}
	affix, ok := text(a.pos[0])
	if !ok {
		return nil, fail(kindType, "%s() argument must be str, not %s", name, typeName(a.pos[0]))
	}
	if name == "removeprefix" {
		return strings.TrimPrefix(s, affix), nil
	}
	return strings.TrimSuffix(s, affix), nil
}

// caseMethod changes the case of a string.
func caseMethod(name, s string) string {
	switch name {
	case "upper":
		return upper(s)
	case "lower":
		return lower(s)
	case "casefold":
		return casefold(s)
	case "swapcase":
		return swapCase(s)
	case "capitalize":
		return capitalize(s)
	}
	return titleCase(s)
}

// isMethod answers the is… methods.
func isMethod(name, s string) bool {
	switch name {
	case "isascii":
		return isASCII(s)
	case "isprintable":
		return every(s, func(r rune) bool { return r >= ' ' && r < 0x7F || r > 0x7F && printable(r) })
	case "isidentifier":
		return isIdentifier(s)
	case "islower", "isupper":
		return oneCase(s, name == "isupper")
	case "istitle":
		return isTitle(s)
	}
	is := map[string]func(rune) bool{
		"isalnum":   func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) },
		"isalpha":   unicode.IsLetter,
		"isdecimal": func(r rune) bool { return unicode.Is(unicode.Nd, r) },
		"isdigit":   isDigit,
		"isnumeric": unicode.IsNumber,
		"isspace":   isSpace,
	}[name]
	return s != "" && every(s, is)
}

// every tells whether ok holds for all code points.
func every(s string, ok func(rune) bool) bool {
	for _, r := range runes(s) {
		if !ok(r) {
			return false
		}
	}
	return true
}
