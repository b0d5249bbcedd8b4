package ui

import (
	"context"
	"math"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/recipes"
	"sftui/ui/vlist"
)

// Finding is one thing worth knowing before a run, over data, template, recipe,
// model and device together.
type Finding struct {
	ID       string
	Severity recipes.Severity
	Rows     []int // some or all of the rows it is about
	Count    int   // how many rows
	Message  string
	FixKey   string // option to change, "" when there is no one-key fix
	FixValue string
	FixText  string // what to do, in words
}

// findingsPage lists what would fail, train garbage or surprise.
type findingsPage struct {
	still
	a       *app
	gen     int
	found   []Finding
	checked bool
	busy    string
	err     error
	list    vlist.List
	cancel  context.CancelFunc
}

// restart checks anew because data or recipe changed.
func (p *findingsPage) restart() tea.Cmd {
	p.gen++
	p.checked, p.err, p.busy = false, nil, ""
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	if p.a.opt.Check == nil || p.a.recipe.r == nil {
		return nil
	}
	gen := p.gen
	return tea.Tick(settle, func(time.Time) tea.Msg { return checkDueMsg{gen} })
}

// checkDueMsg tells that the recipe has not changed for a moment.
type checkDueMsg struct{ gen int }

func (m checkDueMsg) apply(a *app) tea.Cmd {
	p := a.findings
	// The check waits for the scan, which finds most of what it needs, and for a
	// live run, which has the cores; both ask again when they are over.
	if _, alive := a.train.live(); m.gen != p.gen || alive || a.data.scanning {
		return nil
	}
	ctx, cancel := context.WithCancel(a.ctx)
	p.cancel, p.busy = cancel, a.t("checking")
	return a.check(ctx, p.gen, a.recipe.r.Clone())
}

// findingsMsg is what a check found.
type findingsMsg struct {
	gen   int
	found []Finding
	err   error
}

func (m findingsMsg) apply(a *app) tea.Cmd {
	p := a.findings
	if m.gen != p.gen {
		return nil
	}
	p.busy, p.err, p.checked = "", m.err, m.err == nil
	p.found = m.found
	p.list.Select(p.list.Cursor(), len(p.all()))
	return nil
}

// all is what the check found, and what the recipe and the lengths say at once.
func (p *findingsPage) all() []Finding {
	list := p.found
	if !p.checked {
		list = append(p.fromRecipe(), p.fromLengths()...)
	}
	return p.withForecast(list)
}

// withForecast puts what the forecast says of memory and disk among the
// findings, each behind those that are worse.
func (p *findingsPage) withForecast(list []Finding) []Finding {
	f := p.a.recipe.forecast.last
	if f == nil || len(f.Findings[p.a.docLanguage()]) == 0 {
		return list
	}
	out := slices.Concat(f.Findings[p.a.docLanguage()], list)
	worst := []recipes.Severity{recipes.SeverityError, recipes.SeverityWarning, recipes.SeverityNote}
	slices.SortStableFunc(out, func(x, y Finding) int {
		return slices.Index(worst, x.Severity) - slices.Index(worst, y.Severity)
	})
	return out
}

// fromRecipe are the recipe's conflicts.
func (p *findingsPage) fromRecipe() []Finding {
	var list []Finding
	for _, c := range p.a.recipe.conflicts {
		list = append(list, Finding{ID: c.ID, Severity: c.Severity, Message: p.a.recipe.say(c), FixKey: c.Fix.Key, FixValue: c.Fix.Value})
	}
	return list
}

