package jinja

import (
	"math"
	"math/big"
)

// opSymbol is how Python's messages write an operator.
func opSymbol(op byte) string {
	switch op {
	case 'f':
		return "//"
	case 'p':
		return "** or pow()"
	}
	return string(op)
}

// unsupported is the error of an operator that the operands' types do not have.
func unsupported(op byte, a, b any) error {
	return fail(kindType, "unsupported operand type(s) for %s: '%s' and '%s'", opSymbol(op), typeName(a), typeName(b))
}

// binary applies an arithmetic operator as Python does.
func binary(e *env, op byte, a, b any) (any, error) {
	if s, ok := text(a); ok && op == '%' {
		out, err := percentFormat(e, s, b)
		if err != nil {
			return nil, err
		}
		return out, e.hold(len(out))
	}
	if u, ok := a.(*undefined); ok {
		return nil, u.err()
	}
	if u, ok := b.(*undefined); ok {
		return nil, u.err()
	}
	if isNumber(a) && isNumber(b) {
		return arithmetic(e, op, a, b)
	}
	switch op {
	case '+':
		return add(e, a, b)
	case '*':
		if n, ok := integer(b); ok {
			if v, ok, err := repeat(e, a, n); ok {
				return v, err
			}
		}
		if n, ok := integer(a); ok {
			if v, ok, err := repeat(e, b, n); ok {
				return v, err
			}
		}
		if _, _, err := repeatable(a, b); err != nil {
			return nil, err
		}
	case '-':
		if v, ok := a.(dictView); ok && v.kind != 'v' {
			break
		}
	}
	return nil, unsupported(op, a, b)
}

// repeatable explains a sequence times something that is no integer.
func repeatable(a, b any) (any, any, error) {
	for _, pair := range [2][2]any{{a, b}, {b, a}} {
		switch pair[0].(type) {
		case string, markup, []any, tuple:
			return nil, nil, fail(kindType, "can't multiply sequence by non-int of type '%s'", typeName(pair[1]))
		}
	}
	return a, b, nil
}

// add is + for text, lists and tuples.
func add(e *env, a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if m, ok := b.(markup); ok {
			return markup(escapeHTML(x)) + m, nil
		}
		if y, ok := b.(string); ok {
			return x + y, e.hold(len(x) + len(y))
		}
		return nil, fail(kindType, "can only concatenate str (not \"%s\") to str", typeName(b))
	case markup:
		switch y := b.(type) {
		case markup:
			return x + y, e.hold(len(x) + len(y))
		case string:
			return x + markup(escapeHTML(y)), e.hold(len(x) + len(y))
		}
		return nil, unsupported('+', a, b)
	case []any:
		if y, ok := b.([]any); ok {
			return append(append(make([]any, 0, len(x)+len(y)), x...), y...), e.elements(len(x) + len(y))
		}
		return nil, fail(kindType, "can only concatenate list (not \"%s\") to list", typeName(b))
	case tuple:
		if y, ok := b.(tuple); ok {
			return append(append(make(tuple, 0, len(x)+len(y)), x...), y...), e.elements(len(x) + len(y))
		}
		return nil, fail(kindType, "can only concatenate tuple (not \"%s\") to tuple", typeName(b))
	}
	return nil, unsupported('+', a, b)
}

// repeat is a sequence times n, false where v is no sequence.
func repeat(e *env, v any, n int64) (any, bool, error) {
	if n < 0 {
		n = 0
	}
	grow := func(size int) error {
		if n > 0 && int64(size) > math.MaxInt32/n {
			return fail(kindLimit, "the template makes a sequence of %d times %d elements: it was stopped", n, size)
		}
		return e.hold(size * int(n))
	}
	copies := func(items []any) ([]any, error) {
		if err := grow(len(items)); err != nil {
			return nil, err
		}
		if err := e.elements(len(items) * int(n)); err != nil {
			return nil, err
		}
		out := make([]any, 0, len(items)*int(n))
		for i := int64(0); i < n && len(items) > 0; i++ {
			out = append(out, items...)
		}
		return out, nil
	}
	switch x := v.(type) {
	case string:
		if err := grow(len(x)); err != nil {
			return nil, true, err
		}
		if x == "" {
			return "", true, nil
		}
		out := make([]byte, 0, len(x)*int(n))
		for i := int64(0); i < n; i++ {
			out = append(out, x...)
		}
		return string(out), true, nil
	case markup:
		s, _, err := repeat(e, string(x), n)
		if err != nil {
			return nil, true, err
		}
		t, _ := s.(string)
		return markup(t), true, nil
	case []any:
		out, err := copies(x)
		return out, true, err
	case tuple:
		out, err := copies(x)
		return tuple(out), true, err
	}
	return nil, false, nil
}

