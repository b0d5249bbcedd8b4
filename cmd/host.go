package cmd

import (
	"context"
	"io"
	"path/filepath"

	"sftui/engine"
	"sftui/setup"
)

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
// there is no cache folder.
func compiledPrograms() string {
	cache, err := setup.CacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "compiled")
}
