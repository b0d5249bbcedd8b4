package cmd

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"sftui/engine"
	"sftui/setup"
)

// compiledVariable is the environment's name for the folder of compiled programs.
const compiledVariable = "SFTUI_COMPILED"

// host is what the engine needs of this machine: models and plugins come from
// the cache, and are got on first use with progress to w.
func host(w io.Writer) engine.Host {
	report := setup.Print(w)
	return engine.Host{
		Compiled: compiledPrograms(),
		ResolveModel: func(ctx context.Context, nameOrPath, revision string) (string, error) {
			return setup.ResolveModel(ctx, nameOrPath, revision, report)
		},
		Plugin: func(ctx context.Context, kind string) (string, error) {
			return setup.Plugin(ctx, kind, report)
		},
	}
}

// compiledPrograms is the folder of compiled programs; "" keeps none, where
// there is no cache folder. SFTUI_COMPILED names another; empty it turns the
// folder off, for measurements of compiling.
func compiledPrograms() string {
	if dir, set := os.LookupEnv(compiledVariable); set {
		return dir
	}
	cache, err := setup.CacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "compiled")
}
