package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/dataset/jinja"
)

// viewRow prepares a row with all that there is to see about it.
func (a *app) viewRow(gen int, set *dataSet, row int) tea.Cmd {
	return set.using(func() tea.Msg { return rowViewMsg{gen: gen, view: set.view(row)} })
}

// view is a row through all stages.
func (s *dataSet) view(row int) *rowView {
	v := &rowView{row: row, location: s.src.Location(row), limit: s.maxLength}
	raw, err := s.src.At(row)
	if err != nil {
		v.err = err
		return v
	}
	v.words = words(raw)
	v.text[stageRaw] = rowText(raw)
	seen, err := s.prep.View(row)
	if err != nil {
		v.err = err
		return v
	}
	v.dropped = seen.Dropped
	v.from, v.to = seen.KeptFrom, seen.KeptTo
	if limit := s.packCut(len(seen.IDs)); limit > 0 {
		v.from, v.to = 0, limit
	}
	if o := s.options; v.dropped != "" && o.LongRows == dataset.LongDrop && len(seen.IDs) > o.MaxLength {
		v.from, v.to = 0, 0 // it is left out whole, not cut
	}
	for _, st := range seen.Stages {
		v.addStage(st)
	}
	v.tokens = s.tokens(&seen)
	for i, t := range v.tokens {
		kept := i >= v.from && i < v.to
		switch {
		case t.trained && kept:
			v.trained++
		case t.trained:
			v.lost++
			v.eosLost = true // until a later trained token is kept
		}
		if t.trained && kept {
			v.eosLost = false
		}
	}
	return v
}

// addStage keeps a stage's text and what it did.
func (v *rowView) addStage(st dataset.Stage) {
	note := func(at int) { v.notes[at] = st.Note }
	switch st.Name {
	case dataset.StageFormatted, dataset.StageConverted:
		note(stageConverted)
		if st.Row != nil {
			v.text[stageConverted] = rowText(st.Row)
		}
	case dataset.StageRendered:
		note(stageRendered)
		if st.Text != nil {
			v.text[stageRendered] = strings.Split(*st.Text, "\n")
		}
	case dataset.StageTokens:
		note(stageTokens)
	case dataset.StageLabels:
		note(stageLabels)
	case dataset.StageTruncated:
		note(stageTruncated)
	}
}

// tokens spells every token of the whole row by the text it stands for.
func (s *dataSet) tokens(v *dataset.View) []tokenView {
	var text []rune
	if v.Text != nil {
		text = []rune(*v.Text)
	}
	out := make([]tokenView, len(v.IDs))
	end := 0 // characters that earlier tokens have shown
	for i, id := range v.IDs {
		t := tokenView{id: id, special: s.tok.IsSpecial(id)}
		t.trained = i < len(v.Labels) && v.Labels[i] != dataset.IgnoreIndex
		if i < len(v.Offsets) && len(text) > 0 {
			from, to := v.Offsets[i][0], v.Offsets[i][1]
			// A character of several tokens is shown by the first of them.
			from = min(max(from, end), len(text))
			to = min(max(to, from), len(text))
			t.text = string(text[from:to])
			end = max(end, to)
		} else {
			t.text = s.tok.Decode([]int32{id})
		}
		out[i] = t
	}
	for _, r := range v.Roles {
		for i := max(r.Start, 0); i < min(r.End, len(out)); i++ {
			out[i].role, out[i].message = r.Role, r.Message+1
		}
	}
	return out
}

// rowText writes a raw row for reading: each column by its name, messages with
// their role, text as it is, anything else as JSON.
func rowText(row dataset.Row) []string {
	var out []string
	for _, key := range row.Keys() {
		v, _ := row.Get(key)
		switch x := v.(type) {
		case string:
			out = append(out, key+":")
			out = append(out, indent(x, "  ")...)
		case []any:
			out = append(out, fmt.Sprintf("%s: [%d]", key, len(x)))
			for _, e := range x {
				out = append(out, elementText(e)...)
			}
		default:
			out = append(out, key+": "+jinja.EncodeJSON(v, jinja.JSONOptions{}))
		}
	}
	return out
}

// elementText writes one element of a column, a message by role and content.
func elementText(e any) []string {
	d, ok := e.(dataset.Row)
	if !ok {
		return []string{"  " + jinja.EncodeJSON(e, jinja.JSONOptions{})}
	}
	var out []string
	for _, k := range d.Keys() {
		v, _ := d.Get(k)
		s, isText := v.(string)
		switch {
		case isText && (k == "role" || k == "from"):
			out = append(out, "  "+k+": "+s)
		case isText:
			out = append(out, "  "+k+":")
			out = append(out, indent(s, "    ")...)
		default:
			out = append(out, "  "+k+": "+jinja.EncodeJSON(v, jinja.JSONOptions{}))
		}
	}
	return append(out, "")
}

// indent puts blanks before each line.
func indent(s, by string) []string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = by + l
	}
	return lines
}
