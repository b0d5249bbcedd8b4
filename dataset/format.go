package dataset

import (
	"fmt"

	"sftui/dataset/jinja"
)

// formatter makes a row's text with a template over its columns: TRL's
// formatting function without code of the person's own.
type formatter struct{ template *jinja.Template }

// newFormatter parses the template; nil without one.
func newFormatter(source string) (*formatter, error) {
	if source == "" {
		return nil, nil
	}
	template, err := jinja.Parse("formatting", source)
	if err != nil {
		return nil, fmt.Errorf("the formatting template does not parse: %w", err)
	}
	return &formatter{template: template}, nil
}

// apply returns row with the column text made by the template. The row given
// is not changed.
func (f *formatter) apply(row Row) (Row, error) {
	text, err := f.template.Render(row, jinja.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the formatting template fails on this row: %w", err)
	}
	out := row.Clone()
	out.Set("text", text)
	return out, nil
}
