package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/findings"
	"sftui/setup"
	"sftui/ui"
)

// workbench opens the terminal workbench: `sftui`, or `sftui open` with what
// to open.
func workbench(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"data", "model", "recipe", "run", "lang"}, options: true}.parse(args)
	if err == nil {
		err = a.take()
	}
	if err != nil {
		return fail(s, "open", err)
	}
	o := ui.Options{
		Data: a.values["data"], Model: a.values["model"], Recipe: a.values["recipe"], Run: a.values["run"], Edits: a.overrides,
		Lang: cmp.Or(a.values["lang"], languageOf(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))),
	}
	o.Plain = len(args) > 0
	if !setup.IsTerminal(os.Stdin) || !setup.IsTerminal(os.Stdout) {
		fmt.Fprintln(s.err, "sftui: the workbench needs a terminal; `sftui help` lists the commands that do not.")
		return exitFailure
	}
	if err := openWorkbench(ctx, &o); err != nil {
		fmt.Fprintf(s.err, "sftui: %v\n", err)
		return exitFailure
	}
	return exitDone
}

// openWorkbench fills in where things live and runs the workbench.
func openWorkbench(ctx context.Context, o *ui.Options) error {
	root, err := run.DefaultRoot()
	if err != nil {
		return err
	}
	cache, err := setup.CacheDir()
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the sftui program: %w", err)
	}
	o.RunsRoot = root
	o.CacheDir = filepath.Join(cache, "data")
	o.LogFile = filepath.Join(cache, "workbench.log")
	o.Device = fmt.Sprintf("%d cores", runtime.NumCPU())
	o.DataOptions = engine.DataOptions
	o.OpenEvaluation = engine.OpenEvaluation
	o.ResolveModel = func(ctx context.Context, name, revision string, report func(string)) (string, error) {
		return setup.ResolveModel(ctx, name, revision, func(p setup.Progress) { report(progressLine(p)) })
	}
	o.Notes = findings.Notes
	o.Check = workbenchCheck(o.CacheDir, func(ctx context.Context, name, revision string) (string, error) {
		return setup.ResolveModel(ctx, name, revision, nil)
	})
	o.Forecast = workbenchForecast(exe)
	o.Drifts = workbenchDrifts
	o.Chat = func(ctx context.Context, args []string) *exec.Cmd {
		return exec.CommandContext(ctx, exe, append([]string{"chat"}, args...)...)
	}
	o.Doctor = func(ctx context.Context, args []string) *exec.Cmd {
		return exec.CommandContext(ctx, exe, append([]string{"doctor"}, args...)...)
	}
	o.StartRun = func(dir string, args []string) (<-chan error, error) {
		p, err := engine.Spawn(exe, dir, args)
		if err != nil {
			return nil, err
		}
		exited := make(chan error, 1)
		go func() {
			// Waiting also keeps the ended process from staying a zombie, which
			// would look alive.
			_, err := p.Wait()
			exited <- err
		}()
		return exited, nil
	}
	return ui.Run(ctx, *o)
}

// languageOf picks Chinese when the first locale that is set says so.
func languageOf(locales ...string) string {
	for _, l := range locales {
		if l != "" {
			if strings.HasPrefix(l, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// progressLine is a step of set-up as one line.
func progressLine(p setup.Progress) string {
	switch {
	case p.Note != "":
		return p.Step + ": " + p.Note
	case p.Total > 0:
		return fmt.Sprintf("%s: %d%% of %s", p.Step, 100*min(p.Done, p.Total)/p.Total, setup.Bytes(p.Total))
	}
	return p.Step
}
