package ui

import (
	"encoding/json"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/ui/vlist"
)

// mappedRoles are the parts that a column can be given, in the order in which
// a key goes through them; "" leaves a column under its own name.
var mappedRoles = []string{"", "messages", "prompt", "completion", "text", "conversations", "tools", "chat_template_kwargs", "input_ids", "labels", "completion_mask", "assistant_masks", "attention_mask"}

// mapDialog gives columns the roles by which TRL tells the shape of a row.
type mapDialog struct {
	columns []string
	words   map[string]string // what a column begins with in this row
	role    map[string]string // of a column
	list    vlist.List
	trial   *trial
}

// mapColumns opens the dialog.
func (p *dataPage) mapColumns() tea.Cmd {
	t := p.newTrial()
	if t.set == nil || p.a.recipe.r == nil {
		return p.a.say(inkDim, p.a.t("No data is open."))
	}
	d := &mapDialog{columns: t.set.src.Columns(), words: map[string]string{}, role: map[string]string{}, trial: t}
	for role, column := range p.a.recipe.r.Columns {
		d.role[column] = role
	}
	p.a.push(d)
	return tea.Batch(d.read(), d.try())
}

// columnWordsMsg is what the columns of a row begin with.
type columnWordsMsg struct {
	d     *mapDialog
	words map[string]string
}

func (m columnWordsMsg) apply(*app) tea.Cmd {
	m.d.words = m.words
	return nil
}

// read reads the row to show what its columns hold.
func (d *mapDialog) read() tea.Cmd {
	set, row := d.trial.set, d.trial.row
	return set.using(func() tea.Msg {
		found := map[string]string{}
		if r, err := set.src.At(row); err == nil {
			for _, key := range r.Keys() {
				v, _ := r.Get(key)
				text := wordsOf(v)
				if text == "" && v != nil {
					text = jinja.EncodeJSON(v, jinja.JSONOptions{})
				}
				found[key] = head(text, 400)
			}
		}
		return columnWordsMsg{d, found}
	})
}

// mapping is role → column.
func (d *mapDialog) mapping() map[string]string {
	out := map[string]string{}
	for column, role := range d.role {
		if role != "" {
			out[role] = column
		}
	}
	return out
}

func (d *mapDialog) try() tea.Cmd {
	columns := d.mapping()
	if len(columns) == 0 {
		columns = nil
	}
	return d.trial.run(func(o *dataset.Options) { o.Columns = columns })
}

func (d *mapDialog) scroll(by int) { d.list.Scroll(by, len(d.columns)) }

func (d *mapDialog) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "q":
		a.pop()
	case "j", "down":
		d.list.Move(1, len(d.columns))
	case "k", "up":
		d.list.Move(-1, len(d.columns))
	case "l", "right", "space", "tab":
		return d.turn(1)
	case "h", "left", "shift+tab":
		return d.turn(-1)
	case "backspace", "delete":
		d.role = map[string]string{}
		return d.try()
	case "enter":
		a.pop()
		return a.data.setOption("columns", d.written())
	}
	return nil
}

// turn gives the column under the cursor another role that no other has.
func (d *mapDialog) turn(by int) tea.Cmd {
	if len(d.columns) == 0 {
		return nil
	}
	column, at := d.columns[d.list.Cursor()], 0
	for i, r := range mappedRoles {
		if r == d.role[column] {
			at = i
		}
	}
	taken := d.mapping()
	for {
		at = (at + by + len(mappedRoles)) % len(mappedRoles)
		if role := mappedRoles[at]; role == "" || taken[role] == "" || taken[role] == column {
			d.role[column] = role
			return d.try()
		}
	}
}

// written is the mapping as the recipe's value, "" for none.
func (d *mapDialog) written() string {
	m := d.mapping()
	if len(m) == 0 {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil { // strings always have a JSON form
		return ""
	}
	return string(text)
}

func (d *mapDialog) view(a *app, w, h int) []string {
	th := a.th
	bw := min(w-2, 110)
	bh := min(h-2, max(16, len(d.columns)+14))
	rows := min(len(d.columns), max(3, bh/2-3))
	lines := []string{th.paint(inkDim, mapColumnsLine(bw-2, " ", a.t("column"), a.t("is read as"), a.t("begins with")))}
	lines = append(lines, d.list.View(mapLines{d, a}, bw-2, rows)...)
	lines = append(lines, "")
	lines = append(lines, pad(d.trial.lines(a, bw-4, bh-rows-6))...)
	lines = block(lines, bw-2, bh-3)
	lines = append(lines, " "+th.paint(inkKey, "← →")+" "+a.t("role")+"   "+th.paint(inkKey, "enter")+" "+a.t("take it")+"   "+th.paint(inkKey, "⌫")+" "+a.t("no mapping")+"   "+th.paint(inkKey, "esc")+" "+a.t("back"))
	return th.pane(a.t("Which column is what?"), lines, bw, bh, true)
}

// mapColumnsLine lays the cells of a line out.
func mapColumnsLine(w int, mark, column, role, words string) string {
	return fit(mark+fit(column, 20)+" "+fit(role, 22)+" "+words, w)
}

// mapLines are the columns for the list.
type mapLines struct {
	d *mapDialog
	a *app
}

func (l mapLines) Len() int { return len(l.d.columns) }

func (l mapLines) Line(i, w int, selected bool) string {
	column := l.d.columns[i]
	role := l.d.role[column]
	if role == "" {
		role = "–"
		for _, c := range l.d.trial.shape.Columns {
			if c.Column == column {
				role = c.Role
			}
		}
	} else {
		role = "◂ " + role + " ▸"
	}
	if selected {
		return l.a.th.paint(inkSelected, mapColumnsLine(w, "▌", visible(column), role, visible(l.d.words[column])))
	}
	return mapColumnsLine(w, " ", visible(column), role, visible(l.d.words[column]))
}
