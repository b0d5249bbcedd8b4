package jinja

import "math/big"

// Limits bound what one render may cost, so that a hostile template stops with
// a clear error. Zero fields take the defaults, which grow with the size of
// the data rendered.
type Limits struct {
	Fuel   int // evaluation steps: statements, calls, loop turns, and text produced by the 64 bytes
	Output int // bytes of text, rendered or held in one string
}

// The defaults for small data; large data raises them by a multiple of its size.
const (
	defaultFuel     = 20_000_000
	defaultOutput   = 64 << 20
	fuelPerByte     = 50
	outputPerByte   = 16
	maxCallDepth    = 240 // nested macro calls; Python gives up at about as many
	bytesPerFuel    = 64
	elementsPerFuel = 4
)

// meter counts what a render has used.
type meter struct {
	fuel    int
	output  int
	vars    *Dict // what the defaults may grow with
	growOut bool
	growFue bool
}

func newMeter(lim Limits, vars *Dict) meter {
	m := meter{fuel: lim.Fuel, output: lim.Output, vars: vars}
	if m.fuel <= 0 {
		m.fuel, m.growFue = defaultFuel, true
	}
	if m.output <= 0 {
		m.output, m.growOut = defaultOutput, true
	}
	return m
}

// burn uses fuel.
func (m *meter) burn(n int) error {
	if m.fuel -= n; m.fuel >= 0 {
		return nil
	}
	if m.growFue {
		m.growFue = false
		if m.fuel += dataSize(m.vars, 0) * fuelPerByte; m.fuel >= 0 {
			return nil
		}
	}
	return fail(kindLimit, "the template takes too many steps: it was stopped")
}

// hold checks that a text of n bytes may exist, and charges for making it.
func (m *meter) hold(n int) error {
	if n <= m.output {
		return m.burn(n / bytesPerFuel)
	}
	if m.growOut {
		m.growOut = false
		m.output += dataSize(m.vars, 0) * outputPerByte
		return m.hold(n)
	}
	return fail(kindLimit, "the template makes a text of more than %d bytes: it was stopped", m.output)
}

// elements charges for making a list of n elements.
func (m *meter) elements(n int) error {
	if n > m.output {
		return fail(kindLimit, "the template makes a list of %d elements: it was stopped", n)
	}
	return m.burn(n / elementsPerFuel)
}

// dataSize estimates the bytes of text in a value.
func dataSize(v any, depth int) int {
	if depth > maxDepth {
		return 0
	}
	n := 1
	switch v := v.(type) {
	case string:
		return len(v) + 1
	case []any:
		for _, x := range v {
			n += dataSize(x, depth+1)
		}
	case *Dict:
		for i := range v.Keys() {
			n += len(v.keys[i]) + dataSize(v.values[i], depth+1)
		}
	case *big.Int:
		n += v.BitLen() / 8
	}
	return n
}
