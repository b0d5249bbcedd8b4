package dataset

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"sftui/dataset/jinja"
)

// HF datasets writes JSON again before it reads it: all of a file that is one
// array, and all of a file in which a column mixes kinds of values or objects
// with differing keys. The writer keeps ten decimals, and such a column is read
// back by a reader that adds a number's digits up in floating point and that
// takes text for JSON where it can.

// readMixed is what datasets gives for v in a column of mixed kinds: text that
// is JSON becomes its value, and numbers within have ten decimals.
func readMixed(v any) any {
	if s, ok := v.(string); ok {
		return readMixedText(s)
	}
	return mapFloats(v, func(f float64) float64 { return readDigits(tenDecimals(f)) })
}

// looseNumber is what the reader takes for a number: it wants no digits after
// a sign, a point or an exponent.
var looseNumber = regexp.MustCompile(`^(-?)(\d*)(\.\d*)?([eE]([+-]?)(\d*))?$`)

func readMixedText(s string) any {
	text := strings.Trim(s, " \t\r\n")
	if text == "" {
		return s
	}
	if first := text[0]; first == '-' || first >= '0' && first <= '9' {
		if m := looseNumber.FindStringSubmatch(text); m != nil {
			return readNumber(s, text, m)
		}
		return s
	}
	v, err := jinja.DecodeJSON([]byte(text))
	if err != nil {
		return s
	}
	if f, ok := v.(float64); ok && math.IsNaN(f) {
		return nil
	}
	return mapFloats(v, func(f float64) float64 { return readDigits(strconv.FormatFloat(f, 'g', -1, 64)) })
}

// readNumber is the number that text stands for; s itself where it is too big.
func readNumber(s, text string, m []string) any {
	if m[3] != "" || m[4] != "" {
		return readDigits(text)
	}
	digits := m[2]
	if digits == "" {
		digits = "0"
	}
	n, err := strconv.ParseInt(m[1]+digits, 10, 64)
	if err != nil {
		return s
	}
	return n
}

// readDigits reads a decimal number as datasets' reader does: the whole part,
// and up to fifteen decimals times a power of ten, which may be one unit in the
// last place away from the nearest number.
func readDigits(text string) float64 {
	m := looseNumber.FindStringSubmatch(text)
	if m == nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return math.NaN()
		}
		return f
	}
	whole := 0.0
	for _, c := range m[2] {
		whole = whole*10 + float64(c-'0')
	}
	fraction, decimals := 0.0, 0
	for _, c := range strings.TrimPrefix(m[3], ".") {
		if decimals == len(tenths)-1 {
			break
		}
		fraction = fraction*10 + float64(c-'0')
		decimals++
	}
	f := whole + fraction*tenths[decimals]
	if m[1] != "" {
		f = -f
	}
	if m[6] != "" {
		power, _ := strconv.ParseFloat(m[5]+m[6], 64)
		f *= math.Pow(10, power)
	}
	return f
}

// tenths are the powers of ten that decimals are multiplied by.
var tenths = [...]float64{1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15}

// tenDecimals is a number as datasets writes it: with at most ten decimals, or
// ten digits where it is very big or very small.
func tenDecimals(f float64) string {
	size := math.Abs(f)
	switch {
	case size == 0 || math.IsNaN(f) || math.IsInf(f, 0):
		return strconv.FormatFloat(math.Abs(f), 'g', -1, 64)
	case size > 1e16 || size < 1e-15:
		return strconv.FormatFloat(f, 'g', 10, 64)
	}
	whole := uint64(size)
	scaled := (size - float64(whole)) * 1e10
	decimals := uint64(scaled)
	switch rest := scaled - float64(decimals); {
	case rest > 0.5, rest == 0.5 && (decimals == 0 || decimals%2 == 1):
		decimals++
	}
	if decimals >= 1e10 {
		decimals, whole = 0, whole+1
	}
	text := strconv.FormatUint(whole, 10) + "."
	tail := strings.TrimRight(strconv.FormatUint(1e10+decimals, 10)[1:], "0")
	if tail == "" {
		tail = "0"
	}
	if f < 0 {
		text = "-" + text
	}
	return text + tail
}

// rewritten is a number of a file that datasets writes again before it reads
// it; what JSON cannot hold is written as null.
func rewritten(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	out, err := strconv.ParseFloat(tenDecimals(f), 64)
	if err != nil {
		return f
	}
	return out
}

// bigNumber is a whole number of more than 64 bits, for which datasets has no
// type: a fraction, and in a file that it writes again at most the largest
// number of 64 bits.
func bigNumber(n *big.Int, again bool) float64 {
	f, _ := new(big.Float).SetInt(n).Float64()
	if again {
		f = min(f, math.MaxUint64)
	}
	return f
}

// mapFloats replaces the floating-point numbers in v; lists and objects are changed in place.
func mapFloats(v any, replace func(float64) float64) any {
	switch v := v.(type) {
	case float64:
		return replace(v)
	case []any:
		for i, x := range v {
			v[i] = mapFloats(x, replace)
		}
	case *jinja.Dict:
		for _, k := range v.Keys() {
			x, _ := v.Get(k)
			switch x.(type) {
			case float64, []any, *jinja.Dict:
				v.Set(k, mapFloats(x, replace))
			}
		}
	}
	return v
}