// fromLengths is what the scan of lengths shows so far.
func (p *findingsPage) fromLengths() []Finding {
	set := p.a.data.set
	if set == nil || set.lengths.known == 0 {
		return nil
	}
	a, l := p.a, set.lengths
	var cut, empty, dropped Finding
	cutTokens := 0
	note := func(f *Finding, row int) {
		f.Count++
		if len(f.Rows) < 1000 {
			f.Rows = append(f.Rows, row)
		}
	}
	for row := range l.full {
		r, ok := l.at(row)
		switch {
		case !ok:
		case r.dropped:
			note(&dropped, row)
		case r.trained == 0:
			note(&empty, row)
		case r.full > r.kept:
			note(&cut, row)
			cutTokens += r.full - r.kept
		}
	}
	of := int64(l.known)
	var list []Finding
	if empty.Count > 0 {
		empty.ID, empty.Severity = "answers-cut", recipes.SeverityError
		empty.Message = a.tf("Rows without a trained token: %s (%s). Nothing in them is learned; the cut at max_length often takes the whole answer.", count(empty.Count), percent(int64(empty.Count), of))
		list = append(list, empty)
	}
	if dropped.Count > 0 {
		dropped.ID, dropped.Severity = "dropped", recipes.SeverityWarning
		dropped.Message = a.tf("Rows that the preparation drops: %s (%s). Each says on the Data page why.", count(dropped.Count), percent(int64(dropped.Count), of))
		list = append(list, dropped)
	}
	if cut.Count > 0 {
		cut.ID, cut.Severity = "truncated", recipes.SeverityWarning
		up := roundUp(l.quantile(.99))
		cut.Message = a.tf("Rows longer than max_length: %s (%s). At max_length %s, %s of their tokens are cut, with the end token of each.",
			count(cut.Count), percent(int64(cut.Count), of), count(set.maxLength), count(cutTokens))
		if !set.strip.estimate.Exact {
			if up = set.estimateCut(a, &cut); cut.Count == 0 {
				return list
			}
		}
		if up > set.maxLength {
			cut.FixKey, cut.FixValue = "max_length", trimNumber(float64(up))
		}
		list = append(list, cut)
	}
	return list
}

// estimateCut writes the finding of rows that are cut while not every length is
// known, and gives the max_length that keeps 99% of the rows whole, 0 for none.
// The rows known by then are no fair sample: the scan looks at the longest
// first, so that only its own estimate speaks of all rows.
func (s *dataSet) estimateCut(a *app, cut *Finding) (up int) {
	known := s.lengths.known
	if !s.strip.fair() || len(s.strip.cuts) == 0 || s.strip.cuts[0].MaxLength != s.maxLength {
		cut.Message = a.tf("Rows longer than max_length: %s of the %s looked at so far. How many of all rows that is shows when a random sample of them is known.",
			count(cut.Count), count(known))
		return 0
	}
	c := s.strip.cuts[0]
	cut.Count = int(math.Round(c.Rows))
	cut.Message = a.tf("Rows longer than max_length: about %s (%s). At max_length %s, about %s of their tokens are cut, with the end token of each. This is an estimate from %s of %s rows.",
		count(cut.Count), shareOf(c.Share), count(s.maxLength), count(int(math.Round(c.Tokens))), count(known), count(s.src.Len()))
	for _, q := range s.strip.estimate.Quantiles {
		if q.P == 0.99 {
			up = roundUp(q.Tokens)
		}
	}
	return up
}

// badge is what the tab shows: the number of findings that matter.
func (p *findingsPage) badge() string {
	errs, warns := 0, 0
	add := func(s recipes.Severity) {
		switch s {
		case recipes.SeverityError:
			errs++
		case recipes.SeverityWarning:
			warns++
		}
	}
	if p.checked {
		for _, f := range p.found {
			add(f.Severity)
		}
	} else {
		for _, c := range p.a.recipe.conflicts {
			add(c.Severity)
		}
	}
	if f := p.a.recipe.forecast.last; f != nil { // of memory and disk, which the page lists too
		for _, f := range f.Findings[p.a.docLanguage()] {
			add(f.Severity)
		}
	}
	text := ""
	if errs > 0 {
		text += " ✗" + count(errs)
	}
	if warns > 0 {
		text += " ▲" + count(warns)
	}
	return text
}

// chosen is the finding under the cursor.
func (p *findingsPage) chosen() (Finding, bool) {
	all := p.all()
	if i := p.list.Cursor(); i < len(all) {
		return all[i], true
	}
	return Finding{}, false
}

// move goes d findings.
func (p *findingsPage) move(d int) tea.Cmd {
	p.list.Move(d, len(p.all()))
	return nil
}

// fix applies the chosen finding's fix to the recipe.
func (p *findingsPage) fix() tea.Cmd {
	f, ok := p.chosen()
	if !ok || f.FixKey == "" {
		return p.a.say(inkDim, p.a.t("Nothing here has a one-key fix."))
	}
	cmd := p.a.recipe.set(f.FixKey, f.FixValue)
	return tea.Batch(cmd, p.a.say(inkGood, p.a.tf("%s set to %s; u takes it back", f.FixKey, f.FixValue)))
}

