package chart

import (
	"math"
	"strconv"
	"strings"
)

// ticks returns up to n round values that cover lo to hi.
func ticks(lo, hi float64, n int) []float64 {
	if n < 1 || !finite(lo) || !finite(hi) || hi <= lo {
		return nil
	}
	step := niceStep((hi - lo) / float64(n))
	if step <= 0 || !finite(step) {
		return nil
	}
	var out []float64
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9 && len(out) <= n+1; i++ {
		v := i * step
		if math.Abs(v) < step*1e-9 {
			v = 0
		}
		out = append(out, v)
	}
	return out
}

// niceStep rounds a step up to 1, 2 or 5 times a power of ten.
func niceStep(raw float64) float64 {
	if raw <= 0 || !finite(raw) {
		return 0
	}
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if base*m >= raw*(1-1e-9) {
			return base * m
		}
	}
	return base * 10
}

// FormatValue writes a value for an axis whose ticks are step apart.
func FormatValue(v, step float64) string {
	a := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case a >= 1e15 || a < 1e-3:
		return trimExponent(strconv.FormatFloat(v, 'e', 1, 64))
	case a >= 1e9:
		return scaled(v, step, 1e9, "G")
	case a >= 1e6:
		return scaled(v, step, 1e6, "M")
	case a >= 1e4:
		return scaled(v, step, 1e3, "k")
	}
	return strconv.FormatFloat(v, 'f', decimals(step), 64)
}

// scaled writes v in units of unit.
func scaled(v, step, unit float64, suffix string) string {
	return strconv.FormatFloat(v/unit, 'f', decimals(step/unit), 64) + suffix
}

// decimals is how many decimals tell values step apart from each other.
func decimals(step float64) int {
	if step <= 0 || !finite(step) {
		return 2
	}
	return min(max(int(math.Ceil(-math.Log10(step)-1e-9)), 0), 6)
}

// trimExponent turns 1.0e-05 into 1e-5.
func trimExponent(s string) string {
	mantissa, exp, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	mantissa = strings.TrimSuffix(mantissa, ".0")
	sign := ""
	if strings.HasPrefix(exp, "-") {
		sign = "-"
	}
	exp = strings.TrimLeft(exp, "+-0")
	if exp == "" {
		exp = "0"
	}
	return mantissa + "e" + sign + exp
}

// Roof rounds the end of a range that grows up to a coarse grid, at most an
// eighth beyond it, so that a live chart is not squeezed anew at every point.
func Roof(lo, hi float64) float64 {
	g := niceStep((hi - lo) / 16)
	if g <= 0 || !finite(lo) {
		return hi
	}
	return lo + math.Ceil((hi-lo)/g)*g
}
