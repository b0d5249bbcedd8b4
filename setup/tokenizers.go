package setup

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// TokenizersVersion is the version of github.com/daulet/tokenizers that go.mod asks for; a test compares them.
const TokenizersVersion = "1.27.0"

const (
	tokenizersModule = "github.com/daulet/tokenizers"
	tokenizersFile   = "libtokenizers.a"
	tokenizersStep   = "tokenizer library (libtokenizers.a)"
)

// tokenizersLock pins every crate of the build, with checksums. Cargo checks them.
//
//go:embed tokenizers.lock
var tokenizersLock string

// Tokenizers returns the folder that holds libtokenizers.a, for the linker's -L. It is the module's official release
// where GitHub can be reached, else a build by cargo from the Rust source that the Go module carries. It must run where
// `go list -m` sees sftui's go.mod.
func Tokenizers(ctx context.Context, report Reporter) (libDir string, err error) {
	p := part{step: tokenizersStep, dir: "native/tokenizers-" + TokenizersVersion, files: []string{tokenizersFile}}
	return p.install(ctx, report, func(ctx context.Context, tmp string) error {
		const advice = "install cargo (Rust) and run set-up again, or build libtokenizers.a from " + tokenizersModule + " yourself"
		return firstOf(ctx, p.step, advice, report, tmp,
			source{"GitHub's release", func(ctx context.Context, tmp string) error {
				return officialTokenizers(ctx, newFetcher(), githubAPI, tmp, report)
			}},
			source{"cargo build from the Go module's source", func(ctx context.Context, tmp string) error {
				return buildTokenizers(ctx, tmp, report)
			}})
	})
}

func officialTokenizers(ctx context.Context, f fetcher, api, tmp string, report Reporter) error {
	platform := runtime.GOOS + "-" + runtime.GOARCH
	if platform == "darwin-amd64" {
		platform = "darwin-x86_64"
	}
	asset := releaseAsset{repo: "daulet/tokenizers", tag: "v" + TokenizersVersion, file: "libtokenizers." + platform + ".tar.gz", api: api}
	return asset.unpack(ctx, f, func(name string) bool { return name == tokenizersFile },
		filepath.Join(tmp, tokenizersFile), tokenizersStep, report)
}

func buildTokenizers(ctx context.Context, tmp string, report Reporter) error {
	cargo, err := findCargo(ctx)
	if err != nil {
		return err
	}
	module, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", tokenizersModule)
	if err != nil {
		return fmt.Errorf("find the module %s: %w", tokenizersModule, err)
	}
	if module == "" {
		if _, err := output(ctx, "go", "mod", "download", tokenizersModule); err != nil {
			return fmt.Errorf("download the module %s: %w", tokenizersModule, err)
		}
		if module, err = output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", tokenizersModule); err != nil {
			return err
		}
	}
	build := filepath.Join(tmp, "build")
	if err := prepareCrates(module, build); err != nil {
		return err
	}
	report.note(tokenizersStep, "cargo builds it once, about two minutes")
	if err := cargoBuild(ctx, cargo, build, report); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(build, "target", "release", "libtokenizers_ffi.a"), filepath.Join(tmp, tokenizersFile)); err != nil {
		return err
	}
	return os.RemoveAll(build)
}

var (
	gitDependency = regexp.MustCompile(`(?m)^tiktoken-rs = .*$`)
	lockSource    = regexp.MustCompile(`(?m)^source = "(registry\+[^"]+)"$`)
)

// prepareCrates copies the Rust part of the module to a place that cargo may write to. Its one dependency on a git
// repository is replaced by the crate's release, since only the registry may be reachable, and our own lock
// file takes the place of the module's, which names that repository.
func prepareCrates(module, build string) error {
	for _, name := range []string{"Cargo.toml", "LICENSE", "crates"} {
		if err := copyTree(filepath.Join(module, name), filepath.Join(build, name)); err != nil {
			return fmt.Errorf("copy %s of the module: %w", name, err)
		}
	}
	manifest := filepath.Join(build, "crates", "tokenizers", "Cargo.toml")
	text, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	text = gitDependency.ReplaceAll(text, []byte(`tiktoken-rs = "0.7"`))
	if err := os.WriteFile(manifest, text, 0o644); err != nil {
		return err
	}
	upstream, err := os.ReadFile(filepath.Join(module, "Cargo.lock"))
	if err != nil {
		return err
	}
	source := lockSource.FindSubmatch(upstream)
	if source == nil {
		return errors.New("the module's Cargo.lock names no registry")
	}
	lock := strings.ReplaceAll(tokenizersLock, "@registry", string(source[1]))
	return os.WriteFile(filepath.Join(build, "Cargo.lock"), []byte(lock), 0o644)
}
