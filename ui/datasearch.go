package ui

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/dataset/jinja"
)

// sort goes to the next order of the list.
func (p *dataPage) sort() tea.Cmd {
	if p.set == nil {
		return nil
	}
	p.sorted = (p.sorted + 1) % sortCount
	p.reorder()
	p.list.Home()
	return p.refresh()
}

// reorder sorts the listed rows; rows that are not known yet come last.
func (p *dataPage) reorder() {
	n := p.set.src.Len()
	if p.order == nil {
		p.order = make([]int, n)
		for i := range p.order {
			p.order[i] = i
		}
	}
	l := p.set.lengths
	key := func(row int) float64 {
		if p.sorted == sortProblems {
			return map[string]float64{"✗": 0, "▲": 1, " ": 2}[p.mark(row)]
		}
		r, ok := l.at(row)
		if !ok {
			return 1e18
		}
		switch p.sorted {
		case sortLong:
			return -float64(r.full)
		case sortShort:
			return float64(r.full)
		case sortTrained:
			if r.kept == 0 {
				return -1
			}
			return float64(r.trained) / float64(r.kept)
		}
		return 0
	}
	if p.sorted == sortFile {
		sort.Ints(p.order)
		if p.query == "" {
			p.order = nil
		}
		return
	}
	keys := make(map[int]float64, len(p.order))
	for _, row := range p.order {
		keys[row] = key(row)
	}
	sort.SliceStable(p.order, func(i, j int) bool { return keys[p.order[i]] < keys[p.order[j]] })
}

// sortName says how the list is sorted.
func (p *dataPage) sortName() string {
	return p.a.t([]string{"file order", "longest first", "shortest first", "least trained first", "problems first"}[p.sorted])
}

// captures is true while a search is typed.
func (p *dataPage) captures() bool { return p.search != nil }

// hint is what can be typed, for the last line.
func (p *dataPage) hint() string { return p.a.t(searchHint) }

// typed edits the search.
func (p *dataPage) typed(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		p.search = nil
		return nil
	case "enter":
		text := strings.TrimSpace(p.search.String())
		if problem := p.badFilter(text); problem != "" { // stays open, to be put right
			return p.a.say(inkWarn, "▲ "+problem)
		}
		p.search = nil
		return p.find(text)
	}
	p.search.press(k)
	return nil
}

// setLimit writes max_length into the recipe.
func (p *dataPage) setLimit(text string) tea.Cmd {
	cmd := p.a.recipe.set("max_length", text)
	return tea.Batch(cmd, p.a.say(inkGood, p.a.tf("max_length set to %s in the recipe; u takes it back", text)))
}

// find lists the rows that match: a text, or tokens>N, tokens<N, trained<N%.
// With no text it lists all, and stays at the row that it was at.
func (p *dataPage) find(text string) tea.Cmd {
	here := p.row(p.list.Cursor())
	p.query = text
	p.order, p.sorted = nil, sortFile
	p.finding++
	p.list.Home()
	if text == "" && here >= 0 {
		p.list.Center(here, p.rows())
	}
	if text == "" || p.set == nil {
		return p.refresh()
	}
	if keep, ok := p.knownFilter(text); ok {
		p.order = []int{}
		for row := range p.set.src.Len() {
			if keep(row) {
				p.order = append(p.order, row)
			}
		}
		return p.refresh()
	}
	keep, ok := columnFilter(text, p.set.src.Columns())
	if !ok {
		needle := strings.ToLower(text)
		keep = func(row dataset.Row) bool { return contains(row, needle) }
	}
	p.order, p.scanned = []int{}, 0
	return p.a.searchRows(p.finding, p.set, keep, 0)
}

// searchHint is what can be searched for, for the last line.
const searchHint = "a text · tokens>2000 · trained<50% · is:cut is:dropped is:untrained is:broken · column=value"

// badFilter says what is wrong with a text that begins like a condition but is
// none, which would be searched for in vain.
func (p *dataPage) badFilter(text string) string {
	a := p.a
	if p.set == nil {
		return ""
	}
	if _, ok := p.knownFilter(text); ok {
		return ""
	}
	if at := strings.IndexAny(text, "<>"); at > 0 {
		name := strings.TrimSpace(text[:at])
		_, isColumn := columnFilter(text, p.set.src.Columns())
		if name == "tokens" || name == "trained" || !isColumn && slices.Contains(p.set.src.Columns(), name) {
			return a.tf("%s needs a number behind it, as in %s", visible(text[:at+1]), name+text[at:at+1]+"2000")
		}
	}
	if strings.HasPrefix(text, "is:") {
		return a.tf("%s is not known: is:cut, is:dropped, is:untrained or is:broken", visible(text))
	}
	return ""
}

