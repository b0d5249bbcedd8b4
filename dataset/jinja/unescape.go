package jinja

import (
	"fmt"
	"strconv"
	"strings"
)

// simpleEscapes are the escapes of one letter; unknown ones stay as written.
var simpleEscapes = [128]byte{'\\': '\\', '\'': '\'', '"': '"', 'a': 7, 'b': 8, 'f': 12, 'n': '\n', 'r': '\r', 't': '\t', 'v': 11}

// unescape resolves the backslash escapes of a string literal as Python's
// unicode-escape codec does.
func unescape(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i < len(s) {
		out = append(out, s[:i]...)
		s = s[i:]
		n, add, err := escape(s)
		if err != nil {
			return "", err
		}
		out = append(out, add...)
		s = s[n:]
		if i = strings.IndexByte(s, '\\'); i < 0 {
			break
		}
	}
	return string(append(out, s...)), nil
}

// escape resolves the escape that s begins with: its length and its text.
func escape(s string) (int, []byte, error) {
	if len(s) < 2 {
		return 0, nil, fmt.Errorf("\\ at end of string")
	}
	c := s[1]
	switch {
	case c == '\n':
		return 2, nil, nil
	case c >= '0' && c <= '7':
		n := 2
		for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		r, err := strconv.ParseUint(s[1:n], 8, 32)
		return n, appendRune(nil, rune(r)), err
	case c == 'x':
		return hexEscape(s, 2, "truncated \\xXX escape")
	case c == 'u':
		return hexEscape(s, 4, "truncated \\uXXXX escape")
	case c == 'U':
		return hexEscape(s, 8, "truncated \\UXXXXXXXX escape")
	case c == 'N':
		return 0, nil, fmt.Errorf("the escape \\N{name} is not supported, write the character itself")
	case c < 128 && simpleEscapes[c] != 0:
		return 2, []byte{simpleEscapes[c]}, nil
	}
	return 1, []byte{'\\'}, nil
}

// hexEscape reads an escape of n hexadecimal digits.
func hexEscape(s string, n int, truncated string) (int, []byte, error) {
	if len(s) < 2+n {
		return 0, nil, fmt.Errorf("%s", truncated)
	}
	r, err := strconv.ParseUint(s[2:2+n], 16, 32)
	if err != nil {
		return 0, nil, fmt.Errorf("%s", truncated)
	}
	if r > 0x10FFFF {
		return 0, nil, fmt.Errorf("illegal Unicode character")
	}
	return 2 + n, appendRune(nil, rune(r)), nil
}
