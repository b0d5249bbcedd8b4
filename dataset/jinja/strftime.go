package jinja

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats a time as Python's datetime.strftime does in the C locale;
// now() has no time zone, so that %z and %Z are empty. Directives that C does
// not know stay as written.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		padding := byte(0)
		if strings.IndexByte("-_0^#", format[i]) >= 0 && i+1 < len(format) {
			padding = format[i]
			i++
		}
		if (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
			i++
		}
		s, ok := directive(t, format[i])
		if !ok {
			b.WriteByte('%')
			if padding != 0 {
				b.WriteByte(padding)
			}
			b.WriteByte(format[i])
			continue
		}
		b.WriteString(repad(s, padding))
	}
	return b.String()
}

// repad applies glibc's flags: - drops padding, _ pads with spaces, 0 with zeros, ^ upper-cases, # swaps case.
func repad(s string, flag byte) string {
	trimmed := strings.TrimLeft(s, "0 ")
	if trimmed == "" && s != "" {
		trimmed = s[len(s)-1:]
	}
	isNumber := trimmed != "" && decimal(trimmed[0]) && !strings.ContainsAny(s, ":/-")
	switch {
	case flag == '^', flag == '#' && strings.ToUpper(s) != s:
		return strings.ToUpper(s)
	case flag == '#':
		return strings.ToLower(s)
	case !isNumber:
		return s
	case flag == '-':
		return trimmed
	case flag == '_':
		return strings.Repeat(" ", len(s)-len(trimmed)) + trimmed
	case flag == '0':
		return strings.Repeat("0", len(s)-len(trimmed)) + trimmed
	}
	return s
}

// directive formats one conversion.
func directive(t time.Time, c byte) (string, bool) {
	two := func(n int) string { return fmt.Sprintf("%02d", n) }
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	weekday := int(t.Weekday())
	switch c {
	case 'Y':
		return fmt.Sprint(t.Year()), true
	case 'm':
		return two(int(t.Month())), true
	case 'd':
		return two(t.Day()), true
	case 'H':
		return two(t.Hour()), true
	case 'M':
		return two(t.Minute()), true
	case 'S':
		return two(t.Second()), true
	case 'B':
		return t.Month().String(), true
	case 'b', 'h':
		return t.Month().String()[:3], true
	case 'A':
		return t.Weekday().String(), true
	case 'a':
		return t.Weekday().String()[:3], true
	case 'y':
		return two(t.Year() % 100), true
	case 'C':
		return two(t.Year() / 100), true
	case 'e':
		return fmt.Sprintf("%2d", t.Day()), true
	case 'I':
		return two(hour12), true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", hour12), true
	case 'p':
		return t.Format("PM"), true
	case 'P':
		return t.Format("pm"), true
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), true
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay()), true
	case 'u':
		return fmt.Sprint((weekday+6)%7 + 1), true
	case 'w':
		return fmt.Sprint(weekday), true
	case 'U':
		return two((t.YearDay() + 6 - weekday) / 7), true
	case 'W':
		return two((t.YearDay() + 6 - (weekday+6)%7) / 7), true
	case 'V':
		return two(isoWeek), true
	case 'G':
		return fmt.Sprint(isoYear), true
	case 'g':
		return two(isoYear % 100), true
	case 's':
		return fmt.Sprint(t.Unix()), true
	case 'z', 'Z':
		return "", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case '%':
		return "%", true
	}
	return composed(t, c)
}

// composed formats the directives that stand for several.
func composed(t time.Time, c byte) (string, bool) {
	format, ok := map[byte]string{'D': "%m/%d/%y", 'x': "%m/%d/%y", 'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'X': "%H:%M:%S",
		'R': "%H:%M", 'r': "%I:%M:%S %p", 'c': "%a %b %e %H:%M:%S %Y"}[c]
	if !ok {
		return "", false
	}
	return strftime(t, format), true
}
