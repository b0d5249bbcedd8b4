package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// braceFormat is Python's format.format(*args, **kwargs), attributes and items
// looked up as a template would.
func braceFormat(e *env, format string, args arguments) (string, error) {
	f := braceFormatter{e: e, args: args}
	return f.run(format, 2)
}

type braceFormatter struct {
	e      *env
	args   arguments
	auto   int // next automatic field number, -1 once fields were numbered by hand
	manual bool
}

// run replaces the fields of a format string; specs may hold fields one level deep.
func (f *braceFormatter) run(s string, depth int) (string, error) {
	if depth < 0 {
		return "", fail(kindValue, "Max string recursion exceeded")
	}
	var out []byte
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c != '{' && c != '}':
			out = append(out, c)
			i++
			continue
		case i+1 < len(s) && s[i+1] == c:
			out = append(out, c)
			i += 2
			continue
		case c == '}':
			return "", fail(kindValue, "Single '}' encountered in format string")
		}
		end, err := fieldEnd(s, i+1)
		if err != nil {
			return "", err
		}
		t, err := f.field(s[i+1:end], depth)
		if err != nil {
			return "", err
		}
		if err := f.e.hold(len(out) + len(t)); err != nil {
			return "", err
		}
		out = append(out, t...)
		i = end + 1
	}
	return string(out), nil
}

// fieldEnd finds the brace that closes a field.
func fieldEnd(s string, i int) (int, error) {
	if i >= len(s) {
		return 0, fail(kindValue, "Single '{' encountered in format string")
	}
	depth, bracket := 1, false
	for ; i < len(s); i++ {
		switch {
		case s[i] == '[' && !bracket:
			bracket = true
		case s[i] == ']':
			bracket = false
		case bracket:
		case s[i] == '{':
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i, nil
			}
		}
	}
	return 0, fail(kindValue, "expected '}' before end of string")
}

// field evaluates one field: name, conversion and spec.
func (f *braceFormatter) field(s string, depth int) (string, error) {
	name, spec, conv := s, "", byte(0)
	bracket := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			bracket = true
		case ']':
			bracket = false
		}
		if bracket || s[i] != '!' && s[i] != ':' {
			continue
		}
		name, spec = s[:i], s[i+1:]
		if s[i] == '!' {
			if len(spec) == 0 {
				return "", fail(kindValue, "end of string while looking for conversion specifier")
			}
			conv = spec[0]
			if len(spec) > 1 && spec[1] != ':' {
				return "", fail(kindValue, "expected ':' after conversion specifier")
			}
			spec = strings.TrimPrefix(spec[1:], ":")
		}
		break
	}
	v, err := f.lookup(name)
	if err != nil {
		return "", err
	}
	switch conv {
	case 0:
	case 's':
		v, err = str(v)
	case 'r':
		v, err = reprOf(v)
	case 'a':
		var t string
		t, err = reprOf(v)
		v = asciiOnly(t)
	default:
		return "", fail(kindValue, "Unknown conversion specifier %s", string(conv))
	}
	if err != nil {
		return "", err
	}
	if spec, err = f.run(spec, depth-1); err != nil {
		return "", err
	}
	return formatSpec(v, spec)
}

// lookup finds the value a field names: an argument, then attributes and items of it.
func (f *braceFormatter) lookup(name string) (any, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	v, err := f.argument(name[:end])
	if err != nil {
		return nil, err
	}
	rest := name[end:]
	for rest != "" {
		if rest[0] == '.' {
			stop := strings.IndexAny(rest[1:], ".[")
			if stop < 0 {
				stop = len(rest) - 1
			}
			if stop == 0 {
				return nil, fail(kindValue, "Empty attribute in format string")
			}
			if v, err = getAttr(f.e, v, rest[1:1+stop]); err != nil {
				return nil, err
			}
			rest = rest[1+stop:]
			continue
		}
		stop := strings.IndexByte(rest, ']')
		if rest[0] != '[' || stop < 0 {
			return nil, fail(kindValue, "Missing ']' in format string")
		}
		if stop == 1 {
			return nil, fail(kindValue, "Empty attribute in format string")
		}
		var key any = rest[1:stop]
		if n, err := strconv.ParseInt(rest[1:stop], 10, 64); err == nil && decimal(rest[1]) {
			key = n
		}
		if v, err = getItem(f.e, v, key); err != nil {
			return nil, err
		}
		if rest = rest[stop+1:]; rest != "" && rest[0] != '.' && rest[0] != '[' {
			return nil, fail(kindValue, "Only '.' or '[' may follow ']' in format field specifier")
		}
	}
	return v, nil
}

