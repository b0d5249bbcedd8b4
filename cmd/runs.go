package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"sftui/engine/run"
)

// runsCommand is the line of `sftui runs` in the table of commands.
func runsCommand() command {
	return command{name: "runs", usage: "[--root DIR] [--json] | " + runsExportUsage,
		summary: "list the runs on this machine; export some as HTML, TensorBoard events or CSV", details: runsDetails, run: runRuns}
}

// runRuns lists runs, newest first, or exports some.
func runRuns(_ context.Context, args []string, s streams) int {
	if len(args) > 0 && args[0] == "export" {
		return runRunsExport(args[1:], s)
	}
	a, err := flagSet{values: []string{"root"}, switches: []string{"json"}}.parse(args)
	if err == nil {
		err = a.stray("runs")
	}
	if err != nil {
		return fail(s, "runs", err)
	}
	root := a.values["root"]
	if root == "" {
		if root, err = run.DefaultRoot(); err != nil {
			return fail(s, "runs", err)
		}
	}
	list, err := run.List(root)
	if err != nil {
		return fail(s, "runs", err)
	}
	if a.switches["json"] {
		if list == nil {
			list = []run.Summary{}
		}
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", " ")
		return wrote(enc.Encode(list), s)
	}
	if len(list) == 0 {
		fmt.Fprintf(s.err, "no runs in %s yet; sftui train starts one\n", root)
		return exitDone
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTATE\tSTEP\tLOSS\tEVAL\tTOK/S\tSTARTED")
	for _, r := range list {
		if r.Err != "" {
			fmt.Fprintf(w, "%s\tunreadable: %s\t\t\t\t\t\n", r.Name, r.Err)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d/%d\t%s\t%s\t%s\t%s\n", r.Name, r.State, r.Step, r.TotalSteps,
			figure(r.Loss), figure(r.BestEval), speed(r.Status), r.Started.Local().Format(time.DateTime))
	}
	return wrote(w.Flush(), s)
}

// figure writes a loss, or nothing where there is none.
func figure(n run.Number) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.4f", float64(n))
}

// speed is a run's mean trained tokens a second.
func speed(s run.Status) string {
	if s.TrainSeconds <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", float64(s.TrainedTokens)/s.TrainSeconds)
}