// knownFilter reads a condition that is answered by what is known of the rows
// already: of their lengths, a finding by its id, or is:cut, is:dropped,
// is:untrained, is:broken.
func (p *dataPage) knownFilter(text string) (keep func(row int) bool, ok bool) {
	set := p.set
	if text == "is:broken" {
		return func(row int) bool { return set.problems[row] != "" }, true
	}
	for _, f := range p.a.findings.all() {
		if f.ID == strings.TrimPrefix(text, "is:") && len(f.Rows) > 0 {
			rows := map[int]bool{}
			for _, row := range f.Rows {
				rows[row] = true
			}
			return func(row int) bool { return rows[row] }, true
		}
	}
	ofLength, ok := map[string]func(rowLength) bool{
		"is:cut":       func(l rowLength) bool { return !l.dropped && l.full > l.kept },
		"is:dropped":   func(l rowLength) bool { return l.dropped },
		"is:untrained": func(l rowLength) bool { return l.trained == 0 },
	}[text]
	if !ok {
		ofLength, ok = lengthFilter(text)
	}
	return func(row int) bool {
		l, known := set.lengths.at(row)
		return known && ofLength(l)
	}, ok
}

// columnFilter reads a condition on a column's value: name=value, name!=value,
// name>number, name<number, or name:text for a text that occurs in it.
func columnFilter(text string, columns []string) (keep func(dataset.Row) bool, ok bool) {
	at := strings.IndexAny(text, "=!<>:")
	if at <= 0 || !slices.Contains(columns, strings.TrimSpace(text[:at])) {
		return nil, false
	}
	name, op, value := strings.TrimSpace(text[:at]), text[at:at+1], text[at+1:]
	if op == "!" {
		if !strings.HasPrefix(value, "=") {
			return nil, false
		}
		value = value[1:]
	}
	value = strings.ToLower(strings.TrimSpace(value))
	number, err := strconv.ParseFloat(value, 64)
	if (op == "<" || op == ">") && err != nil {
		return nil, false
	}
	return func(row dataset.Row) bool {
		v, _ := row.Get(name)
		switch op {
		case ":":
			return contains(v, value)
		case "=", "!":
			return (strings.ToLower(cellText(v)) == value) == (op == "=")
		}
		n, err := strconv.ParseFloat(cellText(v), 64)
		return err == nil && (op == "<" && n < number || op == ">" && n > number)
	}, true
}

// cellText is a value as a person would type it: a text as it is, null for
// nothing, anything else as JSON.
func cellText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jinja.EncodeJSON(v, jinja.JSONOptions{})
}

// lengthFilter reads a condition on a row's lengths.
func lengthFilter(text string) (keep func(rowLength) bool, ok bool) {
	var name string
	var n float64
	for _, op := range []string{"<", ">"} {
		left, right, found := strings.Cut(text, op)
		if !found {
			continue
		}
		name = strings.TrimSpace(left)
		right = strings.TrimSpace(strings.NewReplacer(",", "", "%", "").Replace(right))
		if _, err := fmt.Sscanf(right, "%g", &n); err != nil {
			return nil, false
		}
		percentOf := strings.HasSuffix(strings.TrimSpace(text), "%")
		measure := func(l rowLength) float64 { return float64(l.full) }
		switch {
		case name == "trained" && percentOf:
			measure = func(l rowLength) float64 { return 100 * float64(l.trained) / float64(max(1, l.kept)) }
		case name == "trained":
			measure = func(l rowLength) float64 { return float64(l.trained) }
		case name != "tokens":
			return nil, false
		}
		if op == "<" {
			return func(l rowLength) bool { return measure(l) < n }, true
		}
		return func(l rowLength) bool { return measure(l) > n }, true
	}
	return nil, false
}

// rowsFoundMsg are rows that a search has found so far.
type rowsFoundMsg struct {
	finding int
	found   []int
	scanned int
	next    func() tea.Cmd // goes on; nil at the end
}

func (m rowsFoundMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.finding != p.finding || p.order == nil {
		return nil
	}
	p.order = append(p.order, m.found...)
	p.scanned = m.scanned
	var next tea.Cmd
	if m.next != nil {
		next = m.next()
	}
	return tea.Batch(next, p.refresh())
}
