package cmd

import (
	"fmt"
	"io"
	"strings"

	"sftui/dataset"
)

// readableRows is how many rows are shown to a person who asks for no number.
const readableRows = 3

// printReadable shows the shape of the data and the first rows, stage by stage.
func printReadable(p *dataset.Preparer, limit int, out io.Writer) error {
	if limit == 0 {
		limit = readableRows
	}
	shape := p.Shape()
	fmt.Fprintf(out, "%s: %d rows, %s %s\n  %s\n  %s\n", p.Source().Name(), p.Source().Len(), shape.Name, shape.Rating, shape.Why, shape.RatingWhy)
	for _, note := range shape.Notes {
		fmt.Fprintf(out, "  note: %s\n", note)
	}
	for i := range min(limit, p.Source().Len()) {
		v, err := p.View(i)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s\n", p.Source().Location(i))
		for _, stage := range v.Stages {
			fmt.Fprintf(out, "  %-10s %s\n", stage.Name, stage.Note)
			if stage.Text != nil {
				fmt.Fprintf(out, "%s\n", indent(*stage.Text))
			}
		}
	}
	return nil
}

// indent sets every line of a text off.
func indent(text string) string {
	return "  │ " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  │ ")
}
