package dataset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sftui/dataset/jinja"
)

// formatter makes a row's text with a template over its columns: TRL's
// formatting function without code of the person's own.
type formatter struct {
	template *jinja.Template
	column   string // the template is nothing but this column
}

// oneColumn is a template that only writes a column.
var oneColumn = regexp.MustCompile(`^\s*\{\{-?\s*(\w+)\s*-?\}\}\s*$`)

// newFormatter parses the template; nil without one. A template that reads a
// column which the data does not have is refused, unless it asks first
// whether the column is there.
func newFormatter(source string, columns []string) (*formatter, error) {
	if source == "" {
		return nil, nil
	}
	template, err := jinja.Parse("formatting", source)
	if err != nil {
		return nil, fmt.Errorf("the formatting template does not parse: %w", err)
	}
	for _, name := range template.Variables() {
		if !slices.Contains(columns, name) && !asksFor(source, name) {
			return nil, fmt.Errorf("the formatting template reads the column %s, but the data has %s", name, strings.Join(columns, ", "))
		}
	}
	f := &formatter{template: template}
	if m := oneColumn.FindStringSubmatch(source); m != nil {
		f.column = m[1]
	}
	return f, nil
}

// asksFor says whether a template tests a name for being there, or has a
// default for it.
func asksFor(source, name string) bool {
	pattern := `\b` + regexp.QuoteMeta(name) + `\s*(\|\s*(default|d)\b|is\s+(not\s+)?(defined|undefined|none)\b)`
	found, err := regexp.MatchString(pattern, source)
	return err == nil && found
}

// apply returns row with the column text made by the template. The row given
// is not changed.
func (f *formatter) apply(row Row) (Row, error) {
	switch value, _ := row.Get(f.column); value.(type) {
	case []any, Row:
		return nil, fmt.Errorf("the formatting template gives the column %s, which is %s, but a row becomes one text: write its parts, as in {{ %s | join('\\n') }}, or put one text in each row", f.column, valueKind(value), f.column)
	case nil:
		if f.column != "" {
			return nil, fmt.Errorf("the formatting template gives the column %s, which is null in this row: correct the row, remove it, or write a default, as in {{ %s or '' }}", f.column, f.column)
		}
	}
	text, err := f.template.Render(row, jinja.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the formatting template fails on this row: %w", err)
	}
	out := row.Clone()
	out.Set("text", text)
	return out, nil
}
