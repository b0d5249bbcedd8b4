package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"sftui/dataset/jinja"
)

// openJSON opens a JSON file whatever its extension says: one object a line,
// one array of objects (or of strings, which become the column "text"), or
// objects one after the other over several lines.
func openJSON(ctx context.Context, in *input) (Source, error) {
	head, err := in.peek(scanBuffer)
	if err != nil {
		return nil, err
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if at := bytes.IndexByte(head, 0); at >= 0 && at < 4096 {
		return nil, fmt.Errorf("%s holds binary data, not JSON (a zero byte near its start); give a UTF-8 text file", in.name)
	}
	scan, unit := scanLines, "line"
	switch {
	case len(head) > 0 && head[0] == '[':
		scan, unit = scanArray, "row"
	case spansLines(head), severalOnLine(head):
		scan, unit = scanStream, "row"
	}
	wrapped := func(r io.Reader, emit func(start, length, line int64) error) error {
		err := scan(r, emit)
		var bad *malformed
		if errors.As(err, &bad) {
			return fmt.Errorf("%s line %d: %s", in.name, bad.line, bad.what)
		}
		return err
	}
	src, err := openRecords(ctx, in, unit, wrapped, decodeObject)
	if err != nil {
		return nil, err
	}
	src.columns = inferJSON(src, len(head) > 0 && head[0] == '[')
	return src, nil
}

// inferJSON reads the first rows for the columns that all rows get and puts
// the schema they agree on behind src's decoder. A row that cannot be read is
// left to At, whose error says which. array says that the file is one array.
func inferJSON(src *recordSource, array bool) []string {
	schema := &jsonSchema{root: true}
	for i, seen := 0, int64(0); seen < schemaBytes; i++ {
		data, err := src.raw(i)
		if err != nil {
			break
		}
		seen += int64(len(data))
		if row, err := decodeObject(data); err == nil {
			schema.see(row)
		}
	}
	schema.settle(array || schema.mixed())
	src.notes = map[string][]string{}
	for _, column := range schema.keys {
		if notes := schema.fields[column].notes(column); len(notes) > 0 {
			src.notes[column] = notes
		}
	}
	src.decode = func(data []byte) (Row, error) {
		row, err := decodeObject(data)
		if err != nil {
			return nil, err
		}
		return schema.applyDict(row), nil
	}
	return schema.keys
}

// severalOnLine reports whether the first line holds one object after the other.
func severalOnLine(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	values := 0
	err := scanStream(bytes.NewReader(line), func(start, _, _ int64) error {
		if line[start] == '{' {
			values++
		}
		return nil
	})
	return err == nil && values > 1 && bytes.Count(line, []byte("}{"))+bytes.Count(line, []byte("} {")) > 0
}

// spansLines reports whether the first value of head is an object that goes on
// after the end of its line.
func spansLines(head []byte) bool {
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	first := int64(-1)
	stop := errors.New("first value found")
	err := scanStream(bytes.NewReader(head), func(_, length, _ int64) error {
		first = length
		return stop
	})
	if first < 0 {
		var bad *malformed
		return errors.As(err, &bad) && bad.line > 1 && oneLineIsOpen(head)
	}
	return bytes.IndexByte(head[:first], '\n') >= 0 && oneLineIsOpen(head)
}

// oneLineIsOpen reports whether the first line stops between two tokens of an
// object, as pretty-printed JSON does, and not inside a string, as a broken
// line does.
func oneLineIsOpen(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	err := scanStream(bytes.NewReader(line), func(_, _, _ int64) error { return nil })
	var bad *malformed
	if !errors.As(err, &bad) {
		return false
	}
	line = bytes.TrimRight(line, " \t\r")
	switch line[len(line)-1] {
	case '{', '[', ',', ':':
		return true
	}
	return false
}

// decodeObject turns one JSON value into a row.
func decodeObject(data []byte) (Row, error) {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return nil, fmt.Errorf("holds binary data (a zero byte at byte %d); give a UTF-8 text file", at)
	}
	v, err := jinja.DecodeJSON(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w; found %s", err, excerpt(data))
	}
	switch v := v.(type) {
	case *jinja.Dict:
		return v, nil
	case string:
		row := jinja.NewDict(1)
		row.Set("text", v)
		return row, nil
	}
	return nil, fmt.Errorf("is not a JSON object but %s; each row must be one, as in {\"messages\": [...]}", excerpt(data))
}

// excerpt quotes the beginning of data for a message.
func excerpt(data []byte) string {
	s := bytes.TrimSpace(data)
	if len(s) > 40 {
		return fmt.Sprintf("%q…", bytes.ToValidUTF8(s[:40], []byte("\uFFFD")))
	}
	return fmt.Sprintf("%q", bytes.ToValidUTF8(s, []byte("\uFFFD")))
}
