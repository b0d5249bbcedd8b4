package jinja

import (
	"fmt"
	"strings"
)

// maxNesting bounds how deep tags and expressions may nest in a template.
const maxNesting = 400

// parser turns tokens into the tree.
type parser struct {
	src      string
	toks     []token
	i        int
	depth    int
	loops    int  // loops around the current place inside its function
	soft     bool // inside an if: unknown filters and tests fail only when reached
	tags     []string
	ends     [][]string // tags that the open blocks wait for
	block    bool       // the template has a block
	gen      bool       // the template has a generation tag
	unknowns []error
}

// bail carries a syntax error out of the recursive descent; parse recovers it.
type bail struct{ err error }

// parse builds the tree of a normalised source.
func (p *parser) parse() (body []stmt, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, ours := r.(bail)
			if !ours {
				panic(r)
			}
			err = b.err
		}
	}()
	body = p.statements(nil)
	if len(p.unknowns) > 0 {
		return nil, p.unknowns[0]
	}
	return body, nil
}

func (p *parser) cur() token { return p.toks[p.i] }

// peek looks one token past the current one.
func (p *parser) peek() token {
	if p.i+1 < len(p.toks) {
		return p.toks[p.i+1]
	}
	return p.toks[len(p.toks)-1]
}

// next returns the current token and goes on to the following one.
func (p *parser) next() token {
	t := p.toks[p.i]
	if p.i+1 < len(p.toks) {
		p.i++
	}
	return t
}

// fail raises a syntax error at byte offset pos.
func (p *parser) fail(pos int, format string, args ...any) {
	e := fail(kindSyntax, format, args...)
	e.place("", p.src, pos)
	panic(bail{e})
}

// unknown notes a filter or test that does not exist: an error, unless it turns
// out to be part of an inline if, where it fails only when it is reached.
func (p *parser) unknown(pos int, format, name string) {
	if p.soft {
		return
	}
	e := fail(kindUnknown, format, repr(name))
	e.place("", p.src, pos)
	p.unknowns = append(p.unknowns, e)
}

// is tells whether the current token is an operator or of the given kind.
func (p *parser) is(kind tokenKind) bool { return p.cur().kind == kind }

// isName tells whether the current token is the word name.
func (p *parser) isName(name string) bool {
	t := p.cur()
	return t.kind == tokName && t.text == name
}

// skip goes past the current token if it is of the given kind.
func (p *parser) skip(kind tokenKind) bool {
	if p.is(kind) {
		p.next()
		return true
	}
	return false
}

// skipName goes past the current token if it is the word name.
func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.next()
		return true
	}
	return false
}

// expect takes a token of the given kind or fails.
func (p *parser) expect(kind tokenKind) token {
	if !p.is(kind) {
		p.unexpected(string(kind))
	}
	return p.next()
}

// expectName takes the word name or fails.
func (p *parser) expectName(name string) token {
	if !p.isName(name) {
		p.unexpected(name)
	}
	return p.next()
}

func (p *parser) unexpected(want string) {
	t := p.cur()
	if t.kind == tokEOF {
		p.fail(t.pos, "unexpected end of template, expected %s.", repr(want))
	}
	p.fail(t.pos, "expected token %s, got %s", repr(want), repr(t.describe()))
}

// enter bounds recursion; the caller defers p.leave().
func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail(p.cur().pos, "the template nests more than %d levels deep", maxNesting)
	}
}

func (p *parser) leave() { p.depth-- }

// statements reads a body up to one of the end tags, which stays the current
// token; without end tags up to the end of the template.
func (p *parser) statements(ends []string) []stmt {
	p.enter()
	defer p.leave()
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	var body []stmt
	for {
		t := p.cur()
		switch t.kind {
		case tokEOF:
			if ends != nil {
				p.unknownTag("", t.pos)
			}
			return body
		case tokData:
			body = append(body, &dataStmt{text: t.text})
			p.next()
		case tokVarBegin:
			p.next()
			body = append(body, &outputStmt{pos: p.cur().pos, value: p.tuple(true, nil, false)})
			p.expect(tokVarEnd)
		default:
			p.next()
			if ends != nil && p.is(tokName) && indexOf(ends, p.cur().text) >= 0 {
				return body
			}
			body = append(body, p.statement()...)
			p.expect(tokEnd)
		}
	}
}

