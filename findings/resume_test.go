package findings

import (
	"errors"
	"testing"

	"sftui/engine"
	"sftui/recipes"
)

// TestDriftsSayWhatToDo: each reason against resuming comes with a remedy, an option's own value where one changed.
func TestDriftsSayWhatToDo(t *testing.T) {
	list := FromDrifts([]engine.Drift{
		{What: "recipe", Why: errors.New("learning_rate changed"), Changes: []recipes.Change{{Key: "learning_rate", A: "1.0e-05", B: "0.5"}}},
		{What: "model", Why: errors.New("other weights")},
		{What: "data", Why: errors.New("other rows")},
	}, recipes.English)
	if len(list) != 3 || list[0].Fix != (Fix{"learning_rate", "1.0e-05"}) {
		t.Fatalf("%+v", list)
	}
	for _, f := range list {
		if f.Severity != recipes.SeverityError || f.Advice == "" {
			t.Errorf("%+v", f)
		}
	}
}
