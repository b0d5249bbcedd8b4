package ui

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/engine"
	"sftui/recipes"
)

// progressLine carries what a long opening is busy with to the screen.
type progressLine chan string

// say replaces the line that waits; it never blocks.
func (p progressLine) say(line string) {
	select {
	case <-p:
	default:
	}
	select {
	case p <- line:
	default:
	}
}

// openData resolves the model, opens data and tokenizer, and finds the shape.
func (a *app) openData(gen int) tea.Cmd {
	ctx, o := a.ctx, a.opt
	if a.recipe.r == nil {
		return nil
	}
	r := a.recipe.r.Clone()
	spec, model := a.data.dataSpec(), a.data.modelSpec()
	if a.data.evaluation() {
		spec, o = r.EvalDatasetName, o.evaluating(r)
	}
	old, stuck := a.data.set, a.data.stuck
	a.data.set, a.data.stuck = nil, nil // the command closes them, once
	lines := make(progressLine, 1)
	work := func() tea.Msg {
		defer close(lines)
		if old != nil {
			defer old.close()
		}
		if stuck != nil {
			defer stuck.close()
		}
		set, dir, err := openSet(ctx, o, r, spec, model, lines)
		if err != nil && set != nil {
			return dataOpenedMsg{gen: gen, stuck: set, model: dir, err: err}
		}
		return dataOpenedMsg{gen: gen, set: set, model: dir, err: err}
	}
	return tea.Batch(work, listen(gen, lines))
}

// listen shows the lines of a long opening one by one.
func listen(gen int, lines progressLine) tea.Cmd {
	return func() tea.Msg {
		line, ok := <-lines
		if !ok {
			return nil
		}
		time.Sleep(50 * time.Millisecond) // at most twenty a second
		return dataProgressMsg{gen: gen, line: line, next: listen(gen, lines)}
	}
}

// openSet opens everything that the Data page shows. With an error it returns
// a set too when the rows can be read but not prepared as they are: then it
// takes a mapping of columns or a template.
func openSet(ctx context.Context, o Options, r *recipes.Recipe, spec, model string, lines progressLine) (*dataSet, string, error) {
	open := o.OpenData
	if open == nil {
		open = dataset.Open
	}
	if r.DatasetMixture != nil && spec == trainingSpec(r) {
		open = func(ctx context.Context, _ string, o dataset.OpenOptions) (dataset.Source, error) {
			return engine.OpenTraining(ctx, r, o.Progress)
		}
	}
	lines.say("opening " + spec)
	src, err := open(ctx, spec, dataset.OpenOptions{Config: r.DatasetConfig, Split: r.DatasetTrainSplit, Progress: func(done, total int64) {
		if total > 0 {
			lines.say(fmt.Sprintf("reading %s: %s", spec, percent(done, total)))
		}
	}})
	if err != nil {
		return nil, "", err
	}
	if src.Len() == 0 {
		return nil, "", errors.Join(fmt.Errorf("%s has no rows; give a data set with at least one", spec), src.Close())
	}
	dir := model
	if o.ResolveModel != nil {
		lines.say("getting the model " + model)
		if dir, err = o.ResolveModel(ctx, model, r.ModelRevision, lines.say); err != nil {
			return nil, "", errors.Join(err, src.Close())
		}
	}
	lines.say("reading the tokenizer of " + model)
	tok, err := engine.OpenTokenizer(dir, r)
	if err != nil {
		return nil, dir, errors.Join(err, src.Close())
	}
	set, err := prepareSet(o, r, src, tok)
	if err != nil {
		if set = unprepared(o, r, src, tok); set != nil {
			return set, dir, err
		}
		return nil, dir, errors.Join(err, tok.Close(), src.Close())
	}
	return set, dir, nil
}

