package recipes

// Severity says how bad a conflict is.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // TRL, transformers, PEFT or sftui would refuse it, or train garbage
	SeverityWarning Severity = "warning" // probably not what was meant
	SeverityNote    Severity = "note"    // worth knowing
)

// Fix is one change that resolves a conflict; empty Key when there is none.
type Fix struct{ Key, Value string }

// Conflict is a combination of options that cannot work or does not do what it says.
type Conflict struct {
	ID       string
	Severity Severity
	Keys     []string
	Message  string // one English sentence
	Chinese  string // the same in Chinese
	Fix      Fix
}
