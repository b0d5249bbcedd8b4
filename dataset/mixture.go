package dataset

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"sftui/dataset/jinja"
)

// Concatenate joins sources one after the other, as
// datasets.concatenate_datasets does: a column that one of them lacks is null
// in its rows. Closing it closes them.
func Concatenate(name string, sources ...Source) Source {
	c := &concatenation{name: name, parts: sources}
	total := 0
	for _, s := range sources {
		total += s.Len()
		c.ends = append(c.ends, total)
		for _, column := range s.Columns() {
			if !slices.Contains(c.columns, column) {
				c.columns = append(c.columns, column)
			}
		}
	}
	return c
}

type concatenation struct {
	name    string
	parts   []Source
	ends    []int // rows up to and with each part
	columns []string
}

// find is the part that has row i, and the row's number in it.
func (c *concatenation) find(i int) (Source, int) {
	at := sort.SearchInts(c.ends, i+1)
	if at > 0 {
		i -= c.ends[at-1]
	}
	return c.parts[at], i
}

func (c *concatenation) Len() int {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

func (c *concatenation) At(i int) (Row, error) {
	if i < 0 || i >= c.Len() {
		return nil, fmt.Errorf("%s has no row %d: it has %d rows", c.name, i, c.Len())
	}
	part, at := c.find(i)
	row, err := part.At(at)
	if err != nil || row.Len() == len(c.columns) {
		return row, err
	}
	return withColumns(row, c.columns), nil
}

// withColumns is a row with exactly these columns, null where it has none.
func withColumns(row Row, columns []string) Row {
	out := jinja.NewDict(len(columns))
	for _, column := range columns {
		value, _ := row.Get(column)
		out.Set(column, value)
	}
	return out
}

func (c *concatenation) Columns() []string { return slices.Clone(c.columns) }
func (c *concatenation) Name() string      { return c.name }

func (c *concatenation) Location(i int) string {
	if i < 0 || i >= c.Len() {
		return fmt.Sprintf("%s row %d", c.name, i)
	}
	part, at := c.find(i)
	return part.Location(at)
}

func (c *concatenation) ByteSize(i int) int64 {
	if i < 0 || i >= c.Len() {
		return -1
	}
	part, at := c.find(i)
	return part.ByteSize(at)
}

func (c *concatenation) Close() error {
	var errs []error
	for _, p := range c.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// SelectColumns is a view of src with only the given columns, in that order.
func SelectColumns(src Source, columns []string) (Source, error) {
	for _, column := range columns {
		if !slices.Contains(src.Columns(), column) {
			return nil, fmt.Errorf("%s has no column %q; it has %s", src.Name(), column, strings.Join(src.Columns(), ", "))
		}
	}
	return &projection{src, columns}, nil
}

type projection struct {
	Source
	columns []string
}

func (p *projection) Columns() []string { return slices.Clone(p.columns) }

func (p *projection) At(i int) (Row, error) {
	row, err := p.Source.At(i)
	if err != nil {
		return nil, err
	}
	return withColumns(row, p.columns), nil
}
