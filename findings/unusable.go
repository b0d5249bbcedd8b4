package findings

import (
	"errors"
	"slices"
	"strings"

	"sftui/dataset"
	"sftui/engine"
	"sftui/recipes"
)

// suspects are options that can make data unusable by themselves, each with the
// value under which it cannot and the finding that names it.
func suspects() []struct {
	id  string
	fix Fix
} {
	return []struct {
		id  string
		fix Fix
	}{
		{"assistant-only-unsupported", Fix{"assistant_only_loss", "false"}},
		{"eos-not-a-token", Fix{"eos_token", "null"}},
		{"pad-not-a-token", Fix{"pad_token", "null"}},
		{"template-unusable", Fix{"chat_template_path", "null"}},
		{"template-unusable", Fix{"chat_template", "null"}},
		{"formatting-unusable", Fix{"formatting", "null"}},
		{"columns-unusable", Fix{"columns", "null"}},
		{"columns-unusable", Fix{"dataset_text_field", "text"}},
		{"packing-unusable", Fix{"packing", "false"}},
	}
}

// unusable records why the data cannot be prepared: it tries each option alone
// that may be at fault, and blames the one without which the data can be used.
func (in *Input) unusable(id string, err error) {
	for _, s := range suspects() {
		if !in.Recipe.IsSet(s.fix.Key) {
			continue
		}
		r := in.Recipe.Clone()
		if r.Set(s.fix.Key, s.fix.Value, recipes.Origin{Kind: recipes.OriginEdit}) != nil {
			continue
		}
		if _, e := prepares(in.Source, in.Tokenizer, r); e == nil {
			in.problem(s.id, err, s.fix)
			return
		}
	}
	in.problem(id, err, in.mapping())
}

// mapping finds a map of columns with which data of a usual make can be used: a
// question and its answer under names of their own. It is empty where there is
// none, where the recipe has one, and for Alpaca's three columns, of which it
// would lose one.
func (in *Input) mapping() Fix {
	columns := in.Source.Columns()
	if in.Recipe.IsSet("columns") || slices.Contains(columns, "instruction") && slices.Contains(columns, "input") {
		return Fix{}
	}
	named := func(names string) string {
		for name := range strings.FieldsSeq(names) {
			for _, c := range columns {
				if strings.EqualFold(c, name) {
					return c
				}
			}
		}
		return ""
	}
	prompt, completion := named("prompt question instruction query problem input"), named("completion answer response output chosen solution")
	if prompt == "" || completion == "" {
		return Fix{}
	}
	fix := Fix{"columns", "prompt:" + prompt + ",completion:" + completion}
	r := in.Recipe.Clone()
	if r.Set(fix.Key, fix.Value, recipes.Origin{Kind: recipes.OriginEdit}) != nil {
		return Fix{}
	}
	if _, err := prepares(in.Source, in.Tokenizer, r); err != nil {
		return Fix{}
	}
	return fix
}

// prepares makes the preparer of a recipe.
func prepares(source dataset.Source, tok *dataset.Tokenizer, r *recipes.Recipe) (*dataset.Preparer, error) {
	o, err := engine.DataOptions(r)
	if err != nil {
		return nil, templateError{err}
	}
	return dataset.NewPreparer(source, tok, o)
}

// templateError marks an error of the template's file rather than of the data.
type templateError struct{ error }

func (e templateError) Unwrap() error { return e.error }

// openPreparer makes the preparer of whole rows; the recipe's own settings are
// tried first, since their refusal is what a run would meet.
func (in *Input) openPreparer() {
	if in.Source == nil || in.Tokenizer == nil {
		return
	}
	var err error
	if in.actual, err = prepares(in.Source, in.Tokenizer, in.Recipe); err != nil {
		id := "data-unusable"
		if errors.As(err, &templateError{}) {
			id = "template-unusable"
		}
		in.unusable(id, err)
		return
	}
	if in.Preparer, err = in.actual.Whole(); err != nil {
		in.problem("data-unusable", err, Fix{})
	}
}