// rowsOf lists the finding's rows in the Data page.
func (p *findingsPage) rowsOf() tea.Cmd {
	f, ok := p.chosen()
	d := p.a.data
	if !ok || len(f.Rows) == 0 || d.set == nil {
		return p.a.say(inkDim, p.a.t("This finding is not about rows."))
	}
	d.order = append([]int(nil), f.Rows...)
	d.query, d.sorted, d.scanned = f.ID, sortFile, 0
	d.finding++
	d.list.Home()
	return p.a.goTo(pageData)
}

// view draws the Findings page.
func (p *findingsPage) view(w, h int) []string {
	a, th := p.a, p.a.th
	all := p.all()
	title := a.plural(len(all), "%s finding in data × template × recipe", "%s findings in data × template × recipe")
	switch {
	case p.busy != "":
		title += " · " + a.t("checking …")
	case p.checked && a.data.set != nil:
		title += " · " + a.plural(a.data.set.src.Len(), "checked %s row", "checked %s rows")
	}
	var lines []string
	if p.err != nil {
		for _, l := range wrap("✗ "+visible2(p.err.Error()), w-6) {
			lines = append(lines, " "+th.paint(inkError, l))
		}
	}
	if state, i := p.state(); state != "" {
		for _, l := range wrap(state, min(w-6, readable)) {
			lines = append(lines, " "+th.paint(i, l))
		}
		lines = append(lines, "")
	}
	p.list.SetHeight(h)
	for i, f := range all {
		lines = append(lines, p.findingLines(f, w-4, i == p.list.Cursor())...)
	}
	// The chosen finding stays visible: earlier ones scroll away.
	if over := len(lines) - (h - 2); over > 0 {
		skip := 0
		for i := 0; i < p.list.Cursor() && skip < over; i++ {
			skip += len(p.findingLines(all[i], w-4, false))
		}
		lines = lines[min(skip, over):]
	}
	return th.pane(title, lines, w, h, true)
}

// state says what stands in the way of a check, what it waits for, or that
// nothing was found; "" when the list says it all.
func (p *findingsPage) state() (string, ink) {
	a := p.a
	_, alive := a.train.live()
	switch {
	case p.err != nil:
		return "", inkPlain
	case a.recipe.r == nil && a.recipe.err != nil:
		return "✗ " + a.t("The recipe cannot be read, so nothing can be checked; 3 shows why."), inkError
	case a.data.err != nil:
		return "✗ " + a.t("The rows cannot be prepared, so they cannot be checked; 1 shows why."), inkError
	case p.checked && len(p.found) == 0:
		return "✓ " + a.t("Nothing found: the recipe, the template and the rows fit together."), inkGood
	case p.checked || p.busy != "" || a.opt.Check == nil:
		return "", inkPlain
	case alive:
		return "● " + a.t("The check waits while a run is live; the cores belong to it."), inkDim
	case a.data.set == nil:
		return "● " + a.t("The check begins when the data is open."), inkDim
	case a.data.scanning:
		g := a.data.set.strip.progress
		return "● " + a.tf("The check begins when the lengths of all rows are known: %s of %s so far.", count(g.Rows), count(a.data.set.src.Len())), inkDim
	}
	return "", inkPlain
}

// findingLines is one finding as a sentence with its fix.
func (p *findingsPage) findingLines(f Finding, w int, selected bool) []string {
	a, th := p.a, p.a.th
	mark, color := "·", inkPlain
	switch f.Severity {
	case recipes.SeverityError:
		mark, color = "✗", inkError
	case recipes.SeverityWarning:
		mark, color = "▲", inkWarn
	}
	const idW = 24
	lead := " "
	if selected {
		lead = th.paint(inkAccent, "▌")
	}
	var lines []string
	for i, l := range wrap(visible2(f.Message), min(max(20, w-idW-4), readable)) {
		if i == 0 {
			lines = append(lines, lead+th.paint(color, mark+" "+fit(f.ID, idW))+" "+l)
		} else {
			lines = append(lines, lead+fit("", idW+3)+l)
		}
	}
	action := ""
	if f.FixKey != "" {
		action = th.paint(inkKey, "f") + " " + th.paint(inkDim, a.tf("set %s to %s", f.FixKey, f.FixValue)) + "   "
	} else if f.FixText != "" {
		action = th.paint(inkDim, visible(f.FixText)) + "   "
	}
	if len(f.Rows) > 0 {
		action += th.paint(inkKey, "enter") + " " + th.paint(inkDim, a.t("the rows"))
	}
	if action != "" {
		lines = append(lines, lead+fit("", idW+3)+action)
	}
	return append(lines, "")
}

func (p *findingsPage) wheel(_, _, d int) tea.Cmd { return p.move(d / 3) }
