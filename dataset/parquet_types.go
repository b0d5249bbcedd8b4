package dataset

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"sftui/dataset/jinja"
)

// leafConverter gives the Go value of a parquet value: what Python sees after
// datasets has read the column, with dates, times and decimals as their str().
func leafConverter(c *parquet.Column) (func(parquet.Value) any, error) {
	var logical any
	if lt := c.Type().LogicalType(); lt != nil {
		logical = lt.Value
	}
	switch l := logical.(type) {
	case *format.TimestampType:
		return timestampConverter(l), nil
	case *format.DateType:
		return func(v parquet.Value) any {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format("2006-01-02")
		}, nil
	case *format.TimeType:
		return timeConverter(l), nil
	case *format.DecimalType:
		return decimalConverter(c.Type().Kind(), int(l.Scale)), nil
	case *format.UUIDType:
		return func(v parquet.Value) any {
			b := v.ByteArray()
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
		}, nil
	case *format.JsonType:
		return jsonValue, nil
	case *format.NullType: // every value of the column is null
		return func(parquet.Value) any { return nil }, nil
	case *format.IntType:
		return intConverter(c.Type().Kind(), l.IsSigned), nil
	case *format.VariantType, *format.GeometryType, *format.GeographyType:
		return nil, fmt.Errorf("column %q has the parquet type %v, which cannot be read; leave the column out of the file", c.Name(), l)
	}
	return physicalConverter(c)
}

// jsonValue is the value that a JSON column's text stands for; text that is no
// JSON stays text.
func jsonValue(v parquet.Value) any {
	out, err := jinja.DecodeJSON(v.ByteArray())
	if err != nil {
		return string(v.ByteArray())
	}
	return out
}

func physicalConverter(c *parquet.Column) (func(parquet.Value) any, error) {
	switch kind := c.Type().Kind(); kind {
	case parquet.Boolean:
		return func(v parquet.Value) any { return v.Boolean() }, nil
	case parquet.Int32, parquet.Int64:
		return intConverter(kind, true), nil
	case parquet.Float:
		return func(v parquet.Value) any { return float64(v.Float()) }, nil
	case parquet.Double:
		return func(v parquet.Value) any { return v.Double() }, nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return func(v parquet.Value) any { return string(v.ByteArray()) }, nil
	case parquet.Int96: // nanoseconds of the day, then the Julian day
		return func(v parquet.Value) any {
			t := v.Int96()
			nanos := int64(t[1])<<32 | int64(t[0])
			return pythonTime(time.Unix((int64(t[2])-2440588)*86400, nanos).UTC(), false)
		}, nil
	default:
		return nil, fmt.Errorf("column %q has the parquet type %v, which cannot be read; leave the column out of the file", c.Name(), kind)
	}
}

func intConverter(kind parquet.Kind, signed bool) func(parquet.Value) any {
	switch {
	case kind == parquet.Int32 && signed:
		return func(v parquet.Value) any { return int64(v.Int32()) }
	case kind == parquet.Int32:
		return func(v parquet.Value) any { return int64(v.Uint32()) }
	case signed:
		return func(v parquet.Value) any { return v.Int64() }
	}
	return func(v parquet.Value) any {
		if u := v.Uint64(); u > math.MaxInt64 {
			return new(big.Int).SetUint64(u)
		}
		return v.Int64()
	}
}

func timestampConverter(l *format.TimestampType) func(parquet.Value) any {
	unit := l.Unit.String()
	return func(v parquet.Value) any {
		n := v.Int64()
		var t time.Time
		switch {
		case strings.HasPrefix(unit, "MILLI"):
			t = time.UnixMilli(n)
		case strings.HasPrefix(unit, "MICRO"):
			t = time.UnixMicro(n)
		default:
			t = time.Unix(n/1e9, n%1e9)
		}
		return pythonTime(t.UTC(), l.IsAdjustedToUTC)
	}
}

// pythonTime writes t as str() of Python's datetime does.
func pythonTime(t time.Time, zone bool) string {
	s := t.Format("2006-01-02 15:04:05") + fraction(t.Nanosecond())
	if zone {
		s += "+00:00"
	}
	return s
}

func fraction(nanos int) string {
	switch {
	case nanos == 0:
		return ""
	case nanos%1000 != 0:
		return fmt.Sprintf(".%09d", nanos)
	}
	return fmt.Sprintf(".%06d", nanos/1000)
}

func timeConverter(l *format.TimeType) func(parquet.Value) any {
	unit := l.Unit.String()
	return func(v parquet.Value) any {
		var d time.Duration
		switch {
		case strings.HasPrefix(unit, "MILLI"):
			d = time.Duration(v.Int32()) * time.Millisecond
		case strings.HasPrefix(unit, "MICRO"):
			d = time.Duration(v.Int64()) * time.Microsecond
		default:
			d = time.Duration(v.Int64())
		}
		t := time.Unix(0, 0).UTC().Add(d)
		return t.Format("15:04:05") + fraction(t.Nanosecond())
	}
}

func decimalConverter(kind parquet.Kind, scale int) func(parquet.Value) any {
	return func(v parquet.Value) any {
		n := new(big.Int)
		switch kind {
		case parquet.Int32:
			n.SetInt64(int64(v.Int32()))
		case parquet.Int64:
			n.SetInt64(v.Int64())
		default: // big-endian two's complement
			b := v.ByteArray()
			n.SetBytes(b)
			if len(b) > 0 && b[0]&0x80 != 0 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
			}
		}
		return decimalString(n, scale)
	}
}

func decimalString(n *big.Int, scale int) string {
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	digits := new(big.Int).Abs(n).String()
	if scale <= 0 {
		return sign + digits + strings.Repeat("0", -scale)
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

func float16(b []byte) float64 {
	if len(b) < 2 {
		return math.NaN()
	}
	h := uint16(b[0]) | uint16(b[1])<<8
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exp, frac := int(h>>10&0x1f), float64(h&0x3ff)
	switch exp {
	case 0:
		return sign * frac * 0x1p-24
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * (1 + frac/1024) * math.Pow(2, float64(exp-15))
}
