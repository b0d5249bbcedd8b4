// Package cmd holds sftui's subcommands, one file each. Every command writes
// JSON to stdout and everything else to stderr, and ends with status 0 (done),
// 1 (warnings, or stopped) or 2 (bad input or failure).
package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

// Exit statuses every command keeps to.
const (
	exitDone    = 0
	exitWarning = 1
	exitFailure = 2

	exitStatuses = "Exit status: 0 done, 1 warnings or stopped, 2 bad input or failure."
)

// streams are where a command reads and writes, so that tests can stand in for them.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand.
type command struct {
	name    string
	usage   string // arguments, after "sftui name"
	summary string // one line for the list of commands
	details string // what --help says beside them, "" for nothing
	run     func(ctx context.Context, args []string, s streams) int
}

// commands is the table that dispatch and help are made from.
func commands() []command {
	return []command{
		{name: "open", usage: "[--data D] [--model M] [--recipe R] [--run DIR] [--lang en|zh] [FILE …] [key=value …]", summary: "opens the workbench, as sftui alone and sftui FILE do", details: openDetails, run: workbench},
		renderCommand(),
		checkCommand(),
		optionsCommand(),
		recipeCommand(),
		trainCommand(),
		ctlCommand(),
		runsCommand(),
		chatCommand(),
		exportCommand(),
		forecastCommand(),
		previewCommand(),
		logitsCommand(),
		benchCommand(),
		doctorCommand(),
	}
}

// Main runs the command that args name and returns the process's exit status.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return dispatch(ctx, args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}

// dispatch finds the command named by the first argument; without one the workbench opens, also when flags or a file are given.
func dispatch(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 {
		return workbench(ctx, nil, s)
	}
	switch name := args[0]; {
	case name == "version" || name == "--version":
		fmt.Fprintln(s.out, version())
		return exitDone
	case name == "help" && len(args) > 1:
		args = []string{args[1], "--help"}
	case name == "help" || asksForHelp(name):
		printHelp(s.out)
		return exitDone
	}
	if strings.HasPrefix(args[0], "--") { // `sftui --data F` means to open it
		return workbench(ctx, args, s)
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		if slices.ContainsFunc(args[1:], asksForHelp) {
			c.printHelp(s.out)
			return exitDone
		}
		return c.run(ctx, args[1:], s)
	}
	if named(args[0]) != "" { // `sftui FILE` means to open it
		return workbench(ctx, args, s)
	}
	fmt.Fprintln(s.err, noCommand(args[0]))
	return exitFailure
}

func asksForHelp(arg string) bool { return arg == "--help" || arg == "-h" }

// printHelp lists the commands.
func printHelp(w io.Writer) {
	fmt.Fprintln(w, "sftui: a terminal fine-tuning workbench. Without a command it opens.\n\nCommands:")
	for _, c := range commands() {
		fmt.Fprintf(w, "  sftui %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(w, "\n`sftui help COMMAND` shows its arguments. JSON and other results go to stdout, everything else to stderr.\n"+exitStatuses)
}

// printHelp shows one command's arguments.
func (c command) printHelp(w io.Writer) {
	fmt.Fprintf(w, "sftui %s: %s\n\nUsage: sftui %s %s\n", c.name, c.summary, c.name, c.usage)
	if c.details != "" {
		fmt.Fprint(w, "\n", c.details)
	}
	if strings.Contains(c.usage, "[key=value") {
		fmt.Fprintln(w, "\nkey=value (or --key value) sets any option of a recipe; `sftui options` explains them.")
	}
	fmt.Fprintln(w, "\n"+exitStatuses)
}

// version names the source that the binary was built from, as far as the Go tool recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "sftui, built without version information"
	}
	text := "sftui " + info.Main.Version + " " + info.GoVersion
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text
}
