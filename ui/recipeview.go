package ui

import (
	"fmt"
	"strings"

	"sftui/recipes"
)

// layout divides the page; the conflicts pane is there when there are any.
func (p *recipePage) layout(w, h int) recipeLayout {
	need := 0
	if len(p.conflicts) > 0 {
		need = 2 + len(p.conflictLines(recipeColumn(w)-2))
	}
	return layoutRecipe(w, h, need, p.a.opt.Forecast != nil)
}

// view draws the Recipe page.
func (p *recipePage) view(w, h int) []string {
	a, th := p.a, p.a.th
	if p.r == nil {
		lines := []string{"", " " + th.paint(inkDim, a.t("reading the recipe …"))}
		if p.err != nil {
			lines = []string{""}
			for _, l := range wrap("✗ "+visible2(p.err.Error()), w-6) {
				lines = append(lines, " "+th.paint(inkError, l))
			}
			lines = append(lines, "", " "+th.paint(inkKey, "O")+" "+a.t("open another recipe"))
		}
		return th.pane(a.t("Recipe"), lines, w, h, true)
	}
	l := p.layout(w, h)
	options := th.pane(p.heading(), p.optionLines(l.options.w-2, l.options.h-2), l.options.w, l.options.h, true)
	explain := p.explainPane(l.explain.w, l.explain.h)
	conflicts := p.conflictPane(l.conflicts.w, l.conflicts.h)
	if w < compactBelow {
		return stack(options, explain, conflicts)
	}
	return beside(stack(options, conflicts), stack(explain, p.forecastPane(l.forecast.w, l.forecast.h)))
}

// heading names the recipe and what was done to it.
func (p *recipePage) heading() string {
	text := visible(p.title)
	if name, ok := strings.CutPrefix(text, "recipe of "); ok {
		text = p.a.tf("recipe of %s", name)
	}
	if n := p.edits(); n > 0 {
		text += " · " + p.a.plural(n, "%s edit", "%s edits")
	}
	if p.changed {
		text += " · " + p.a.t("only what is set")
	}
	if p.query != "" {
		text += " · /" + visible(p.query)
	}
	return text
}

// optionLines is the form.
func (p *recipePage) optionLines(w, h int) []string {
	if p.search != nil {
		h--
	}
	lines := p.list.View(optionLines{p}, w, h)
	if len(p.rows) == 0 {
		lines = append(lines, " "+p.a.th.paint(inkDim, p.a.t("No option matches; esc shows all.")))
	}
	if p.search != nil {
		lines = append(block(lines, w, h), fit(" / "+p.search.view(p.a.th, w-4), w))
	}
	return lines
}

// optionLines are the rows of the form for the list.
type optionLines struct{ p *recipePage }

func (o optionLines) Len() int { return len(o.p.rows) }

func (o optionLines) Line(i, w int, selected bool) string {
	p, th := o.p, o.p.a.th
	row := p.rows[i]
	if row.key == "" {
		return fit(" "+th.paint(inkTitle, p.groupName(row.group)), w)
	}
	v, origin := p.r.Get(row.key)
	from := p.origin(origin)
	nameW := min(30, w*4/10)
	fromW := 9
	valueW := w - nameW - fromW - 5
	mark := p.mark(row.key)
	name := fit(row.key, nameW)
	if selected {
		if p.edit != nil {
			return th.paint(inkSelected, fit(" ▌"+name+" ", nameW+3)) + p.edit.view(th, w-nameW-3)
		}
		return th.paint(inkSelected, fit(" ▌"+name+" "+fit(visible(v), valueW)+" "+fitLeft(from, fromW)+mark, w))
	}
	valueText := fit(visible(v), valueW)
	switch origin.Kind {
	case recipes.OriginDefault:
		valueText = th.paint(inkDim, valueText)
	case recipes.OriginEdit:
		valueText = th.paint(inkAccent, valueText)
	}
	if st := p.fields[row.key].Status.State; st != recipes.Honoured {
		name = th.paint(inkDim, name)
	}
	markInk := inkWarn
	if mark == "✗" {
		markInk = inkError
	}
	return fit("  "+name+" "+valueText+" "+th.paint(inkDim, fitLeft(from, fromW))+th.paint(markInk, mark), w)
}

