package cmd

import (
	"context"
	"io"

	"sftui/engine"
	"sftui/setup"
)

// host is what the engine needs of this machine: models and plugins come from
// the cache, and are got on first use with progress to w.
func host(w io.Writer) engine.Host {
	report := setup.Print(w)
	return engine.Host{
		ResolveModel: func(ctx context.Context, nameOrPath, revision string) (string, error) {
			return setup.ResolveModel(ctx, nameOrPath, revision, report)
		},
		Plugin: func(ctx context.Context, kind string) (string, error) {
			return setup.Plugin(ctx, kind, report)
		},
	}
}