// body reads the body of a block up to one of the end tags and takes that tag's name.
func (p *parser) body(ends ...string) ([]stmt, string) {
	p.skip(":")
	p.expect(tokEnd)
	b := p.statements(ends)
	return b, p.next().text
}

// unknownTag fails at a tag that does not fit, or at the end of the template.
func (p *parser) unknownTag(name string, pos int) {
	message := "Unexpected end of template."
	if name != "" {
		message = fmt.Sprintf("Encountered unknown tag %s.", repr(name))
	}
	if len(p.ends) > 0 {
		last := p.ends[len(p.ends)-1]
		quoted := make([]string, len(last))
		for i, s := range last {
			quoted[i] = repr(s)
		}
		looking := strings.Join(quoted, " or ")
		expected := false
		for _, list := range p.ends {
			expected = expected || indexOf(list, name) >= 0
		}
		if name != "" && expected {
			message += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + looking + "."
		} else {
			message += " Jinja was looking for the following tags: " + looking + "."
		}
	}
	if len(p.tags) > 0 {
		message += " The innermost block that needs to be closed is " + repr(p.tags[len(p.tags)-1]) + "."
	}
	p.fail(pos, "%s", message)
}

// statement reads one tag, the word that names it being the current token.
func (p *parser) statement() []stmt {
	t := p.cur()
	if t.kind != tokName {
		p.fail(t.pos, "tag name expected")
	}
	parse := map[string]func(token) []stmt{
		"for": p.forTag, "if": p.ifTag, "set": p.setTag, "macro": p.macroTag, "call": p.callTag,
		"filter": p.filterTag, "with": p.withTag, "autoescape": p.autoescapeTag, "print": p.printTag,
		"block": p.blockTag, "generation": p.generationTag, "break": p.controlTag, "continue": p.controlTag,
		"include": p.loaderTag, "import": p.loaderTag, "from": p.loaderTag, "extends": p.loaderTag,
	}[t.text]
	if parse == nil {
		p.unknownTag(t.text, t.pos)
	}
	p.tags = append(p.tags, t.text)
	p.next()
	out := parse(t)
	p.tags = p.tags[:len(p.tags)-1]
	return out
}

// function parses f as the body of a function: no loop around it can be left from inside.
func (p *parser) function(f func()) {
	loops, soft := p.loops, p.soft
	p.loops, p.soft = 0, false
	f()
	p.loops, p.soft = loops, soft
}

// hard parses f in a frame of its own, where unknown filters fail at once.
func (p *parser) hard(f func()) {
	soft := p.soft
	p.soft = false
	f()
	p.soft = soft
}

func (p *parser) forTag(t token) []stmt {
	s := &forStmt{pos: t.pos}
	s.target = p.target(false, []string{"in"})
	if assigns(s.target, "loop") {
		e := fail(kindUnknown, "Can't assign to special loop variable in for-loop target")
		e.place("", p.src, t.pos)
		panic(bail{e})
	}
	p.expectName("in")
	s.iter = p.tuple(false, []string{"recursive"}, false)
	p.hard(func() {
		if p.skipName("if") {
			s.test = p.expression(true)
		}
		s.recursive = p.skipName("recursive")
		p.loops++
		var end string
		s.body, end = p.body("endfor", "else")
		p.loops--
		if end == "else" {
			s.orElse, _ = p.body("endfor")
		}
	})
	return []stmt{s}
}

func (p *parser) ifTag(token) []stmt {
	soft := p.soft
	p.soft = true
	defer func() { p.soft = soft }()
	s := &ifStmt{}
	for {
		s.tests = append(s.tests, p.tuple(false, nil, false))
		body, end := p.body("elif", "else", "endif")
		s.bodies = append(s.bodies, body)
		switch end {
		case "elif":
			continue
		case "else":
			s.orElse, _ = p.body("endif")
		}
		return []stmt{s}
	}
}

func (p *parser) setTag(t token) []stmt {
	to := p.target(true, nil)
	if p.skip("=") {
		s := &setStmt{pos: t.pos, target: to, value: p.tuple(true, nil, false)}
		s.checks = namespaces(to, nil)
		return []stmt{s}
	}
	s := &setBlockStmt{pos: t.pos, target: to}
	p.hard(func() {
		s.filter = p.filterChain(nil, false)
		s.body, _ = p.body("endset")
	})
	return []stmt{s}
}

