package ui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// packs reports whether rows are packed into sequences, so that there is one
// more stage to look at.
func (p *dataPage) packs() bool { return p.set != nil && p.set.options.Packing }

// stages is how many stages there are.
func (p *dataPage) stages() int {
	if p.packs() {
		return stageCount
	}
	return stagePacked
}

// shown is what the detail shows: the row, or the sequences that it is packed into.
func (p *dataPage) shown() *rowView {
	if p.stage == stagePacked && p.packs() {
		return p.packed
	}
	return p.detail
}

// packedMsg is the sequences that a row is packed into.
type packedMsg struct {
	gen  int
	view *rowView
}

func (m packedMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen || p.row(p.list.Cursor()) != m.view.row {
		return nil
	}
	m.view.gen = m.gen
	p.packed, p.flow, p.top = m.view, nil, 0
	return nil
}

// readPacked asks for the sequences of the row under the cursor when they are
// looked at: that prepares up to a thousand rows.
func (p *dataPage) readPacked() tea.Cmd {
	row := p.row(p.list.Cursor())
	if p.stage != stagePacked || !p.packs() || row < 0 || p.packed != nil && p.packed.row == row && p.packed.gen == p.gen {
		return nil
	}
	p.packed = nil
	ctx, gen, set := p.a.ctx, p.gen, p.set
	between := p.a.t("row %s · %s tokens")
	next := p.a.t("sequence %d of %d")
	waits := p.a.t("With long_rows=drop it is known which rows share a sequence once the lengths of all rows are: %s of %s so far.")
	return set.using(func() tea.Msg {
		v := &rowView{row: row, location: set.src.Location(row), borders: map[int]string{}}
		found, err := set.packedWith(ctx, row, waits)
		v.err = err
		for n := range found {
			title := ""
			if len(found) > 1 {
				title = fmt.Sprintf(next, n+1, len(found)) + " · "
			}
			v.addSequence(set, &found[n], title, between)
		}
		v.to = len(v.tokens)
		return packedMsg{gen, v}
	})
}

// packedWith finds the sequences of a row. Where long rows are dropped they
// depend on all lengths, which the scan knows; waits says how far it is.
func (s *dataSet) packedWith(ctx context.Context, row int, waits string) ([]dataset.Example, error) {
	if s.options.LongRows != dataset.LongDrop {
		return s.prep.PackedWith(ctx, row)
	}
	n := s.src.Len()
	if s.scan == nil || s.scan.Progress().Stage != dataset.StageDone {
		done := 0
		if s.scan != nil {
			done = s.scan.Progress().Rows
		}
		return nil, fmt.Errorf(waits, count(done), count(n))
	}
	lengths := make([]dataset.RowLength, n)
	for i := range lengths {
		var ok bool
		if lengths[i], ok = s.scan.Length(i); !ok {
			lengths[i] = dataset.RowLength{Row: i, First: -1, Last: -1, Failed: true}
		}
	}
	return s.prep.PackedAmong(ctx, row, lengths)
}

// addSequence adds the tokens of a packed sequence with the borders in it.
func (v *rowView) addSequence(s *dataSet, e *dataset.Example, title, between string) {
	start := len(v.tokens)
	for i, id := range e.InputIDs {
		t := tokenView{id: id, text: s.tok.Decode([]int32{id}), special: s.tok.IsSpecial(id)}
		t.trained = i < len(e.Labels) && e.Labels[i] != dataset.IgnoreIndex
		if t.trained {
			v.trained++
		}
		v.tokens = append(v.tokens, t)
	}
	v.packedRows = append(v.packedRows, e.Rows...)
	if len(e.SeqLengths) == len(e.Rows) {
		at := start
		for i, n := range e.SeqLengths {
			text := fmt.Sprintf(between, count(e.Rows[i]), count(n))
			if i == 0 {
				text = title + text
			}
			if e.Rows[i] == v.row {
				text = "▸ " + text
				if v.focus == 0 {
					v.focus = at
				}
			}
			v.borders[at] = text
			at += int(n)
		}
	} else if title != "" {
		v.borders[start] = title + count(len(e.InputIDs))
	}
}

// packedTitle tells what the row shares its sequence with.
func (p *dataPage) packedTitle(v *rowView) string {
	a := p.a
	if v.err != nil {
		return a.tf("row %s", count(v.row))
	}
	others := map[int]bool{}
	for _, r := range v.packedRows {
		if r != v.row {
			others[r] = true
		}
	}
	title := a.tf("row %s", count(v.row)) + " · " + a.plural(len(others), "packed with %s other row", "packed with %s other rows")
	if len(v.borders) == 0 {
		title += " · " + a.t("no borders are kept")
	}
	return title + " · " + a.tf("%s tokens, %s trained", count(len(v.tokens)), count(v.trained))
}
