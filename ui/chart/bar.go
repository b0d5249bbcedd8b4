package chart

import "strings"

// eighths are bars of rising height.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// Columns draws values as bars over height rows of width cells, from the top,
// scaled to the largest. Values that are not finite or not positive leave a
// blank; anything positive shows at least the lowest bar, so that a thin tail
// stays visible. More values than cells are merged by their sum, so that a
// histogram keeps its mass.
func Columns(values []float64, width, height int) []string {
	if width <= 0 || height <= 0 {
		return nil
	}
	cells := fold(values, width)
	top := 0.0
	for _, v := range cells {
		if finite(v) {
			top = max(top, v)
		}
	}
	rows := make([]string, height)
	for r := range rows {
		var b strings.Builder
		floor := float64(height-1-r) * 8
		for _, v := range cells {
			level := 0.0
			if finite(v) && v > 0 && top > 0 {
				level = max(1, v/top*float64(height)*8)
			}
			b.WriteRune(eighths[int(min(max(level-floor, 0), 8))])
		}
		rows[r] = b.String()
	}
	return rows
}

// fold spreads values over width cells.
func fold(values []float64, width int) []float64 {
	out := make([]float64, width)
	n := len(values)
	if n == 0 {
		return out
	}
	if n <= width { // fewer values than cells: each gets an equal run of cells
		for c := range out {
			out[c] = values[c*n/width]
		}
		return out
	}
	for i, v := range values {
		if finite(v) {
			out[i*width/n] += v
		}
	}
	return out
}

// Gauge draws a horizontal bar: share of width filled, in eighths of a cell.
func Gauge(share float64, width int) string {
	if width <= 0 {
		return ""
	}
	if !finite(share) {
		share = 0
	}
	parts := []rune("▏▎▍▌▋▊▉")
	steps := int(min(max(share, 0), 1)*float64(width)*8 + 0.5)
	full, rest := steps/8, steps%8
	var b strings.Builder
	b.WriteString(strings.Repeat("█", full))
	if rest > 0 {
		b.WriteRune(parts[rest-1])
		full++
	}
	b.WriteString(strings.Repeat("░", width-full))
	return b.String()
}
