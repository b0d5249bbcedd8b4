package chart

// A braille cell is two dots wide and four high. dotBits[row][column] is the
// bit that U+2800 needs for that dot.
var dotBits = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// grid is a canvas of braille cells.
type grid struct {
	w, h  int     // in cells
	bits  []uint8 // dots of each cell
	owner []int16 // which line drew last into the cell, -1 for none
}

// newGrid returns an empty canvas of w×h cells.
func newGrid(w, h int) *grid {
	g := &grid{w: w, h: h, bits: make([]uint8, w*h), owner: make([]int16, w*h)}
	for i := range g.owner {
		g.owner[i] = -1
	}
	return g
}

// set lights the dot at column x and row y (from the top); outside is ignored.
func (g *grid) set(x, y int, owner int16) {
	if x < 0 || y < 0 || x >= g.w*2 || y >= g.h*4 {
		return
	}
	i := (y/4)*g.w + x/2
	g.bits[i] |= dotBits[y%4][x%2]
	g.owner[i] = owner
}

// column lights the dots of column x from y0 to y1, in either order.
func (g *grid) column(x, y0, y1 int, owner int16) {
	if y0 > y1 {
		y0, y1 = y1, y0
	}
	y0, y1 = max(y0, 0), min(y1, g.h*4-1)
	for y := y0; y <= y1; y++ {
		g.set(x, y, owner)
	}
}

// line connects two dots; each column between them gets the run of dots that
// the line crosses there, so steep lines have no holes.
func (g *grid) line(x0, y0, x1, y1 int, owner int16) {
	if x1 <= x0 {
		g.column(x0, y0, y1, owner)
		return
	}
	dx := x1 - x0
	prev := y0
	for i := 1; i <= dx; i++ {
		y := y0 + (y1-y0)*i/dx
		// The steps between two columns are shared: half on each side.
		mid := (prev + y) / 2
		g.column(x0+i-1, prev, mid, owner)
		g.column(x0+i, mid, y, owner)
		prev = y
	}
}
