package jinja

import (
	"fmt"
	"strings"
)

// Error is what went wrong in a template, at parse or at render time. Kind is
// the name of the exception that Python would raise (TemplateSyntaxError,
// UndefinedError, TypeError …) and Message its text, so that an error can be
// compared with the reference's.
type Error struct {
	Kind     string
	Message  string
	Template string // the template's name, "" when it has none
	Line     int    // 1-based, 0 when the error belongs to no place in the template
	Column   int    // 1-based, in code points
	Source   string // the template's line Line
}

// Error names the template, the place and the source line after the message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Line == 0 {
		return b.String()
	}
	b.WriteString(" (")
	if e.Template != "" {
		b.WriteString(e.Template)
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "line %d, column %d: %s)", e.Line, e.Column, strings.TrimSpace(shorten(e.Source)))
	return b.String()
}

// shorten cuts a source line that is too long to be read in a message.
func shorten(line string) string {
	const most = 160
	if runeCount(line) <= most {
		return line
	}
	return line[:runeOffset(line, most)] + "…"
}

// The kinds of Error that the interpreter raises, by Python's names.
const (
	kindSyntax    = "TemplateSyntaxError"
	kindUnknown   = "TemplateAssertionError"
	kindRuntime   = "TemplateRuntimeError"
	kindTemplate  = "TemplateError"
	kindUndefined = "UndefinedError"
	kindSecurity  = "SecurityError"
	kindFilterArg = "FilterArgumentError"
	kindType      = "TypeError"
	kindValue     = "ValueError"
	kindKey       = "KeyError"
	kindIndex     = "IndexError"
	kindAttribute = "AttributeError"
	kindOverflow  = "OverflowError"
	kindZero      = "ZeroDivisionError"
	kindRecursion = "RecursionError"
	kindAssertion = "AssertionError"
	kindLimit     = "LimitError" // ours: fuel or output spent
)

// KindUnmarked is the kind of an Error of AssistantSpans: the template renders
// the chat, but does not tell what the assistant says in it.
const KindUnmarked = "UnmarkedError"

// fail makes an Error without a place; the node that sees it first adds one.
func fail(kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// place puts the position of byte offset pos of source into the error.
func (e *Error) place(name, source string, pos int) {
	if pos > len(source) {
		pos = len(source)
	}
	start := strings.LastIndexByte(source[:pos], '\n') + 1
	end := strings.IndexByte(source[pos:], '\n')
	if end < 0 {
		end = len(source)
	} else {
		end += pos
	}
	e.Template = name
	e.Line = strings.Count(source[:pos], "\n") + 1
	e.Column = runeCount(source[start:pos]) + 1
	e.Source = source[start:end]
}