// signature reads the parameters of a macro or call block.
func (p *parser) signature(d *macroDef) {
	p.expect("(")
	for !p.is(")") {
		if len(d.params) > 0 {
			p.expect(",")
		}
		name := p.expect(tokName)
		p.assignable(name)
		if p.skip("=") {
			d.defaults = append(d.defaults, p.expression(true))
		} else if len(d.defaults) > 0 {
			p.fail(p.cur().pos, "non-default argument follows default argument")
		}
		d.params = append(d.params, name.text)
	}
	p.expect(")")
}

// assignable fails for the words that are constants.
func (p *parser) assignable(t token) {
	switch t.text {
	case "true", "false", "none", "True", "False", "None":
		p.fail(t.pos, "can't assign to 'const'")
	}
}

func (p *parser) macroTag(t token) []stmt {
	name := p.expect(tokName)
	p.assignable(name)
	d := &macroDef{name: name.text, named: true, pos: t.pos}
	p.function(func() {
		p.signature(d)
		d.body, _ = p.body("endmacro")
	})
	return []stmt{&macroStmt{pos: t.pos, def: d}}
}

func (p *parser) callTag(t token) []stmt {
	d := &macroDef{pos: t.pos}
	if p.is("(") {
		p.signature(d)
	}
	call, ok := p.expression(true).(*callExpr)
	if !ok {
		p.fail(t.pos, "expected call")
	}
	p.function(func() { d.body, _ = p.body("endcall") })
	return []stmt{&callStmt{pos: t.pos, call: call, def: d}}
}

func (p *parser) generationTag(t token) []stmt {
	p.gen = true
	d := &macroDef{pos: t.pos}
	p.function(func() { d.body, _ = p.body("endgeneration") })
	return []stmt{&generationStmt{pos: t.pos, def: d}}
}

func (p *parser) filterTag(t token) []stmt {
	s := &filterStmt{pos: t.pos}
	p.hard(func() {
		s.filter = p.filterChain(nil, true)
		s.body, _ = p.body("endfilter")
	})
	return []stmt{s}
}

func (p *parser) withTag(t token) []stmt {
	s := &withStmt{pos: t.pos}
	for !p.is(tokEnd) && !p.is(tokEOF) {
		if len(s.targets) > 0 {
			p.expect(",")
		}
		s.targets = append(s.targets, p.target(false, nil))
		p.expect("=")
		s.values = append(s.values, p.expression(true))
	}
	p.hard(func() { s.body, _ = p.body("endwith") })
	return []stmt{s}
}

func (p *parser) autoescapeTag(t token) []stmt {
	s := &scopeStmt{pos: t.pos, option: p.expression(true)}
	p.hard(func() { s.body, _ = p.body("endautoescape") })
	return []stmt{s}
}

func (p *parser) printTag(token) []stmt {
	var out []stmt
	for !p.is(tokEnd) && !p.is(tokEOF) {
		if len(out) > 0 {
			p.expect(",")
		}
		out = append(out, &outputStmt{pos: p.cur().pos, value: p.expression(true)})
	}
	return out
}

func (p *parser) blockTag(t token) []stmt {
	p.block = true
	s := &blockStmt{pos: t.pos, name: p.expect(tokName).text}
	p.skipName("scoped")
	s.required = p.skipName("required")
	p.function(func() { s.body, _ = p.body("endblock") })
	p.skipName(s.name)
	return []stmt{s}
}

func (p *parser) controlTag(t token) []stmt {
	if p.loops == 0 {
		p.fail(t.pos, "'%s' outside loop", t.text)
	}
	if t.text == "break" {
		return []stmt{&controlStmt{breakLoop}}
	}
	return []stmt{&controlStmt{continueLoop}}
}

// loaderTag reads a tag that would need other templates: it fails when it is reached.
func (p *parser) loaderTag(t token) []stmt {
	for !p.is(tokEnd) && !p.is(tokEOF) {
		p.next()
	}
	return []stmt{&failStmt{pos: t.pos, kind: kindType, tag: t.text}}
}
