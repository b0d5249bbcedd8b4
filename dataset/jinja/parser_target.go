package jinja

// target reads what an assignment or a loop writes to.
func (p *parser) target(namespaced bool, ends []string) target {
	pos := p.cur().pos
	return p.toTarget(p.assignTuple(namespaced, ends), pos)
}

// attrRef is a namespace attribute in the place of an expression; only targets hold it.
type attrRef struct {
	constExpr
	attrTarget
}

// assignTuple reads names, attributes and tuples of them.
func (p *parser) assignTuple(namespaced bool, ends []string) expr {
	return p.tupleOf(func() expr { return p.primary(namespaced) }, ends, false)
}

// toTarget turns a parsed expression into a target or fails.
func (p *parser) toTarget(x expr, pos int) target {
	switch x := x.(type) {
	case *nameExpr:
		return &nameTarget{pos: x.pos, name: x.name}
	case *attrRef:
		t := x.attrTarget
		return &t
	case *tupleExpr:
		t := &tupleTarget{pos: pos}
		for _, item := range x.items {
			t.items = append(t.items, p.toTarget(item, pos))
		}
		return t
	}
	p.fail(pos, "can't assign to '%s'", exprKind(x))
	return nil
}

// exprKind is the name of an expression in messages about assignments.
func exprKind(x expr) string {
	switch x.(type) {
	case *listExpr:
		return "list"
	case *dictExpr:
		return "dict"
	case *constExpr:
		return "const"
	}
	return "expression"
}

// assigns tells whether a target writes the variable name.
func assigns(t target, name string) bool {
	switch t := t.(type) {
	case *nameTarget:
		return t.name == name
	case *tupleTarget:
		for _, item := range t.items {
			if assigns(item, name) {
				return true
			}
		}
	}
	return false
}

// namespaces collects the namespaces that a target writes attributes of.
func namespaces(t target, out []attrTarget) []attrTarget {
	switch t := t.(type) {
	case *attrTarget:
		for _, o := range out {
			if o.name == t.name {
				return out
			}
		}
		return append(out, *t)
	case *tupleTarget:
		for _, item := range t.items {
			out = namespaces(item, out)
		}
	}
	return out
}
