package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"sftui/dataset/jinja"
)

// openText opens a text file: each line is a row with the column "text", blank
// lines included, as HF datasets' text loader has it.
func openText(ctx context.Context, in *input) (Source, error) {
	if err := refuseBinary(in); err != nil {
		return nil, err
	}
	return asSource(openRecords(ctx, in, "line", scanTextLines, func(data []byte) (Row, error) {
		if !utf8.Valid(data) {
			return nil, fmt.Errorf("is not UTF-8 text (byte %d of the line is 0x%02x); convert the file to UTF-8",
				firstInvalid(string(data)), data[min(firstInvalid(string(data)), len(data)-1)])
		}
		row := jinja.NewDict(1)
		row.Set("text", string(data))
		return row, nil
	}))
}

// refuseBinary looks for a zero byte near the file's start.
func refuseBinary(in *input) error {
	head, err := in.peek(8192)
	if err != nil {
		return err
	}
	if at := bytes.IndexByte(head, 0); at >= 0 {
		return fmt.Errorf("%s holds binary data, not text (a zero byte at byte %d); give a UTF-8 text file", in.name, at)
	}
	return nil
}

// scanTextLines emits every line; \n, \r\n and \r end one, as in Python's text mode.
func scanTextLines(r io.Reader, emit func(start, length, line int64) error) error {
	buf := make([]byte, scanBuffer)
	var pos, start int64
	line, afterCR := int64(1), false
	for {
		n, err := r.Read(buf)
		for i := 0; i < n; {
			if afterCR {
				afterCR = false
				if buf[i] == '\n' { // the second half of \r\n
					i++
					start = pos + int64(i)
					continue
				}
			}
			k := bytes.IndexAny(buf[i:n], "\r\n")
			if k < 0 {
				break
			}
			i += k
			if err := emit(start, pos+int64(i)-start, line); err != nil {
				return err
			}
			line++
			afterCR = buf[i] == '\r'
			i++
			start = pos + int64(i)
		}
		pos += int64(n)
		if errors.Is(err, io.EOF) {
			if pos > start {
				return emit(start, pos-start, line)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