// groupName is a group's name in the chosen language.
func (p *recipePage) groupName(id string) string {
	for _, g := range p.groups {
		if g.ID == id {
			if p.a.lang == chinese {
				return g.Chinese
			}
			return g.English
		}
	}
	return id
}

// origin is where a value came from, short.
func (p *recipePage) origin(o recipes.Origin) string {
	switch o.Kind {
	case recipes.OriginFile:
		return p.a.tf("line %d", o.Line)
	case recipes.OriginCommandLine:
		return p.a.t("command")
	case recipes.OriginEdit:
		return p.a.t("edit")
	case recipes.OriginModel:
		return p.a.t("model")
	}
	return p.a.t("default")
}

// mark is ✗ or ▲ for an option with a conflict, – for one without effect.
func (p *recipePage) mark(key string) string {
	mark := " "
	for _, c := range p.conflicts {
		for _, k := range c.Keys {
			if k != key {
				continue
			}
			if c.Severity == recipes.SeverityError {
				return "✗"
			}
			if c.Severity == recipes.SeverityWarning {
				mark = "▲"
			}
		}
	}
	return mark
}

// readable is the width beyond which the eye loses the next line of a text.
const readable = 100

// explainPane tells everything about the chosen option.
func (p *recipePage) explainPane(w, h int) []string {
	th := p.a.th
	key := p.key()
	if key == "" {
		return th.pane("", nil, w, h, false)
	}
	lines := p.explainLines(key, min(w-4, readable))
	p.detailTop = min(p.detailTop, max(0, len(lines)-(h-2)))
	shown := lines[p.detailTop:]
	out := make([]string, 0, len(shown))
	for _, l := range shown {
		out = append(out, " "+l)
	}
	if len(shown) > h-2 && h > 3 {
		out = append(out[:h-3], " "+th.paint(inkDim, p.a.t("… J K scroll")))
	}
	return th.pane(key, out, w, h, false)
}

// explainLines is the text of the explanation.
func (p *recipePage) explainLines(key string, w int) []string {
	a, th := p.a, p.a.th
	f := p.fields[key]
	doc := f.Doc.In(a.docLanguage())
	if doc.What == "" {
		doc = f.Doc.English
	}
	var lines []string
	if p.edit != nil {
		lines = append(lines, p.editLines(w)...)
	}
	para := func(i ink, text string) {
		for _, l := range wrap(visible2(text), w) {
			lines = append(lines, th.paint(i, l))
		}
	}
	if doc.What == "" {
		doc.What = f.Help
	}
	para(inkPlain, doc.What)
	if doc.When != "" {
		lines = append(lines, "")
		para(inkPlain, doc.When)
	}
	lines = append(lines, "")
	fact := func(name, text string) {
		if text == "" {
			return
		}
		const nameW = 10
		for i, l := range wrap(visible2(text), w-nameW) {
			if i == 0 {
				lines = append(lines, th.paint(inkDim, fit(a.t(name), nameW))+l)
			} else {
				lines = append(lines, strings.Repeat(" ", nameW)+l)
			}
		}
	}
	v, origin := p.r.Get(key)
	fact("value", v+"  ("+p.longOrigin(origin)+"; "+a.tf("default %s", f.Default)+")")
	fact("takes", p.takes(f))
	fact("here", p.here(key))
	fact("memory", effectText(doc.Memory))
	fact("speed", effectText(doc.Speed))
	fact("quality", effectText(doc.Quality))
	fact("with", doc.Interactions)
	if f.Status.State != recipes.Honoured {
		lines = append(lines, "")
		i := inkDim
		if f.Status.State == recipes.Unsupported {
			i = inkWarn
		}
		para(i, a.t("sftui: "+string(f.Status.State))+". "+f.Status.Why(a.docLanguage()))
	} else {
		fact("sftui", f.Status.Why(a.docLanguage()))
	}
	fact("axolotl", f.Peers.Axolotl)
	fact("LLaMA-F.", f.Peers.LLaMAFactory)
	if liveOption(key) {
		fact("in a run", a.t("can be changed live (page 4, t)"))
	}
	return lines
}

