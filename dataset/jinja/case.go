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

func appendUpper(b []byte, r rune) []byte {
	if s := upperMany[r]; s != "" {
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
	for i := range rs {
		out = appendLower(out, rs, i)
	}
	return string(out)
}

// appendLower appends the lower case of the code point at i.
func appendLower(b []byte, rs []rune, i int) []byte {
	switch r := rs[i]; {
	case r == 'İ':
		return append(b, "i̇"...)
	case r == 'Σ' && finalSigma(rs, i):
		return append(b, "ς"...)
	default:
		return appendRune(b, unicode.ToLower(r))
	}
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
		switch many := foldMany[r]; {
		case many != "":
			out = append(out, many...)
		case r == 'ı', r >= 0x13A0 && r <= 0x13F5: // Cherokee folds to its capitals
			out = appendRune(out, r)
		case r >= 0x13F8 && r <= 0x13FD, r >= 0xAB70 && r <= 0xABBF:
			out = appendRune(out, unicode.ToUpper(r))
		default:
			out = appendRune(out, unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return string(out)
}

func swapCase(s string) string {
	out := make([]byte, 0, len(s))
	rs := runes(s)
	for i, r := range rs {
		switch {
		case isUpper(r):
			out = appendLower(out, rs, i)
		case isLower(r):
			out = appendUpper(out, r)
		default:
			out = appendRune(out, r)
		}
	}
	return string(out)
}

// appendTitle appends r as the first letter of a word.
func appendTitle(b []byte, r rune) []byte {
	if s := titleMany[r]; s != "" {
		return append(b, s...)
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
		inside = isUpper(r) || isLower(r) || unicode.IsTitle(r)
	}
	return string(out)
}

// isUpper and isLower tell case as Python does, which counts the letters that
// Unicode lists beside its categories, such as ª.
func isUpper(r rune) bool { return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r) }

func isLower(r rune) bool { return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r) }

// oneCase tells whether the cased letters are all of one case and there is one.
func oneCase(s string, up bool) bool {
	found := false
	for _, r := range runes(s) {
		switch {
		case unicode.IsTitle(r):
			return false
		case isUpper(r):
			if !up {
				return false
			}
			found = true
		case isLower(r):
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
		case isUpper(r) || unicode.IsTitle(r):
			if inside {
				return false
			}
			inside, found = true, true
		case isLower(r):
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
