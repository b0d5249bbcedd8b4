package jinja

// Python's strings are sequences of code points and may hold lone surrogates,
// which JSON can spell. Here a string is UTF-8 in which a lone surrogate keeps
// its three-byte form, so that everything counts and cuts as Python does.

import "unicode/utf8"

// continuation reports whether b is inside a code point.
func continuation(b byte) bool { return b&0xC0 == 0x80 }

// isASCII reports whether every byte of s is a code point of its own.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// runeCount is Python's len(s).
func runeCount(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if !continuation(s[i]) {
			n++
		}
	}
	return n
}

// runeOffset returns the byte offset of code point n, len(s) past the end.
func runeOffset(s string, n int) int {
	if n <= 0 {
		return 0
	}
	seen := -1
	for i := 0; i < len(s); i++ {
		if !continuation(s[i]) {
			if seen++; seen == n {
				return i
			}
		}
	}
	return len(s)
}

// nextRune decodes the first code point of s and its width in bytes; unlike
// utf8.DecodeRuneInString it knows lone surrogates. Stray bytes come back as
// utf8.RuneError of width 1.
func nextRune(s string) (rune, int) {
	r, w := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && w == 1 && len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && continuation(s[2]) {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return r, w
}

// lastRune decodes the last code point of s, as nextRune does the first.
func lastRune(s string) (rune, int) {
	i := len(s) - 1
	for i > 0 && continuation(s[i]) && len(s)-i < 4 {
		i--
	}
	if i < 0 {
		return utf8.RuneError, 0
	}
	r, w := nextRune(s[i:])
	if w != len(s)-i {
		return utf8.RuneError, 1
	}
	return r, w
}

// appendRune appends r to b, a surrogate in its three-byte form.
func appendRune(b []byte, r rune) []byte {
	if r >= 0xD800 && r <= 0xDFFF {
		return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0xBF, 0x80|byte(r)&0xBF)
	}
	return utf8.AppendRune(b, r)
}

// runes splits s into its code points.
func runes(s string) []rune {
	out := make([]rune, 0, len(s))
	for len(s) > 0 {
		r, w := nextRune(s)
		out = append(out, r)
		s = s[w:]
	}
	return out
}

// fromRunes joins code points into a string.
func fromRunes(rs []rune) string {
	b := make([]byte, 0, len(rs))
	for _, r := range rs {
		b = appendRune(b, r)
	}
	return string(b)
}

// isSpace is Python's str.isspace for one code point.
func isSpace(r rune) bool {
	switch {
	case r == ' ', r >= 0x09 && r <= 0x0D, r >= 0x1C && r <= 0x1F:
		return true
	case r < 0x80:
		return false
	}
	switch {
	case r == 0x85, r == 0xA0, r == 0x1680, r >= 0x2000 && r <= 0x200A,
		r == 0x2028, r == 0x2029, r == 0x202F, r == 0x205F, r == 0x3000:
		return true
	}
	return false
}

// trimLeft removes leading code points for which cut holds.
func trimLeft(s string, cut func(rune) bool) string {
	for len(s) > 0 {
		r, w := nextRune(s)
		if !cut(r) {
			break
		}
		s = s[w:]
	}
	return s
}

// trimRight removes trailing code points for which cut holds.
func trimRight(s string, cut func(rune) bool) string {
	for len(s) > 0 {
		r, w := lastRune(s)
		if !cut(r) {
			break
		}
		s = s[:len(s)-w]
	}
	return s
}
