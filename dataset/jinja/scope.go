package jinja

// resolver settles every ref of a parsed template.
type resolver struct {
	vars   *contextVars
	blocks bool // top-level assignments must be visible to blocks
}

// frame is where code is being resolved: its symbols, and whether it is the
// template's top level.
type frame struct {
	sym *symbols
	top bool
}

// root resolves the whole template and returns what to load on entry and the
// number of slots of the root record.
func (rs *resolver) root(body []stmt) (enter []load, slots int) {
	fn := newFunction(nil)
	f := frame{sym: newSymbols(nil, fn, rs.vars), top: true}
	f.sym.collect(body)
	rs.body(body, f)
	return f.sym.entering(), len(fn.slots)
}

// inner opens a frame inside f, in the same function.
func (rs *resolver) inner(f frame) frame {
	return frame{sym: newSymbols(f.sym, f.sym.fn, rs.vars)}
}

// nested opens a frame inside f that is a function of its own.
func (rs *resolver) nested(f frame) (frame, *function) {
	fn := newFunction(f.sym.fn)
	return frame{sym: newSymbols(f.sym, fn, rs.vars)}, fn
}

func (rs *resolver) body(body []stmt, f frame) {
	for _, st := range body {
		rs.stmt(st, f)
	}
}

func (rs *resolver) stmt(st stmt, f frame) {
	switch st := st.(type) {
	case *outputStmt:
		rs.expr(st.value, f)
	case *ifStmt:
		branch := frame{sym: f.sym, top: f.top}
		for i, test := range st.tests {
			rs.expr(test, f)
			rs.body(st.bodies[i], branch)
		}
		rs.body(st.orElse, branch)
	case *forStmt:
		rs.loop(st, f)
	case *setStmt:
		rs.expr(st.value, f)
		rs.target(st.target, f)
		for i := range st.checks {
			st.checks[i].ref = f.sym.ref(st.checks[i].name)
		}
		st.export = rs.exported(st.target, f, nil)
	case *setBlockStmt:
		in := rs.inner(f)
		in.sym.collect(st.body)
		if st.filter != nil {
			in.sym.uses(st.filter)
			rs.expr(st.filter, in)
		}
		rs.body(st.body, in)
		st.enter = in.sym.entering()
		rs.target(st.target, f)
		st.export = rs.exported(st.target, f, nil)
	case *macroStmt:
		rs.macro(st.def, f)
		st.ref = f.sym.ref(st.def.name)
		st.export = rs.blocks && f.top
	case *callStmt:
		rs.macro(st.def, f)
		rs.expr(st.call, f)
	case *generationStmt:
		rs.macro(st.def, f)
	case *filterStmt:
		in := rs.inner(f)
		in.sym.uses(st.filter)
		in.sym.collect(st.body)
		rs.body(st.body, in)
		rs.expr(st.filter, in)
		st.enter = in.sym.entering()
	case *withStmt:
		in := rs.inner(f)
		for _, t := range st.targets {
			in.sym.assigns(t, true)
		}
		in.sym.collect(st.body)
		for i, t := range st.targets {
			rs.target(t, in)
			rs.expr(st.values[i], f)
		}
		rs.body(st.body, in)
		st.enter = in.sym.entering()
	case *scopeStmt:
		in := rs.inner(f)
		in.sym.uses(st.option)
		in.sym.collect(st.body)
		rs.expr(st.option, in)
		rs.body(st.body, in)
		st.enter = in.sym.entering()
	case *blockStmt:
		fn := newFunction(nil)
		in := frame{sym: newSymbols(nil, fn, rs.vars)}
		in.sym.collect(st.body)
		rs.body(st.body, in)
		st.enter, st.slots = in.sym.entering(), len(fn.slots)
	}
}

// exported lists the names that a top-level assignment shows to blocks.
func (rs *resolver) exported(t target, f frame, out []string) []string {
	if !rs.blocks || !f.top {
		return nil
	}
	switch t := t.(type) {
	case *nameTarget:
		return append(out, t.name)
	case *tupleTarget:
		for _, item := range t.items {
			out = rs.exported(item, f, out)
		}
	}
	return out
}

