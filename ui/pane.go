package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// fit makes s exactly w cells wide: cut with … or padded with blanks. Escape
// sequences take no room.
func fit(s string, w int) string {
	if w <= 0 {
		return ""
	}
	n := width(s)
	if n > w {
		s = ansi.Truncate(s, w, "…")
		n = width(s)
	}
	if n < w {
		s += strings.Repeat(" ", w-n)
	}
	return s
}

// fitLeft is fit with the blanks in front, for numbers.
func fitLeft(s string, w int) string {
	if n := width(s); n < w {
		return strings.Repeat(" ", w-n) + s
	}
	return fit(s, w)
}

// width is how many cells s takes.
func width(s string) int {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

// block makes lines exactly w×h cells.
func block(lines []string, w, h int) []string {
	out := make([]string, max(h, 0))
	for i := range out {
		if i < len(lines) {
			out[i] = fit(lines[i], w)
		} else {
			out[i] = strings.Repeat(" ", max(w, 0))
		}
	}
	return out
}

// pane draws a box with a title around lines; w and h include the border. Too
// small a box is left blank.
func (t *theme) pane(title string, lines []string, w, h int, focused bool) []string {
	if w < 4 || h < 2 {
		return block(nil, w, h)
	}
	edge, head := inkBorder, inkTitle
	if focused {
		edge, head = inkFocus, inkAccent
	}
	out := make([]string, 0, h)
	if title != "" {
		title = ansi.Truncate(title, w-4, "…")
		dashes := max(0, w-4-width(title))
		if title == ansi.Strip(title) {
			title = t.paint(head, title)
		}
		out = append(out, t.paint(edge, "╭ ")+title+t.paint(edge, " "+strings.Repeat("─", dashes)+"╮"))
	} else {
		out = append(out, t.paint(edge, "╭"+strings.Repeat("─", w-2)+"╮"))
	}
	side := t.paint(edge, "│")
	for _, l := range block(lines, w-2, h-2) {
		out = append(out, side+l+side)
	}
	return append(out, t.paint(edge, "╰"+strings.Repeat("─", w-2)+"╯"))
}

// beside puts blocks of the same height next to each other.
func beside(blocks ...[]string) []string {
	if len(blocks) == 0 {
		return nil
	}
	out := make([]string, len(blocks[0]))
	var b strings.Builder
	for i := range out {
		b.Reset()
		for _, bl := range blocks {
			if i < len(bl) {
				b.WriteString(bl[i])
			}
		}
		out[i] = b.String()
	}
	return out
}

// stack puts blocks under each other.
func stack(blocks ...[]string) []string {
	var out []string
	for _, b := range blocks {
		out = append(out, b...)
	}
	return out
}

// wrap breaks plain or styled text into lines of at most w cells.
func wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	if !strings.ContainsRune(s, '\x1b') && utf8.RuneCountInString(s) < width(s) {
		return wrapWide(s, w)
	}
	return strings.Split(ansi.Wrap(s, w, " "), "\n")
}

// noLineStart are marks that Chinese does not put at the start of a line.
const noLineStart = "，。；：、！？）》」』”’…"

// wrapWide breaks text with wide characters, which has few blanks: a line may
// end between any two of them, and else at a blank.
func wrapWide(s string, w int) []string {
	var lines []string
	for _, line := range strings.Split(s, "\n") {
		var out, word strings.Builder
		outW, wordW := 0, 0
		flush := func() {
			if outW+wordW > w && outW > 0 {
				lines = append(lines, strings.TrimRight(out.String(), " "))
				out.Reset()
				outW = 0
			}
			out.WriteString(word.String())
			outW += wordW
			word.Reset()
			wordW = 0
		}
		for _, r := range line {
			n := width(string(r))
			if n > 1 && !strings.ContainsRune(noLineStart, r) || wordW+n > w {
				flush()
			}
			word.WriteRune(r)
			wordW += n
			if r == ' ' {
				flush()
			}
		}
		flush()
		lines = append(lines, strings.TrimRight(out.String(), " "))
	}
	return lines
}

// visible replaces what would move the cursor or hide itself by a symbol, so
// that data can never draw outside its place: ⏎ newline, → tab, ␛ escape,
// ‸ a character without width, ‿ what joins two emoji into one.
func visible(s string) string {
	clean, ascii := true, true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			ascii = ascii && s[i] < 0x80
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteRune('→')
		case r < ' ':
			b.WriteRune(0x2400 + r)
		case r == 0x7f:
			b.WriteRune('␡')
		case r >= 0x80 && r < 0xa0, r == utf8.RuneError, isBidi(r):
			b.WriteRune('�')
		case isHidden(r):
			b.WriteRune('‸')
		case r == 0xfe0e, r == 0xfe0f: // how the character before looks, which terminals do not agree on
		default:
			b.WriteRune(r)
		}
	}
	if ascii {
		return b.String()
	}
	return apart(b.String())
}

// isHidden reports characters without a width that hide in text: zero-width
// blanks, soft hyphens, byte order marks. They are tokens all the same.
func isHidden(r rune) bool {
	return r == 0x200b || r == 0x200c || r == 0x2060 || r == 0xfeff || r == 0xad || r == 0x180e
}

// apart takes the groups of characters apart that some terminals draw as one
// and others side by side, such as 👩‿👧: whatever the terminal does, they then
// take the cells that they were given.
func apart(s string) string {
	if ansi.StringWidth(s) == ansi.StringWidthWc(s) && !strings.ContainsRune(s, zeroWidthJoiner) {
		return s
	}
	var b strings.Builder
	for s != "" {
		group, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		s = s[len(group):]
		if ansi.StringWidth(group) == ansi.StringWidthWc(group) && !strings.ContainsRune(group, zeroWidthJoiner) {
			b.WriteString(group)
			continue
		}
		joined := true // the first needs nothing before it
		for _, r := range group {
			switch {
			case r == zeroWidthJoiner:
				r, joined = '‿', true
			case ansi.StringWidthWc(string(r)) == 0:
			case joined:
				joined = false
			default:
				b.WriteRune(separator)
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// What joins characters into a group, and what separates them unseen.
const (
	zeroWidthJoiner = '\u200d'
	separator       = '\u2061' // an invisible sign of mathematics that ends a group
)

// isBidi reports characters that reorder what follows them, which would tear
// every column to their right.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x2028 || r == 0x2029
}

// overlay lays a box over a screen at its centre.
func overlay(screen, box []string, w int) []string {
	if len(box) == 0 {
		return screen
	}
	out := append([]string(nil), screen...)
	bw := width(box[0])
	x := max(0, (w-bw)/2)
	y := max(0, (len(screen)-len(box))/2)
	for i, l := range box {
		if y+i >= len(out) {
			break
		}
		under := out[y+i]
		left := ansi.Truncate(under, x, "")
		left += strings.Repeat(" ", max(0, x-width(left)))
		right := ansi.TruncateLeft(under, x+bw, "")
		pad := w - x - bw - width(right) // a wide character cut in half leaves a cell
		out[y+i] = left + l + strings.Repeat(" ", max(0, pad)) + right
	}
	return out
}