// unprepared is open data with the recipe's options but no preparer, nil when
// the options themselves are wrong.
func unprepared(o Options, r *recipes.Recipe, src dataset.Source, tok *dataset.Tokenizer) *dataSet {
	options := dataset.DefaultOptions()
	if o.DataOptions != nil {
		var err error
		if options, err = o.DataOptions(r); err != nil {
			return nil
		}
	}
	s := &dataSet{users: &sync.WaitGroup{}, src: src, tok: tok, options: options}
	if first, err := src.At(0); err == nil {
		s.first = rowText(first)
		s.cure = s.remedy(o, r)
	}
	return s
}

// closing closes what was opened for nobody.
func closing(sets ...*dataSet) tea.Cmd {
	return func() tea.Msg {
		for _, s := range sets {
			if s != nil {
				s.close()
			}
		}
		return nil
	}
}

// shapeName is a shape with its rating.
func shapeName(shape dataset.Shape) string {
	if shape.Rating == "" {
		return shape.Name
	}
	// The sign of a rating with care is two cells wide in some terminals and
	// one in others, which would tear the border; our own sign is not.
	return strings.ReplaceAll(shape.Rating, "⚠️", "▲") + " " + shape.Name
}

// prepareSet finds the shape of the rows and makes the preparer for a recipe.
func prepareSet(o Options, r *recipes.Recipe, src dataset.Source, tok *dataset.Tokenizer) (*dataSet, error) {
	options := dataset.DefaultOptions()
	if o.DataOptions != nil {
		var err error
		if options, err = o.DataOptions(r); err != nil {
			return nil, err
		}
	}
	prep, err := dataset.NewPreparer(src, tok, options)
	if err != nil {
		return nil, err
	}
	shape := prep.Shape()
	return &dataSet{users: &sync.WaitGroup{}, src: src, tok: tok, prep: prep, options: options, shape: shapeName(shape), why: shape.Why, rating: shape.RatingWhy, maxLength: options.MaxLength,
		words: map[int]string{}, problems: map[int]string{}, asked: map[int]bool{}, lengths: newLengths(src.Len())}, nil
}

// using marks a command as a user of the open files until it has run.
func (s *dataSet) using(cmd tea.Cmd) tea.Cmd {
	s.users.Add(1)
	return func() tea.Msg {
		defer s.users.Done()
		return cmd()
	}
}

// close releases files and the tokenizer once no command reads them any more.
func (s *dataSet) close() {
	s.users.Wait()
	// Nothing was written, so there is nothing to lose when closing fails.
	_ = s.tok.Close()
	_ = s.src.Close()
}

// prepareAgain makes a preparer for a changed recipe on data that is open.
func (a *app) prepareAgain(gen int, set *dataSet) tea.Cmd {
	o, r := a.opt, a.recipe.r.Clone()
	return set.using(func() tea.Msg {
		m := dataPreparedMsg{gen: gen}
		m.set, m.err = prepareSet(o, r, set.src, set.tok)
		if m.err != nil {
			m.stuck = unprepared(o, r, set.src, set.tok)
		}
		for _, s := range []*dataSet{m.set, m.stuck} {
			if s != nil {
				s.users = set.users
			}
		}
		return m
	})
}

// dataPreparedMsg is the open data under a changed recipe.
type dataPreparedMsg struct {
	gen   int
	set   *dataSet
	stuck *dataSet // instead of set when the rows cannot be prepared any more
	err   error
}

func (m dataPreparedMsg) apply(a *app) tea.Cmd {
	p := a.data
	if m.gen != p.gen {
		return nil
	}
	if m.stuck != nil {
		p.set, p.stuck, p.err = nil, m.stuck, m.err
		p.detail, p.packed, p.flow = nil, nil, nil
		return a.fail(m.err)
	}
	if m.err != nil {
		return a.fail(m.err)
	}
	p.set = m.set
	return tea.Batch(p.refresh(), a.openScan(p.gen, p.set))
}

// lookAt reads and prepares rows that the list shows, on all cores.
func (a *app) lookAt(gen int, set *dataSet, rows []int) tea.Cmd {
	known := make([]bool, len(rows)) // a row of 60,000 tokens is not prepared for its first words alone
	for i, row := range rows {
		_, known[i] = set.lengths.at(row)
	}
	return set.using(func() tea.Msg {
		seen := make([]seenRow, len(rows))
		each(len(rows), func(i int) { seen[i] = set.look(rows[i], known[i]) })
		return rowsSeenMsg{gen: gen, seen: seen}
	})
}