// isNumber tells whether v is an int, a bool or a float.
func isNumber(v any) bool {
	switch v.(type) {
	case int64, bool, float64, *big.Int:
		return true
	}
	return false
}

// toFloat turns a number into a float.
func toFloat(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			return 0, fail(kindOverflow, "int too large to convert to float")
		}
		return f, nil
	}
	i, _ := integer(v)
	return float64(i), nil
}

// toBig turns an int into a big.Int.
func toBig(v any) *big.Int {
	if b, ok := v.(*big.Int); ok {
		return b
	}
	i, _ := integer(v)
	return big.NewInt(i)
}

// arithmetic applies an operator to two numbers.
func arithmetic(e *env, op byte, a, b any) (any, error) {
	_, fa := a.(float64)
	_, fb := b.(float64)
	if fa || fb {
		x, err := toFloat(a)
		if err != nil {
			return nil, err
		}
		y, err := toFloat(b)
		if err != nil {
			return nil, err
		}
		return floatOp(op, x, y)
	}
	_, ba := a.(*big.Int)
	_, bb := b.(*big.Int)
	if !ba && !bb {
		x, _ := integer(a)
		y, _ := integer(b)
		if v, ok, err := intOp(op, x, y); ok || err != nil {
			return v, err
		}
	}
	return bigOp(e, op, toBig(a), toBig(b))
}

// intOp works in int64 and returns false where the result may not fit.
func intOp(op byte, x, y int64) (any, bool, error) {
	const safe = 1 << 31
	small := x > -safe && x < safe && y > -safe && y < safe
	switch op {
	case '+':
		if z := x + y; (z > x) == (y > 0) {
			return z, true, nil
		}
	case '-':
		if z := x - y; (z < x) == (y > 0) {
			return z, true, nil
		}
	case '*':
		if small {
			return x * y, true, nil
		}
	case 'f', '%':
		if y == 0 {
			if op == '%' {
				return nil, true, fail(kindZero, "integer modulo by zero")
			}
			return nil, true, fail(kindZero, "integer division or modulo by zero")
		}
		if x == math.MinInt64 {
			return nil, false, nil
		}
		q, m := x/y, x%y
		if m != 0 && (m < 0) != (y < 0) {
			q--
			m += y
		}
		if op == 'f' {
			return q, true, nil
		}
		return m, true, nil
	}
	return nil, false, nil
}

// bigOp works in big integers.
func bigOp(e *env, op byte, x, y *big.Int) (any, error) {
	if err := e.burn(1 + (x.BitLen()+y.BitLen())/512); err != nil {
		return nil, err
	}
	z := new(big.Int)
	switch op {
	case '+':
		return normInt(z.Add(x, y)), nil
	case '-':
		return normInt(z.Sub(x, y)), nil
	case '*':
		if err := bigSize(e, x.BitLen()+y.BitLen()); err != nil {
			return nil, err
		}
		return normInt(z.Mul(x, y)), nil
	case '/':
		return bigQuotient(x, y)
	case 'f', '%':
		if y.Sign() == 0 {
			return nil, fail(kindZero, "integer division or modulo by zero")
		}
		m := new(big.Int)
		z.QuoRem(x, y, m)
		if m.Sign() != 0 && m.Sign() != y.Sign() {
			z.Sub(z, big.NewInt(1))
			m.Add(m, y)
		}
		if op == 'f' {
			return normInt(z), nil
		}
		return normInt(m), nil
	}
	if y.Sign() < 0 {
		if x.Sign() == 0 {
			return nil, fail(kindZero, "0.0 cannot be raised to a negative power")
		}
		f, err := toFloat(x)
		if err != nil {
			return nil, err
		}
		g, err := toFloat(y)
		if err != nil {
			return nil, err
		}
		return math.Pow(f, g), nil
	}
	if x.BitLen() > 1 {
		if !y.IsInt64() || y.Int64() > 1<<32 {
			return nil, fail(kindLimit, "the template raises a number to too high a power: it was stopped")
		}
		if err := bigSize(e, x.BitLen()*int(y.Int64())); err != nil {
			return nil, err
		}
	}
	return normInt(z.Exp(x, y, nil)), nil
}

