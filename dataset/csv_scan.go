package dataset

import (
	"errors"
	"io"
)

// csvScanner finds the records of a CSV file. Line breaks inside quotes belong
// to the cell; lines of nothing but blanks are skipped, as pandas does; the first record goes to header.
type csvScanner struct {
	sep    byte
	header chan<- []byte
	emit   func(start, length, line int64) error

	first      []byte // the header's bytes while it is being read
	headerDone bool
	start      int64 // of the record
	line       int64
	startLine  int64
	quoted     bool // inside a quoted cell
	fresh      bool // at the beginning of a cell
	closing    bool // after a quote that ends the cell unless it is doubled
	blank      bool // nothing but blanks so far
}

// scanCSV reads r to its end.
func scanCSV(r io.Reader, sep byte, header chan<- []byte, emit func(start, length, line int64) error) error {
	defer close(header)
	s := &csvScanner{sep: sep, header: header, emit: emit, line: 1, startLine: 1, fresh: true, blank: true}
	buf := make([]byte, scanBuffer)
	for pos := int64(0); ; {
		n, err := r.Read(buf)
		for i, c := range buf[:n] {
			if err := s.take(c, pos+int64(i)); err != nil {
				return err
			}
		}
		pos += int64(n)
		if errors.Is(err, io.EOF) {
			return s.end(pos)
		}
		if err != nil {
			return err
		}
	}
}

// take reads byte c at pos.
func (s *csvScanner) take(c byte, pos int64) error {
	if c == '\n' {
		s.line++
	}
	switch {
	case s.quoted && c == '"':
		s.quoted, s.closing = false, true
	case s.quoted:
	case c == '"' && (s.fresh || s.closing):
		s.quoted, s.fresh, s.closing, s.blank = true, false, false, false
	case c == '\n' || c == '\r':
		return s.end(pos)
	default:
		s.fresh, s.closing = c == s.sep, false
		s.blank = s.blank && c != s.sep && (c == ' ' || c == '\t')
	}
	if !s.headerDone {
		if s.first = append(s.first, c); len(s.first) > scanBuffer {
			return errors.New("line 1: the header is longer than 1 MB; is it a CSV file?")
		}
	}
	return nil
}

// end closes the record that ends before pos.
func (s *csvScanner) end(pos int64) error {
	start, line, blank := s.start, s.startLine, s.blank
	s.start, s.startLine = pos+1, s.line
	s.fresh, s.closing, s.blank = true, false, true
	switch {
	case blank:
		s.first = s.first[:0]
		return nil
	case !s.headerDone:
		s.headerDone = true
		s.header <- s.first
		return nil
	}
	return s.emit(start, pos-start, line)
}