// expr settles the names of an expression.
func (rs *resolver) expr(x expr, f frame) {
	eachName(x, func(n *nameExpr) { n.ref = f.sym.ref(n.name) })
}

func (rs *resolver) target(t target, f frame) {
	switch t := t.(type) {
	case *nameTarget:
		t.ref = f.sym.ref(t.name)
	case *attrTarget:
		t.ref = f.sym.ref(t.name)
	case *tupleTarget:
		for _, item := range t.items {
			rs.target(item, f)
		}
	}
}

// loop resolves a for loop. Its filter is a function of its own, because it
// runs ahead of the body; so is the whole body of a recursive loop.
func (rs *resolver) loop(st *forStmt, f frame) {
	st.extended = st.recursive || findUndeclared(st.body, "loop")["loop"]
	if st.test != nil {
		test, fn := rs.nested(f)
		test.sym.assigns(st.target, true)
		test.sym.uses(st.test)
		st.testTarget = copyTarget(st.target)
		rs.target(st.testTarget, test)
		rs.expr(st.test, test)
		st.enterTest, st.testSlots = test.sym.entering(), len(fn.slots)
	}
	in, other := rs.inner(f), rs.inner(f)
	var fn *function
	if st.recursive {
		in, fn = rs.nested(f)
		other = frame{sym: newSymbols(f.sym, fn, rs.vars)}
	}
	if st.extended {
		in.sym.parameter("loop")
	}
	in.sym.assigns(st.target, true)
	in.sym.collect(st.body)
	rs.expr(st.iter, f)
	rs.target(st.target, in)
	rs.body(st.body, in)
	if st.extended {
		st.loopRef = in.sym.ref("loop")
	}
	st.enter = in.sym.entering()
	if st.orElse != nil {
		other.sym.collect(st.orElse)
		rs.body(st.orElse, other)
		st.enterElse = other.sym.entering()
	}
	if fn != nil {
		st.slots = len(fn.slots)
	}
}

// copyTarget copies a target so that it can be resolved in another frame.
func copyTarget(t target) target {
	switch t := t.(type) {
	case *nameTarget:
		c := *t
		return &c
	case *attrTarget:
		c := *t
		return &c
	case *tupleTarget:
		c := &tupleTarget{pos: t.pos}
		for _, item := range t.items {
			c.items = append(c.items, copyTarget(item))
		}
		return c
	}
	return t
}

// macro resolves a macro, or the body of a call or generation block.
func (rs *resolver) macro(d *macroDef, f frame) {
	in, fn := rs.nested(f)
	analyse := func() {
		for _, name := range d.params {
			in.sym.parameter(name)
		}
		for _, x := range d.defaults {
			in.sym.uses(x)
		}
		in.sym.collect(d.body)
	}
	analyse()
	found := findUndeclared(d.body, "caller", "kwargs", "varargs")
	d.explicitCaller = indexOf(d.params, "caller") >= 0
	if found["caller"] {
		d.caller = true
		if !d.explicitCaller {
			in.sym.parameter("caller")
			d.callerRef = in.sym.ref("caller")
		}
	}
	if found["kwargs"] && indexOf(d.params, "kwargs") < 0 {
		d.kwargs = true
		in.sym.parameter("kwargs")
		d.kwargsRef = in.sym.ref("kwargs")
	}
	if found["varargs"] && indexOf(d.params, "varargs") < 0 {
		d.varargs = true
		in.sym.parameter("varargs")
		d.vaRef = in.sym.ref("varargs")
	}
	analyse()
	for _, name := range d.params {
		d.refs = append(d.refs, in.sym.ref(name))
	}
	for _, x := range d.defaults {
		rs.expr(x, in)
	}
	rs.body(d.body, in)
	d.enter, d.slots = in.sym.entering(), len(fn.slots)
}
