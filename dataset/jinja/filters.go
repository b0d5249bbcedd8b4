package jinja

// filterFunc is a filter: v|name(args).
type filterFunc func(e *env, v any, a arguments) (any, error)

// filterNamed returns a filter, nil where Jinja has none of that name.
func filterNamed(name string) filterFunc {
	switch name {
	// text
	case "upper", "lower", "capitalize":
		return textFilter(name, func(s string) string { return caseMethod(name, s) })
	case "title":
		return textFilter(name, titleWords)
	case "trim":
		return trimFilter
	case "string":
		return stringFilter
	case "replace":
		return replaceFilter
	case "center":
		return centerFilter
	case "indent":
		return indentFilter
	case "truncate":
		return truncateFilter
	case "wordwrap":
		return wordwrapFilter
	case "wordcount":
		return wordcountFilter
	case "format":
		return formatFilter
	case "striptags":
		return stripTagsFilter
	case "safe":
		return safeFilter
	case "escape", "e":
		return escapeFilter
	case "forceescape":
		return forceEscapeFilter
	case "urlencode":
		return urlencodeFilter
	case "urlize":
		return urlizeFilter
	case "xmlattr":
		return xmlattrFilter
	case "filesizeformat":
		return fileSizeFilter
	case "pprint":
		return pprintFilter
	case "tojson":
		return tojsonFilter
	// numbers
	case "abs":
		return absFilter
	case "int":
		return intFilter
	case "float":
		return floatFilter
	case "round":
		return roundFilter
	}
	return collectionFilter(name)
}

// collectionFilter returns the filters that work on lists and mappings.
func collectionFilter(name string) filterFunc {
	switch name {
	case "default", "d":
		return defaultFilter
	case "length", "count":
		return lengthFilter
	case "first":
		return firstFilter
	case "last":
		return lastFilter
	case "random":
		return randomFilter
	case "join":
		return joinFilter
	case "list":
		return listFilter
	case "reverse":
		return reverseFilter
	case "items":
		return itemsFilter
	case "dictsort":
		return dictsortFilter
	case "sort":
		return sortFilter
	case "unique":
		return uniqueFilter
	case "min", "max":
		return extremeFilter(name)
	case "sum":
		return sumFilter
	case "map":
		return mapFilter
	case "select", "reject", "selectattr", "rejectattr":
		return selectFilter(name)
	case "groupby":
		return groupbyFilter
	case "batch":
		return batchFilter
	case "slice":
		return sliceFilter
	case "attr":
		return attrFilter
	}
	return nil
}

func defaultFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_default", 0, "default_value", "boolean")
	if err != nil {
		return nil, err
	}
	_, isUndefined := v.(*undefined)
	if isUndefined || truth(vals[1]) && !truth(v) {
		if !given[0] {
			return "", nil
		}
		return vals[0], nil
	}
	return v, nil
}

func lengthFilter(_ *env, v any, a arguments) (any, error) {
	if n := len(a.pos) + len(a.names); n > 0 {
		return nil, fail(kindType, "len() takes exactly one argument (%d given)", n+1)
	}
	n, ok := lengthOf(v)
	if !ok {
		return nil, fail(kindType, "object of type '%s' has no len()", typeName(v))
	}
	return n, nil
}

func firstFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_first", 0); err != nil {
		return nil, err
	}
	next, err := iterate(v)
	if err != nil {
		return nil, err
	}
	first, ok, err := next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return undefinedHint("No first item, sequence was empty."), nil
	}
	return first, nil
}

func lastFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_last", 0); err != nil {
		return nil, err
	}
	if s, ok := text(v); ok && s != "" {
		_, w := lastRune(s)
		return s[len(s)-w:], nil
	}
	it := reversed(v)
	if it == nil {
		return nil, fail(kindType, "'%s' object is not reversible", typeName(v))
	}
	last, ok, err := it.next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return undefinedHint("No last item, sequence was empty."), nil
	}
	return last, nil
}

// randomFilter takes the middle element: a preparation that draws at random
// could not be repeated.
func randomFilter(e *env, v any, _ arguments) (any, error) {
	n, ok := lengthOf(v)
	if !ok {
		return nil, fail(kindType, "object of type '%s' has no len()", typeName(v))
	}
	if n == 0 {
		return undefinedHint("No random item, sequence was empty."), nil
	}
	return getItem(e, v, n/2)
}

func joinFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_join", 0, "d", "attribute")
	if err != nil {
		return nil, err
	}
	sep := ""
	if given[0] {
		if sep, err = str(vals[0]); err != nil {
			return nil, err
		}
	}
	next, err := iterate(v)
	if err != nil {
		return nil, err
	}
	var attr *attribGetter
	if vals[1] != nil {
		if attr, err = newGetter(vals[1], false, nil); err != nil {
			return nil, err
		}
	}
	var out []byte
	for first := true; ; first = false {
		item, ok, err := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return string(out), nil
		}
		if attr != nil {
			if item, err = attr.get(e, item); err != nil {
				return nil, err
			}
		}
		s, err := e.str(item)
		if err != nil {
			return nil, err
		}
		if !first {
			out = append(out, sep...)
		}
		if err := e.hold(len(out) + len(s)); err != nil {
			return nil, err
		}
		out = append(out, s...)
	}
}

func listFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_list", 0); err != nil {
		return nil, err
	}
	items, err := listOf(e, v)
	if err != nil {
		return nil, err
	}
	return append(make([]any, 0, len(items)), items...), e.elements(len(items))
}

func reverseFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_reverse", 0); err != nil {
		return nil, err
	}
	if s, ok := text(v); ok {
		return sliceString(s, nil, nil, int64(-1))
	}
	if it := reversed(v); it != nil {
		return it, nil
	}
	items, err := listOf(e, v)
	if err != nil {
		return nil, fail(kindFilterArg, "argument must be iterable")
	}
	return sliceList(e, items, nil, nil, int64(-1))
}

func itemsFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_items", 0); err != nil {
		return nil, err
	}
	var next func() (any, bool, error)
	return &iterator{kind: "generator", next: func() (any, bool, error) {
		if next == nil {
			switch d := v.(type) {
			case *Dict:
				view := dictView{dict: d, kind: 'i'}
				next = overIndex(d.Len, view.at)
			case *undefined:
				next = overSlice(nil)
			default:
				return nil, false, fail(kindType, "Can only get item pairs from a mapping.")
			}
		}
		return next()
	}}, nil
}

func attrFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_attr", 1, "name")
	if err != nil {
		return nil, err
	}
	name, ok := text(vals[0])
	if !ok {
		return nil, fail(kindType, "attribute name must be string, not '%s'", typeName(vals[0]))
	}
	if u, isUndefined := v.(*undefined); isUndefined {
		return nil, u.err()
	}
	got, found, err := attribute(e, v, name)
	if err != nil || found {
		return got, err
	}
	return undefinedOf(v, name), nil
}
