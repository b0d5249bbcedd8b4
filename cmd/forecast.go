package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"sftui/engine"
)

// forecastCommand is the line of `sftui forecast` in the table of commands.
func forecastCommand() command {
	return command{name: "forecast", usage: "--recipe FILE [key=value …] [--compile] [--device D] [--json]",
		summary: "memory and disk that a run needs, and what would need less", run: runForecast}
}

// runForecast prints a forecast; its status is 1 when the run does not fit.
func runForecast(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"recipe", "device"}, switches: []string{"json", "compile"}, options: true}.parse(args)
	if err == nil && len(a.rest) > 0 {
		err = fmt.Errorf("%q is neither a flag nor key=value", a.rest[0])
	}
	if err == nil && a.values["recipe"] == "" && len(a.overrides) == 0 {
		err = errors.New("give a recipe: --recipe FILE, or key=value for each option")
	}
	if err != nil {
		return fail(s, "forecast", err)
	}
	r, err := a.recipe()
	if err != nil {
		return fail(s, "forecast", err)
	}
	f, err := engine.MakeForecast(ctx, engine.ForecastOptions{Recipe: r, Host: host(s.err), Compile: a.switches["compile"]}, nil)
	if err != nil {
		return fail(s, "forecast", err)
	}
	if a.switches["json"] {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", " ")
		err = enc.Encode(f)
	} else {
		err = printForecast(s.out, f)
	}
	if err != nil {
		return wrote(err, s)
	}
	if !f.Fits || f.DiskBytes > f.FreeDiskBytes {
		return exitWarning
	}
	return exitDone
}

// printForecast writes a forecast for people.
func printForecast(w io.Writer, f *engine.Forecast) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %d rows, %d steps of %d × %d rows\n", f.Model, f.Data, f.Rows, f.Steps, f.MicroBatch, f.Accumulation)
	how := "by formula; --compile confirms it"
	if f.Confirmed {
		how = "confirmed by compiling it"
	}
	fmt.Fprintf(&b, "\nheaviest micro-batch: rows %s, %d tokens, longest %d, computed as %s (%s)\n",
		strings.Trim(fmt.Sprint(f.Worst.Rows), "[]"), f.Worst.Tokens, f.Worst.Longest, f.Worst.Shape, how)
	for _, m := range f.Memory {
		fmt.Fprintf(&b, "  %-12s %10s\n", m.Name, engine.Bytes(m.Bytes))
	}
	fmt.Fprintf(&b, "  %-12s %10s", "peak", engine.Bytes(f.TotalBytes))
	switch {
	case f.LimitBytes == 0:
		b.WriteString("\n")
	case f.Fits:
		fmt.Fprintf(&b, "  of %s on %s: fits\n", engine.Bytes(f.LimitBytes), f.Device)
	default:
		fmt.Fprintf(&b, "  of %s on %s: does NOT fit\n", engine.Bytes(f.LimitBytes), f.Device)
	}
	if len(f.Remedies) > 0 {
		b.WriteString("\nwhat would need less\n")
	}
	for _, r := range f.Remedies {
		fmt.Fprintf(&b, "  %-12s %s: %s\n", "-"+engine.Bytes(r.SavesBytes), settings(r.Set), r.Effect)
	}
	fmt.Fprintf(&b, "\ndisk: %d checkpoints of %s and the final model, %s of %s free\n",
		f.Disk.Checkpoints, engine.Bytes(f.Disk.Checkpoint), engine.Bytes(f.DiskBytes), engine.Bytes(f.FreeDiskBytes))
	for _, note := range f.Notes {
		fmt.Fprintln(&b, note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// settings writes options as key=value.
func settings(set map[string]string) string {
	var list []string
	for k, v := range set {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}
