package jinja

// tupleEnd tells whether the current token ends a tuple without brackets.
func (p *parser) tupleEnd(ends []string) bool {
	switch p.cur().kind {
	case tokVarEnd, tokEnd, ")":
		return true
	case tokName:
		return indexOf(ends, p.cur().text) >= 0
	}
	return false
}

// tuple reads an expression, or several with commas between. In brackets it may be empty.
func (p *parser) tuple(cond bool, ends []string, brackets bool) expr {
	return p.tupleOf(func() expr { return p.expression(cond) }, ends, brackets)
}

// tupleOf reads what item reads, or several of it with commas between. In brackets it may be empty.
func (p *parser) tupleOf(item func() expr, ends []string, brackets bool) expr {
	var items []expr
	isTuple := false
	for {
		if len(items) > 0 {
			p.expect(",")
		}
		if p.tupleEnd(ends) {
			break
		}
		items = append(items, item())
		if !p.is(",") {
			break
		}
		isTuple = true
	}
	if !isTuple {
		if len(items) > 0 {
			return items[0]
		}
		if !brackets {
			p.fail(p.cur().pos, "Expected an expression, got %s", repr(p.cur().describe()))
		}
	}
	return &tupleExpr{items: items}
}

// expression reads an expression, with inline if where cond is set.
func (p *parser) expression(cond bool) expr {
	p.enter()
	defer p.leave()
	if !cond {
		return p.or()
	}
	pos, known := p.cur().pos, len(p.unknowns)
	x := p.or()
	for p.skipName("if") {
		p.unknowns = p.unknowns[:known]
		soft := p.soft
		p.soft = true
		c := &condExpr{pos: pos, then: x, test: p.or()}
		if p.skipName("else") {
			c.otherwise = p.expression(true)
		}
		p.soft = soft
		x = c
		pos = p.cur().pos
	}
	return x
}

func (p *parser) or() expr {
	left := p.and()
	for p.skipName("or") {
		left = &orExpr{left, p.and()}
	}
	return left
}

func (p *parser) and() expr {
	left := p.not()
	for p.skipName("and") {
		left = &andExpr{left, p.not()}
	}
	return left
}

