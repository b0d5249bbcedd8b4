package jinja

// loopContext is the loop variable.
type loopContext struct {
	e       *env
	src     any // what is looped over, for its length
	next    func() (any, bool, error)
	index0  int64
	known   int64 // the length, -1 until it is needed
	depth0  int64
	after   any // the next item if it was looked at
	peeked  bool
	ended   bool // after was looked at and there is none
	current any
	before  any
	changed []any
	asked   bool // changed was called
	stmt    *forStmt
	up      *record
}

// take moves on to the next item.
func (l *loopContext) take() (any, bool, error) {
	v, ok, err := l.peek()
	if err != nil || !ok {
		return nil, false, err
	}
	l.peeked, l.after = false, nil
	l.index0++
	l.before, l.current = l.current, v
	return v, true, nil
}

// peek looks at the next item.
func (l *loopContext) peek() (any, bool, error) {
	if l.peeked {
		return l.after, true, nil
	}
	if l.ended {
		return nil, false, nil
	}
	v, ok, err := l.next()
	if err != nil {
		return nil, false, err
	}
	if !ok {
		l.ended = true
		return nil, false, nil
	}
	l.after, l.peeked = v, true
	return v, true, nil
}

// length is the number of items; a generator is read to its end for it.
func (l *loopContext) length() (int64, error) {
	if l.known >= 0 {
		return l.known, nil
	}
	if n, ok := lengthOf(l.src); ok {
		l.known = n
		return n, nil
	}
	var rest []any
	for {
		v, ok, err := l.next()
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if err := l.e.burn(1); err != nil {
			return 0, err
		}
		rest = append(rest, v)
	}
	l.known = int64(len(rest)) + l.index0 + 1
	if l.peeked {
		l.known++
	}
	l.next = overSlice(rest)
	return l.known, nil
}

// attr returns an attribute of the loop variable.
func (l *loopContext) attr(name string) (any, bool, error) {
	switch name {
	case "index":
		return l.index0 + 1, true, nil
	case "index0":
		return l.index0, true, nil
	case "first":
		return l.index0 == 0, true, nil
	case "depth":
		return l.depth0 + 1, true, nil
	case "depth0":
		return l.depth0, true, nil
	case "last":
		_, more, err := l.peek()
		return !more, true, err
	case "length", "revindex", "revindex0":
		n, err := l.length()
		switch name {
		case "revindex":
			n -= l.index0
		case "revindex0":
			n -= l.index0 + 1
		}
		return n, true, err
	case "previtem":
		if l.index0 == 0 {
			return undefinedHint("there is no previous item"), true, nil
		}
		return l.before, true, nil
	case "nextitem":
		v, more, err := l.peek()
		if err == nil && !more {
			return undefinedHint("there is no next item"), true, nil
		}
		return v, true, err
	case "cycle":
		return &callable{name: name, owner: l, bound: true, call: l.cycle}, true, nil
	case "changed":
		return &callable{name: name, owner: l, bound: true, call: l.hasChanged}, true, nil
	}
	return nil, false, nil
}

func (l *loopContext) cycle(_ *env, args arguments) (any, error) {
	if len(args.pos) == 0 {
		return nil, fail(kindType, "no items for cycling given")
	}
	return args.pos[l.index0%int64(len(args.pos))], nil
}

func (l *loopContext) hasChanged(_ *env, args arguments) (any, error) {
	if l.asked && equal(l.e, tuple(l.changed), tuple(args.pos)) {
		return false, nil
	}
	l.changed, l.asked = args.pos, true
	return true, nil
}

// call renders a recursive loop over inner items.
func (l *loopContext) call(e *env, args arguments) (any, error) {
	if len(args.pos) != 1 || len(args.names) > 0 {
		return nil, fail(kindType, "loop() takes exactly one argument (%d given)", len(args.pos)+len(args.names))
	}
	if l.stmt == nil || !l.stmt.recursive {
		return nil, fail(kindType, "The loop must have the 'recursive' marker to be called recursively.")
	}
	if e.depth++; e.depth > maxCallDepth {
		e.depth--
		return nil, fail(kindRecursion, "maximum recursion depth exceeded")
	}
	defer func() { e.depth-- }()
	return l.stmt.recurse(e, l.up, args.pos[0], l.depth0+1)
}

func (s *forStmt) exec(e *env, r *record) (control, error) {
	items, err := s.iter.eval(e, r)
	if err != nil {
		return goOn, err
	}
	if !s.recursive {
		return goOn, s.run(e, r, r, items, 0)
	}
	t, err := s.recurse(e, r, items, 0)
	if err != nil {
		return goOn, err
	}
	return goOn, e.write(t)
}

// recurse renders one level of a recursive loop in a record of its own.
func (s *forStmt) recurse(e *env, up *record, items any, depth int64) (string, error) {
	return e.capture(func() error { return s.run(e, newRecord(s.slots, up), up, items, depth) })
}

// run loops over items; r is the record of the body, outer the one around the loop.
func (s *forStmt) run(e *env, r, outer *record, items any, depth int64) error {
	next, err := iterate(items)
	if err != nil {
		return e.fault(s.pos, err)
	}
	src := items
	if s.test != nil {
		next = s.filtered(e, outer, next)
		src = nil
	}
	var l *loopContext
	if s.extended {
		l = &loopContext{e: e, src: src, next: next, index0: -1, known: -1, depth0: depth, stmt: s, up: outer}
		if src == nil {
			l.src = &iterator{kind: "generator"}
		}
		next = l.take
	}
	empty := true
	for {
		v, ok, err := next()
		if err != nil {
			return e.fault(s.pos, err)
		}
		if !ok {
			break
		}
		if err := e.burn(1); err != nil {
			return e.fault(s.pos, err)
		}
		if err := s.target.assign(e, r, v); err != nil {
			return e.fault(s.pos, err)
		}
		if l != nil {
			r.set(s.loopRef, l)
		}
		e.enter(r, s.enter)
		from := len(e.out)
		c, err := execAll(e, r, s.body)
		if err != nil {
			return err
		}
		if e.trace != nil && e.buffers == 0 {
			e.trace.wrote(v, from, len(e.out))
		}
		// A turn that ends with break or continue does not count for the else
		// branch: Jinja notes a turn at the end of its body.
		empty = empty && c != goOn
		if c == breakLoop {
			break
		}
	}
	return s.otherwise(e, r, empty)
}

// otherwise runs the else branch of a loop that never came through its body.
func (s *forStmt) otherwise(e *env, r *record, empty bool) error {
	if !empty || s.orElse == nil {
		return nil
	}
	e.enter(r, s.enterElse)
	_, err := execAll(e, r, s.orElse)
	return err
}

// filtered keeps the items for which the loop's test holds.
func (s *forStmt) filtered(e *env, outer *record, next func() (any, bool, error)) func() (any, bool, error) {
	r := newRecord(s.testSlots, outer)
	e.enter(r, s.enterTest)
	return func() (any, bool, error) {
		for {
			v, ok, err := next()
			if err != nil || !ok {
				return nil, false, err
			}
			if err := e.burn(1); err != nil {
				return nil, false, err
			}
			if err := s.testTarget.assign(e, r, v); err != nil {
				return nil, false, err
			}
			keep, err := s.test.eval(e, r)
			if err != nil {
				return nil, false, err
			}
			if truth(keep) {
				return v, true, nil
			}
		}
	}
}
