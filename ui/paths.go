package ui

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A folder may lie on a network that does not answer, and a call into it then
// never returns. Nothing that a key does waits for one: it is asked in a
// command, which gives up after diskPatience and says so.
const diskPatience = 2 * time.Second

// within does work that may hang and returns its answer, or false when there
// is none in time; the work is then left to itself, and rest gives its answer if
// it ever comes.
func within[T any](ctx context.Context, patience time.Duration, work func() T) (answer T, ok bool, rest <-chan T) {
	done := make(chan T, 1)
	go func() { done <- work() }()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case answer = <-done:
		return answer, true, nil
	case <-t.C:
	case <-ctx.Done():
	}
	return answer, false, done
}

// pathEntry is a file or folder that what is typed could become.
type pathEntry struct {
	path   string // as it is typed on
	folder bool
	bytes  int64
}

// paths completes what is typed in a picker to files and folders. A folder is
// read in a command, one at a time, and only once at the same time.
type paths struct {
	open    func(a *app, path string) tea.Cmd
	endings []string // of the files that are listed; none lists folders only
	fixed   []pick   // the picker's own
	found   []pathEntry
	asked   map[string]bool // folders that have not answered yet
	slow    map[string]bool // those that have not for a while
	failed  string          // why the last folder cannot be read
}

// askPath opens a picker that lists the folders, and the files with one of the
// endings, that what is typed could become.
func (a *app) askPath(p *picker, open func(a *app, path string) tea.Cmd, endings ...string) tea.Cmd {
	p.paths = &paths{open: open, endings: endings, fixed: p.items, asked: map[string]bool{}, slow: map[string]bool{}}
	a.ask(p)
	return p.complete(a)
}

// typedFolder is the folder that a typed path lies in, and the path as it is
// opened: ~ is the home folder.
func typedFolder(text string) (folder, path string) {
	path = text
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(text, "~/") {
		path = filepath.Join(home, text[2:])
		if strings.HasSuffix(text, "/") {
			path += "/"
		}
	}
	folder, _ = filepath.Split(path)
	if folder == "" {
		folder = "./"
	}
	return folder, path
}

// complete asks for what the typed text could become.
func (p *picker) complete(a *app) tea.Cmd {
	if p.paths == nil {
		return nil
	}
	text := p.in.String()
	folder, path := typedFolder(text)
	p.fill(a)
	if strings.ContainsAny(path, "*?[") || p.paths.asked[folder] { // a folder's answer asks again
		return nil
	}
	p.paths.asked[folder], p.paths.failed = true, ""
	ctx, read, endings, patience := a.ctx, a.readFolder, p.paths.endings, a.patience
	return func() tea.Msg {
		m := pathsMsg{p: p, text: text, folder: folder}
		var rest <-chan listing
		var ok bool
		if m.listing, ok, rest = within(ctx, patience, func() listing { return listPaths(read, path, endings) }); !ok {
			m.late = rest
		}
		return m
	}
}

// pathsMsg is what a folder holds of what was typed.
type pathsMsg struct {
	p            *picker
	text, folder string
	listing
	late <-chan listing // it has not answered in time; its answer comes here
}

// listing is the answer of a folder.
type listing struct {
	entries []pathEntry
	err     error
}

func (m pathsMsg) apply(a *app) tea.Cmd {
	p := m.p
	if m.late != nil {
		p.paths.slow[m.folder] = true
		return stillListing(a.ctx, m)
	}
	delete(p.paths.asked, m.folder)
	delete(p.paths.slow, m.folder)
	now := p.in.String()
	if folder, _ := typedFolder(now); folder != m.folder {
		return nil // another folder has been asked since
	}
	p.paths.found, p.paths.failed = m.entries, ""
	if m.err != nil && !os.IsNotExist(m.err) {
		p.paths.failed = m.err.Error()
	}
	p.fill(a)
	if now != m.text {
		return p.complete(a)
	}
	return nil
}

// stillListing waits for a folder that is late.
func stillListing(ctx context.Context, m pathsMsg) tea.Cmd {
	return func() tea.Msg {
		select {
		case <-ctx.Done():
			return nil
		case m.listing = <-m.late:
		}
		m.late = nil
		return m
	}
}

// fill puts what has been found, and still begins like what is typed, behind
// the picker's own items.
func (p *picker) fill(a *app) {
	_, path := typedFolder(p.in.String())
	p.items = slices.Clone(p.paths.fixed)
	for _, e := range p.paths.found {
		if !strings.HasPrefix(strings.TrimPrefix(e.path, "./"), strings.TrimPrefix(path, "./")) {
			continue
		}
		note := size(uint64(e.bytes))
		if e.folder {
			note = a.t("folder")
		}
		p.items = append(p.items, pick{text: e.path, note: note, always: true, do: func(a *app) tea.Cmd { return p.paths.open(a, e.path) }})
	}
	p.filter()
}

// state tells what an empty list is waiting for, "" where it waits for nothing.
func (p *paths) state(a *app, text string) string {
	folder, _ := typedFolder(text)
	switch {
	case p.slow[folder]:
		return "▲ " + a.tf("%s does not answer.", visible(folder))
	case p.asked[folder]:
		return a.tf("reading %s", visible(folder)) + " …"
	case p.failed != "":
		return "✗ " + visible(p.failed)
	}
	return ""
}

// listPaths lists the folders, and the files with one of the endings, whose
// paths begin with what is typed; without endings folders only. A file that is
// typed to its end is listed whatever its ending. Hidden files are listed when
// their dot is typed. It reads the disk.
func listPaths(read func(string) ([]os.DirEntry, error), typed string, endings []string) (l listing) {
	const most = 200
	folder, last := filepath.Split(typed)
	shown := folder
	if folder == "" {
		folder = "./"
	}
	if typed == "" {
		shown = "./"
	}
	all, err := read(folder)
	if err != nil {
		return listing{err: err}
	}
	for _, d := range all {
		name := d.Name()
		if !strings.HasPrefix(name, last) || strings.HasPrefix(name, ".") && !strings.HasPrefix(last, ".") {
			continue
		}
		e := pathEntry{path: shown + name, folder: d.IsDir()}
		listed := slices.Contains(endings, strings.ToLower(filepath.Ext(name))) || name == last
		if d.Type()&os.ModeSymlink == 0 && !e.folder && !listed {
			continue
		}
		if info, err := os.Stat(filepath.Join(folder, name)); err == nil { // a link is what it leads to
			e.folder, e.bytes = info.IsDir(), info.Size()
		}
		if e.folder {
			e.path += "/"
		} else if !listed {
			continue
		}
		if l.entries = append(l.entries, e); len(l.entries) == most {
			break
		}
	}
	return l
}
