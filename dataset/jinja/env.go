package jinja

import "time"

// env is one render.
type env struct {
	meter
	tpl     *Template
	ctx     []any  // context variables by number, missing where nobody has them
	vars    *Dict  // the render's variables
	out     []byte // the buffer being written
	depth   int    // nested macro calls
	buffers int    // buffers around out that are not the root's; 0 at the root
	root    []byte // the root's text while out is another buffer
	rootLen [2]int // bytes of root counted so far, and their code points
	spans   [][2]int
	exports *Dict // top-level assignments, for blocks
	now     func() time.Time
	trace   *trace // notes where messages are written, nil when nobody asks
}

// record holds the variables of a function while it runs.
type record struct {
	slots []any
	up    *record
}

// missingType is what a slot holds before anything is assigned to it.
type missingType struct{}

var missing any = missingType{}

func newRecord(n int, up *record) *record {
	r := &record{slots: make([]any, n), up: up}
	for i := range r.slots {
		r.slots[i] = missing
	}
	return r
}

// at returns the record that a ref speaks of.
func (r *record) at(x ref) *record {
	for h := x.hops; h > 0; h-- {
		r = r.up
	}
	return r
}

func (r *record) get(x ref) any    { return r.at(x).slots[x.slot] }
func (r *record) set(x ref, v any) { r.at(x).slots[x.slot] = v }

// enter loads what a frame needs.
func (e *env) enter(r *record, loads []load) {
	for i := range loads {
		switch l := &loads[i]; l.kind {
		case loadContext:
			r.slots[l.slot] = e.context(l.ctx)
		case loadAlias:
			r.slots[l.slot] = r.get(l.from)
		default:
			r.slots[l.slot] = missing
		}
	}
}

// context returns a context variable by its number.
func (e *env) context(i int) any {
	if e.exports != nil {
		if v, ok := e.exports.Get(e.tpl.names[i]); ok {
			return v
		}
	}
	return e.ctx[i]
}

// fillContext looks every context variable up: the render's variables win over the globals.
func (e *env) fillContext() {
	for i, name := range e.tpl.names {
		if v, ok := e.vars.Get(name); ok {
			e.ctx[i] = v
		} else if g, ok := globalNamed(name); ok {
			e.ctx[i] = g
		} else {
			e.ctx[i] = missing
		}
	}
}

// capture runs body into a buffer of its own and returns what it wrote.
func (e *env) capture(body func() error) (string, error) {
	outer := e.out
	if e.buffers == 0 {
		e.root = outer
	}
	e.buffers++
	e.out = nil
	err := body()
	text := string(e.out)
	e.buffers--
	e.out = outer
	return text, err
}

// write adds text to the output.
func (e *env) write(s string) error {
	if len(e.out)+len(s) > e.output {
		if err := e.hold(len(e.out) + len(s)); err != nil {
			return err
		}
	}
	e.out = append(e.out, s...)
	if len(s) >= bytesPerFuel {
		return e.burn(len(s) / bytesPerFuel)
	}
	return nil
}

// rootRunes is the number of code points that the root has written so far.
func (e *env) rootRunes() int {
	text := e.out
	if e.buffers > 0 {
		text = e.root
	}
	for _, b := range text[e.rootLen[0]:] {
		if !continuation(b) {
			e.rootLen[1]++
		}
	}
	e.rootLen[0] = len(text)
	return e.rootLen[1]
}

// fault gives an error its place in the template, unless it has one.
func (e *env) fault(pos int, err error) error {
	if je, ok := err.(*Error); ok && je.Line == 0 { //nolint:errorlint // made by this package, never wrapped
		je.place(e.tpl.name, e.tpl.source, pos)
	}
	return err
}
