package ui

import (
	"context"
	"strings"
	"testing"

	"sftui/recipes"
)

// The last line names keys that do something now: nothing about charts before
// there are any, nor twice the key that the crosshair has taken, nor a start
// beside a live run.
func TestLastLineNamesKeysThatDoSomething(t *testing.T) {
	foot := func(d *driver) string {
		lines := strings.Split(d.screen(), "\n")
		return lines[len(lines)-1]
	}
	check := func(d *driver, has, lacks string) {
		t.Helper()
		line := foot(d)
		for _, text := range strings.Split(has, "|") {
			if !strings.Contains(line, text) {
				t.Errorf("the last line lacks %q: %s", text, line)
			}
		}
		for _, text := range strings.Split(lacks, "|") {
			if strings.Contains(line, text) {
				t.Errorf("the last line has %q: %s", text, line)
			}
		}
	}
	d := newDriver(t, 200, 60, nil)
	d.press("4")
	check(d, "g start training", "c crosshair|z zoom|p pause")
	d.press("5") // o opens a run here, not data
	check(d, "g start training", "enter open|r resume|o open data")
	d.press("6")
	check(d, "c chat", "enter eval rows")
	d.press("3")
	check(d, "f fix|w write", "u undo")
	d.press("f")
	d.a.note = notice{}
	check(d, "u undo", "f fix")

	d, _ = liveRun(t, 200, 60, steps(20))
	d.a.note = notice{} // it was found
	check(d, "p pause|c crosshair|y log scale", "g start training")
	d.press("c")
	check(d, "c crosshair off|p pause", "c crosshair  ")
	d.press("5")
	check(d, "enter open", "g start training|o open data")
}

// A narrow help breaks its lines; nothing is cut off.
func TestNarrowHelpIsWhole(t *testing.T) {
	d := newDriver(t, 80, 24, nil)
	lines := d.a.helpLines(pageStart, 74)
	all := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
	for _, b := range bindings() {
		if !strings.Contains(all, b.help) {
			t.Errorf("the help lacks %q", b.help)
		}
	}
	for _, l := range lines {
		if n := width(l); n > 74 {
			t.Errorf("%d cells: %q", n, l)
		}
	}
	d.press("1", "?").golden("help")
}

// What is searched among the options chooses the option whose name it is, not
// the first one that speaks of it.
func TestSearchChoosesTheNameThatFits(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	for query, want := range map[string]string{"optim": "optim", "scheduler": "lr_scheduler_type", "PACKING": "packing", "r": "router_aux_loss_coef"} {
		d.press("3", "/").typeText(query).press("enter")
		if got := d.a.recipe.key(); got != want {
			t.Errorf("/%s chose %s, not %s", query, got, want)
		}
		d.press("esc")
	}
	d.press("/").typeText("optim").press("down", "enter") // the arrows go on from there
	if got := d.a.recipe.key(); got != "optim_args" {
		t.Errorf("the option below optim is %s", got)
	}
}

// Findings are looked for again in the language that is spoken now.
func TestFindingsFollowTheLanguage(t *testing.T) {
	d := newDriver(t, 120, 40, func(o *Options) {
		o.Check = func(_ context.Context, _ *recipes.Recipe, l recipes.Language) ([]Finding, error) {
			return []Finding{{ID: "one", Severity: recipes.SeverityNote, Message: "spoken in " + string(l)}}, nil
		}
	})
	d.press("2")
	d.send(checkDueMsg{d.a.findings.gen})
	d.want("spoken in en").press("ctrl+o")
	d.wantNot("spoken in en")
	d.send(checkDueMsg{d.a.findings.gen})
	d.want("spoken in zh")
}

// What does not fit under a run is counted.
func TestLongListOfDifferencesIsCounted(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	lines := []string{"a", "b", "c", "d"}
	if got := strings.Join(d.a.runs.uncut(lines, 3), "|"); !strings.HasPrefix(got, "a|b|") || !strings.Contains(got, "… 2 more lines") {
		t.Errorf("%q", got)
	}
	if got := d.a.runs.uncut(lines, 4); len(got) != 4 || got[3] != "d" {
		t.Errorf("%q", got)
	}
}
