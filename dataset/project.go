package dataset

import (
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Project is a view of src with only the given columns, in src's order. Of
// parquet files only those columns are then read; other sources are returned as
// they are. Close the view and src both.
func Project(src Source, columns []string) Source {
	switch s := src.(type) {
	case *parquetSource:
		return projectParquet(s, columns)
	case *selection:
		if inner := Project(s.Source, columns); inner != s.Source {
			return &selection{Source: inner, rows: s.rows}
		}
	case *concat:
		if first, err := s.part(0); err != nil || Project(first, columns) == first {
			return src
		}
		kept := slices.DeleteFunc(slices.Clone(s.columns), func(c string) bool { return !slices.Contains(columns, c) })
		return &concat{name: s.name, paths: s.paths, columns: kept, open: func(i int) (Source, error) {
			part, err := s.part(i)
			if err != nil {
				return nil, err
			}
			return Project(part, columns), nil
		}}
	case *concatenation:
		parts := slices.Clone(s.parts)
		for i := range parts {
			parts[i] = Project(parts[i], columns)
		}
		if !slices.Equal(parts, s.parts) {
			return Concatenate(s.name, parts...)
		}
	}
	return src
}

func projectParquet(p *parquetSource, columns []string) Source {
	root := *p.root
	root.fields = nil
	out := &parquetSource{name: p.name, in: p.in, file: p.file, firsts: p.firsts, indexed: p.indexed, lz4: p.lz4, borrowed: true}
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
		return p
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
