package dataset

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"sftui/dataset/jinja"
)

// parquetNode is a node of the schema with what is needed to build Go values
// from a row's column values: the levels that mark nulls and list items.
type parquetNode struct {
	name     string
	kind     nodeKind
	optional bool
	def      int            // definition level at which the node itself is present
	rep      int            // lists: repetition level of a further item
	leaf     int            // first leaf column below the node
	leaves   int            // number of leaf columns below the node
	fields   []*parquetNode // struct: fields; list: the item; map: key and value
	convert  func(parquet.Value) any
}

type nodeKind int

const (
	leafNode nodeKind = iota
	structNode
	listNode
	mapNode
)

func newParquetNode(f *parquet.File) (*parquetNode, error) {
	w := &schemaWalk{}
	for i := range f.Metadata().Schema {
		if e := &f.Metadata().Schema[i]; e.Type.Valid {
			w.elements = append(w.elements, e)
		}
	}
	return buildNode(f.Root(), 0, 0, w)
}

// schemaWalk is how far buildNode has come through the leaf columns.
type schemaWalk struct {
	leaf     int
	elements []*format.SchemaElement // of the leaf columns
}

// converter is leafConverter, after a look at the file's own schema for the
// one type that the reader does not know.
func (w *schemaWalk) converter(c *parquet.Column) (func(parquet.Value) any, error) {
	if w.leaf < len(w.elements) {
		if _, half := w.elements[w.leaf].LogicalType.Value.(*format.Float16Type); half {
			return func(v parquet.Value) any { return float16(v.ByteArray()) }, nil
		}
	}
	return leafConverter(c)
}

// buildNode reads the schema below c; def and rep are the levels of its parent.
func buildNode(c *parquet.Column, def, rep int, w *schemaWalk) (*parquetNode, error) {
	n := &parquetNode{name: c.Name(), optional: c.Optional(), leaf: w.leaf}
	if n.optional {
		def++
	}
	n.def = def
	if c.Repeated() { // a bare repeated field: a list without a group around it
		return buildRepeated(c, n, def, rep, w)
	}
	switch {
	case c.Leaf():
		n.kind = leafNode
		convert, err := w.converter(c)
		if err != nil {
			return nil, err
		}
		n.convert = convert
		w.leaf++
	case isListGroup(c):
		n.kind = listNode
		item, err := listItem(c, def, rep, w)
		if err != nil {
			return nil, err
		}
		n.rep, n.fields = rep+1, []*parquetNode{item}
	case isMapGroup(c):
		n.kind = mapNode
		n.rep = rep + 1
		for _, kv := range c.Columns()[0].Columns() {
			field, err := buildNode(kv, def+1, rep+1, w)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, field)
		}
	default:
		n.kind = structNode
		for _, child := range c.Columns() {
			field, err := buildNode(child, def, rep, w)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, field)
		}
	}
	n.leaves = w.leaf - n.leaf
	if n.leaves == 0 {
		return nil, fmt.Errorf("column %q is a struct without fields, which parquet cannot hold; write the file again", n.name)
	}
	return n, nil
}

func buildRepeated(c *parquet.Column, n *parquetNode, def, rep int, w *schemaWalk) (*parquetNode, error) {
	n.kind, n.rep, n.optional = listNode, rep+1, false
	item, err := repeatedItem(c, def+1, rep+1, w)
	if err != nil {
		return nil, err
	}
	n.fields, n.leaves = []*parquetNode{item}, w.leaf-n.leaf
	return n, nil
}

// repeatedItem is the item of a repeated node that is itself the item.
func repeatedItem(c *parquet.Column, def, rep int, w *schemaWalk) (*parquetNode, error) {
	item := &parquetNode{name: c.Name(), def: def, leaf: w.leaf}
	if c.Leaf() {
		convert, err := w.converter(c)
		if err != nil {
			return nil, err
		}
		item.convert = convert
		w.leaf++
	} else {
		item.kind = structNode
		for _, child := range c.Columns() {
			field, err := buildNode(child, def, rep, w)
			if err != nil {
				return nil, err
			}
			item.fields = append(item.fields, field)
		}
	}
	item.leaves = w.leaf - item.leaf
	return item, nil
}

