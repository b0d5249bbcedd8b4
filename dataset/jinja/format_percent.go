package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// conversion is one %-conversion of a format string.
type conversion struct {
	key         string
	keyed       bool
	left, plus  bool
	space, alt  bool
	zero        bool
	width, prec int // prec -1: none
	verb        byte
}

// percentFormat is Python's format % v.
func percentFormat(e *env, format string, v any) (string, error) {
	args := []any{v}
	if t, ok := v.(tuple); ok {
		args = t
	}
	mapping, isMap := v.(*Dict)
	var out []byte
	used := 0
	next := func() (any, error) {
		if used >= len(args) {
			return nil, fail(kindType, "not enough arguments for format string")
		}
		used++
		return args[used-1], nil
	}
	for i := 0; i < len(format); {
		j := strings.IndexByte(format[i:], '%')
		if j < 0 {
			out = append(out, format[i:]...)
			break
		}
		out = append(out, format[i:i+j]...)
		c, end, err := readConversion(format, i+j+1, next)
		if err != nil {
			return "", err
		}
		i = end
		if c.verb == '%' {
			out = append(out, '%')
			continue
		}
		var arg any
		if c.keyed {
			if !isMap {
				return "", fail(kindType, "format requires a mapping")
			}
			var found bool
			if arg, found = mapping.Get(c.key); !found {
				return "", fail(kindKey, "%s", repr(c.key))
			}
			used = len(args)
		} else if arg, err = next(); err != nil {
			return "", err
		}
		s, err := c.format(arg)
		if err != nil {
			return "", err
		}
		if err := e.hold(len(out) + len(s)); err != nil {
			return "", err
		}
		out = append(out, s...)
	}
	if _, isTuple := v.(tuple); used < len(args) && (isTuple || !isMap && !indexable(v)) {
		return "", fail(kindType, "not all arguments converted during string formatting")
	}
	return string(out), nil
}

// indexable tells whether Python's % takes v for a mapping, which need not be used up.
func indexable(v any) bool {
	switch v.(type) {
	case []any, rangeValue, *undefined:
		return true
	}
	return false
}

