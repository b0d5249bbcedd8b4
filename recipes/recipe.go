// Package recipes knows every option of a fine-tuning recipe: the 160 fields of
// TRL 1.16's ScriptArguments, ModelConfig and SFTConfig, the keys that open-r1
// adds, the names of older releases, and sftui's own. One tagged struct, Recipe,
// is the source of the YAML reader and writer, of the command line's key=value
// overrides, of the forms of the workbench, of `sftui options` and of
// docs/OPTIONS.md.
//
// Every option carries its explanation in English and Chinese and an honest word
// on whether sftui honours it; Conflicts names combinations that would fail or
// train something other than what was meant, before anything is loaded.
package recipes

import "fmt"

// Recipe holds the value of every option. The option structs are embedded so
// that r.LearningRate works; an option whose None means something of its own is
// a pointer, and an optional string is empty when it is None.
type Recipe struct {
	ScriptArguments
	ModelConfig
	SFTConfig
	OpenR1Config
	WorkbenchConfig

	origins  map[string]Origin // key → where its value came from; absent means the default
	notes    []Note
	source   string // file the recipe was read from, "" when none
	original []byte // that file's bytes, nil when none
}

// Object is an option that is a mapping of its own (lr_scheduler_kwargs, for
// example). Values are string, bool, int64, float64, nil, []any or Object. An
// option that may also be the path of a file holds it under the key FileKey.
type Object map[string]any

// FileKey is the key under which an Object holds the path that stood in its place.
const FileKey = ""

// MultipleOf is pad_to_multiple_of: "auto", none (zero value) or a number.
type MultipleOf struct {
	Auto bool
	N    int
}

// Int returns the number that lengths are padded to a multiple of, 0 for no
// such padding. "auto" pads only on AWS Trainium, which sftui does not drive.
func (m MultipleOf) Int() int {
	if m.Auto {
		return 0
	}
	return m.N
}

// OriginKind says what set an option.
type OriginKind int

// The places an option's value can come from, weakest first.
const (
	OriginDefault     OriginKind = iota
	OriginModel                  // taken from the model's own files
	OriginFile                   // a line of a recipe file
	OriginCommandLine            // key=value on the command line
	OriginEdit                   // changed in the workbench
)

// Origin is where an option's value came from.
type Origin struct {
	Kind OriginKind
	File string // recipe file, for OriginFile
	Line int    // its line, counted from 1
}

// String returns a short name for a table cell: "default", "line 12", "edit" …
func (o Origin) String() string {
	switch o.Kind {
	case OriginModel:
		return "model"
	case OriginFile:
		return fmt.Sprintf("line %d", o.Line)
	case OriginCommandLine:
		return "command line"
	case OriginEdit:
		return "edit"
	default:
		return "default"
	}
}

// Note is something worth telling about how a recipe was read: an old name that
// was taken for a new one, a key that is accepted and ignored.
type Note struct {
	Key  string
	Line int // 0 when not from a file
	// Severity is SeverityWarning where the run does without something that
	// the recipe asks for; "" counts as SeverityNote.
	Severity Severity
	English  string
	Chinese  string
}

// Notes returns what there is to say about how the recipe was read, in order.
func (r *Recipe) Notes() []Note { return append([]Note(nil), r.notes...) }

// IsSet reports whether the option was given a value by anything but the default.
func (r *Recipe) IsSet(key string) bool { return r.origins[key].Kind != OriginDefault }
