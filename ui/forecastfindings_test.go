package ui

import (
	"context"
	"strings"
	"testing"

	"sftui/recipes"
)

// TestForecastAmongFindings: what the forecast says of memory stands among the findings, the worst first.
func TestForecastAmongFindings(t *testing.T) {
	a := &app{}
	a.findings = &findingsPage{a: a, checked: true, found: []Finding{{ID: "row-error", Severity: recipes.SeverityError}, {ID: "duplicates", Severity: recipes.SeverityNote}}}
	a.recipe = &recipePage{a: a}
	forecastMsg{out: &Forecast{Findings: map[recipes.Language][]Finding{
		recipes.English: {{ID: "memory-tight", Severity: recipes.SeverityWarning}},
		recipes.Chinese: {{ID: "memory", Severity: recipes.SeverityError}},
	}}}.apply(a)
	ids := func() string {
		var out []string
		for _, f := range a.findings.all() {
			out = append(out, f.ID)
		}
		return strings.Join(out, " ")
	}
	if got := ids(); got != "row-error memory-tight duplicates" {
		t.Errorf("in English: %s", got)
	}
	if got := a.findings.badge(); got != " ✗1 ▲1" {
		t.Errorf("the tab counts %s", got)
	}
	a.lang = chinese
	if got := ids(); got != "memory row-error duplicates" {
		t.Errorf("in Chinese: %s", got)
	}
}

// TestDriftsInTheQuestion: before a run is resumed, the question says what would keep it from going on.
func TestDriftsInTheQuestion(t *testing.T) {
	a := &app{ctx: t.Context(), th: &theme{}}
	a.opt.Drifts = func(_ context.Context, dir string, _ recipes.Language) ([]Finding, error) {
		return []Finding{{ID: "resume-data-changed", Message: "other rows in " + dir, FixText: "put them back"}}, nil
	}
	q := &question{lines: []string{"go on?"}}
	msg, ok := a.drifted(q, "runs/a")().(driftsMsg)
	if !ok {
		t.Fatal("no message")
	}
	msg.apply(a)
	if len(q.lines) != 2 || !strings.Contains(q.lines[1], "other rows in runs/a") || !strings.Contains(q.lines[1], "put them back") {
		t.Errorf("%q", q.lines)
	}
}
