package ui

import (
	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
)

// chooseLongRows asks what becomes of rows longer than max_length; each answer
// says what it costs in this data set.
func (p *dataPage) chooseLongRows() tea.Cmd {
	a := p.a
	if a.recipe.r == nil {
		return nil
	}
	if a.recipe.r.MaxLength == nil {
		return a.say(inkDim, a.t("max_length is none, so no row is too long; L sets it."))
	}
	now, _ := a.recipe.r.Get("long_rows")
	pk := &picker{title: a.tf("Rows longer than max_length %s", count(*a.recipe.r.MaxLength))}
	for i, v := range []string{dataset.LongTruncate, dataset.LongDrop, dataset.LongSplit} {
		note := p.costOf(v)
		if v == now {
			note += " ◂ " + a.t("now")
			pk.list.Select(i, 3)
		}
		pk.items = append(pk.items, pick{text: v, note: note, do: func(a *app) tea.Cmd { return a.data.setOption("long_rows", v) }})
	}
	a.ask(pk)
	return nil
}

// costOf says what a choice for long rows does with them.
func (p *dataPage) costOf(choice string) string {
	a := p.a
	if p.set == nil || len(p.set.strip.cuts) == 0 {
		return map[string]string{
			dataset.LongTruncate: a.t("cut at max_length, as TRL does"),
			dataset.LongDrop:     a.t("left out"),
			dataset.LongSplit:    a.t("made several rows"),
		}[choice]
	}
	c := p.set.strip.cuts[0]
	rows := int(c.Rows + .5)
	switch choice {
	case dataset.LongDrop:
		return a.plural(rows, "%s row is left out", "%s rows are left out")
	case dataset.LongSplit:
		return a.plural(rows, "%s row becomes several, nothing is lost", "%s rows become several, nothing is lost")
	}
	return a.plural(rows, "%s row is cut", "%s rows are cut") + ", " + a.plural(int(c.Tokens+.5), "%s token is lost", "%s tokens are lost")
}

// keepsLongRows says whether rows above max_length lose nothing: they are
// split, or packing cuts them into sequences.
func keepsLongRows(o dataset.Options) bool {
	if o.Packing {
		return o.LongRows != dataset.LongDrop && (o.PackingStrategy == dataset.PackBFDSplit || o.PackingStrategy == dataset.PackWrapped || o.LongRows == dataset.LongSplit)
	}
	return o.LongRows == dataset.LongSplit
}
