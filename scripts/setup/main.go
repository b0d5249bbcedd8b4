// Command setup gets what a build of sftui needs and Go cannot fetch: libtokenizers.a, XLA's plugin and the default
// model. `make setup` runs it; running it again costs nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"sftui/setup"
)

func main() {
	where := flag.String("where", "", "get one part (tokenizers, plugin, model or cuda-compiler) and print its folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *where, setup.Print(os.Stderr))
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "set-up failed:\n%v\n", err)
		os.Exit(2)
	}
}

// part is something to get; get returns the folder that it lies in.
type part struct {
	name string
	get  func(ctx context.Context, report setup.Reporter) (dir string, err error)
}

func parts() []part {
	return []part{{"tokenizers", setup.Tokenizers}, {"plugin", plugins}, {"model", setup.DefaultModel}}
}

// plugins gets the CPU plugin, which the tests need, and the CUDA one where there is a GPU for it. Without the latter
// sftui still works, so that is only reported. It returns the CPU plugin's folder.
func plugins(ctx context.Context, report setup.Reporter) (string, error) {
	path, err := setup.Plugin(ctx, setup.CPU, report)
	if err != nil {
		return "", err
	}
	if setup.HasNVIDIA() {
		if _, err := setup.Plugin(ctx, setup.CUDA, report); err != nil && ctx.Err() == nil {
			report(setup.Progress{Step: "XLA's CUDA plugin", Note: err.Error()})
		}
	}
	return filepath.Dir(path), nil
}

// cudaCompiler gets what compiling for a GPU takes and returns the plugin; only the tests of `make cuda` ask for it.
func cudaCompiler(ctx context.Context, report setup.Reporter) (string, error) {
	return setup.Plugin(ctx, setup.CUDACompiler, report)
}

// run gets the part that is asked for and prints its folder, or gets all at the same time: one compiles while the
// others download.
func run(ctx context.Context, where string, report setup.Reporter) error {
	if where != "" {
		for _, p := range append(parts(), part{"cuda-compiler", cudaCompiler}) {
			if p.name == where {
				dir, err := p.get(ctx, report)
				if err == nil {
					fmt.Println(dir)
				}
				return err
			}
		}
		return fmt.Errorf("there is no part %q, only tokenizers, plugin, model and cuda-compiler", where)
	}
	var wg sync.WaitGroup
	failures := make([]error, len(parts()))
	for i, p := range parts() {
		wg.Go(func() { _, failures[i] = p.get(ctx, report) })
	}
	wg.Wait()
	return errors.Join(failures...)
}
