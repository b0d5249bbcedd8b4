package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes an integer with thousands separated.
func count[T int | int32 | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// size writes a number of bytes, in the units of the forecast, the findings and the log: of 1,000s.
func size(b uint64) string {
	switch {
	case b >= 1_000_000_000:
		return fmt.Sprintf("%.1f GB", float64(b)/1e9)
	case b >= 1_000_000:
		return fmt.Sprintf("%.0f MB", float64(b)/1e6)
	case b >= 1000:
		return fmt.Sprintf("%.0f kB", float64(b)/1e3)
	}
	return fmt.Sprintf("%d B", b)
}

// span writes how long something takes: 0.8 s, 12 s, 3 min 20 s, 2 h 05 min.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Millisecond:
		return "0 s"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// seconds is span for a float64 of seconds, safe for any value.
func seconds(s float64) string {
	if math.IsNaN(s) || s < 0 || s > 1e9 {
		return "–"
	}
	return span(time.Duration(s * float64(time.Second)))
}

// value writes a measured number with about four digits; NaN and infinities by name.
func value(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return "∞"
	case v == 0:
		return "0"
	case a < 1e-3 || a >= 1e7:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		sign := ""
		if exponent[0] == '-' {
			sign = "-"
		}
		return mantissa + "e" + sign + strings.TrimLeft(exponent, "+-0")
	case a < 10:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case a < 100:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 1000:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int64(math.Round(v)))
}

// percent writes a share of the whole.
func percent(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	share := float64(part) / float64(whole) * 100
	if share > 0 && share < 1 {
		return "<1%"
	}
	if share > 99 && part < whole {
		return ">99%"
	}
	return fmt.Sprintf("%.0f%%", share)
}

// ago writes how long ago a time was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return span(now.Sub(t))
}
