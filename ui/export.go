package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/report"
)

// exportKind is a form in which runs are taken away.
type exportKind int

const (
	exportHTML exportKind = iota
	exportTensorBoard
	exportCSV
)

// export asks where to write the chosen run, and those that are laid over it.
func (p *runsPage) export(kind exportKind) tea.Cmd {
	s, ok := p.chosen()
	if !ok {
		return nil
	}
	dirs := p.shown()
	name := s.Name
	if len(dirs) > 1 {
		name = "runs"
	}
	a := p.a
	title, path := a.t("Write the report (HTML) to which file?"), name+".html"
	switch kind {
	case exportTensorBoard:
		title, path = a.t("Write TensorBoard event files to which folder?"), name+"-tensorboard"
	case exportCSV:
		title, path = a.t("Write the steps as CSV to which file?"), name+".csv"
	}
	return func() tea.Msg {
		if wd, err := os.Getwd(); err == nil {
			path = filepath.Join(wd, path)
		}
		return exportAskMsg{kind: kind, dirs: dirs, title: title, path: path}
	}
}

// exportAskMsg asks where runs are written to.
type exportAskMsg struct {
	kind        exportKind
	dirs        []string
	title, path string
}

func (m exportAskMsg) apply(a *app) tea.Cmd {
	a.ask(&picker{title: m.title, in: *newField(m.path), freeHint: a.t("enter writes it there."),
		free: func(a *app, path string) tea.Cmd { return a.writeExport(m.kind, m.dirs, path) }})
	return nil
}

// exportedMsg tells where runs were written.
type exportedMsg struct {
	path string
	err  error
}

func (m exportedMsg) apply(a *app) tea.Cmd {
	if m.err != nil {
		return a.fail(m.err)
	}
	return a.say(inkGood, a.tf("written to %s", m.path))
}

// writeExport writes runs in one of the forms.
func (a *app) writeExport(kind exportKind, dirs []string, path string) tea.Cmd {
	now := a.now()
	return func() tea.Msg { return exportedMsg{path, writeRuns(kind, dirs, path, now)} }
}

// writeRuns opens runs by their folders and writes them to a file, or to a
// folder for TensorBoard.
func writeRuns(kind exportKind, dirs []string, path string, now time.Time) error {
	runs := make([]*report.Run, len(dirs))
	for i, dir := range dirs {
		var err error
		if runs[i], err = report.Open(dir); err != nil {
			return err
		}
	}
	switch kind {
	case exportTensorBoard:
		_, err := report.WriteTensorBoard(path, runs)
		return err
	case exportCSV:
		return writeWhole(path, func(w io.Writer) error { return report.WriteCSV(w, runs) })
	}
	return writeWhole(path, func(w io.Writer) error { return report.WriteHTML(w, runs, now) })
}

// writeWhole writes beside the final name and renames, so that a file that was
// there before is not lost to a failure.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".unfinished-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Unwrap(err))
	}
	if err = errors.Join(write(f), f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