// readConversion reads a conversion from after its % sign.
func readConversion(f string, i int, next func() (any, error)) (c conversion, end int, err error) {
	c.prec = -1
	if i < len(f) && f[i] == '(' {
		depth, j := 1, i+1
		for ; j < len(f) && depth > 0; j++ {
			switch f[j] {
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		if depth > 0 {
			return c, 0, fail(kindValue, "incomplete format key")
		}
		c.key, c.keyed = f[i+1:j-1], true
		i = j
	}
	for ; i < len(f); i++ {
		switch f[i] {
		case '-':
			c.left = true
		case '+':
			c.plus = true
		case ' ':
			c.space = true
		case '#':
			c.alt = true
		case '0':
			c.zero = true
		default:
			goto width
		}
	}
width:
	if c.width, i, err = formatNumber(f, i, next); err != nil {
		return c, 0, err
	}
	if c.width < 0 {
		c.left, c.width = true, -c.width
	}
	if i < len(f) && f[i] == '.' {
		if c.prec, i, err = formatNumber(f, i+1, next); err != nil {
			return c, 0, err
		}
		c.prec = max(c.prec, 0)
	}
	for i < len(f) && (f[i] == 'l' || f[i] == 'h' || f[i] == 'L') {
		i++
	}
	if i >= len(f) {
		return c, 0, fail(kindValue, "incomplete format")
	}
	c.verb = f[i]
	if strings.IndexByte("diouxXeEfFgGcrsa%", c.verb) < 0 {
		r, _ := nextRune(f[i:])
		return c, 0, fail(kindValue, "unsupported format character '%s' (0x%x) at index %d", fromRunes([]rune{r}), r, runeCount(f[:i]))
	}
	return c, i + 1, nil
}

// maxPad bounds the width and precision a template may ask for.
const maxPad = 1 << 20

// formatNumber reads a width or precision: digits or a star.
func formatNumber(f string, i int, next func() (any, error)) (int, int, error) {
	if i < len(f) && f[i] == '*' {
		v, err := next()
		if err != nil {
			return 0, 0, err
		}
		n, ok := integer(v)
		if !ok {
			return 0, 0, fail(kindType, "* wants int")
		}
		if n > maxPad || n < -maxPad {
			return 0, 0, fail(kindValue, "width too big")
		}
		return int(n), i + 1, nil
	}
	n := 0
	for i < len(f) && decimal(f[i]) {
		if n = n*10 + int(f[i]-'0'); n > maxPad {
			return 0, 0, fail(kindValue, "width too big")
		}
		i++
	}
	return n, i, nil
}

// format converts one value.
func (c conversion) format(v any) (string, error) {
	switch c.verb {
	case 's', 'r', 'a':
		var s string
		var err error
		if c.verb == 's' {
			s, err = str(v)
		} else {
			s, err = reprOf(v)
		}
		if err != nil {
			return "", err
		}
		if c.verb == 'a' {
			s = asciiOnly(s)
		}
		if c.prec >= 0 {
			s = s[:runeOffset(s, c.prec)]
		}
		return pad(s, c.width, !c.left), nil
	case 'c':
		if s, ok := text(v); ok {
			if runeCount(s) != 1 {
				return "", fail(kindType, "%%c requires int or char")
			}
			return pad(s, c.width, !c.left), nil
		}
		n, ok := integer(v)
		if !ok {
			return "", fail(kindType, "%%c requires int or char")
		}
		if n < 0 || n > 0x10FFFF {
			return "", fail(kindOverflow, "%%c arg not in range(0x110000)")
		}
		return pad(fromRunes([]rune{rune(n)}), c.width, !c.left), nil
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return c.integer(v)
	}
	if u, ok := v.(*undefined); ok {
		return "", u.err()
	}
	if !isNumber(v) {
		return "", fail(kindType, "must be real number, not %s", typeName(v))
	}
	f, err := toFloat(v)
	if err != nil {
		return "", err
	}
	prec := c.prec
	if prec < 0 {
		prec = 6
	}
	return c.number(math.Signbit(f) && !math.IsNaN(f), "", formatFloat(math.Abs(f), c.verb, prec, c.alt), !math.IsInf(f, 0) && !math.IsNaN(f)), nil
}

func (c conversion) integer(v any) (string, error) {
	if u, ok := v.(*undefined); ok {
		return "", u.err()
	}
	f, isFloat := v.(float64)
	isDecimal := c.verb == 'd' || c.verb == 'i' || c.verb == 'u'
	var n *big.Int
	switch {
	case isFloat && isDecimal:
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return "", fail(kindOverflow, "cannot convert float %s to integer", floatRepr(f))
		}
		n, _ = big.NewFloat(math.Trunc(f)).Int(nil)
	case !isNumber(v) && isDecimal:
		return "", fail(kindType, "%%%c format: a real number is required, not %s", c.verb, typeName(v))
	case !isNumber(v) || isFloat:
		return "", fail(kindType, "%%%c format: an integer is required, not %s", c.verb, typeName(v))
	default:
		n = toBig(v)
	}
	var prefix, digits string
	abs := new(big.Int).Abs(n)
	switch c.verb {
	case 'o':
		prefix, digits = "0o", abs.Text(8)
	case 'x':
		prefix, digits = "0x", abs.Text(16)
	case 'X':
		prefix, digits = "0X", strings.ToUpper(abs.Text(16))
	default:
		digits = abs.String()
	}
	if !c.alt {
		prefix = ""
	}
	if len(digits) < c.prec {
		digits = strings.Repeat("0", c.prec-len(digits)) + digits
	}
	return c.number(n.Sign() < 0, prefix, digits, true), nil
}

// number puts sign, prefix and padding around digits.
func (c conversion) number(negative bool, prefix, digits string, finite bool) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case c.plus:
		sign = "+"
	case c.space:
		sign = " "
	}
	if c.zero && !c.left && finite {
		if n := c.width - len(sign) - len(prefix) - len(digits); n > 0 {
			digits = strings.Repeat("0", n) + digits
		}
	}
	return pad(sign+prefix+digits, c.width, !c.left)
}

// pad fills s up with spaces to width code points.
func pad(s string, width int, right bool) string {
	n := width - runeCount(s)
	if n <= 0 {
		return s
	}
	if right {
		return strings.Repeat(" ", n) + s
	}
	return s + strings.Repeat(" ", n)
}

// formatFloat writes a float that is not negative with e, f or g.
func formatFloat(f float64, verb byte, prec int, alt bool) string {
	lower := verb | 0x20
	upper := verb != lower
	var s string
	switch {
	case math.IsInf(f, 0):
		s = "inf"
	case math.IsNaN(f):
		s = "nan"
	case lower == 'g':
		s = formatGeneral(f, prec, alt)
	default:
		s = strconv.FormatFloat(f, lower, prec, 64)
		if alt && prec == 0 {
			if i := strings.IndexByte(s, 'e'); i >= 0 {
				s = s[:i] + "." + s[i:]
			} else {
				s += "."
			}
		}
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return s
}

// formatGeneral is %g: digits significant ones, trailing zeros only with alt.
func formatGeneral(f float64, prec int, alt bool) string {
	if prec == 0 {
		prec = 1
	}
	e := strconv.FormatFloat(f, 'e', prec-1, 64)
	i := strings.IndexByte(e, 'e')
	exp, _ := strconv.Atoi(e[i+1:])
	mantissa, suffix := e[:i], e[i:]
	if exp >= -4 && exp < prec {
		mantissa, suffix = strconv.FormatFloat(f, 'f', prec-1-exp, 64), ""
	}
	if alt {
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
	} else if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	return mantissa + suffix
}

// asciiOnly escapes everything but ASCII, as Python's ascii() does.
func asciiOnly(s string) string {
	var b []byte
	for len(s) > 0 {
		r, w := nextRune(s)
		if r < 0x80 {
			b = append(b, s[:w]...)
		} else {
			b = appendEscape(b, r)
		}
		s = s[w:]
	}
	return string(b)
}