// editLines show whether what is typed is valid.
func (p *recipePage) editLines(w int) []string {
	a, th := p.a, p.a.th
	var lines []string
	if p.editErr != nil {
		for _, l := range wrap("✗ "+visible2(p.editErr.Error()), w) {
			lines = append(lines, th.paint(inkError, l))
		}
	} else {
		lines = append(lines, th.paint(inkGood, "✓ "+a.t("valid: enter takes it, esc leaves it as it was")))
	}
	return append(lines, "")
}

// longOrigin says where a value came from.
func (p *recipePage) longOrigin(o recipes.Origin) string {
	if o.Kind == recipes.OriginFile && o.File != "" {
		return p.a.tf("%s line %d", visible(o.File), o.Line)
	}
	return p.origin(o)
}

// takes says which values are possible.
func (p *recipePage) takes(f recipes.Field) string {
	a := p.a
	text := string(f.Kind)
	if len(f.Enum) > 0 {
		text = strings.Join(f.Enum, ", ")
	}
	if f.Min != nil {
		text += a.tf(", at least %s", trimNumber(*f.Min))
	}
	if f.Max != nil {
		text += a.tf(", at most %s", trimNumber(*f.Max))
	}
	if f.Nullable {
		text += ", null"
	}
	return text
}

// here is what an option comes to in this recipe on this data.
func (p *recipePage) here(key string) string {
	a, r := p.a, p.r
	switch key {
	case "per_device_train_batch_size", "gradient_accumulation_steps":
		rows := r.PerDeviceTrainBatchSize * r.GradientAccumulationSteps
		text := a.rowsAStep(r.PerDeviceTrainBatchSize, r.GradientAccumulationSteps)
		if mean := a.data.meanTrained(); mean > 0 {
			text += " " + a.tf("≈ %s trained tokens", count(int64(mean*float64(rows))))
		}
		return text
	case "max_length":
		if r.MaxLength != nil {
			return a.data.keepsWhole(*r.MaxLength)
		}
	}
	return ""
}

// effectText joins an effect's sign and text.
func effectText(e recipes.Effect) string {
	if e.Sign == "" || e.Sign == "0" {
		return e.Text
	}
	return strings.TrimSpace(e.Sign + " " + e.Text)
}

// liveOption reports whether a running run takes a change of the option.
func liveOption(key string) bool {
	return key == "per_device_train_batch_size" || key == "gradient_accumulation_steps" || key == "learning_rate"
}

// conflictPane lists what cannot work, or is probably not meant.
func (p *recipePage) conflictPane(w, h int) []string {
	if h < 3 {
		return block(nil, w, h)
	}
	a, th := p.a, p.a.th
	nErr := 0
	for _, c := range p.conflicts {
		if c.Severity == recipes.SeverityError {
			nErr++
		}
	}
	lines := p.conflictLines(w - 2)
	title := a.plural(len(p.conflicts), "%s conflict", "%s conflicts")
	if nErr > 0 {
		title += " · " + th.paint(inkError, "✗ "+a.tf("%d would end the run", nErr))
	}
	if len(lines) > h-2 {
		title += " · " + th.paint(inkDim, a.t("n next"))
	}
	return th.pane(title, lines, w, h, false)
}

// conflictLines are the conflicts in w cells, the one that f fixes first.
func (p *recipePage) conflictLines(w int) []string {
	a, th := p.a, p.a.th
	var lines []string
	for n := range p.conflicts {
		i := (p.atFix + n) % len(p.conflicts)
		c := p.conflicts[i]
		mark, color := "·", inkPlain
		switch c.Severity {
		case recipes.SeverityError:
			mark, color = "✗", inkError
		case recipes.SeverityWarning:
			mark, color = "▲", inkWarn
		}
		for k, l := range wrap(p.say(c), w-4) {
			lead := "  "
			if k == 0 {
				lead = mark + " "
			}
			lines = append(lines, " "+th.paint(color, lead+l))
		}
		if c.Fix.Key != "" {
			key := " "
			if n == 0 {
				key = "f"
			}
			lines = append(lines, "   "+th.paint(inkKey, key)+th.paint(inkDim, " "+a.tf("set %s to %s", c.Fix.Key, c.Fix.Value)))
		}
	}
	return lines
}

// trimNumber writes a bound without trailing zeros.
func trimNumber(v float64) string { return fmt.Sprintf("%g", v) }

// visible2 is visible for text of several lines.
func visible2(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = visible(l)
	}
	return strings.Join(lines, "\n")
}
