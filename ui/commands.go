package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
	"sftui/ui/chart"
)

// Commands are the only code of the workbench that waits: for a disk, a
// process, a socket or a tokenizer. Each returns one message.

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// loadRecipe reads a recipe file or an embedded recipe, with the texts that
// explain its options.
func (a *app) loadRecipe(name string) tea.Cmd {
	a.recipe.gen++
	gen, o := a.recipe.gen, a.opt
	return func() tea.Msg {
		r, path, title, source, err := readRecipe(name)
		if err == nil {
			err = r.Override(o.Edits)
		}
		if err == nil && o.Data != "" {
			r.DatasetMixture = nil // which would win over the name
			err = r.Set("dataset_name", o.Data, recipes.Origin{Kind: recipes.OriginCommandLine})
		}
		if err == nil && o.Model != "" {
			err = r.Set("model_name_or_path", o.Model, recipes.Origin{Kind: recipes.OriginCommandLine})
		}
		if err != nil {
			return recipeReadMsg{gen: gen, err: err}
		}
		return recipeReadMsg{gen: gen, r: r, path: path, title: title, source: source, fields: recipes.Fields(), groups: recipes.Groups()}
	}
}

// writeRecipe puts a recipe into a file, keeping the comments and the order of
// the YAML that it came from.
func (a *app) writeRecipe(path string, r *recipes.Recipe, original []byte) tea.Cmd {
	return func() tea.Msg {
		if on, err := os.ReadFile(path); err == nil {
			original = on
		}
		data := r.YAML()
		if len(original) > 0 {
			var err error
			if data, err = r.WriteBack(original); err != nil {
				return recipeWrittenMsg{path, err}
			}
		}
		return recipeWrittenMsg{path, run.WriteFileAtomic(path, data, false)}
	}
}

// listRuns reads the status of all runs.
func (a *app) listRuns(first bool) tea.Cmd {
	a.runs.gen++
	gen, root := a.runs.gen, a.opt.RunsRoot
	return func() tea.Msg {
		all, err := run.List(root)
		return runsListedMsg{gen: gen, all: all, first: first, err: err}
	}
}

// quiet is how long watch stays silent when nothing happens, so that an idle
// screen is not drawn again and again.
const quiet = time.Second

// watch waits for news of a run: new events, gathered for a moment, or a new
// status. One command is under way at a time; its answer asks for the next.
func (a *app) watch(gen int, r *run.Run, from int64, wait time.Duration) tea.Cmd {
	ctx, wake := a.ctx, a.pace.wake
	var seen time.Time
	if t := a.train.on; t != nil {
		seen = t.status.Updated
	}
	return func() tea.Msg {
		silentUntil := time.Now().Add(max(quiet, wait))
		for {
			if !sleepUnless(ctx, wait, wake) {
				return nil
			}
			events, next, err := r.Events(from)
			if _, gone := os.Stat(r.Dir); errors.Is(gone, os.ErrNotExist) {
				return runEventsMsg{gen: gen, gone: true}
			}
			if errors.Is(err, run.ErrRewound) {
				return runEventsMsg{gen: gen, rewound: true}
			}
			status, statusErr := r.Status()
			began := statusErr == nil && !status.Started.IsZero()
			news := len(events) > 0 || err != nil || began && !status.Updated.Equal(seen)
			if news || time.Now().After(silentUntil) {
				if !news && began {
					status = asked(ctx, r, status)
				}
				return runEventsMsg{gen: gen, events: events, next: next, status: status, known: began, log: tail(r.Path(run.LogFile)), err: err}
			}
			wait = max(wait, pollLive)
		}
	}
}

// mute is how long the files of a live run may stay as they are before its
// process is asked: it writes them every few seconds, but not on a full disk.
const mute = 12 * time.Second

// asked is what the process of a mute run says of itself, or the status as it is.
func asked(ctx context.Context, r *run.Run, status run.Status) run.Status {
	if !status.Alive || time.Since(status.Updated) < mute {
		return status
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	reply, err := r.Send(ctx, run.Command{Verb: run.Query})
	if err != nil || reply.Status == nil {
		return status
	}
	reply.Status.Updated = status.Updated // of the file, which is looked at next
	return *reply.Status
}

// sleep waits; it is false when the workbench ends before.
func sleep(ctx context.Context, d time.Duration) bool { return sleepUnless(ctx, d, nil) }

// sleepUnless waits until the time is over or somebody wakes it.
func sleepUnless(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-wake:
	}
	return true
}

// tail is the end of a text file, "" when it cannot be read.
func tail(path string) string {
	const most = 16 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, min(info.Size(), most))
	n, _ := f.ReadAt(buf, max(0, info.Size()-most))
	return strings.ToValidUTF8(string(buf[:n]), "�")
}

