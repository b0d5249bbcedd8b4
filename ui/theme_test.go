package ui

import (
	"image/color"
	"math"
	"testing"
)

// luminance is the relative luminance of WCAG, from 0 to 1.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	lin := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Everything that must be read has a contrast of 4.5 on its background.
func TestContrast(t *testing.T) {
	for name, c := range map[string]struct {
		p  palette
		on color.Color
	}{"dark": {darkPalette(), color.Gray{0x1e}}, "light": {lightPalette(), color.White}} {
		for what, ink := range map[string]color.Color{"dim": c.p.dim, "green": c.p.green, "yellow": c.p.yellow, "red": c.p.red,
			"blue": c.p.blue, "violet": c.p.violet, "orange": c.p.orange, "strong": c.p.strong} {
			if got := contrast(ink, c.on); got < 4.5 {
				t.Errorf("%s: %s has a contrast of %.1f", name, what, got)
			}
		}
		if got := contrast(c.p.selectFG, c.p.selectBG); got < 4.5 {
			t.Errorf("%s: the selected row has a contrast of %.1f", name, got)
		}
	}
}