// each runs f for 0 … n-1 on all cores but one, which stays for the screen. A
// panic in f comes up in the caller, where Bubble Tea gives the terminal back.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var panicked any
	next := make(chan int)
	for range min(n, max(1, runtime.NumCPU()-1)) {
		wg.Go(func() {
			for i := range next {
				func() {
					defer func() {
						if v := recover(); v != nil {
							mu.Lock()
							panicked = v
							mu.Unlock()
						}
					}()
					f(i)
				}()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if panicked != nil {
		panic(panicked)
	}
}

// look reads one row and prepares it, unless its length is known.
func (s *dataSet) look(row int, known bool) seenRow {
	out := seenRow{row: row, length: rowLength{full: -1}}
	raw, err := s.src.At(row)
	if err != nil {
		out.problem = s.shortly(row, err.Error())
		return out
	}
	out.words = words(raw)
	if known {
		out.onlyWords = true
		return out
	}
	ex, err := s.prep.Row(row)
	if err != nil {
		out.problem = s.shortly(row, err.Error())
		return out
	}
	out.length = measure(&ex)
	if limit := s.packCut(out.length.full); limit > 0 {
		ex.Labels = ex.Labels[:min(limit, len(ex.Labels))]
		out.length = measure(&ex)
		out.length.kept = limit
	}
	return out
}

// shortly is a problem of a row without the name of its file and line, which
// the list has no room for.
func (s *dataSet) shortly(row int, problem string) string {
	problem = strings.TrimPrefix(problem, s.src.Location(row))
	return visible(strings.TrimLeft(problem, ": "))
}

// packCut is the length to which packing cuts a row of n tokens, 0 when it
// does not: the packer cuts, so that a row prepared alone is still whole.
func (s *dataSet) packCut(n int) int {
	if o := s.options; o.Packing && !keepsLongRows(o) && o.MaxLength > 0 && n > o.MaxLength {
		return o.MaxLength
	}
	return 0
}

// measure reads a prepared row's lengths.
func measure(ex *dataset.Example) rowLength {
	l := rowLength{full: max(ex.FullLength, len(ex.InputIDs)), kept: len(ex.InputIDs), dropped: ex.Dropped != ""}
	if l.dropped {
		return l
	}
	for _, label := range ex.Labels {
		if label != dataset.IgnoreIndex {
			l.trained++
		}
	}
	return l
}

// searchPiece is how long a search looks before it reports.
const searchPiece = 250 * time.Millisecond

// searchRows looks for raw rows that are to be kept, a moment at a time.
func (a *app) searchRows(finding int, set *dataSet, keep func(dataset.Row) bool, from int) tea.Cmd {
	ctx := a.ctx
	return set.using(func() tea.Msg {
		var found []int
		end := time.Now().Add(searchPiece)
		at := from
		for n := set.src.Len(); at < n && time.Now().Before(end) && ctx.Err() == nil; at++ {
			row, err := set.src.At(at)
			if err == nil && keep(row) {
				found = append(found, at)
			}
		}
		m := rowsFoundMsg{finding: finding, found: found, scanned: at}
		if at < set.src.Len() && ctx.Err() == nil {
			m.next = func() tea.Cmd { return a.searchRows(finding, set, keep, at) }
		}
		return m
	})
}

// contains reports whether a text occurs somewhere in a value, in any case.
func contains(v any, needle string) bool {
	switch x := v.(type) {
	case string:
		return strings.Contains(strings.ToLower(x), needle)
	case []any:
		for _, e := range x {
			if contains(e, needle) {
				return true
			}
		}
	case dataset.Row:
		for _, k := range x.Keys() {
			e, _ := x.Get(k)
			if contains(e, needle) {
				return true
			}
		}
	case nil:
		return false
	default:
		return strings.Contains(strings.ToLower(fmt.Sprint(x)), needle)
	}
	return false
}
