package jinja

// Which variable a name means is settled before rendering, by Jinja's rules: a
// loop, macro, call, with or filter block has a frame of its own; what it
// assigns is gone at its end, what it reads and never had comes from further
// out, and if nobody has it from the render's variables, looked up when the
// frame is entered.

// slotKey names a variable of a function: frames of the same level share it.
type slotKey struct {
	level int
	name  string
}

// function is the root, a macro, a call block or a recursive loop: what has a
// record of its own while it runs.
type function struct {
	slots map[slotKey]int
	depth int
}

func newFunction(up *function) *function {
	f := &function{slots: map[slotKey]int{}}
	if up != nil {
		f.depth = up.depth + 1
	}
	return f
}

// slot returns the slot of a variable, a new one the first time.
func (f *function) slot(level int, name string) int {
	k := slotKey{level, name}
	i, ok := f.slots[k]
	if !ok {
		i = len(f.slots)
		f.slots[k] = i
	}
	return i
}

// pending is a load before refs are settled: an alias knows its outer variable's home.
type pending struct {
	kind  loadKind
	ctx   int
	outer home
}

// home is the function and slot of a variable.
type home struct {
	fn   *function
	slot int
}

// symbols are the variables of one frame.
type symbols struct {
	level  int
	parent *symbols
	fn     *function
	vars   *contextVars
	refs   map[string]int
	loads  map[int]pending
	order  []int
	stores map[string]bool
}

// contextVars numbers the names that are looked up in the render's variables.
type contextVars struct {
	names []string
	index map[string]int
}

func (c *contextVars) id(name string) int {
	i, ok := c.index[name]
	if !ok {
		i = len(c.names)
		c.names = append(c.names, name)
		c.index[name] = i
	}
	return i
}

func newSymbols(parent *symbols, fn *function, vars *contextVars) *symbols {
	s := &symbols{parent: parent, fn: fn, vars: vars, refs: map[string]int{}, loads: map[int]pending{}, stores: map[string]bool{}}
	if parent != nil {
		s.level = parent.level + 1
	}
	return s
}

// find returns where name lives in this frame or further out.
func (s *symbols) find(name string) (home, bool) {
	for ; s != nil; s = s.parent {
		if slot, ok := s.refs[name]; ok {
			return home{s.fn, slot}, true
		}
	}
	return home{}, false
}

// define gives name a slot of this frame.
func (s *symbols) define(name string, p pending) {
	slot := s.fn.slot(s.level, name)
	s.refs[name] = slot
	s.setLoad(slot, p)
}

func (s *symbols) setLoad(slot int, p pending) {
	if _, ok := s.loads[slot]; !ok {
		s.order = append(s.order, slot)
	}
	s.loads[slot] = p
}

// parameter declares name as set by whoever enters the frame.
func (s *symbols) parameter(name string) {
	s.stores[name] = true
	s.define(name, pending{kind: loadParam})
}

// store notes an assignment to name.
func (s *symbols) store(name string) {
	s.stores[name] = true
	if _, ok := s.refs[name]; ok {
		return
	}
	if s.parent != nil {
		if outer, ok := s.parent.find(name); ok {
			s.define(name, pending{kind: loadAlias, outer: outer})
			return
		}
	}
	s.define(name, pending{kind: loadNothing})
}

// load notes a use of name.
func (s *symbols) load(name string) {
	if _, ok := s.find(name); !ok {
		s.define(name, pending{kind: loadContext, ctx: s.vars.id(name)})
	}
}

// branch returns a copy to collect one branch of an if in.
func (s *symbols) branch() *symbols {
	c := *s
	c.refs, c.loads, c.stores = map[string]int{}, map[int]pending{}, map[string]bool{}
	c.order = append([]int(nil), s.order...)
	for k, v := range s.refs {
		c.refs[k] = v
	}
	for k, v := range s.loads {
		c.loads[k] = v
	}
	for k := range s.stores {
		c.stores[k] = true
	}
	return &c
}

