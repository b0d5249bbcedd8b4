package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/findings"
	"sftui/recipes"
	"sftui/ui"
)

// The workbench asks its own program for what needs much memory or a device:
// a crash or a leak there cannot reach the screen, and the memory is given back.

// childJSON runs sftui with a recipe and reads the JSON that it prints. Exit
// statuses up to worst are answers; above it the last line of the error stream
// is the error.
func childJSON(ctx context.Context, exe string, recipe []byte, worst int, out any, args ...string) error {
	dir, err := os.MkdirTemp("", "sftui-")
	if err != nil {
		return fmt.Errorf("make room for the recipe: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	path := filepath.Join(dir, "recipe.yaml")
	if err := os.WriteFile(path, recipe, 0o600); err != nil {
		return fmt.Errorf("hand the recipe over: %w", err)
	}
	args = append([]string{args[0], "--recipe", path, "--json"}, args[1:]...)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() <= worst && stdout.Len() > 0 {
		err = nil
	}
	if err != nil {
		return errors.New(lastSaid(stderr.String(), args[0], err))
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		return fmt.Errorf("sftui %s: its answer is not JSON: %w", args[0], err)
	}
	return nil
}

// lastSaid is the last line of a command's error stream without its own name.
func lastSaid(stderr, command string, err error) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	said := strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "sftui "+command+": ")
	if said == "" {
		return fmt.Sprintf("sftui %s: %v", command, err)
	}
	return said
}

// workbenchForecast runs `sftui forecast`.
func workbenchForecast(exe string) func(context.Context, []byte, map[string]string) (*ui.Forecast, error) {
	return func(ctx context.Context, recipe []byte, changes map[string]string) (*ui.Forecast, error) {
		args := []string{"forecast"}
		for key, value := range changes {
			args = append(args, key+"="+value)
		}
		var f engine.Forecast
		if err := childJSON(ctx, exe, recipe, exitWarning, &f, args...); err != nil {
			return nil, err
		}
		out := &ui.Forecast{Total: uint64(max(f.TotalBytes, 0)), Limit: uint64(max(f.LimitBytes, 0)), Steps: f.Steps, Rows: f.Worst.Rows, Shape: f.Worst.Shape}
		for _, m := range f.Memory {
			out.Parts = append(out.Parts, ui.ForecastPart{Name: m.Name, Bytes: uint64(max(m.Bytes, 0))})
		}
		out.Remedies = map[recipes.Language][]string{}
		for _, r := range f.Remedies {
			out.Remedies[recipes.English] = append(out.Remedies[recipes.English], settings(r.Set)+": "+r.Effect)
			out.Remedies[recipes.Chinese] = append(out.Remedies[recipes.Chinese], settings(r.Set)+"："+r.Chinese)
		}
		out.Findings = map[recipes.Language][]ui.Finding{}
		for _, lang := range []recipes.Language{recipes.English, recipes.Chinese} {
			out.Findings[lang] = shown(findings.FromForecast(&f, lang))
		}
		return out, nil
	}
}

// workbenchDrifts are the reasons for which a run cannot be resumed with its own recipe.
func workbenchDrifts(ctx context.Context, dir string, lang recipes.Language) ([]ui.Finding, error) {
	r, err := recipes.Load(filepath.Join(dir, run.RecipeFile))
	if err != nil {
		return nil, err
	}
	list, err := engine.Drifts(ctx, r, host(io.Discard), dir)
	return shown(findings.FromDrifts(list, lang)), err
}

// shown are findings as the workbench shows them; only rows of the training
// data can be jumped to.
func shown(list []findings.Finding) []ui.Finding {
	out := make([]ui.Finding, len(list))
	for i, f := range list {
		out[i] = ui.Finding{ID: f.ID, Severity: f.Severity, Rows: f.Rows, Count: f.Count, Message: f.Message, FixKey: f.Fix.Key, FixValue: f.Fix.Value, FixText: f.Advice}
		if f.OfEval {
			out[i].Rows = nil
		}
	}
	return out
}
