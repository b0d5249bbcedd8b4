package jinja

func (x *constExpr) eval(*env, *record) (any, error) { return x.value, nil }

func (x *nameExpr) eval(_ *env, r *record) (any, error) {
	v := r.get(x.ref)
	if v == missing {
		return undefinedName(x.name), nil
	}
	return v, nil
}

// evalAll evaluates a list of expressions.
func evalAll(e *env, r *record, xs []expr) ([]any, error) {
	out := make([]any, len(xs))
	for i, x := range xs {
		v, err := x.eval(e, r)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (x *tupleExpr) eval(e *env, r *record) (any, error) {
	items, err := evalAll(e, r, x.items)
	return tuple(items), err
}

func (x *listExpr) eval(e *env, r *record) (any, error) {
	if err := e.burn(1); err != nil {
		return nil, err
	}
	return evalAll(e, r, x.items)
}

func (x *dictExpr) eval(e *env, r *record) (any, error) {
	d := NewDict(len(x.keys))
	for i, kx := range x.keys {
		k, err := kx.eval(e, r)
		if err != nil {
			return nil, err
		}
		v, err := x.vals[i].eval(e, r)
		if err != nil {
			return nil, err
		}
		if err := d.setAny(k, v); err != nil {
			return nil, e.fault(x.pos, err)
		}
	}
	return d, nil
}

func (x *binExpr) eval(e *env, r *record) (any, error) {
	left, err := x.left.eval(e, r)
	if err != nil {
		return nil, err
	}
	right, err := x.right.eval(e, r)
	if err != nil {
		return nil, err
	}
	if x.op == '+' {
		if a, ok := left.(string); ok {
			if b, ok := right.(string); ok {
				if err := e.hold(len(a) + len(b)); err != nil {
					return nil, e.fault(x.pos, err)
				}
				return a + b, nil
			}
		}
	}
	v, err := binary(e, x.op, left, right)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

func (x *andExpr) eval(e *env, r *record) (any, error) {
	v, err := x.left.eval(e, r)
	if err != nil || !truth(v) {
		return v, err
	}
	return x.right.eval(e, r)
}

func (x *orExpr) eval(e *env, r *record) (any, error) {
	v, err := x.left.eval(e, r)
	if err != nil || truth(v) {
		return v, err
	}
	return x.right.eval(e, r)
}

func (x *notExpr) eval(e *env, r *record) (any, error) {
	v, err := x.inner.eval(e, r)
	if err != nil {
		return nil, err
	}
	return !truth(v), nil
}

func (x *unaryExpr) eval(e *env, r *record) (any, error) {
	v, err := x.inner.eval(e, r)
	if err != nil {
		return nil, err
	}
	if v, err = unary(x.op, v); err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

func (x *compareExpr) eval(e *env, r *record) (any, error) {
	left, err := x.first.eval(e, r)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		right, err := x.rest[i].eval(e, r)
		if err != nil {
			return nil, err
		}
		ok, err := compare(e, op, left, right)
		if err != nil {
			return nil, e.fault(x.pos, err)
		}
		if !ok {
			return false, nil
		}
		left = right
	}
	return true, nil
}

func (x *concatExpr) eval(e *env, r *record) (any, error) {
	var buf []byte
	for _, part := range x.parts {
		v, err := part.eval(e, r)
		if err != nil {
			return nil, err
		}
		s, err := e.str(v)
		if err != nil {
			return nil, e.fault(x.pos, err)
		}
		if err := e.hold(len(buf) + len(s)); err != nil {
			return nil, e.fault(x.pos, err)
		}
		buf = append(buf, s...)
	}
	return string(buf), nil
}

func (x *condExpr) eval(e *env, r *record) (any, error) {
	v, err := x.test.eval(e, r)
	if err != nil {
		return nil, err
	}
	if truth(v) {
		return x.then.eval(e, r)
	}
	if x.otherwise != nil {
		return x.otherwise.eval(e, r)
	}
	where := &Error{}
	where.place(e.tpl.name, e.tpl.source, x.pos)
	return undefinedHint(sprintf("the inline if-expression on line %d evaluated to false and no else section was defined.", where.Line)), nil
}

func (x *attrExpr) eval(e *env, r *record) (any, error) {
	obj, err := x.obj.eval(e, r)
	if err != nil {
		return nil, err
	}
	if d, ok := obj.(*Dict); ok && !dictAttribute(x.name) { // the usual case
		if v, ok := d.Get(x.name); ok {
			return v, nil
		}
		return undefinedOf(d, x.name), nil
	}
	v, err := getAttr(e, obj, x.name)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

func (x *itemExpr) eval(e *env, r *record) (any, error) {
	obj, err := x.obj.eval(e, r)
	if err != nil {
		return nil, err
	}
	key, err := x.key.eval(e, r)
	if err != nil {
		return nil, err
	}
	v, err := getItem(e, obj, key)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

func (x *sliceExpr) eval(e *env, r *record) (any, error) {
	obj, err := x.obj.eval(e, r)
	if err != nil {
		return nil, err
	}
	var parts [3]any
	for i, px := range [3]expr{x.start, x.stop, x.step} {
		if px == nil {
			continue
		}
		if parts[i], err = px.eval(e, r); err != nil {
			return nil, err
		}
	}
	v, err := slice(e, obj, parts[0], parts[1], parts[2])
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

// eval evaluates the arguments, * and ** included. fn names the callee in errors.
func (a *argExprs) eval(e *env, r *record) (arguments, error) {
	var out arguments
	var err error
	if len(a.pos) > 0 || a.star != nil {
		if out.pos, err = evalAll(e, r, a.pos); err != nil {
			return out, err
		}
	}
	if len(a.names) > 0 {
		if out.vals, err = evalAll(e, r, a.vals); err != nil {
			return out, err
		}
		out.names = a.names
	}
	if a.star != nil {
		v, err := a.star.eval(e, r)
		if err != nil {
			return out, err
		}
		items, err := listOf(e, v)
		if err != nil {
			return out, err
		}
		out.pos = append(out.pos, items...)
	}
	if a.dict != nil {
		return a.keywords(e, r, out)
	}
	return out, nil
}

// keywords adds what ** holds to the arguments.
func (a *argExprs) keywords(e *env, r *record, out arguments) (arguments, error) {
	v, err := a.dict.eval(e, r)
	if err != nil {
		return out, err
	}
	d, ok := v.(*Dict)
	if !ok {
		return out, fail(kindType, "argument after ** must be a mapping, not %s", typeName(v))
	}
	out.names = append([]string(nil), out.names...)
	for i := range d.keys {
		k, ok := text(d.keyAt(i))
		if !ok {
			return out, fail(kindType, "keywords must be strings")
		}
		if indexOf(out.names, k) >= 0 {
			return out, fail(kindType, "got multiple values for keyword argument '%s'", k)
		}
		out.names = append(out.names, k)
		out.vals = append(out.vals, d.values[i])
	}
	return out, nil
}

func (x *callExpr) eval(e *env, r *record) (any, error) { return x.call(e, r, nil) }

// call evaluates the callee and its arguments and calls it; caller is the body of a call block.
func (x *callExpr) call(e *env, r *record, caller *macro) (any, error) {
	if err := e.burn(1); err != nil {
		return nil, e.fault(x.pos, err)
	}
	fn, err := x.fn.eval(e, r)
	if err != nil {
		return nil, err
	}
	args, err := x.args.eval(e, r)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	if caller != nil {
		args.names = append(append([]string(nil), args.names...), "caller")
		args.vals = append(append([]any(nil), args.vals...), caller)
	}
	v, err := callValue(e, fn, args)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

// callValue calls a value.
func callValue(e *env, fn any, args arguments) (any, error) {
	switch fn := fn.(type) {
	case *callable:
		return fn.call(e, args)
	case *macro:
		return fn.call(e, args)
	case *loopContext:
		return fn.call(e, args)
	case *joiner:
		return fn.call(args)
	case *undefined:
		return nil, fn.err()
	}
	return nil, fail(kindType, "'%s' object is not callable", typeName(fn))
}

func (x *filterExpr) eval(e *env, r *record) (any, error) {
	v, err := x.target.eval(e, r)
	if err != nil {
		return nil, err
	}
	return x.apply(e, r, v)
}

// apply runs the filter on v.
func (x *filterExpr) apply(e *env, r *record, v any) (any, error) {
	if err := e.burn(1); err != nil {
		return nil, e.fault(x.pos, err)
	}
	if x.filter == nil {
		return nil, e.fault(x.pos, fail(kindRuntime, "No filter named %s found.", repr(x.name)))
	}
	args, err := x.args.eval(e, r)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	if v, err = x.filter(e, v, args); err != nil {
		return nil, e.fault(x.pos, err)
	}
	return v, nil
}

// applyChain runs a chain of filters on the text of a block: the innermost filter has no target.
func (x *filterExpr) applyChain(e *env, r *record, block string) (any, error) {
	var v any = block
	if inner, ok := x.target.(*filterExpr); ok && inner != nil {
		var err error
		if v, err = inner.applyChain(e, r, block); err != nil {
			return nil, err
		}
	}
	return x.apply(e, r, v)
}

func (x *testExpr) eval(e *env, r *record) (any, error) {
	v, err := x.target.eval(e, r)
	if err != nil {
		return nil, err
	}
	if x.test == nil {
		return nil, e.fault(x.pos, fail(kindRuntime, "No test named %s found.", repr(x.name)))
	}
	args, err := x.args.eval(e, r)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	ok, err := x.test(e, v, args)
	if err != nil {
		return nil, e.fault(x.pos, err)
	}
	return ok, nil
}