// merge takes over what the branches of an if did: a variable that only some
// branch assigns begins as what it is further out.
func (s *symbols) merge(branches []*symbols) {
	stored := map[string]bool{}
	for _, b := range branches {
		for name := range b.stores {
			if !s.stores[name] {
				stored[name] = true
			}
		}
	}
	for _, b := range branches {
		for k, v := range b.refs {
			s.refs[k] = v
		}
		for _, slot := range b.order {
			s.setLoad(slot, b.loads[slot])
		}
		for k := range b.stores {
			s.stores[k] = true
		}
	}
	for name := range stored {
		target, _ := s.find(name)
		if s.parent != nil {
			if outer, ok := s.parent.find(name); ok {
				s.setLoad(target.slot, pending{kind: loadAlias, outer: outer})
				continue
			}
		}
		s.setLoad(target.slot, pending{kind: loadContext, ctx: s.vars.id(name)})
	}
}

// ref is how a function that runs in this frame reaches a variable.
func (s *symbols) ref(name string) ref {
	h, ok := s.find(name)
	if !ok { // a name that no analysis saw: a filter of a set block
		s.load(name)
		h, _ = s.find(name)
	}
	return ref{hops: s.fn.depth - h.fn.depth, slot: h.slot}
}

// entering lists what has to be loaded when the frame is entered.
func (s *symbols) entering() []load {
	var out []load
	for _, slot := range s.order {
		switch p := s.loads[slot]; p.kind {
		case loadParam:
		case loadAlias:
			out = append(out, load{slot: slot, kind: p.kind, from: ref{hops: s.fn.depth - p.outer.fn.depth, slot: p.outer.slot}})
		default:
			out = append(out, load{slot: slot, kind: p.kind, ctx: p.ctx})
		}
	}
	return out
}

// collect notes the names that statements use and assign in this frame; the
// bodies of statements with frames of their own are left out.
func (s *symbols) collect(body []stmt) {
	for _, st := range body {
		s.collectStmt(st)
	}
}

func (s *symbols) collectStmt(st stmt) {
	switch st := st.(type) {
	case *outputStmt:
		s.uses(st.value)
	case *ifStmt:
		s.collectIf(st)
	case *forStmt:
		s.uses(st.iter)
	case *setStmt:
		s.uses(st.value)
		s.assigns(st.target, false)
	case *setBlockStmt:
		s.assigns(st.target, false)
	case *macroStmt:
		s.store(st.def.name)
	case *callStmt:
		s.uses(st.call)
	case *filterStmt:
		s.uses(st.filter)
	case *withStmt:
		for _, v := range st.values {
			s.uses(v)
		}
	}
}

// collectIf collects the tests and branches: the test of an elif belongs to its branch.
func (s *symbols) collectIf(st *ifStmt) {
	s.uses(st.tests[0])
	branches := []*symbols{s.branch()}
	branches[0].collect(st.bodies[0])
	for i := 1; i < len(st.tests); i++ {
		b := s.branch()
		b.uses(st.tests[i])
		inner := b.branch()
		inner.collect(st.bodies[i])
		b.merge([]*symbols{inner})
		branches = append(branches, b)
	}
	last := s.branch()
	last.collect(st.orElse)
	s.merge(append(branches, last))
}

// assigns notes the variables that a target writes.
func (s *symbols) assigns(t target, asParameter bool) {
	switch t := t.(type) {
	case *nameTarget:
		if asParameter {
			s.parameter(t.name)
		} else {
			s.store(t.name)
		}
	case *attrTarget:
		s.load(t.name)
	case *tupleTarget:
		for _, item := range t.items {
			s.assigns(item, asParameter)
		}
	}
}

// uses notes the names in an expression.
func (s *symbols) uses(x expr) {
	eachName(x, func(n *nameExpr) { s.load(n.name) })
}
