package jinja

// macro is a macro at render time: its definition and where it was defined.
type macro struct {
	def *macroDef
	up  *record
}

func (s *macroStmt) exec(e *env, r *record) (control, error) {
	m := &macro{def: s.def, up: r}
	r.set(s.ref, m)
	if s.export {
		e.exports.Set(s.def.name, m)
	}
	return goOn, nil
}

func (s *callStmt) exec(e *env, r *record) (control, error) {
	v, err := s.call.call(e, r, &macro{def: s.def, up: r})
	if err != nil {
		return goOn, err
	}
	return goOn, e.print(s.pos, v)
}

// exec renders the body as a macro of its own and notes where its text lies.
// The start is what the root has written: inside a macro or set block that is
// not where the text ends up, and transformers has it so.
func (s *generationStmt) exec(e *env, r *record) (control, error) {
	m := macro{def: s.def, up: r}
	t, err := m.run(e, nil)
	if err != nil {
		return goOn, e.fault(s.pos, err)
	}
	start := e.rootRunes()
	e.spans = append(e.spans, [2]int{start, start + runeCount(t)})
	return goOn, e.write(t)
}

// call binds the arguments as Jinja's macros do and renders the body.
func (m *macro) call(e *env, args arguments) (any, error) {
	d := m.def
	vals := make([]any, len(d.params))
	foundCaller := false
	n := copy(vals, args.pos)
	if n < len(d.params) {
		for i := n; i < len(d.params); i++ {
			vals[i] = missing
			if v, ok := args.take(d.params[i]); ok {
				vals[i] = v
			}
			if d.params[i] == "caller" {
				foundCaller = true
			}
		}
	} else {
		foundCaller = d.explicitCaller
	}
	var extra [3]any
	if d.caller && !foundCaller {
		v, ok := args.take("caller")
		if !ok || v == nil {
			v = &undefined{hint: "No caller defined", name: "caller"}
		}
		extra[0] = v
	}
	if err := m.extraArguments(args, &extra); err != nil {
		return nil, err
	}
	return m.run(e, func(r *record) {
		for i, x := range d.refs {
			r.set(x, vals[i])
		}
		if d.caller && !d.explicitCaller {
			r.set(d.callerRef, extra[0])
		}
		if d.kwargs {
			r.set(d.kwargsRef, extra[1])
		}
		if d.varargs {
			r.set(d.vaRef, extra[2])
		}
	})
}

// extraArguments puts what no parameter took into kwargs and varargs, or refuses it.
func (m *macro) extraArguments(args arguments, extra *[3]any) error {
	d := m.def
	name := "None"
	if d.named {
		name = repr(d.name)
	}
	switch {
	case d.kwargs:
		kw := NewDict(len(args.names))
		for i, n := range args.names {
			kw.Set(n, args.vals[i])
		}
		extra[1] = kw
	case len(args.names) > 0:
		if indexOf(args.names, "caller") >= 0 {
			return fail(kindType, "macro %s was invoked with two values for the special caller argument. This is most likely a bug.", name)
		}
		return fail(kindType, "macro %s takes no keyword argument %s", name, repr(args.names[0]))
	}
	if d.varargs {
		rest := tuple{}
		if len(args.pos) > len(d.params) {
			rest = append(rest, args.pos[len(d.params):]...)
		}
		extra[2] = rest
	} else if len(args.pos) > len(d.params) {
		return fail(kindType, "macro %s takes not more than %d argument(s)", name, len(d.params))
	}
	return nil
}

// run renders the body in a new record that bind fills.
func (m *macro) run(e *env, bind func(*record)) (string, error) {
	d := m.def
	if e.depth++; e.depth > maxCallDepth {
		e.depth--
		return "", fail(kindRecursion, "maximum recursion depth exceeded")
	}
	defer func() { e.depth-- }()
	if err := e.burn(1 + d.slots); err != nil {
		return "", err
	}
	r := newRecord(d.slots, m.up)
	if bind != nil {
		bind(r)
	}
	return e.capture(func() error {
		e.enter(r, d.enter)
		first := len(d.params) - len(d.defaults)
		for i, x := range d.refs {
			if r.get(x) != missing {
				continue
			}
			if i < first {
				r.set(x, &undefined{hint: sprintf("parameter %s was not provided", repr(d.params[i])), name: d.params[i]})
				continue
			}
			v, err := d.defaults[i-first].eval(e, r)
			if err != nil {
				return err
			}
			r.set(x, v)
		}
		_, err := execAll(e, r, d.body)
		return err
	})
}
