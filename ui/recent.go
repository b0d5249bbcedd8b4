package ui

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
)

// recent is what was opened lately, newest first. It lives in a small file
// beside the runs; losing it loses nothing else.
type recent struct {
	Data    []string `json:"data"`
	Models  []string `json:"models"`
	Recipes []string `json:"recipes"`
	read    bool     // before, writing would lose what earlier sessions have opened
}

// recentKept is how many names of each kind are kept.
const recentKept = 8

// recentFile is where they are kept, "" for nowhere: a workbench without a log
// leaves no traces.
func (o Options) recentFile() string {
	if o.LogFile == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(o.RunsRoot), "recent.json")
}

// recentReadMsg is what was opened in earlier sessions.
type recentReadMsg struct{ r recent }

func (m recentReadMsg) apply(a *app) tea.Cmd {
	a.recent.read = true
	// What was opened in this session meanwhile is newer.
	meanwhile := len(a.recent.Data)+len(a.recent.Models)+len(a.recent.Recipes) > 0
	for _, kind := range []struct{ now, before *[]string }{{&a.recent.Data, &m.r.Data}, {&a.recent.Models, &m.r.Models}, {&a.recent.Recipes, &m.r.Recipes}} {
		for i := len(*kind.now) - 1; i >= 0; i-- {
			push(kind.before, (*kind.now)[i])
		}
		*kind.now = *kind.before
	}
	if meanwhile {
		return a.writeRecent()
	}
	return nil
}

// readRecent reads what was opened in earlier sessions.
func (a *app) readRecent() tea.Cmd {
	path := a.opt.recentFile()
	if path == "" {
		return nil
	}
	return func() tea.Msg {
		var m recentReadMsg
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &m.r)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return recentReadMsg{} // a file that cannot be read is written anew
		}
		return m
	}
}

// push puts a name first in a list that keeps each name once.
func push(list *[]string, name string) {
	if name == "" {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(*list), func(s string) bool { return s == name })
	*list = append([]string{name}, rest...)
	*list = (*list)[:min(len(*list), recentKept)]
}

// remember notes what is open now.
func (a *app) remember() tea.Cmd {
	if a.opt.Data != "" || a.recipe.r == nil || a.recipe.r.DatasetMixture == nil { // a mixture has no name to open it by
		push(&a.recent.Data, a.data.dataSpec())
	}
	push(&a.recent.Models, a.data.modelSpec())
	push(&a.recent.Recipes, a.recipe.path)
	return a.writeRecent()
}

// writeRecent keeps the lists for the next session.
func (a *app) writeRecent() tea.Cmd {
	path := a.opt.recentFile()
	if path == "" || !a.recent.read {
		return nil
	}
	data, err := json.MarshalIndent(a.recent, "", " ")
	return func() tea.Msg {
		if err == nil {
			// A list that cannot be written is only not there the next time.
			_ = os.MkdirAll(filepath.Dir(path), 0o755)
			_ = run.WriteFileAtomic(path, data, false)
		}
		return nil
	}
}

// recentPicks are the lines of a picker for what was opened lately, without
// those that it has anyway.
func (a *app) recentPicks(names []string, has []pick, open func(a *app, name string) tea.Cmd) []pick {
	var out []pick
	for _, name := range names {
		if slices.ContainsFunc(has, func(p pick) bool { return p.text == name }) {
			continue
		}
		out = append(out, pick{text: name, note: a.t("recent"), do: func(a *app) tea.Cmd { return open(a, name) }})
	}
	return append(out, has...)
}
