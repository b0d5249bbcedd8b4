package dataset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// splitPart is a split, or some of its rows, as HF datasets writes it: train,
// train[:1000], train[10%:20%], train[-100:].
type splitPart struct {
	name     string
	from, to string // as written, "" where left out
	percent  bool
}

var splitSlice = regexp.MustCompile(`^(\w+(?:\.\w+)*)(?:\[(-?[\d_]+%?)?:(-?[\d_]+%?)?\](?:\(closest\))?)?$`)

// parseSplit reads splits joined by +. plain says that the text is the name of
// one split and nothing else.
func parseSplit(text string) (parts []splitPart, plain bool, err error) {
	if !strings.ContainsAny(text, "[+(") {
		return nil, true, nil
	}
	for piece := range strings.SplitSeq(text, "+") {
		m := splitSlice.FindStringSubmatch(strings.TrimSpace(piece))
		if m == nil {
			return nil, false, fmt.Errorf("the split %q cannot be read; write a name, or rows of it as in train[:1000], train[10%%:90%%] or train[:50%%]+test", text)
		}
		part := splitPart{name: m[1], from: m[2], to: m[3], percent: strings.HasSuffix(m[2], "%") || strings.HasSuffix(m[3], "%")}
		for _, bound := range []string{part.from, part.to} {
			if part.percent && bound != "" && !strings.HasSuffix(bound, "%") {
				return nil, false, fmt.Errorf("the split %q mixes rows and per cent; write both bounds in one of them", text)
			}
		}
		parts = append(parts, part)
	}
	return parts, false, nil
}

// bounds are the first row of n and the one behind the last. Shares are rounded
// as datasets rounds them, halves to the even number.
func (p splitPart) bounds(n int) (from, to int, err error) {
	read := func(text string, missing int) (int, error) {
		if text == "" {
			return missing, nil
		}
		v, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(text, "%"), "_", ""))
		if err != nil {
			return 0, fmt.Errorf("the split %s has the bound %q, which is no number of rows", p.name, text)
		}
		if p.percent {
			if v < -100 || v > 100 {
				return 0, fmt.Errorf("the split %s has the bound %q; per cent go from -100 to 100", p.name, text)
			}
			v = int(math.RoundToEven(float64(v) * float64(n) / 100))
		}
		if v < 0 {
			v = max(n+v, 0)
		}
		return min(v, n), nil
	}
	if from, err = read(p.from, 0); err != nil {
		return 0, 0, err
	}
	if to, err = read(p.to, n); err != nil {
		return 0, 0, err
	}
	return from, max(from, to), nil
}

// openSplits opens the parts of a split that is more than a name.
func openSplits(ctx context.Context, spec string, parts []splitPart, o OpenOptions) (Source, error) {
	var sources []Source
	fail := func(err error) (Source, error) {
		for _, s := range sources {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	rows := 0
	for _, part := range parts {
		one := o
		one.Split = part.name
		src, err := Open(ctx, spec, one)
		if err != nil {
			return fail(err)
		}
		sources = append(sources, src)
		if part.from == "" && part.to == "" {
			rows += src.Len()
			continue
		}
		from, to, err := part.bounds(src.Len())
		if err != nil {
			return fail(err)
		}
		picked := make([]int, to-from)
		for i := range picked {
			picked[i] = from + i
		}
		sources[len(sources)-1] = Select(src, picked)
		rows += len(picked)
	}
	if rows == 0 {
		return fail(fmt.Errorf("%s has no rows in the split %q; choose other bounds", spec, o.Split))
	}
	if len(sources) == 1 {
		return sources[0], nil
	}
	return Concatenate(sources[0].Name(), sources...), nil
}
