package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sftui/dataset/jinja"
)

// csvTypeRows is how many rows decide the columns' types: HF datasets reads
// CSV in pieces of 10,000 rows and keeps the first piece's types.
const csvTypeRows = 10_000

// csvNulls are the cells that pandas reads as missing.
var csvNulls = map[string]bool{
	"": true, "#N/A": true, "#N/A N/A": true, "#NA": true, "-1.#IND": true, "-1.#QNAN": true, "-NaN": true, "-nan": true,
	"1.#IND": true, "1.#QNAN": true, "<NA>": true, "N/A": true, "NA": true, "NULL": true, "NaN": true, "None": true,
	"n/a": true, "nan": true, "null": true,
}

type csvKind int

const (
	csvInt csvKind = iota // the narrowest kind first
	csvFloat
	csvBool
	csvString
)

func (k csvKind) String() string {
	return [...]string{"whole numbers", "numbers", "true/false", "text"}[k]
}

// csvTable knows the header and types of a CSV file.
type csvTable struct {
	sep   byte
	names []string
	kinds []csvKind
}

func openCSV(ctx context.Context, in *input) (Source, error) { return openSeparated(ctx, in, ',') }
func openTSV(ctx context.Context, in *input) (Source, error) { return openSeparated(ctx, in, '\t') }

// openSeparated opens a CSV or TSV file with a header line. Cells have the
// types that pandas, and so HF datasets, gives them.
func openSeparated(ctx context.Context, in *input, sep byte) (Source, error) {
	if err := refuseBinary(in); err != nil {
		return nil, err
	}
	t := &csvTable{sep: sep}
	header := make(chan []byte, 1)
	scan := func(r io.Reader, emit func(start, length, line int64) error) error {
		return scanCSV(r, sep, header, emit)
	}
	var src *recordSource
	decode := func(data []byte) (Row, error) {
		if t.names == nil {
			if err := t.readHeader(in.name, header); err != nil {
				return nil, err
			}
		}
		return t.row(data)
	}
	src, err := openRecords(ctx, in, "line", scan, decode)
	if err != nil {
		return nil, err
	}
	t.infer(src)
	src.columns = t.names
	return src, nil
}

func (t *csvTable) readHeader(name string, header <-chan []byte) error {
	cells, err := t.cells(bytes.TrimPrefix(<-header, []byte("\xef\xbb\xbf")))
	if err != nil {
		return fmt.Errorf("(header of %s) %w", name, err)
	}
	for i, c := range cells {
		if c == "" {
			cells[i] = fmt.Sprintf("Unnamed: %d", i)
		}
	}
	t.names = uniqueNames(cells)
	t.kinds = make([]csvKind, len(t.names))
	for i := range t.kinds {
		t.kinds[i] = csvString // until infer has seen the first rows
	}
	return nil
}

// uniqueNames numbers columns of one name as pandas does: a, a.1, a.2, leaving
// out the names that another column has already.
func uniqueNames(columns []string) []string {
	out := slices.Clone(columns)
	times := map[string]int{}
	for i, name := range columns {
		unique, n := name, times[name]
		for n > 0 {
			times[name] = n + 1
			unique = fmt.Sprintf("%s.%d", name, n)
			if slices.Contains(columns, unique) {
				n++
			} else {
				n = times[unique]
			}
		}
		out[i] = unique
		times[unique] = n + 1
	}
	return out
}

// infer finds each column's narrowest kind over the first rows.
func (t *csvTable) infer(src *recordSource) {
	kinds := make([]csvKind, len(t.names))
	missing := make([]bool, len(t.names))
	had, wasBool := make([]bool, len(t.names)), make([]bool, len(t.names))
	open := len(kinds)
	for i := 0; i < csvTypeRows && open > 0; i++ {
		data, err := src.raw(i)
		if err != nil {
			break
		}
		cells, err := t.cells(data)
		if err != nil || len(cells) > len(kinds) {
			continue
		}
		for c := range kinds {
			if c >= len(cells) || csvNulls[cells[c]] {
				missing[c] = true
				continue
			}
			for kinds[c] != csvString && !kinds[c].fits(cells[c]) {
				if kinds[c]++; kinds[c] == csvString {
					open--
				}
			}
			// Numbers and true/false in one column make it text.
			if kinds[c] == csvBool && had[c] && !wasBool[c] {
				kinds[c] = csvString
				open--
			}
			had[c], wasBool[c] = true, kinds[c] == csvBool
		}
	}
	for c := range kinds {
		if kinds[c] == csvInt && missing[c] {
			kinds[c] = csvFloat // pandas has no missing whole number
		}
	}
	t.kinds = kinds
}

func (k csvKind) fits(cell string) bool {
	switch k {
	case csvInt:
		_, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64)
		return err == nil
	case csvFloat:
		_, ok := csvNumber(cell)
		return ok
	case csvBool:
		switch cell {
		case "True", "TRUE", "true", "False", "FALSE", "false":
			return true
		}
		return false
	}
	return true
}

// csvNumber reads a number as pandas does: no hexadecimal, no underscores.
func csvNumber(cell string) (float64, bool) {
	s := strings.TrimSpace(cell)
	if strings.ContainsAny(s, "xXpP_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// row turns a record into a row.
func (t *csvTable) row(data []byte) (Row, error) {
	cells, err := t.cells(data)
	if err != nil {
		return nil, err
	}
	if len(cells) > len(t.names) {
		return nil, fmt.Errorf("has %d cells where the header has %d columns; put quotes around cells that hold %q", len(cells), len(t.names), t.sep)
	}
	row := jinja.NewDict(len(t.names))
	for i, name := range t.names {
		if i >= len(cells) || csvNulls[cells[i]] {
			row.Set(name, nil)
			continue
		}
		v, ok := t.kinds[i].value(cells[i])
		if !ok {
			return nil, fmt.Errorf("has %s in column %q, which holds %v in the first %d rows; correct the cell",
				excerpt([]byte(cells[i])), name, t.kinds[i], csvTypeRows)
		}
		row.Set(name, v)
	}
	return row, nil
}

func (k csvKind) value(cell string) (any, bool) {
	switch k {
	case csvInt:
		n, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64)
		return n, err == nil
	case csvFloat:
		f, ok := csvNumber(cell)
		if math.IsNaN(f) {
			return nil, ok
		}
		return f, ok
	case csvBool:
		return strings.EqualFold(cell, "true"), csvBool.fits(cell)
	}
	return cell, true
}

// cells splits a record; a cell may be in quotes, in which a doubled quote is
// one.
func (t *csvTable) cells(data []byte) ([]string, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("is not UTF-8 text (at byte %d); convert the file to UTF-8", firstInvalid(string(data)))
	}
	var out []string
	var cell []byte
	quoted, fresh := false, true
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case quoted && c == '"' && i+1 < len(data) && data[i+1] == '"':
			cell = append(cell, '"')
			i++
		case quoted && c == '"':
			quoted = false
		case quoted:
			cell = append(cell, c)
		case c == '"' && fresh:
			quoted, fresh = true, false
		case c == t.sep:
			out, cell, fresh = append(out, string(cell)), cell[:0], true
		default:
			cell, fresh = append(cell, c), false
		}
	}
	if quoted {
		return nil, errors.New("has a cell whose closing quote is missing; the file seems cut off")
	}
	return append(out, string(cell)), nil
}
