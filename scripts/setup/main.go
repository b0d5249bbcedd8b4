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
	only := flag.String("only", "", "get one part: tokenizers, plugin or model (default all)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, setup.Print(os.Stderr)); err != nil {
		fmt.Fprintf(os.Stderr, "set-up failed:\n%v\n", err)
		stop()
		os.Exit(2)
	}
}

type task struct {
	name string
	get  func(ctx context.Context, report setup.Reporter) error
}

func tasks() []task {
	return []task{
		{"tokenizers", func(ctx context.Context, report setup.Reporter) error {
			_, err := setup.Tokenizers(ctx, report)
			return err
		}},
		{"plugin", plugins},
		{"model", func(ctx context.Context, report setup.Reporter) error {
			_, err := setup.DefaultModel(ctx, report)
			return err
		}},
	}
}

// plugins gets the CPU plugin, which the tests need, and the CUDA one where there is a GPU for it. Without the latter
// sftui still works, so it is only reported.
func plugins(ctx context.Context, report setup.Reporter) error {
	if _, err := setup.Plugin(ctx, setup.CPU, report); err != nil {
		return err
	}
	if setup.HasNVIDIA() {
		if _, err := setup.Plugin(ctx, setup.CUDA, report); err != nil && ctx.Err() == nil {
			report(setup.Progress{Step: "XLA's CUDA plugin", Note: err.Error()})
		}
	}
	return nil
}

// run gets the parts at the same time: one compiles while the others download.
func run(ctx context.Context, only string, report setup.Reporter) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	found := false
	for _, t := range tasks() {
		if only != "" && only != t.name {
			continue
		}
		found = true
		wg.Go(func() {
			if err := t.get(ctx, report); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		})
	}
	wg.Wait()
	if !found {
		return fmt.Errorf("%s: there is no part %q, only tokenizers, plugin and model", filepath.Base(os.Args[0]), only)
	}
	return errors.Join(failures...)
}