func (p *parser) not() expr {
	if p.skipName("not") {
		p.enter()
		defer p.leave()
		return &notExpr{p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	pos := p.cur().pos
	first := p.sum()
	var c *compareExpr
	for {
		op := ""
		t := p.cur()
		switch t.kind {
		case "==", "!=", "<", "<=", ">", ">=":
			op = t.text
			p.next()
		case tokName:
			if t.text == "in" {
				op = "in"
				p.next()
			} else if n := p.peek(); t.text == "not" && n.kind == tokName && n.text == "in" {
				op = "not in"
				p.next()
				p.next()
			}
		}
		if op == "" {
			break
		}
		if c == nil {
			c = &compareExpr{pos: pos, first: first}
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.sum())
	}
	if c != nil {
		return c
	}
	return first
}

func (p *parser) sum() expr {
	left := p.concat()
	for p.is("+") || p.is("-") {
		t := p.next()
		left = &binExpr{pos: t.pos, op: t.text[0], left: left, right: p.concat()}
	}
	return left
}

func (p *parser) concat() expr {
	pos := p.cur().pos
	parts := []expr{p.product()}
	for p.skip("~") {
		parts = append(parts, p.product())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &concatExpr{pos: pos, parts: parts}
}

func (p *parser) product() expr {
	left := p.power()
	for {
		t := p.cur()
		op := byte(0)
		switch t.kind {
		case "*", "/", "%":
			op = t.text[0]
		case "//":
			op = 'f'
		default:
			return left
		}
		p.next()
		left = &binExpr{pos: t.pos, op: op, left: left, right: p.power()}
	}
}

func (p *parser) power() expr {
	left := p.unary(true)
	for p.is("**") {
		t := p.next()
		left = &binExpr{pos: t.pos, op: 'p', left: left, right: p.unary(true)}
	}
	return left
}

func (p *parser) unary(filters bool) expr {
	p.enter()
	defer p.leave()
	t := p.cur()
	var x expr
	if t.kind == "-" || t.kind == "+" {
		p.next()
		x = &unaryExpr{pos: t.pos, op: t.text[0], inner: p.unary(false)}
	} else {
		x = p.primary(false)
	}
	x = p.postfix(x)
	if filters {
		x = p.filters(x)
	}
	return x
}

// primary reads a literal, a name or a bracketed expression.
func (p *parser) primary(namespaced bool) expr {
	t := p.cur()
	switch t.kind {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constExpr{true}
		case "false", "False":
			return &constExpr{false}
		case "none", "None":
			return &constExpr{nil}
		}
		if namespaced && p.skip(".") {
			attr := p.expect(tokName)
			return &attrRef{attrTarget: attrTarget{pos: t.pos, name: t.text, attr: attr.text}}
		}
		return &nameExpr{pos: t.pos, name: t.text}
	case tokString:
		p.next()
		s := t.text
		for p.is(tokString) {
			s += p.next().text
		}
		return &constExpr{s}
	case tokInt, tokFloat:
		p.next()
		return &constExpr{t.value}
	case "(":
		p.enter()
		defer p.leave()
		p.next()
		x := p.tuple(true, nil, true)
		p.expect(")")
		return x
	case "[":
		return p.list()
	case "{":
		return p.dict()
	}
	p.fail(t.pos, "unexpected %s", repr(t.describe()))
	return nil
}

func (p *parser) list() expr {
	p.expect("[")
	x := &listExpr{}
	for !p.is("]") {
		if len(x.items) > 0 {
			p.expect(",")
		}
		if p.is("]") {
			break
		}
		x.items = append(x.items, p.expression(true))
	}
	p.expect("]")
	return x
}

func (p *parser) dict() expr {
	t := p.expect("{")
	x := &dictExpr{pos: t.pos}
	for !p.is("}") {
		if len(x.keys) > 0 {
			p.expect(",")
		}
		if p.is("}") {
			break
		}
		x.keys = append(x.keys, p.expression(true))
		p.expect(":")
		x.vals = append(x.vals, p.expression(true))
	}
	p.expect("}")
	return x
}

// postfix reads attributes, subscripts and calls.
func (p *parser) postfix(x expr) expr {
	for {
		t := p.cur()
		switch t.kind {
		case ".":
			p.next()
			x = p.attribute(t, x)
		case "[":
			p.next()
			x = p.subscript(t, x)
		case "(":
			x = &callExpr{pos: t.pos, fn: x, args: p.arguments()}
		default:
			return x
		}
	}
}

func (p *parser) attribute(t token, x expr) expr {
	name := p.next()
	switch name.kind {
	case tokName:
		return &attrExpr{pos: t.pos, obj: x, name: name.text}
	case tokInt:
		return &itemExpr{pos: t.pos, obj: x, key: &constExpr{name.value}}
	}
	p.fail(name.pos, "expected name or number")
	return nil
}

func (p *parser) subscript(t token, x expr) expr {
	var keys []expr
	var slice *sliceExpr
	for !p.is("]") {
		if len(keys) > 0 || slice != nil {
			p.expect(",")
		}
		var first expr
		if !p.is(":") {
			first = p.expression(true)
			if !p.is(":") {
				keys = append(keys, first)
				continue
			}
		}
		if slice != nil || len(keys) > 0 {
			p.fail(t.pos, "a slice cannot be one of several subscripts")
		}
		slice = p.slice(t, x, first)
	}
	p.expect("]")
	switch {
	case slice != nil && len(keys) > 0:
		p.fail(t.pos, "a slice cannot be one of several subscripts")
	case slice != nil:
		return slice
	case len(keys) == 1:
		return &itemExpr{pos: t.pos, obj: x, key: keys[0]}
	}
	return &itemExpr{pos: t.pos, obj: x, key: &tupleExpr{items: keys}}
}

// slice reads a slice of x from its first colon on.
func (p *parser) slice(t token, x, start expr) *sliceExpr {
	s := &sliceExpr{pos: t.pos, obj: x, start: start}
	p.expect(":")
	end := func() bool { return p.is("]") || p.is(",") }
	if !p.is(":") && !end() {
		s.stop = p.expression(true)
	}
	if p.skip(":") && !end() {
		s.step = p.expression(true)
	}
	return s
}

// arguments reads the arguments of a call in brackets.
func (p *parser) arguments() argExprs {
	var a argExprs
	open := p.expect("(")
	ensure := func(ok bool) {
		if !ok {
			p.fail(open.pos, "invalid syntax for function call expression")
		}
	}
	for first := true; !p.is(")"); first = false {
		if !first {
			p.expect(",")
			if p.is(")") {
				break
			}
		}
		switch {
		case p.skip("*"):
			ensure(a.star == nil && a.dict == nil)
			a.star = p.expression(true)
		case p.skip("**"):
			ensure(a.dict == nil)
			a.dict = p.expression(true)
		case p.is(tokName) && p.peek().kind == "=":
			ensure(a.dict == nil)
			name := p.next()
			p.next()
			if indexOf(a.names, name.text) >= 0 {
				p.fail(name.pos, "keyword argument repeated: %s", name.text)
			}
			a.names = append(a.names, name.text)
			a.vals = append(a.vals, p.expression(true))
		default:
			ensure(a.star == nil && a.dict == nil && len(a.names) == 0)
			a.pos = append(a.pos, p.expression(true))
		}
	}
	p.expect(")")
	return a
}

// filters reads the filters, tests and calls that follow an expression.
func (p *parser) filters(x expr) expr {
	for {
		t := p.cur()
		switch {
		case t.kind == "|":
			x = p.filterChain(x, false)
		case t.kind == tokName && t.text == "is":
			x = p.test(x)
		case t.kind == "(":
			x = &callExpr{pos: t.pos, fn: x, args: p.arguments()}
		default:
			return x
		}
	}
}

// filterChain reads filters onto x; inline chains begin without a bar. It
// returns the outermost filter, nil when there is none.
func (p *parser) filterChain(x expr, inline bool) *filterExpr {
	var last *filterExpr
	for p.is("|") || inline {
		if !inline {
			p.next()
		}
		inline = false
		pos, name := p.dotted()
		f := &filterExpr{pos: pos, name: name, filter: filterNamed(name), target: x}
		if f.filter == nil {
			p.unknown(pos, "No filter named %s.", name)
		}
		if p.is("(") {
			f.args = p.arguments()
		}
		x, last = f, f
	}
	return last
}

// dotted reads the name of a filter or test.
func (p *parser) dotted() (int, string) {
	t := p.expect(tokName)
	name := t.text
	for p.skip(".") {
		name += "." + p.expect(tokName).text
	}
	return t.pos, name
}

// test reads an "is" test of x.
func (p *parser) test(x expr) expr {
	p.next()
	negated := p.skipName("not")
	pos, name := p.dotted()
	t := &testExpr{pos: pos, name: name, test: testNamed(name), target: x}
	if t.test == nil {
		p.unknown(pos, "No test named %s.", name)
	}
	next := p.cur()
	switch next.kind {
	case "(":
		t.args = p.arguments()
	case tokName, tokString, tokInt, tokFloat, "[", "{":
		if next.kind == tokName && (next.text == "else" || next.text == "or" || next.text == "and") {
			break
		}
		if next.kind == tokName && next.text == "is" {
			p.fail(next.pos, "You cannot chain multiple tests with is")
		}
		t.args.pos = []expr{p.postfix(p.primary(false))}
	}
	if negated {
		return &notExpr{t}
	}
	return t
}
