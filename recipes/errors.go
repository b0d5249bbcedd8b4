package recipes

import (
	"fmt"
	"strings"
)

// Error is one thing wrong in a recipe, as one sentence.
type Error struct {
	File    string // "" for a value that did not come from a file
	Line    int    // 0 when not from a file
	Key     string // "" when the file as a whole is meant
	Message string // begins with what is wrong; without file and line
}

// Error returns the sentence with file and line in front.
func (e *Error) Error() string {
	switch {
	case e.File != "" && e.Line > 0:
		return fmt.Sprintf("%s line %d: %s", e.File, e.Line, e.Message)
	case e.File != "":
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	default:
		return e.Message
	}
}

// Errors is everything wrong in a recipe, in the file's order.
type Errors []*Error

// Error returns one line an error.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single errors.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
