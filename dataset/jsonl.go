package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// scanBuffer is how much of a file an index pass reads at a time.
const scanBuffer = 1 << 20

// malformed carries where a scan found the file broken.
type malformed struct {
	line int64
	what string
}

func (m *malformed) Error() string { return fmt.Sprintf("line %d: %s", m.line, m.what) }

// scanLines emits every line that is not blank, without its line break.
func scanLines(r io.Reader, emit func(start, length, line int64) error) error {
	return splitLines(r, func(start, length, line int64, blank bool) error {
		if blank {
			return nil
		}
		return emit(start, length, line)
	})
}

// splitLines calls each for every line; blank says that it has white space
// only. A last line without a line break counts, an empty rest does not.
func splitLines(r io.Reader, each func(start, length, line int64, blank bool) error) error {
	buf := make([]byte, scanBuffer)
	var pos, start int64
	line, blank := int64(1), true
	for {
		n, err := r.Read(buf)
		for chunk := buf[:n]; len(chunk) > 0; {
			i := bytes.IndexByte(chunk, '\n')
			part := chunk
			if i >= 0 {
				part = chunk[:i]
			}
			if blank && len(bytes.TrimSpace(part)) > 0 {
				blank = false
			}
			pos += int64(len(part))
			if i < 0 {
				break
			}
			if err := each(start, pos-start, line, blank); err != nil {
				return err
			}
			pos++
			start, line, blank = pos, line+1, true
			chunk = chunk[i+1:]
		}
		if errors.Is(err, io.EOF) {
			if pos > start {
				return each(start, pos-start, line, blank)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// valueScanner finds the JSON values of a file by their brackets and quotes,
// without parsing them: the elements of one array, or values one after the
// other that may span lines.
type valueScanner struct {
	array bool
	emit  func(start, length, line int64) error

	depth             int // of brackets, the outer array's not counted
	inString, escaped bool
	opened, closed    bool  // the outer array
	start             int64 // of the value being read, -1 between values
	startLine, line   int64
}

func scanArray(r io.Reader, emit func(start, length, line int64) error) error {
	return (&valueScanner{array: true, emit: emit}).scan(r)
}

func scanStream(r io.Reader, emit func(start, length, line int64) error) error {
	return (&valueScanner{emit: emit}).scan(r)
}

func (v *valueScanner) scan(r io.Reader) error {
	v.start, v.line = -1, 1
	buf := make([]byte, scanBuffer)
	for pos := int64(0); ; {
		n, err := r.Read(buf)
		for i := 0; i < n; i++ {
			if v.inString { // most of a data file: no call per byte
				c := buf[i]
				switch {
				case v.escaped:
					v.escaped = false
				case c == '\\':
					v.escaped = true
				case c == '"':
					v.inString = false
				case c == '\n':
					v.line++
				}
				continue
			}
			if err := v.structural(buf[i], pos+int64(i)); err != nil {
				return err
			}
		}
		pos += int64(n)
		if errors.Is(err, io.EOF) {
			return v.end(pos)
		}
		if err != nil {
			return err
		}
	}
}

// structural takes a byte at pos that is not inside a string.
func (v *valueScanner) structural(c byte, pos int64) error {
	switch c {
	case '\n':
		v.line++
		return v.gap(pos)
	case ' ', '\t', '\r':
		return v.gap(pos)
	case '{', '[':
		return v.open(c, pos)
	case '}', ']':
		return v.shut(c, pos)
	case ',':
		if v.depth == 0 {
			return v.gap(pos)
		}
	case '"':
		v.begin(pos)
		v.inString = true
	default:
		if pos == 0 && c == 0xEF || pos == 1 && c == 0xBB || pos == 2 && c == 0xBF { // byte order mark
			return nil
		}
		v.begin(pos)
	}
	return nil
}

// open takes an opening bracket.
func (v *valueScanner) open(c byte, pos int64) error {
	if v.array && !v.opened {
		if c != '[' {
			return &malformed{v.line, "the file does not begin with ["}
		}
		v.opened = true
		return nil
	}
	v.begin(pos)
	v.depth++
	return nil
}

// shut takes a closing bracket.
func (v *valueScanner) shut(c byte, pos int64) error {
	if v.depth > 0 {
		if v.depth--; v.depth == 0 {
			return v.finish(pos + 1)
		}
		return nil
	}
	if v.array && c == ']' && !v.closed {
		err := v.gap(pos)
		v.closed = true
		return err
	}
	return &malformed{v.line, fmt.Sprintf("a %c without its opening bracket", c)}
}

func (v *valueScanner) begin(pos int64) {
	if v.depth == 0 && v.start < 0 {
		v.start, v.startLine = pos, v.line
	}
}

// gap ends a value that has no bracket of its own: a string, number or literal.
func (v *valueScanner) gap(pos int64) error {
	if v.depth > 0 || v.start < 0 {
		return nil
	}
	return v.finish(pos)
}

func (v *valueScanner) finish(end int64) error {
	start := v.start
	v.start = -1
	if v.closed {
		return &malformed{v.line, "there is data after the closing ]"}
	}
	return v.emit(start, end-start, v.startLine)
}

func (v *valueScanner) end(pos int64) error {
	switch {
	case v.inString:
		return &malformed{v.line, "the file ends inside a string; it seems cut off"}
	case v.depth > 0:
		return &malformed{v.line, "the file ends inside a row; it seems cut off"}
	}
	if err := v.gap(pos); err != nil {
		return err
	}
	if v.array && v.opened && !v.closed {
		return &malformed{v.line, "the closing ] is missing; the file seems cut off"}
	}
	return nil
}
