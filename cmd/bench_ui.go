package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"time"

	"sftui/engine"
	"sftui/setup"
	"sftui/ui"
)

// benchUI times the workbench's frames without a terminal. It says how each
// compares with the ceiling we hold ourselves to, and fails for none: a busy
// machine is no fault of the program.
func benchUI(ctx context.Context, args []string, s streams) error {
	var o ui.Options
	flags := flag.NewFlagSet("sftui bench ui", flag.ContinueOnError)
	flags.SetOutput(s.err)
	flags.StringVar(&o.Data, "data", "", "data set; the default recipe's when empty")
	flags.StringVar(&o.Model, "model", "", "model; the default recipe's when empty")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	report := setup.Print(s.err)
	o.DataOptions = engine.DataOptions
	o.ResolveModel = func(ctx context.Context, name, revision string, _ func(string)) (string, error) {
		return setup.ResolveModel(ctx, name, revision, report)
	}
	list, err := ui.Measure(ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"measurements": list})
	}
	fmt.Fprintf(s.out, "%-36s %10s %10s %10s\n", "", "median", "p95", "ceiling")
	for _, m := range list {
		fmt.Fprintf(s.out, "%-36s %10s %10s %10s\n", m.Name, millis(m.Median), millis(m.P95), millis(m.Ceiling))
	}
	return nil
}

// millis writes a duration in milliseconds.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
