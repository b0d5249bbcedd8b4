package jinja

// eachName calls visit for every name in an expression, in source order.
func eachName(x expr, visit func(*nameExpr)) {
	if n, ok := x.(*nameExpr); ok {
		visit(n)
		return
	}
	for _, c := range children(x) {
		eachName(c, visit)
	}
}

// children are the direct parts of an expression, without missing ones.
func children(x expr) []expr {
	var out []expr
	add := func(xs ...expr) {
		for _, x := range xs {
			if x != nil {
				out = append(out, x)
			}
		}
	}
	arguments := func(a argExprs) {
		add(a.pos...)
		add(a.vals...)
		add(a.star, a.dict)
	}
	switch x := x.(type) {
	case *tupleExpr:
		add(x.items...)
	case *listExpr:
		add(x.items...)
	case *dictExpr:
		for i := range x.keys {
			add(x.keys[i], x.vals[i])
		}
	case *binExpr:
		add(x.left, x.right)
	case *andExpr:
		add(x.left, x.right)
	case *orExpr:
		add(x.left, x.right)
	case *notExpr:
		add(x.inner)
	case *unaryExpr:
		add(x.inner)
	case *compareExpr:
		add(x.first)
		add(x.rest...)
	case *concatExpr:
		add(x.parts...)
	case *condExpr:
		add(x.test, x.then, x.otherwise)
	case *attrExpr:
		add(x.obj)
	case *itemExpr:
		add(x.obj, x.key)
	case *sliceExpr:
		add(x.obj, x.start, x.stop, x.step)
	case *callExpr:
		add(x.fn)
		arguments(x.args)
	case *filterExpr:
		add(x.target)
		arguments(x.args)
	case *testExpr:
		add(x.target)
		arguments(x.args)
	}
	return out
}

// undeclared finds which of names a body reads without having assigned them
// before, bodies of inner macros and loops included.
type undeclared struct {
	names map[string]bool
	found map[string]bool
}

func findUndeclared(body []stmt, names ...string) map[string]bool {
	u := &undeclared{names: map[string]bool{}, found: map[string]bool{}}
	for _, n := range names {
		u.names[n] = true
	}
	u.body(body)
	return u.found
}

func (u *undeclared) body(body []stmt) {
	for _, st := range body {
		u.stmt(st)
	}
}

func (u *undeclared) exprs(xs ...expr) {
	for _, x := range xs {
		if x != nil {
			eachName(x, func(n *nameExpr) {
				if u.names[n.name] {
					u.found[n.name] = true
				}
			})
		}
	}
}

// assigned forgets a name that the body assigns.
func (u *undeclared) assigned(t target) {
	switch t := t.(type) {
	case *nameTarget:
		delete(u.names, t.name)
	case *tupleTarget:
		for _, item := range t.items {
			u.assigned(item)
		}
	}
}

func (u *undeclared) macro(d *macroDef) {
	for _, name := range d.params {
		delete(u.names, name)
	}
	u.exprs(d.defaults...)
	u.body(d.body)
}

func (u *undeclared) stmt(st stmt) {
	switch st := st.(type) {
	case *outputStmt:
		u.exprs(st.value)
	case *ifStmt:
		for i, test := range st.tests {
			u.exprs(test)
			u.body(st.bodies[i])
		}
		u.body(st.orElse)
	case *forStmt:
		u.assigned(st.target)
		u.exprs(st.iter)
		u.body(st.body)
		u.body(st.orElse)
		u.exprs(st.test)
	case *setStmt:
		u.assigned(st.target)
		u.exprs(st.value)
	case *setBlockStmt:
		u.assigned(st.target)
		if st.filter != nil {
			u.exprs(st.filter)
		}
		u.body(st.body)
	case *macroStmt:
		u.macro(st.def)
	case *callStmt:
		u.exprs(st.call)
		u.macro(st.def)
	case *generationStmt:
		u.macro(st.def)
	case *filterStmt:
		u.body(st.body)
		u.exprs(st.filter)
	case *withStmt:
		for _, t := range st.targets {
			u.assigned(t)
		}
		u.exprs(st.values...)
		u.body(st.body)
	case *scopeStmt:
		u.exprs(st.option)
		u.body(st.body)
	}
}
