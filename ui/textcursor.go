package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// cursorMark stands in a line of the picture where the next typed character
// goes. It is a control string that takes no room, so whatever frames, cuts or
// overlays the line carries it along, and no text of a user can hold it: its
// escape characters are made visible.
const cursorMark = "\x1b_cursor\x1b\\"

// markCursor puts the mark in front of the one character that an input of
// Bubbles has drawn reversed, and draws the character in its own ink: the
// terminal's cursor stands there, and over a reversed cell it would not be seen.
func markCursor(t *theme, i ink, line string) string {
	const reversed, plain = "\x1b[7m", "\x1b[m"
	before, rest, found := strings.Cut(line, reversed)
	if !found {
		return line
	}
	char, after, _ := strings.Cut(rest, plain)
	if char != " " {
		char = t.paint(i, char)
	}
	return before + cursorMark + char + after
}

// unmarked is a picture without the mark: what lies under a dialog is not typed in.
func unmarked(lines []string) []string {
	for i, l := range lines {
		if strings.Contains(l, cursorMark) {
			lines[i] = strings.ReplaceAll(l, cursorMark, "")
		}
	}
	return lines
}

// takeCursor takes the mark out of a picture of w cells a line and returns the
// terminal's cursor for it, nil where nothing is typed. An input method draws
// what it composes at this cursor.
func takeCursor(lines []string, w int) *tea.Cursor {
	for y, l := range lines {
		before, _, found := strings.Cut(l, cursorMark)
		if !found {
			continue
		}
		unmarked(lines)
		c := tea.NewCursor(min(width(before), w-1), y)
		// Bubble Tea gives only a shape that is not the blinking block back when it leaves.
		c.Blink = false
		return c
	}
	return nil
}
