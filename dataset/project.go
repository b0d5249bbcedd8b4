package dataset

import (
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Project is a view of src with only the given columns, in src's order. Of a
// parquet file only those columns are then read; other sources are returned as
// they are. Close the view and src both.
func Project(src Source, columns []string) Source {
	p, ok := src.(*parquetSource)
	if !ok {
		return src
	}
	root := *p.root
	root.fields = nil
	out := &parquetSource{name: p.name, in: p.in, file: p.file, firsts: p.firsts, indexed: p.indexed, borrowed: true}
	out.ready()
	for _, f := range p.root.fields {
		if !slices.Contains(columns, f.name) {
			continue
		}
		root.fields = append(root.fields, f)
		out.columns = append(out.columns, f.name)
		for k := f.leaf; k < f.leaf+f.leaves; k++ {
			out.leaves = append(out.leaves, k)
		}
	}
	if len(root.fields) == 0 || len(root.fields) == len(p.root.fields) {
		return src
	}
	out.root = &root
	return out
}

// ProjectFor is Project to the columns that preparing rows of the given shape
// under o reads.
func ProjectFor(src Source, shape Shape, o Options) Source {
	if o.Formatting != "" { // a template may name any column
		return src
	}
	columns := []string{"tools", "chat_template_kwargs"}
	for _, c := range shape.Columns {
		columns = append(columns, c.Column)
	}
	return Project(src, columns)
}

// projectedGroup is a row group with only some of its columns.
type projectedGroup struct {
	parquet.RowGroup
	chunks []parquet.ColumnChunk
}

func (g projectedGroup) ColumnChunks() []parquet.ColumnChunk { return g.chunks }
