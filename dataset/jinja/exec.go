package jinja

import "fmt"

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// execAll runs statements until one leaves the loop.
func execAll(e *env, r *record, body []stmt) (control, error) {
	for _, st := range body {
		if c, err := st.exec(e, r); err != nil || c != goOn {
			return c, err
		}
	}
	return goOn, nil
}

func (s *dataStmt) exec(e *env, _ *record) (control, error) { return goOn, e.write(s.text) }

func (s *outputStmt) exec(e *env, r *record) (control, error) {
	if err := e.burn(1); err != nil {
		return goOn, e.fault(s.pos, err)
	}
	v, err := s.value.eval(e, r)
	if err != nil {
		return goOn, e.fault(s.pos, err)
	}
	t, ok := v.(string)
	if !ok {
		if t, err = e.str(v); err != nil {
			return goOn, e.fault(s.pos, err)
		}
	}
	if err := e.write(t); err != nil {
		return goOn, e.fault(s.pos, err)
	}
	return goOn, nil
}

func (s *ifStmt) exec(e *env, r *record) (control, error) {
	for i, test := range s.tests {
		v, err := test.eval(e, r)
		if err != nil {
			return goOn, err
		}
		if truth(v) {
			return execAll(e, r, s.bodies[i])
		}
	}
	return execAll(e, r, s.orElse)
}

func (s *setStmt) exec(e *env, r *record) (control, error) {
	for i := range s.checks {
		if _, ok := r.get(s.checks[i].ref).(*namespace); !ok {
			return goOn, e.fault(s.pos, fail(kindRuntime, "cannot assign attribute on non-namespace object"))
		}
	}
	v, err := s.value.eval(e, r)
	if err != nil {
		return goOn, e.fault(s.pos, err)
	}
	if err := s.target.assign(e, r, v); err != nil {
		return goOn, e.fault(s.pos, err)
	}
	e.export(r, s.target, s.export)
	return goOn, nil
}

// export shows top-level assignments to blocks.
func (e *env) export(r *record, t target, names []string) {
	if len(names) == 0 {
		return
	}
	switch t := t.(type) {
	case *nameTarget:
		e.exports.Set(t.name, r.get(t.ref))
	case *tupleTarget:
		for _, item := range t.items {
			e.export(r, item, names)
		}
	}
}

func (t *nameTarget) assign(_ *env, r *record, v any) error {
	r.set(t.ref, v)
	return nil
}

func (t *attrTarget) assign(_ *env, r *record, v any) error {
	ns, ok := r.get(t.ref).(*namespace)
	if !ok {
		return fail(kindRuntime, "cannot assign attribute on non-namespace object")
	}
	if err := namespaceName(t.attr); err != nil {
		return err
	}
	ns.attrs.Set(t.attr, v)
	return nil
}

func (t *tupleTarget) assign(e *env, r *record, v any) error {
	var items []any
	switch v := v.(type) {
	case []any:
		items = v
	case tuple:
		items = v
	default:
		if _, err := iterate(v); err != nil {
			if u, ok := v.(*undefined); ok {
				return u.err()
			}
			return fail(kindType, "cannot unpack non-iterable %s object", typeName(v))
		}
		var err error
		if items, err = listOf(e, v); err != nil {
			return err
		}
	}
	if len(items) < len(t.items) {
		return fail(kindValue, "not enough values to unpack (expected %d, got %d)", len(t.items), len(items))
	}
	if len(items) > len(t.items) {
		return fail(kindValue, "too many values to unpack (expected %d)", len(t.items))
	}
	for i, item := range t.items {
		if err := item.assign(e, r, items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *setBlockStmt) exec(e *env, r *record) (control, error) {
	e.enter(r, s.enter)
	block, err := e.capture(func() error {
		_, err := execAll(e, r, s.body)
		return err
	})
	if err != nil {
		return goOn, err
	}
	var v any = block
	if s.filter != nil {
		if v, err = s.filter.applyChain(e, r, block); err != nil {
			return goOn, err
		}
	}
	if err := s.target.assign(e, r, v); err != nil {
		return goOn, e.fault(s.pos, err)
	}
	e.export(r, s.target, s.export)
	return goOn, nil
}

func (s *filterStmt) exec(e *env, r *record) (control, error) {
	e.enter(r, s.enter)
	block, err := e.capture(func() error {
		_, err := execAll(e, r, s.body)
		return err
	})
	if err != nil {
		return goOn, err
	}
	v, err := s.filter.applyChain(e, r, block)
	if err != nil {
		return goOn, err
	}
	return goOn, e.print(s.pos, v)
}

// print writes a value as text.
func (e *env) print(pos int, v any) error {
	t, err := e.str(v)
	if err == nil {
		err = e.write(t)
	}
	if err != nil {
		return e.fault(pos, err)
	}
	return nil
}

func (s *withStmt) exec(e *env, r *record) (control, error) {
	vals, err := evalAll(e, r, s.values)
	if err != nil {
		return goOn, e.fault(s.pos, err)
	}
	e.enter(r, s.enter)
	for i, t := range s.targets {
		if err := t.assign(e, r, vals[i]); err != nil {
			return goOn, e.fault(s.pos, err)
		}
	}
	return execAll(e, r, s.body)
}

func (s *scopeStmt) exec(e *env, r *record) (control, error) {
	e.enter(r, s.enter)
	v, err := s.option.eval(e, r)
	if err != nil {
		return goOn, err
	}
	if truth(v) {
		return goOn, e.fault(s.pos, fail(kindRuntime, "autoescape is not supported: a chat template renders plain text"))
	}
	return execAll(e, r, s.body)
}

func (s *blockStmt) exec(e *env, _ *record) (control, error) {
	if s.required {
		return goOn, e.fault(s.pos, fail(kindRuntime, "Required block %s not found", repr(s.name)))
	}
	in := newRecord(s.slots, nil)
	e.enter(in, s.enter)
	return execAll(e, in, s.body)
}

func (s *controlStmt) exec(*env, *record) (control, error) { return s.signal, nil }

func (s *failStmt) exec(e *env, _ *record) (control, error) {
	return goOn, e.fault(s.pos, fail(s.kind, "no loader for this environment specified: a chat template cannot use {%% %s %%}", s.tag))
}