// argument returns a positional or keyword argument by its name in a field.
func (f *braceFormatter) argument(name string) (any, error) {
	if name == "" {
		if f.manual {
			return nil, fail(kindValue, "cannot switch from manual field specification to automatic field numbering")
		}
		f.auto++
		return f.position(f.auto - 1)
	}
	if n, err := strconv.Atoi(name); err == nil && decimal(name[0]) {
		if f.auto > 0 {
			return nil, fail(kindValue, "cannot switch from manual field specification to automatic field numbering")
		}
		f.manual = true
		return f.position(n)
	}
	if i := indexOf(f.args.names, name); i >= 0 {
		return f.args.vals[i], nil
	}
	return nil, fail(kindKey, "%s", repr(name))
}

func (f *braceFormatter) position(n int) (any, error) {
	if n >= len(f.args.pos) {
		return nil, fail(kindIndex, "tuple index out of range")
	}
	return f.args.pos[n], nil
}

// spec is a parsed format specification.
type spec struct {
	fill        rune
	align, sign byte
	alt, zero   bool
	width, prec int
	group       byte
	verb        byte
}

func parseSpec(s string) (spec, error) {
	p := spec{fill: ' ', prec: -1}
	r, w := nextRune(s)
	isAlign := func(i int) bool { return i < len(s) && strings.IndexByte("<>=^", s[i]) >= 0 }
	switch {
	case s != "" && isAlign(w):
		p.fill, p.align = r, s[w]
		s = s[w+1:]
	case isAlign(0):
		p.align = s[0]
		s = s[1:]
	}
	take := func(set string) byte {
		if s != "" && strings.IndexByte(set, s[0]) >= 0 {
			c := s[0]
			s = s[1:]
			return c
		}
		return 0
	}
	p.sign = take("+- ")
	take("z")
	p.alt = take("#") != 0
	if take("0") != 0 {
		p.zero = true
		if p.align == 0 {
			p.align = '='
			p.fill = '0'
		}
	}
	number := func() (int, error) {
		n := 0
		for s != "" && decimal(s[0]) {
			if n = n*10 + int(s[0]-'0'); n > maxPad {
				return 0, fail(kindValue, "Too many decimal digits in format string")
			}
			s = s[1:]
		}
		return n, nil
	}
	var err error
	if p.width, err = number(); err != nil {
		return p, err
	}
	p.group = take(",_")
	if take(".") != 0 {
		if s == "" || !decimal(s[0]) {
			return p, fail(kindValue, "Format specifier missing precision")
		}
		if p.prec, err = number(); err != nil {
			return p, err
		}
	}
	if len(s) > 1 {
		return p, fail(kindValue, "Invalid format specifier")
	}
	if s != "" {
		p.verb = s[0]
	}
	return p, nil
}

// formatSpec is Python's format(v, spec).
func formatSpec(v any, s string) (string, error) {
	if s == "" {
		return str(v)
	}
	if t, ok := text(v); ok {
		return formatText(t, s)
	}
	if !isNumber(v) {
		return "", fail(kindType, "unsupported format string passed to %s.__format__", formatOwner(v))
	}
	p, err := parseSpec(s)
	if err != nil {
		return "", err
	}
	_, isFloat := v.(float64)
	switch {
	case p.verb == 0 && !isFloat && p.prec < 0, strings.IndexByte("bcdoxXn", p.verb) >= 0 && p.verb != 0:
		if isFloat && p.verb != 'n' {
			return "", fail(kindValue, "Unknown format code '%c' for object of type 'float'", p.verb)
		}
		if !isFloat {
			return p.integer(v)
		}
		fallthrough
	case p.verb == 0 || strings.IndexByte("eEfFgGn%", p.verb) >= 0:
		return p.float(v)
	}
	return "", fail(kindValue, "Unknown format code '%c' for object of type '%s'", p.verb, typeName(v))
}

func formatOwner(v any) string {
	if u, ok := v.(*undefined); ok {
		return typeName(u)
	}
	return typeName(v)
}

// formatText formats a string.
func formatText(t, s string) (string, error) {
	p, err := parseSpec(s)
	switch {
	case err != nil:
		return "", err
	case p.verb != 0 && p.verb != 's':
		return "", fail(kindValue, "Unknown format code '%c' for object of type 'str'", p.verb)
	case p.sign != 0:
		return "", fail(kindValue, "Sign not allowed in string format specifier")
	case p.align == '=' && !p.zero:
		return "", fail(kindValue, "'=' alignment not allowed in string format specifier")
	case p.align == '=':
		p.align = '<'
	case p.align == 0:
		p.align = '<'
	}
	if p.prec >= 0 {
		t = t[:runeOffset(t, p.prec)]
	}
	return p.pad("", t), nil
}

// integer formats an int.
func (p spec) integer(v any) (string, error) {
	if p.prec >= 0 {
		return "", fail(kindValue, "Precision not allowed in integer format specifier")
	}
	n := toBig(v)
	abs := new(big.Int).Abs(n)
	var prefix, digits string
	switch p.verb {
	case 'b':
		prefix, digits = "0b", abs.Text(2)
	case 'o':
		prefix, digits = "0o", abs.Text(8)
	case 'x':
		prefix, digits = "0x", abs.Text(16)
	case 'X':
		prefix, digits = "0X", strings.ToUpper(abs.Text(16))
	case 'c':
		if !n.IsInt64() || n.Int64() < 0 || n.Int64() > 0x10FFFF {
			return "", fail(kindOverflow, "%%c arg not in range(0x110000)")
		}
		if p.align == 0 {
			p.align = '<'
		}
		return p.pad("", fromRunes([]rune{rune(n.Int64())})), nil
	default:
		digits = abs.String()
	}
	if !p.alt {
		prefix = ""
	}
	return p.number(n.Sign() < 0, prefix, digits, ""), nil
}

// float formats a number as a float.
func (p spec) float(v any) (string, error) {
	f, err := toFloat(v)
	if err != nil {
		return "", err
	}
	negative := math.Signbit(f) && !math.IsNaN(f)
	abs := math.Abs(f)
	prec := p.prec
	if prec < 0 {
		prec = 6
	}
	tail := ""
	var s string
	switch p.verb {
	case '%':
		s, tail = formatFloat(abs*100, 'f', prec, p.alt), "%"
	case 'n':
		s = formatFloat(abs, 'g', prec, p.alt)
	case 0:
		if p.prec < 0 {
			s = floatRepr(abs)
		} else if s = formatFloat(abs, 'g', prec, p.alt); !strings.ContainsAny(s, ".en") {
			if len(s) >= prec && prec > 0 && abs >= 1 && len(s) > prec-1 && !strings.Contains(s, "e") && len(s) >= prec {
				s = strconv.FormatFloat(abs, 'e', max(prec-1, 0), 64)
				s = trimMantissa(s)
			} else {
				s += ".0"
			}
		}
	default:
		s = formatFloat(abs, p.verb, prec, p.alt)
	}
	whole, rest := s, ""
	if i := strings.IndexAny(s, ".eE"); i >= 0 && decimal(s[0]) {
		whole, rest = s[:i], s[i:]
	}
	return p.number(negative, "", whole, rest+tail), nil
}

// trimMantissa drops the zeros at the end of a mantissa.
func trimMantissa(s string) string {
	i := strings.IndexByte(s, 'e')
	m := s[:i]
	if strings.Contains(m, ".") {
		m = strings.TrimRight(strings.TrimRight(m, "0"), ".")
	}
	return m + s[i:]
}

// number puts sign, prefix, groups and padding around the digits before the point.
func (p spec) number(negative bool, prefix, whole, rest string) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case p.sign == '+' || p.sign == ' ':
		sign = string(p.sign)
	}
	if p.group != 0 {
		size := 3
		if p.group == '_' && strings.IndexByte("boxX", p.verb) >= 0 && p.verb != 0 {
			size = 4
		}
		least := 0
		if p.fill == '0' && p.align == '=' {
			least = p.width - len(sign) - len(prefix) - len(rest)
		}
		whole = group(whole, p.group, size, least)
	}
	if p.align == 0 {
		p.align = '>'
	}
	return p.pad(sign+prefix, whole+rest)
}

// group puts separators into digits, with zeros in front up to least characters.
func group(digits string, sep byte, size, least int) string {
	var out []byte
	n := 0
	for i := len(digits) - 1; i >= 0 || len(out) < least; i-- {
		if n > 0 && n%size == 0 {
			out = append(out, sep)
		}
		c := byte('0')
		if i >= 0 {
			c = digits[i]
		}
		out = append(out, c)
		n++
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// pad aligns head+body in the width; '=' pads between them.
func (p spec) pad(head, body string) string {
	n := p.width - runeCount(head) - runeCount(body)
	if n <= 0 {
		return head + body
	}
	fill := func(n int) string { return strings.Repeat(fromRunes([]rune{p.fill}), n) }
	switch p.align {
	case '<':
		return head + body + fill(n)
	case '^':
		return fill(n/2) + head + body + fill(n-n/2)
	case '=':
		return head + fill(n) + body
	}
	return fill(n) + head + body
}
