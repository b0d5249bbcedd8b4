package recipes

import (
	"strings"
	"testing"
)

func TestEmbeddedRecipes(t *testing.T) {
	for _, e := range Embedded() {
		t.Run(e.Name, func(t *testing.T) {
			r, err := Parse(e.Name, e.YAML)
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Notes(); len(n) > 0 {
				t.Errorf("notes: %v", n)
			}
			if !strings.HasPrefix(string(e.YAML), "#") || !strings.Contains(string(e.YAML), "sftui train --recipe "+e.Name) {
				t.Error("the header does not say how to run it")
			}
			for _, c := range r.Conflicts() {
				if c.Severity == SeverityError {
					t.Errorf("conflict %s: %s", c.ID, c.Message)
				}
			}
			if e.Description == "" || e.Chinese == "" {
				t.Error("no description")
			}
		})
	}
}