// bigSize refuses integers of more than a million bits and charges for large ones.
func bigSize(e *env, bits int) error {
	if bits > 1<<20 {
		return fail(kindLimit, "the template makes a number of %d bits: it was stopped", bits)
	}
	return e.burn(bits / 64)
}

// bigQuotient is true division of integers, rounded once.
func bigQuotient(x, y *big.Int) (any, error) {
	if y.Sign() == 0 {
		return nil, fail(kindZero, "division by zero")
	}
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	if x.Sign() == 0 && y.Sign() < 0 {
		return math.Copysign(0, -1), nil
	}
	if math.IsInf(f, 0) {
		return nil, fail(kindOverflow, "integer division result too large for a float")
	}
	return f, nil
}

// floatOp applies an operator to floats with Python's signs.
func floatOp(op byte, x, y float64) (any, error) {
	switch op {
	case '+':
		return x + y, nil
	case '-':
		return x - y, nil
	case '*':
		return x * y, nil
	case '/':
		if y == 0 {
			return nil, fail(kindZero, "float division by zero")
		}
		return x / y, nil
	case 'f', '%':
		if y == 0 {
			if op == '%' {
				return nil, fail(kindZero, "float modulo")
			}
			return nil, fail(kindZero, "float floor division by zero")
		}
		q, m := floorMod(x, y)
		if op == 'f' {
			return q, nil
		}
		return m, nil
	}
	if x == 0 && y < 0 {
		return nil, fail(kindZero, "0.0 cannot be raised to a negative power")
	}
	if x < 0 && y != math.Trunc(y) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, fail(kindValue, "complex numbers are not supported")
	}
	z := power(x, y)
	if math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, fail(kindOverflow, "(34, 'Numerical result out of range')")
	}
	return z, nil
}

// power is x ** y. Whole exponents are worked out in many digits and rounded
// once, as good mathematical libraries do; math.Pow multiplies errors up.
func power(x, y float64) float64 {
	const most = 1024
	if y != math.Trunc(y) || math.Abs(y) > most || x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return math.Pow(x, y)
	}
	const digits = 1200 // bits
	z, base := new(big.Float).SetPrec(digits).SetInt64(1), new(big.Float).SetPrec(digits).SetFloat64(x)
	for n := int(math.Abs(y)); n > 0; n >>= 1 {
		if n&1 == 1 {
			z.Mul(z, base)
		}
		base.Mul(base, base)
	}
	if y < 0 {
		z.Quo(new(big.Float).SetPrec(digits).SetInt64(1), z)
	}
	f, _ := z.Float64()
	return f
}

// floorMod is Python's divmod of floats.
func floorMod(x, y float64) (q, m float64) {
	m = math.Mod(x, y)
	q = (x - m) / y
	if m != 0 {
		if (y < 0) != (m < 0) {
			m += y
			q--
		}
	} else {
		m = math.Copysign(0, y)
	}
	if q == 0 {
		return math.Copysign(0, x/y), m
	}
	whole := math.Floor(q)
	if q-whole > 0.5 {
		whole++
	}
	return whole, m
}

// unary applies + or -.
func unary(op byte, v any) (any, error) {
	switch x := v.(type) {
	case *undefined:
		return nil, x.err()
	case float64:
		if op == '-' {
			return -x, nil
		}
		return x, nil
	case int64, bool, *big.Int:
		if op == '-' {
			return normInt(new(big.Int).Neg(toBig(x))), nil
		}
		return normInt(toBig(x)), nil
	}
	return nil, fail(kindType, "bad operand type for unary %c: '%s'", op, typeName(v))
}
