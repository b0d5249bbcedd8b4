package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// freshCache points the cache at an empty folder.
func freshCache(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", base)
	return filepath.Join(base, "sftui")
}

func TestInstallIsDoneOnceByManyAndAppearsWhole(t *testing.T) {
	cache := freshCache(t)
	p := part{step: "thing", dir: "native/thing-1", files: []string{"a", "b"}}
	var calls atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := p.install(t.Context(), nil, func(_ context.Context, tmp string) error {
				calls.Add(1)
				if err := os.WriteFile(filepath.Join(tmp, "a"), []byte("1"), 0o600); err != nil {
					return err
				}
				time.Sleep(20 * time.Millisecond)
				if _, err := os.Stat(filepath.Join(cache, p.dir)); err == nil {
					t.Error("the folder is there before it is complete")
				}
				return os.WriteFile(filepath.Join(tmp, "b"), []byte("2"), 0o600)
			})
			if err != nil || dir != filepath.Join(cache, p.dir) {
				t.Errorf("%q, %v", dir, err)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 1 {
		t.Errorf("filled %d times", calls.Load())
	}
}

func TestInstallLeavesNothingOfAFailure(t *testing.T) {
	cache := freshCache(t)
	p := part{step: "thing", dir: "thing", files: []string{"a"}}
	boom := errors.New("boom")
	_, err := p.install(t.Context(), nil, func(_ context.Context, tmp string) error {
		_ = os.WriteFile(filepath.Join(tmp, "a"), []byte("1"), 0o600)
		return boom
	})
	if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "thing: ") {
		t.Errorf("error %v", err)
	}
	if _, err := p.install(t.Context(), nil, func(context.Context, string) error { return nil }); err == nil {
		t.Error("an empty result was accepted")
	}
	entries, _ := os.ReadDir(cache)
	if len(entries) != 1 || entries[0].Name() != "thing.lock" {
		t.Errorf("left behind: %v", entries)
	}
	// A dead process's partial folder, and a folder that lost a file, are replaced.
	for _, dir := range []string{"thing.partial", "thing"} {
		if err := os.MkdirAll(filepath.Join(cache, dir, "old"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := p.install(t.Context(), nil, func(_ context.Context, tmp string) error {
		return os.WriteFile(filepath.Join(tmp, "a"), []byte("1"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "old")); err == nil {
		t.Error("the old folder's contents are still there")
	}
}

func TestLockEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	if _, err := lock(ctx, path, func() { told++; cancel() }); !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("error %v, told %d times", err, told)
	}
	unlock()
	again, err := lock(t.Context(), path, func() { t.Error("the lock was not released") })
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestFirstOfSaysWhyEachSourceFailed(t *testing.T) {
	fails := func(name, why string) source {
		return source{name, func(context.Context, string) error { return errors.New(why) }}
	}
	works := source{"third", func(_ context.Context, tmp string) error {
		if entries, _ := os.ReadDir(tmp); len(entries) != 0 {
			return errors.New("not empty")
		}
		return nil
	}}
	dirty := source{"second", func(_ context.Context, tmp string) error {
		_ = os.WriteFile(filepath.Join(tmp, "half"), nil, 0o600)
		return errors.New("broke off")
	}}
	if err := firstOf(t.Context(), "s", "advice", nil, t.TempDir(), fails("first", "no route"), dirty, works); err != nil {
		t.Error(err)
	}
	err := firstOf(t.Context(), "s", "do this", nil, t.TempDir(), fails("first", "no route"), dirty)
	if err == nil || err.Error() != "could not be got from first (no route) or second (broke off); do this" {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := firstOf(ctx, "s", "", nil, t.TempDir(), fails("first", "x"), works); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled set-up went on: %v", err)
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "/home/someone")
	if dir, err := CacheDir(); err != nil || dir != "/home/someone/.cache/sftui" {
		t.Errorf("%q, %v", dir, err)
	}
	t.Setenv("XDG_CACHE_HOME", "relative") // the specification says to ignore such a value
	if dir, _ := CacheDir(); dir != "/home/someone/.cache/sftui" {
		t.Errorf("%q", dir)
	}
	t.Setenv("XDG_CACHE_HOME", "/var/x")
	if dir, _ := CacheDir(); dir != "/var/x/sftui" {
		t.Errorf("%q", dir)
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	report := Print(&out)
	report.note("step", "started %d", 1)
	for done := int64(0); done <= 2048; done += 64 {
		report.at("step", done, 2048)
	}
	report.at("other", 5, 0)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 11 || lines[0] != "step: started 1" || !strings.HasSuffix(lines[10], "100% of 2.0 KiB") {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Error("control characters outside a terminal")
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 3 << 30: "3.0 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}

func TestCargoOfAnotherHomeIsFound(t *testing.T) {
	home := t.TempDir()
	bin := filepath.Join(home, ".cargo", "bin")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.MkdirAll(filepath.Join(home, ".rustup"), 0o755)); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ \"$RUSTUP_HOME\" = '" + filepath.Join(home, ".rustup") + "' ]\n"
	if err := os.WriteFile(filepath.Join(bin, "cargo"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUSTUP_HOME", "")
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	c, err := findCargo(t.Context())
	if err != nil || c.path != filepath.Join(bin, "cargo") || len(c.env) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	t.Setenv("PATH", "/nowhere")
	t.Setenv("HOME", "/nowhere")
	if _, err := findCargo(t.Context()); err == nil || !strings.Contains(err.Error(), "cargo is not installed") {
		t.Errorf("error %v", err)
	}
}

func TestUnreachableIsBrief(t *testing.T) {
	ask := func(cause error) string {
		return unreachable(fmt.Errorf("fetch: %w", &url.Error{Op: "Get", URL: "https://host.example/a/b", Err: cause})).Error()
	}
	for want, cause := range map[string]error{
		"host.example cannot be found: no network, or it is blocked": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "host.example"}},
		"host.example cannot be reached: connection refused":         &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"host.example did not answer in time":                        context.DeadlineExceeded,
	} {
		if got := ask(cause); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if other := errors.New("SHA-256 differs"); !errors.Is(unreachable(other), other) {
		t.Error("another error was changed")
	}
}
