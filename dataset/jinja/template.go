// Package jinja renders chat templates as transformers does: Jinja in an
// immutable sandbox with trim_blocks and lstrip_blocks, loop controls, Python's
// values and methods, and {% generation %} blocks whose place in the text it
// reports. It needs no Python and never runs code: a template is parsed into a
// tree that is walked with a budget, so that a hostile one stops.
package jinja

import (
	"time"
)

// Template is a parsed template. It is read-only: several goroutines may render it at once.
type Template struct {
	name       string
	source     string // normalised line ends
	text       string // as given
	body       []stmt
	enter      []load
	slots      int
	names      []string // context variables by number
	blocks     bool
	generation bool
	training   *Template // what TRL trains on in place of a known template; nil for any other
}

// Parse reads a template. The error is an *Error that names line and column
// with the source line.
func Parse(name, source string) (*Template, error) {
	t := &Template{name: name, text: source, source: normalise(source)}
	toks, err := lex(t.source)
	if err != nil {
		return nil, t.named(err)
	}
	p := &parser{src: t.source, toks: toks}
	if t.body, err = p.parse(); err != nil {
		return nil, t.named(err)
	}
	t.blocks, t.generation = p.block, p.gen
	vars := &contextVars{index: map[string]int{}}
	rs := &resolver{vars: vars, blocks: p.block}
	t.enter, t.slots = rs.root(t.body)
	t.names = vars.names
	if variant, known := trainingVariant(source); known {
		t.training, err = Parse(name, variant)
	}
	return t, err
}

// named puts the template's name into a parse error.
func (t *Template) named(err error) error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // made by this package, never wrapped
		e.Template = t.name
	}
	return err
}

// Render renders the template over vars, a row's columns for instance. Names
// that vars lacks are undefined, the globals of chat templates apart.
func (t *Template) Render(vars *Dict, lim Limits) (string, error) {
	r, err := t.render(vars, lim, time.Now, nil)
	return r.Text, err
}

// render runs the template; tr, which may be nil, notes where messages are written.
func (t *Template) render(vars *Dict, lim Limits, now func() time.Time, tr *trace) (Rendered, error) {
	e := &env{meter: newMeter(lim, vars), tpl: t, vars: vars, now: now, trace: tr, ctx: make([]any, len(t.names))}
	e.fillContext()
	if t.blocks {
		e.exports = NewDict(4)
	}
	e.out = make([]byte, 0, 1024)
	r := newRecord(t.slots, nil)
	e.enter(r, t.enter)
	if _, err := execAll(e, r, t.body); err != nil {
		return Rendered{}, e.fault(0, err)
	}
	return Rendered{Text: string(e.out), Spans: e.spans}, nil
}
