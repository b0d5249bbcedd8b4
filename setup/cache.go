// Package setup gets the parts of sftui that Go cannot compile in: the tokenizer library, the PJRT plugin that XLA
// runs in, and models. Everything lies in one cache folder, is checked by SHA-256 where it comes from the network,
// appears there complete or not at all, and is got once however many processes ask for it.
//
// The command scripts/setup uses it before a build; the binary uses it at first use.
package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Progress is one report of a step. Total is 0 while it is not known; Done and Total are bytes unless Note says
// something else. A report with Note is an event; one without is only a new position.
type Progress struct {
	Step        string
	Done, Total int64
	Note        string
}

// Reporter receives progress, possibly from several goroutines. nil is allowed.
type Reporter func(Progress)

func (r Reporter) note(step, format string, args ...any) {
	if r != nil {
		r(Progress{Step: step, Note: fmt.Sprintf(format, args...)})
	}
}

func (r Reporter) at(step string, done, total int64) {
	if r != nil {
		r(Progress{Step: step, Done: done, Total: total})
	}
}

// CacheDir is the folder that everything goes into: $XDG_CACHE_HOME/sftui, by default ~/.cache/sftui.
func CacheDir() (string, error) {
	if base := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "sftui"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: set XDG_CACHE_HOME or HOME: %w", err)
	}
	return filepath.Join(home, ".cache", "sftui"), nil
}

// part is something that is installed as a folder of the cache.
type part struct {
	step  string   // what the user is told is going on
	dir   string   // relative to the cache folder, also the name of the lock
	files []string // what must be in it for it to be complete
}

// install makes sure that the part is there, and returns its folder. fill is called, under a lock that other processes
// respect, with an empty folder beside the target, which becomes the target when fill succeeds.
func (p part) install(ctx context.Context, report Reporter, fill func(ctx context.Context, tmp string) error) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, p.dir)
	if p.complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("%s: %w", p.step, err)
	}
	unlock, err := lock(ctx, dir+".lock", func() { report.note(p.step, "another sftui is at it; waiting for it") })
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.step, err)
	}
	defer unlock()
	if p.complete(dir) {
		return dir, nil
	}
	tmp := dir + ".partial" // under the lock it can only be a dead process's
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o755)); err != nil {
		return "", fmt.Errorf("%s: %w", p.step, err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // gone already when all went well
	if err := fill(ctx, tmp); err != nil {
		return "", fmt.Errorf("%s: %w", p.step, err)
	}
	if !p.complete(tmp) {
		return "", fmt.Errorf("%s: the result lacks one of %v", p.step, p.files)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(tmp, dir)); err != nil {
		return "", fmt.Errorf("%s: %w", p.step, err)
	}
	report.note(p.step, "done: %s", dir)
	return dir, nil
}

func (p part) complete(dir string) bool {
	for _, name := range p.files {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() == 0 {
			return false
		}
	}
	return true
}

// source is one way to get a part.
type source struct {
	name string
	get  func(ctx context.Context, tmp string) error
}

// firstOf tries the sources in order, each with tmp emptied ("" when they need none). When none works the error says why
// for each, and then what the user can do.
func firstOf(ctx context.Context, step, advice string, report Reporter, tmp string, sources ...source) error {
	var failures []string
	for _, s := range sources {
		report.note(step, "trying %s", s.name)
		err := s.get(ctx, tmp)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		why := strings.TrimPrefix(err.Error(), step+": ")
		report.note(step, "%s: %s", s.name, why)
		failures = append(failures, fmt.Sprintf("%s (%s)", s.name, why))
		if tmp == "" {
			continue
		}
		if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o755)); err != nil {
			return err
		}
	}
	return fmt.Errorf("could not be got from %s; %s", strings.Join(failures, " or "), advice)
}
