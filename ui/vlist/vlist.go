// Package vlist is a list over any number of rows that asks only for the rows
// it shows. It knows nothing of sftui, of styles or of events: the owner moves
// the cursor and paints the rows.
package vlist

// Source is what the list shows. Line must be quick: it is called once for
// every visible row in every frame.
type Source interface {
	Len() int
	// Line returns row i as text of exactly width cells.
	Line(i, width int, selected bool) string
}

// List is the position in a list. The zero List is at the top.
type List struct {
	cursor, top, height int
}

// Cursor is the selected row, 0 in an empty list.
func (l *List) Cursor() int { return l.cursor }

// Window returns the visible rows as [from, to).
func (l *List) Window(n int) (from, to int) {
	l.clamp(n)
	return l.top, min(l.top+l.height, n)
}

// SetHeight tells the list how many rows fit.
func (l *List) SetHeight(h int) { l.height = max(h, 0) }

// Height is how many rows fit.
func (l *List) Height() int { return l.height }

// Move moves the cursor by d rows of n.
func (l *List) Move(d, n int) { l.Select(l.cursor+d, n) }

// Page moves the cursor by d screens, keeping one row of the old screen.
func (l *List) Page(d, n int) { l.Move(d*max(1, l.height-1), n) }

// HalfPage moves the cursor by d half screens.
func (l *List) HalfPage(d, n int) { l.Move(d*max(1, l.height/2), n) }

// Home goes to the first row; End to the last of n.
func (l *List) Home() { l.cursor, l.top = 0, 0 }

// End goes to the last of n rows.
func (l *List) End(n int) { l.Select(n-1, n) }

// Select goes to row i of n and scrolls as little as needed to show it.
func (l *List) Select(i, n int) {
	l.cursor = i
	l.clamp(n)
}

// Center goes to row i of n and puts it in the middle.
func (l *List) Center(i, n int) {
	l.cursor = i
	l.top = i - l.height/2
	l.clamp(n)
}

// Scroll moves the window by d rows as a mouse wheel does; the cursor follows
// only when it would leave the window.
func (l *List) Scroll(d, n int) {
	l.top = min(max(l.top+d, 0), max(0, n-l.height))
	l.cursor = min(max(l.cursor, l.top), max(l.top, l.top+l.height-1))
	l.clamp(n)
}

// clamp brings cursor and window back into n rows.
func (l *List) clamp(n int) {
	l.cursor = min(max(l.cursor, 0), max(n-1, 0))
	if l.cursor < l.top {
		l.top = l.cursor
	}
	if l.height > 0 && l.cursor >= l.top+l.height {
		l.top = l.cursor - l.height + 1
	}
	l.top = min(max(l.top, 0), max(0, n-l.height))
}

// View returns the visible rows, at most height lines of width cells.
func (l *List) View(src Source, width, height int) []string {
	l.SetHeight(height)
	from, to := l.Window(src.Len())
	lines := make([]string, 0, height)
	for i := from; i < to; i++ {
		lines = append(lines, src.Line(i, width, i == l.cursor))
	}
	return lines
}

// Thumb returns the rows [from, to) that a scroll bar height cells high marks;
// both are 0 when everything fits.
func (l *List) Thumb(n, height int) (from, to int) {
	if n <= l.height || height <= 0 || l.height <= 0 {
		return 0, 0
	}
	size := max(1, height*l.height/n)
	from = l.top * (height - size) / max(1, n-l.height)
	return from, from + size
}