// isListGroup: a group marked LIST, or one that holds just one repeated field
// named list, bag or array as older writers made it.
func isListGroup(c *parquet.Column) bool {
	kids := c.Columns()
	if len(kids) != 1 || !kids[0].Repeated() {
		return false
	}
	t := c.Type()
	return t != nil && t.LogicalType() != nil && t.LogicalType().String() == "LIST" ||
		kids[0].Name() == "list" || kids[0].Name() == "bag" || kids[0].Name() == "array"
}

// listItem finds a list's item by the rules of the parquet format: the middle
// layer is the item itself unless it is a group with exactly one field whose
// name is not "array" nor ends in _tuple.
func listItem(c *parquet.Column, def, rep int, w *schemaWalk) (*parquetNode, error) {
	mid := c.Columns()[0]
	if mid.Leaf() || len(mid.Columns()) != 1 || mid.Name() == "array" || mid.Name() == c.Name()+"_tuple" {
		return repeatedItem(mid, def+1, rep+1, w)
	}
	return buildNode(mid.Columns()[0], def+1, rep+1, w)
}

func isMapGroup(c *parquet.Column) bool {
	kids := c.Columns()
	if len(kids) != 1 || !kids[0].Repeated() || len(kids[0].Columns()) != 2 {
		return false
	}
	return kids[0].Name() == "key_value" || kids[0].Name() == "map"
}

// assembler walks a row's values, column by column, while the values are put
// together.
type assembler struct {
	columns [][]parquet.Value
	size    int64
}

// assemble builds the row out of its values (grouped by column, as the reader
// gives them) and says how many bytes of text it holds.
func (n *parquetNode) assemble(values parquet.Row) (Row, int64) {
	a := &assembler{columns: make([][]parquet.Value, n.leaves)}
	for i := 0; i < len(values); {
		column, j := values[i].Column(), i+1
		for j < len(values) && values[j].Column() == column {
			j++
		}
		if column >= 0 && column < len(a.columns) {
			a.columns[column] = values[i:j]
		}
		i = j
	}
	row := jinja.NewDict(len(n.fields))
	for _, f := range n.fields {
		row.Set(f.name, a.build(f))
	}
	return row, a.size
}

// peek is the definition level at n's first leaf, -1 when its values have run out.
func (a *assembler) peek(n *parquetNode) int {
	vs := a.columns[n.leaf]
	if len(vs) == 0 {
		return -1
	}
	return vs[0].DefinitionLevel()
}

// skip consumes the one entry that a null or empty list has in every leaf below n.
func (a *assembler) skip(n *parquetNode) {
	for k := n.leaf; k < n.leaf+n.leaves; k++ {
		if len(a.columns[k]) > 0 {
			a.columns[k] = a.columns[k][1:]
		}
	}
}

func (a *assembler) build(n *parquetNode) any {
	if a.peek(n) < n.def {
		a.skip(n)
		return nil
	}
	switch n.kind {
	case structNode:
		d := jinja.NewDict(len(n.fields))
		for _, f := range n.fields {
			d.Set(f.name, a.build(f))
		}
		return d
	case listNode:
		items := []any{}
		a.each(n, func() { items = append(items, a.build(n.fields[0])) })
		return items
	case mapNode: // as Arrow gives a map: a list of (key, value) pairs
		items := []any{}
		a.each(n, func() { items = append(items, []any{a.build(n.fields[0]), a.build(n.fields[1])}) })
		return items
	}
	v := a.columns[n.leaf][0]
	a.columns[n.leaf] = a.columns[n.leaf][1:]
	out := n.convert(v)
	if s, ok := out.(string); ok {
		a.size += int64(len(s))
	} else {
		a.size += 8
	}
	return out
}

// each calls build for every item of the list at n.
func (a *assembler) each(n *parquetNode, build func()) {
	if a.peek(n) == n.def { // present but empty
		a.skip(n)
		return
	}
	for {
		build()
		vs := a.columns[n.leaf]
		if len(vs) == 0 || vs[0].RepetitionLevel() != n.rep {
			return
		}
	}
}