// startRun writes the recipe into a run folder, a new one when dir is "", and
// starts the process, with what from names in place of the recipe's model; with
// resume it goes on with a folder that exists.
func (a *app) startRun(dir string, recipe []byte, from beginning, resume bool) tea.Cmd {
	start, root, now := a.opt.StartRun, a.opt.RunsRoot, a.now()
	return func() tea.Msg {
		if start == nil {
			return runStartedMsg{err: errors.New("this program cannot start runs; use `sftui train`")}
		}
		if dir == "" {
			dir = run.NewDir(root, nameOf(recipe), now)
		}
		r, err := run.Create(dir)
		if err != nil {
			return runStartedMsg{err: err}
		}
		args := []string{"train", "--run", r.Dir}
		if resume {
			args = append(args, "--resume")
		} else {
			// The run's own recipe.yaml is the effective recipe, which the engine
			// writes; what the person chose stands beside it.
			recipe, checkpoint, err := from.in(recipe)
			if err != nil {
				return runStartedMsg{err: err}
			}
			path := r.Path(startedWith)
			if err := os.WriteFile(path, recipe, 0o644); err != nil {
				return runStartedMsg{err: fmt.Errorf("write the recipe of the run: %w", err)}
			}
			args = append(args, "--recipe", path)
			if checkpoint != "" {
				args = append(args, "--from", checkpoint)
			}
		}
		exited, err := start(r.Dir, args)
		return runStartedMsg{run: r, exited: exited, err: err}
	}
}

// nameOf is what a run of a recipe is called: its run_name, or its model's own.
func nameOf(recipe []byte) string {
	r, err := recipes.Parse(startedWith, recipe)
	switch {
	case err != nil:
		return "" // the run says what is wrong with it
	case r.RunName != "":
		return r.RunName
	}
	return filepath.Base(dotless(r.ModelNameOrPath))
}

// waitExit waits for the end of a process that the workbench started, to tell
// why it ended when it could not even begin.
func (a *app) waitExit(gen int, r *run.Run, exited <-chan error) tea.Cmd {
	ctx := a.ctx
	if exited == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case <-ctx.Done():
			return nil
		case <-exited:
		}
		if st, err := r.Status(); err == nil && !st.Started.IsZero() {
			return runExitedMsg{gen: gen, known: true}
		}
		return runExitedMsg{gen: gen, said: lastLine(tail(r.Path(run.LogFile)))}
	}
}

// startedWith is the recipe in a run folder as the person had it, beside the
// effective recipe that the engine writes.
const startedWith = "started-with.yaml"

// lastLine is the last line that says something.
func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return "its process ended without a word"
}

// sendCommand asks a run for something.
func (a *app) sendCommand(gen int, r *run.Run, c run.Command, what string) tea.Cmd {
	ctx := a.ctx
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		reply, err := r.Send(ctx, c)
		return replyMsg{gen: gen, what: what, reply: reply, err: err}
	}
}

// check looks for findings over data, template, recipe, model and device.
func (a *app) check(ctx context.Context, gen int, r *recipes.Recipe) tea.Cmd {
	check, lang := a.opt.Check, a.docLanguage()
	return func() tea.Msg {
		found, err := check(ctx, r, lang)
		return findingsMsg{gen: gen, found: found, err: err}
	}
}

// readCurve reads the loss of a run and how its recipe differs from the open one.
func (a *app) readCurve(dir string) tea.Cmd {
	var open *recipes.Recipe
	if a.recipe.r != nil {
		open = a.recipe.r.Clone()
	}
	return func() tea.Msg {
		r := &run.Run{Dir: dir}
		curve := &chart.Series{}
		average := chart.Smoother{Weight: smoothing}
		for from := int64(0); ; {
			events, next, err := r.Events(from)
			if errors.Is(err, run.ErrRewound) {
				from, curve = 0, &chart.Series{}
				continue
			}
			if err != nil {
				return curveReadMsg{dir: dir, err: err}
			}
			for _, e := range events {
				if e.Kind == run.KindStep {
					curve.Append(float64(e.Step), average.Next(float64(e.Loss)))
				}
			}
			if len(events) == 0 {
				break
			}
			from = next
		}
		m := curveReadMsg{dir: dir, curve: curve}
		m.diff = recipeDiffs(r, open)
		return m
	}
}

// recipeDiffs are in what a run's recipe differs from the open one and from
// that of the run it was forked from.
func recipeDiffs(r *run.Run, open *recipes.Recipe) (d runDiff) {
	its, err := recipes.Load(r.Path(run.RecipeFile))
	if err != nil {
		return d // a run copied without its recipe has nothing to compare
	}
	if open != nil {
		d.open = withoutFolder(recipes.Diff(open, its))
	}
	st, err := r.Status()
	if err != nil || st.Parent == "" {
		return d
	}
	if parent, err := recipes.Load(filepath.Join(filepath.Dir(st.Parent), run.RecipeFile)); err == nil {
		d.parent = withoutFolder(recipes.Diff(parent, its))
	}
	return d
}

// readRunRecipe reads the recipe that a run trains with.
func readRunRecipe(r *run.Run) ([]byte, error) { return os.ReadFile(r.Path(run.RecipeFile)) }

// runDeletedMsg tells that a run's folder is gone.
type runDeletedMsg struct {
	dir string
	err error
}

func (m runDeletedMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	delete(a.runs.marked, m.dir)
	return tea.Batch(a.say(inkGood, a.tf("%s deleted", m.dir)), a.listRuns(false))
}

// deleteRun removes a run's folder, which must be one.
func (a *app) deleteRun(dir string) tea.Cmd {
	return func() tea.Msg {
		r, err := run.Open(dir)
		if err == nil {
			var st run.Status
			if st, err = r.Status(); err == nil && st.Alive {
				err = fmt.Errorf("%s is live: stop it before deleting it", r.Name())
			}
		}
		if err == nil {
			err = os.RemoveAll(dir)
		}
		return runDeletedMsg{dir, err}
	}
}
