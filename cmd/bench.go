package cmd

import (
	"context"
	"errors"
	"fmt"
)

// benchCommand is the line of `sftui bench` in the table of commands.
func benchCommand() command {
	return command{name: "bench", usage: "data|train|live|ui|compile …",
		summary: "measure speed and memory", details: benchDetails, run: runBench}
}

// benches are the things that can be measured.
func benches() map[string]func(ctx context.Context, args []string, s streams) error {
	return map[string]func(ctx context.Context, args []string, s streams) error{
		"data":    benchData,
		"train":   benchTrain,
		"live":    benchLive,
		"ui":      benchUI,
		"compile": benchCompile,
	}
}

func runBench(ctx context.Context, args []string, s streams) int {
	known := benches()
	if len(args) == 0 || known[args[0]] == nil {
		return fail(s, "bench", errors.New("say what to measure: data, train, live, ui or compile; `sftui help bench` shows what each takes"))
	}
	if err := known[args[0]](ctx, args[1:], s); err != nil {
		fmt.Fprintf(s.err, "sftui bench %s: %v\n", args[0], err)
		return exitFailure
	}
	return exitDone
}
