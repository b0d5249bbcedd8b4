package jinja

import (
	"regexp"
	"sort"
	"strings"
)

// escapeHTML replaces the five characters that mean something in HTML.
func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

func safeFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_mark_safe", 0); err != nil {
		return nil, err
	}
	s, err := str(v)
	return markup(s), err
}

func escapeFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("escape", 0); err != nil {
		return nil, err
	}
	if m, ok := v.(markup); ok {
		return m, nil
	}
	return forceEscapeFilter(e, v, a)
}

func forceEscapeFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_forceescape", 0); err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	s = escapeHTML(s)
	return markup(s), e.hold(len(s))
}

// stripTagsFilter removes comments and tags, joins white space and resolves the common entities.
func stripTagsFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_striptags", 0); err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	for _, tag := range [2][2]string{{"<!--", "-->"}, {"<", ">"}} {
		for from := 0; ; {
			i := strings.Index(s[from:], tag[0])
			if i < 0 {
				break
			}
			j := strings.Index(s[from+i:], tag[1])
			if j < 0 {
				break
			}
			s = s[:from+i] + s[from+i+j+len(tag[1]):]
			from += i
		}
	}
	s = strings.Join(splitSpace(s, -1, false), " ")
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#39;", "'", "&#34;", `"`, "&quot;", `"`, "&nbsp;", "\u00a0", "&amp;", "&").Replace(s), nil
}

// urlQuote percent-encodes all but unreserved characters; slashes stay outside query strings.
func urlQuote(v any, query bool) (string, error) {
	s, err := str(v)
	if err != nil {
		return "", err
	}
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || decimal(c) || strings.IndexByte("_.-~", c) >= 0, c == '/' && !query:
			out = append(out, c)
		case c == ' ' && query:
			out = append(out, '+')
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out), nil
}

func urlencodeFilter(e *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("do_urlencode", 0); err != nil {
		return nil, err
	}
	if _, ok := text(v); ok {
		return urlQuote(v, false)
	}
	if d, ok := v.(*Dict); ok {
		v = dictView{dict: d, kind: 'i'}
	}
	if _, err := iterate(v); err != nil {
		return urlQuote(v, false)
	}
	items, err := listOf(e, v)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, item := range items {
		pair, err := listOf(e, item)
		if err != nil {
			return nil, err
		}
		if len(pair) != 2 {
			return nil, fail(kindValue, "not enough values to unpack (expected 2, got %d)", len(pair))
		}
		k, err := urlQuote(pair[0], true)
		if err != nil {
			return nil, err
		}
		x, err := urlQuote(pair[1], true)
		if err != nil {
			return nil, err
		}
		parts[i] = k + "=" + x
	}
	return strings.Join(parts, "&"), nil
}

func xmlattrFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_xmlattr", 0, "autospace")
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		if u, isUndefined := v.(*undefined); isUndefined {
			return nil, u.err()
		}
		return nil, fail(kindAttribute, "'%s' object has no attribute 'items'", typeName(v))
	}
	var parts []string
	for i := range d.keys {
		x := d.values[i]
		if _, isUndefined := x.(*undefined); isUndefined || x == nil {
			continue
		}
		k, ok := text(d.keyAt(i))
		if !ok {
			return nil, fail(kindType, "expected string or bytes-like object, got '%s'", typeName(d.keyAt(i)))
		}
		if strings.ContainsAny(k, " \t\n\r\f\v/>=") {
			return nil, fail(kindValue, "Invalid character in attribute name: %s", repr(k))
		}
		s, err := str(x)
		if err != nil {
			return nil, err
		}
		if _, marked := x.(markup); !marked {
			s = escapeHTML(s)
		}
		parts = append(parts, escapeHTML(k)+`="`+s+`"`)
	}
	out := strings.Join(parts, " ")
	if out != "" && (!given[0] || truth(vals[0])) {
		out = " " + out
	}
	return out, nil
}

// link patterns of urlize, after the URL schemes it knows.
var (
	webLink  = regexp.MustCompile(`(?i)^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}])))(:[\d]{1,5})?([/?#]\S*)?$`)
	mailLink = regexp.MustCompile(`^\S+@\w[\w.-]*\.\w+$`)
)

func urlizeFilter(_ *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_urlize", 0, "trim_url_limit", "nofollow", "target", "rel", "extra_schemes")
	if err != nil {
		return nil, err
	}
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	if _, marked := v.(markup); !marked {
		s = escapeHTML(s)
	}
	rels := map[string]bool{"noopener": true}
	if r, ok := text(vals[3]); ok {
		for _, w := range strings.Fields(r) {
			rels[w] = true
		}
	}
	if truth(vals[1]) {
		rels["nofollow"] = true
	}
	names := make([]string, 0, len(rels))
	for r := range rels {
		names = append(names, r)
	}
	sort.Strings(names)
	attrs := ` rel="` + escapeHTML(strings.Join(names, " ")) + `"`
	if t, ok := text(vals[2]); ok && t != "" {
		attrs += ` target="` + escapeHTML(t) + `"`
	}
	limit, limited := integer(vals[0])
	shorten := func(x string) string {
		if limited && int64(runeCount(x)) > limit {
			return x[:runeOffset(x, int(limit))] + "..."
		}
		return x
	}
	var out strings.Builder
	for s != "" {
		word := trimLeft(s, isSpace)
		out.WriteString(s[:len(s)-len(word)])
		s = trimLeft(word, func(r rune) bool { return !isSpace(r) })
		out.WriteString(urlizeWord(word[:len(word)-len(s)], attrs, shorten))
	}
	return out.String(), nil
}

// urlizeWord links one word, leaving punctuation around it outside.
func urlizeWord(word, attrs string, shorten func(string) string) string {
	head, middle, tail := "", word, ""
	for {
		cut := 0
		switch {
		case strings.HasPrefix(middle, "("), strings.HasPrefix(middle, "<"):
			cut = 1
		case strings.HasPrefix(middle, "&lt;"):
			cut = 4
		}
		if cut == 0 {
			break
		}
		head, middle = head+middle[:cut], middle[cut:]
	}
	for middle != "" {
		cut := 0
		switch {
		case strings.HasSuffix(middle, "&gt;"):
			cut = 4
		case strings.IndexByte(")>.,\n", middle[len(middle)-1]) >= 0:
			cut = 1
		}
		if cut == 0 {
			break
		}
		tail, middle = middle[len(middle)-cut:]+tail, middle[:len(middle)-cut]
	}
	for _, pair := range [3][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		open := strings.Count(middle, pair[0])
		if open <= strings.Count(middle, pair[1]) {
			continue
		}
		for n := min(open, strings.Count(tail, pair[1])); n > 0; n-- {
			end := strings.Index(tail, pair[1]) + len(pair[1])
			middle, tail = middle+tail[:end], tail[end:]
		}
	}
	switch {
	case webLink.MatchString(middle):
		href := middle
		if !strings.HasPrefix(middle, "https://") && !strings.HasPrefix(middle, "http://") {
			href = "https://" + middle
		}
		middle = `<a href="` + href + `"` + attrs + `>` + shorten(middle) + `</a>`
	case strings.HasPrefix(middle, "mailto:") && mailLink.MatchString(middle[7:]):
		middle = `<a href="` + middle + `">` + middle[7:] + `</a>`
	case strings.Contains(middle, "@") && !strings.HasPrefix(middle, "www.") && !strings.HasPrefix(middle, "@") &&
		!strings.Contains(middle, ":") && mailLink.MatchString(middle):
		middle = `<a href="mailto:` + middle + `">` + middle + `</a>`
	}
	return head + middle + tail
}
