package findings

import (
	"sftui/engine"
	"sftui/recipes"
)

// FromDrifts turns what changed since a checkpoint into findings: resuming from it would be refused.
func FromDrifts(list []engine.Drift, l recipes.Language) []Finding {
	in := &Input{Language: l}
	out := make([]Finding, len(list))
	for i, d := range list {
		out[i] = Finding{ID: "resume-" + d.What + "-changed", Severity: recipes.SeverityError,
			Message: format(in.say("The run cannot be resumed: %v.", "该运行无法继续：%v。"), d.Why)}
	}
	return out
}
