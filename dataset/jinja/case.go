package jinja

import (
	"strings"
	"unicode"
)

// upper and lower change case as Python does, which knows the letters that
// become several.
func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	out := make([]byte, 0, len(s))
	for _, r := range runes(s) {
		out = appendUpper(out, r)
	}
	return string(out)
}

// specialUpper are the letters whose upper case is more than one letter.
func specialUpper(r rune) string {
	switch r {
	case 'ß':
		return "SS"
	case 'ŉ':
		return "ʼN"
	case 'ǰ':
		return "J̌"
	case 'ΐ':
		return "Ϊ́"
	case 'ΰ':
		return "Ϋ́"
	case 'և':
		return "ԵՒ"
	case 'ﬀ':
		return "FF"
	case 'ﬁ':
		return "FI"
	case 'ﬂ':
		return "FL"
	case 'ﬃ':
		return "FFI"
	case 'ﬄ':
		return "FFL"
	case 'ﬅ', 'ﬆ':
		return "ST"
	}
	return ""
}

func appendUpper(b []byte, r rune) []byte {
	if s := specialUpper(r); s != "" {
		return append(b, s...)
	}
	return appendRune(b, unicode.ToUpper(r))
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	out := make([]byte, 0, len(s))
	rs := runes(s)
	for i, r := range rs {
		switch {
		case r == 'İ':
			out = append(out, "i̇"...)
		case r == 'Σ' && finalSigma(rs, i):
			out = append(out, "ς"...)
		default:
			out = appendRune(out, unicode.ToLower(r))
		}
	}
	return string(out)
}

// finalSigma tells whether the sigma at i ends a word.
func finalSigma(rs []rune, i int) bool {
	cased := func(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }
	ignored := func(r rune) bool {
		return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || r == '\'' || r == '.' || r == ':'
	}
	j := i - 1
	for j >= 0 && ignored(rs[j]) {
		j--
	}
	if j < 0 || !cased(rs[j]) {
		return false
	}
	for j = i + 1; j < len(rs) && ignored(rs[j]); j++ {
	}
	return j >= len(rs) || !cased(rs[j])
}

// casefold removes the differences of case.
func casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var out []byte
	for _, r := range runes(s) {
		switch {
		case r == 'ß' || r == 'ẞ':
			out = append(out, "ss"...)
		case r == 'ς':
			out = append(out, "σ"...)
		case r == 'ſ':
			out = append(out, 's')
		case r == 'µ':
			out = append(out, "μ"...)
		case r == 'İ':
			out = append(out, "i̇"...)
		case specialUpper(r) != "":
			out = append(out, lower(specialUpper(r))...)
		default:
			out = appendRune(out, unicode.ToLower(r))
		}
	}
	return string(out)
}

func swapCase(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range runes(s) {
		if unicode.IsUpper(r) {
			out = appendRune(out, unicode.ToLower(r))
		} else {
			out = appendUpper(out, r)
		}
	}
	return string(out)
}

// appendTitle appends r as the first letter of a word.
func appendTitle(b []byte, r rune) []byte {
	if s := specialUpper(r); s != "" {
		first, w := nextRune(s)
		return append(appendRune(b, first), lower(s[w:])...)
	}
	return appendRune(b, unicode.ToTitle(r))
}

// capitalize puts the first code point in title case and the rest in lower case.
func capitalize(s string) string {
	if s == "" {
		return s
	}
	r, w := nextRune(s)
	return string(append(appendTitle(nil, r), lower(s[w:])...))
}

// titleCase capitalises every run of letters.
func titleCase(s string) string {
	out := make([]byte, 0, len(s))
	inside := false
	for _, r := range runes(s) {
		if inside {
			out = append(out, lower(fromRunes([]rune{r}))...)
		} else {
			out = appendTitle(out, r)
		}
		inside = unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r)
	}
	return string(out)
}

// oneCase tells whether the cased letters are all of one case and there is one.
func oneCase(s string, up bool) bool {
	found := false
	for _, r := range runes(s) {
		switch {
		case unicode.IsTitle(r):
			return false
		case unicode.IsUpper(r):
			if !up {
				return false
			}
			found = true
		case unicode.IsLower(r):
			if up {
				return false
			}
			found = true
		}
	}
	return found
}

// isTitle tells whether every word begins with a capital and goes on small.
func isTitle(s string) bool {
	inside, found := false, false
	for _, r := range runes(s) {
		switch {
		case unicode.IsUpper(r) || unicode.IsTitle(r):
			if inside {
				return false
			}
			inside, found = true, true
		case unicode.IsLower(r):
			if !inside {
				return false
			}
		default:
			inside = false
		}
	}
	return found
}

// isDigit is str.isdigit for one code point: decimal digits, superscripts and the like.
func isDigit(r rune) bool {
	if unicode.Is(unicode.Nd, r) {
		return true
	}
	switch {
	case r == 0xB2, r == 0xB3, r == 0xB9, r == 0x2070, r >= 0x2074 && r <= 0x2079, r >= 0x2080 && r <= 0x2089,
		r >= 0x2460 && r <= 0x2468, r >= 0x2474 && r <= 0x247C, r >= 0x2488 && r <= 0x2490, r == 0x24EA,
		r >= 0x24F5 && r <= 0x24FD, r == 0x24FF, r >= 0x2776 && r <= 0x277E, r >= 0x2780 && r <= 0x2788, r >= 0x278A && r <= 0x2792:
		return true
	}
	return false
}

// isIdentifier tells whether s could name a variable in Python.
func isIdentifier(s string) bool {
	for i, r := range runes(s) {
		switch {
		case r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r):
		case i > 0 && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc):
		default:
			return false
		}
	}
	return s != ""
}

// isDecimalDigit is str.isdecimal for one code point.
func isDecimalDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }
