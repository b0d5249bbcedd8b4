package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

func absFilter(_ *env, v any, a arguments) (any, error) {
	if _, _, err := a.bind("abs", 0); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case *undefined:
		return nil, fail(kindType, "bad operand type for abs(): 'Undefined'")
	case float64:
		return math.Abs(x), nil
	case int64, bool, *big.Int:
		return normInt(new(big.Int).Abs(toBig(x))), nil
	}
	return nil, fail(kindType, "bad operand type for abs(): '%s'", typeName(v))
}

// toInt is Python's int(text, base).
func toInt(s string, base int) (any, error) {
	bad := func() error {
		return fail(kindValue, "invalid literal for int() with base %d: %s", base, repr(s))
	}
	t := trimRight(trimLeft(s, isSpace), isSpace)
	sign := ""
	if t != "" && (t[0] == '-' || t[0] == '+') {
		sign, t = t[:1], t[1:]
	}
	prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]
	low := strings.ToLower(t)
	switch {
	case prefix != "" && strings.HasPrefix(low, prefix):
		t = strings.TrimPrefix(t[2:], "_")
	case base == 0:
		for b, p := range map[int]string{2: "0b", 8: "0o", 16: "0x"} {
			if strings.HasPrefix(low, p) {
				return toInt(sign+t, b)
			}
		}
		if len(t) > 1 && t[0] == '0' && strings.Trim(t, "0_") != "" {
			return nil, bad()
		}
		base = 10
	}
	if base < 2 || base > 36 {
		return nil, fail(kindValue, "int() base must be >= 2 and <= 36, or 0")
	}
	if t == "" || t[0] == '_' || t[len(t)-1] == '_' || strings.Contains(t, "__") || strings.ContainsAny(t, "+-") {
		return nil, bad()
	}
	t = strings.ReplaceAll(t, "_", "")
	if len(t) > 4300 {
		return nil, fail(kindValue, "Exceeds the limit (4300 digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", len(t))
	}
	if sign == "+" {
		sign = ""
	}
	n, ok := new(big.Int).SetString(sign+plainDigits(t), base)
	if !ok {
		return nil, bad()
	}
	return normInt(n), nil
}

// plainDigits turns the decimal digits of other scripts into ASCII ones.
func plainDigits(s string) string {
	if isASCII(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for _, r := range runes(s) {
		out = appendRune(out, plainDigit(r))
	}
	return string(out)
}

// plainDigit returns the ASCII digit of a decimal digit: every script has its
// ten in a row, beginning at a code point that ends its block's alignment.
func plainDigit(r rune) rune {
	if r < 0x80 || !isDecimalDigit(r) {
		return r
	}
	zero := r
	for i := 0; i < 9 && isDecimalDigit(zero-1); i++ {
		zero--
	}
	return '0' + (r-zero)%10
}

// toFloatText is Python's float(text).
func toFloatText(s string) (float64, bool) {
	t := plainDigits(trimRight(trimLeft(s, isSpace), isSpace))
	switch low := strings.ToLower(strings.TrimLeft(t, "+-")); low {
	case "inf", "infinity", "nan":
		if len(t)-len(low) > 1 {
			return 0, false
		}
		f, err := strconv.ParseFloat(t, 64)
		if low == "nan" {
			return math.NaN(), true
		}
		return f, err == nil
	}
	if strings.ContainsAny(t, "xXpP") || badUnderscore(t) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(t, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0)
}

// badUnderscore tells whether an underscore stands other than between digits.
func badUnderscore(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !decimal(s[i-1]) || !decimal(s[i+1])) {
			return true
		}
	}
	return false
}

// floatToInt is Python's int(float).
func floatToInt(f float64) (any, bool) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, false
	}
	n, _ := big.NewFloat(math.Trunc(f)).Int(nil)
	return normInt(n), true
}

func intFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_int", 0, "default", "base")
	if err != nil {
		return nil, err
	}
	var fallback any = int64(0)
	if given[0] {
		fallback = vals[0]
	}
	base := int64(10)
	if given[1] {
		var ok bool
		if base, ok = integer(vals[1]); !ok {
			return fallback, nil
		}
	}
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	if s, ok := text(v); ok {
		if n, err := toInt(s, int(base)); err == nil {
			return n, nil
		}
		if f, ok := toFloatText(s); ok {
			if n, ok := floatToInt(f); ok {
				return n, nil
			}
		}
		return fallback, nil
	}
	switch x := v.(type) {
	case int64, bool, *big.Int:
		return normInt(toBig(x)), nil
	case float64:
		if math.IsInf(x, 0) {
			return nil, fail(kindOverflow, "cannot convert float infinity to integer")
		}
		if n, ok := floatToInt(x); ok {
			return n, nil
		}
	}
	return fallback, nil
}

func floatFilter(_ *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_float", 0, "default")
	if err != nil {
		return nil, err
	}
	var fallback any = 0.0
	if given[0] {
		fallback = vals[0]
	}
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	if s, ok := text(v); ok {
		if f, ok := toFloatText(s); ok {
			return f, nil
		}
		return fallback, nil
	}
	if isNumber(v) {
		return toFloat(v)
	}
	return fallback, nil
}

func roundFilter(e *env, v any, a arguments) (any, error) {
	vals, given, err := a.bind("do_round", 0, "precision", "method")
	if err != nil {
		return nil, err
	}
	var precision any = int64(0)
	if given[0] {
		precision = vals[0]
	}
	how := "common"
	if given[1] {
		how, _ = text(vals[1])
	}
	switch how {
	case "common":
		return roundCommon(v, precision)
	case "ceil", "floor":
	default:
		return nil, fail(kindFilterArg, "method must be common, ceil or floor")
	}
	scale, err := binary(e, 'p', int64(10), precision)
	if err != nil {
		return nil, err
	}
	scaled, err := binary(e, '*', v, scale)
	if err != nil {
		return nil, err
	}
	if f, ok := scaled.(float64); ok {
		whole := math.Floor(f)
		if how == "ceil" {
			whole = math.Ceil(f)
		}
		n, ok := floatToInt(whole)
		if !ok {
			return nil, fail(kindOverflow, "cannot convert float %s to integer", floatRepr(f))
		}
		scaled = n
	}
	return binary(e, '/', scaled, scale)
}

// roundCommon is Python's round: halves go to the even neighbour, on the
// float's exact value.
func roundCommon(v, precision any) (any, error) {
	if u, ok := v.(*undefined); ok {
		return nil, fail(kindType, "type %s doesn't define __round__ method", typeName(u))
	}
	if !isNumber(v) {
		return nil, fail(kindType, "type %s doesn't define __round__ method", typeName(v))
	}
	f, isFloat := v.(float64)
	if precision == nil {
		if isFloat {
			if n, ok := floatToInt(math.RoundToEven(f)); ok {
				return n, nil
			}
			return nil, fail(kindValue, "cannot convert float %s to integer", floatRepr(f))
		}
		return normInt(toBig(v)), nil
	}
	digits, ok := integer(precision)
	if !ok {
		return nil, fail(kindType, "'%s' object cannot be interpreted as an integer", typeName(precision))
	}
	if !isFloat {
		return roundInt(toBig(v), digits)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) || digits > 400 {
		return f, nil
	}
	if digits < -400 {
		return math.Copysign(0, f), nil
	}
	if digits >= 0 {
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
		return r, nil
	}
	scale := math.Pow(10, float64(-digits))
	return math.RoundToEven(f/scale) * scale, nil
}

// roundInt rounds an integer to tens, hundreds … where digits is negative.
func roundInt(n *big.Int, digits int64) (any, error) {
	if digits >= 0 {
		return normInt(n), nil
	}
	if digits < -5000 {
		return int64(0), nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
	q, r := new(big.Int).DivMod(n, unit, new(big.Int))
	twice := new(big.Int).Lsh(r, 1)
	if c := twice.Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return normInt(q.Mul(q, unit)), nil
}

func fileSizeFilter(e *env, v any, a arguments) (any, error) {
	vals, _, err := a.bind("do_filesizeformat", 0, "binary")
	if err != nil {
		return nil, err
	}
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	var bytes float64
	if s, ok := text(v); ok {
		if bytes, ok = toFloatText(s); !ok {
			return nil, fail(kindValue, "could not convert string to float: %s", repr(s))
		}
	} else if !isNumber(v) {
		return nil, fail(kindType, "float() argument must be a string or a real number, not '%s'", typeName(v))
	} else if bytes, err = toFloat(v); err != nil {
		return nil, err
	}
	base, infix, kilo := 1000.0, "", "k"
	if truth(vals[0]) {
		base, infix, kilo = 1024, "i", "K"
	}
	switch {
	case bytes == 1:
		return "1 Byte", nil
	case bytes < base:
		n, _ := floatToInt(bytes)
		s, err := str(n)
		return s + " Bytes", err
	}
	letters := []string{kilo, "M", "G", "T", "P", "E", "Z", "Y"}
	unit := base
	for i, letter := range letters {
		unit *= base
		if bytes < unit || i == len(letters)-1 {
			return strconv.FormatFloat(base*bytes/unit, 'f', 1, 64) + " " + letter + infix + "B", nil
		}
	}
	return nil, nil
}
