package dataset

// Outline is a prepared data set of which only the rows' lengths are known:
// dropped, packed and shuffled as All would, but without ids. It answers at
// once what a batch will hold, for any data set that was scanned.
type Outline struct {
	p       *Preparer
	data    *prepared
	rows    *outlineRows
	Dropped []int // raw rows that are left out
}

// Outline arranges rows of the given untruncated lengths, one for each row of
// the source and in its order, as All arranges the rows themselves. Rows that
// failed are left out.
func (p *Preparer) Outline(lengths []RowLength) *Outline {
	rows := &outlineRows{o: p.o, lengths: lengths}
	out := &Outline{p: p, data: &prepared{rows: rows, paddingFree: p.o.paddingFree()}, rows: rows}
	data, dropped, err := p.arrange(rows)
	for _, e := range dropped {
		out.Dropped = append(out.Dropped, e.Row)
	}
	if d, ok := data.(*prepared); ok && err == nil { // the error is that no row is left
		out.data = d
	}
	return out
}

// WithMaxLength arranges the same rows by another max_length.
func (o *Outline) WithMaxLength(n int) *Outline {
	options := o.p.o
	options.MaxLength = n
	return o.p.Arranging(options).Outline(o.rows.lengths)
}

// Arranging is p with other options of how rows are cut, packed and ordered.
func (p *Preparer) Arranging(o Options) *Preparer {
	other := *p
	other.o = o
	return &other
}

// Len is the number of sequences.
func (o *Outline) Len() int { return len(o.data.sequences) }

// At is sequence i with its lengths, rows and places of loss; its ids are all 0.
func (o *Outline) At(i int) (Example, error) { return o.data.At(i) }

// Tokens is the length of sequence i.
func (o *Outline) Tokens(i int) int {
	n := 0
	for _, part := range o.data.sequences[i] {
		n += part.length()
	}
	return n
}

// Rows are the raw rows that sequence i is made of.
func (o *Outline) Rows(i int) []int {
	var rows []int
	for _, part := range o.data.sequences[i] {
		rows = append(rows, part.row)
	}
	return rows
}

// Trained says whether sequence i has a token with loss. The first token of a
// sequence has none, since nothing predicts it.
func (o *Outline) Trained(i int) bool {
	for _, part := range o.data.sequences[i] {
		r := o.rows.lengths[part.row]
		if cut := r.Tokens - o.rows.facts(part.row).kept; r.First >= 0 && o.rows.o.TruncationMode == KeepEnd {
			r.First, r.Last = max(0, r.First-cut), r.Last-cut // counted from where the row begins now
		}
		if r.First >= 0 && max(r.First, part.from+1) <= min(r.Last, part.to-1) {
			return true
		}
	}
	return false
}

// outlineRows are rows known by their lengths.
type outlineRows struct {
	o       Options
	lengths []RowLength
}

func (r *outlineRows) count() int { return len(r.lengths) }

func (r *outlineRows) facts(i int) rowFacts {
	if r.lengths[i].Failed {
		return rowFacts{dropped: "the row cannot be prepared"}
	}
	f, dropped := r.o.lengthFacts(r.lengths[i])
	if dropped {
		f.dropped = "max_length leaves nothing to train on"
	}
	return f
}

func (r *outlineRows) row(i int) (compactRow, error) {
	l := r.lengths[i]
	row := compactRow{ids: make([]int32, l.Tokens), full: l.Tokens}
	if l.First >= 0 {
		row.runs = []int32{int32(l.First), int32(l.Last + 1)}
	}
	if f := r.facts(i); f.kept < l.Tokens { // as limit cuts
		labels := row.appendLabels(nil, 0, l.Tokens)
		row = compactRow{full: l.Tokens}
		row.ids, row.labels = truncate(make([]int32, l.Tokens), labels, f.kept, r.o.TruncationMode)
	}
	return row, nil
}
