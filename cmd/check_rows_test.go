package cmd

import (
	"testing"

	"sftui/findings"
	"sftui/recipes"
)

// TestRowsText: a person reads in the list which rows a finding is about.
func TestRowsText(t *testing.T) {
	many := make([]int, 20)
	for i := range many {
		many[i] = 2 * i
	}
	for _, tt := range []struct {
		f    findings.Finding
		lang recipes.Language
		want string
	}{
		{findings.Finding{Rows: []int{3, 17}, Count: 2, Share: 0.1}, recipes.English, "    rows 3, 17\n"},
		{findings.Finding{Rows: []int{3}, Count: 1, Share: 0.1}, recipes.Chinese, "    行：3\n"},
		{findings.Finding{Rows: []int{5}, Count: 1, Share: 0.5, OfEval: true}, recipes.English, "    evaluation rows 5\n"},
		{findings.Finding{Rows: many, Count: 20, Share: 0.5}, recipes.English, "    rows 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, …\n"},
		{findings.Finding{Rows: many, Count: 20, Share: 1}, recipes.English, ""},
		{findings.Finding{}, recipes.English, ""},
	} {
		if got := rowsText(tt.f, tt.lang); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.f, got, tt.want)
		}
	}
}
