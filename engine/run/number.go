package run

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// Number is a float64 that survives JSON when it is not finite: NaN and the
// infinities are written as the strings "NaN", "Infinity" and "-Infinity",
// because a loss that became NaN is the event a reader most needs to see.
type Number float64

// MarshalJSON writes a finite number as a JSON number, any other as a string.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON writes, the bare words NaN and Infinity
// that Python's json writes, and null as NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	word := string(bytes.Trim(data, `"`))
	switch word {
	case "NaN", "nan", "null":
		*n = Number(math.NaN())
		return nil
	case "Infinity", "inf":
		*n = Number(math.Inf(1))
		return nil
	case "-Infinity", "-inf":
		*n = Number(math.Inf(-1))
		return nil
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return fmt.Errorf("number %q: %w", word, err)
	}
	*n = Number(f)
	return nil
}

// Finite reports whether the number is neither NaN nor infinite.
func (n Number) Finite() bool {
	return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0)
}
