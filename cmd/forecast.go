package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"sftui/engine"
)

// forecastCommand is the line of `sftui forecast` in the table of commands.
func forecastCommand() command {
	return command{name: "forecast", usage: "--recipe FILE [key=value …] [--compile] [--device D | --gpu h200] [--json]",
		summary: "memory and disk that a run needs, and what would need less", details: forecastDetails, run: runForecast}
}

// runForecast prints a forecast; its status is 1 when the run does not fit.
func runForecast(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"recipe", "device", "gpu"}, switches: []string{"json", "compile"}, options: true}.parse(args)
	if err == nil {
		err = a.stray("forecast")
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
	f, err := engine.MakeForecast(ctx, engine.ForecastOptions{Recipe: r, Host: host(s.err), Compile: a.switches["compile"], GPU: a.values["gpu"]}, nil)
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
	if !f.Fits || f.LimitBytes > 0 && f.EvalBytes > f.LimitBytes || f.DiskBytes > f.FreeDiskBytes {
		return exitWarning
	}
	return exitDone
}

// printForecast writes a forecast for people.
func printForecast(w io.Writer, f *engine.Forecast) error {
	var b strings.Builder
	folded(&b, "", fmt.Sprintf("%s on %s: %d rows, %d steps of %d × %d rows", f.Model, f.Data, f.Rows, f.Steps, f.MicroBatch, f.Accumulation))
	how := "by formula; --compile confirms it"
	if f.Confirmed {
		how = "confirmed by compiling it"
	}
	b.WriteString("\n")
	folded(&b, "  ", fmt.Sprintf("heaviest micro-batch: rows %s, %d tokens, longest %d, computed as %s (%s)",
		engine.SomeRows(f.Worst.Rows), f.Worst.Tokens, f.Worst.Longest, f.Worst.Shape, how))
	for _, m := range f.Memory {
		if m.Bytes > 0 {
			fmt.Fprintf(&b, "  %-12s %10s\n", m.Name, engine.Bytes(m.Bytes))
		}
	}
	fmt.Fprintf(&b, "  %-12s %10s%s\n", "peak", engine.Bytes(f.TotalBytes), fits(f, f.TotalBytes))
	if f.EvalBytes > 0 {
		fmt.Fprintf(&b, "  %-12s %10s%s, heaviest batch %s\n", "evaluation", engine.Bytes(f.EvalBytes), fits(f, f.EvalBytes), f.EvalShape)
		if f.LimitBytes > 0 && f.EvalBytes > f.LimitBytes {
			b.WriteString("  a smaller per_device_eval_batch_size needs less for the evaluation\n")
		}
	}
	switch {
	case f.Described:
		fmt.Fprintf(&b, "%s has %s, of which a process that has it to itself can use %s\n", f.Device, engine.Bytes(f.DeviceBytes), engine.Bytes(f.LimitBytes))
	case f.LimitBytes > 0:
		fmt.Fprintf(&b, "%s has %s, of which others leave %s\n", f.Device, engine.Bytes(f.DeviceBytes), engine.Bytes(f.LimitBytes))
	}
	if len(f.Remedies) > 0 {
		b.WriteString("\nwhat would need less\n")
	}
	for _, r := range f.Remedies {
		enough := ""
		if !f.Fits && r.TotalBytes <= f.LimitBytes {
			enough = " (fits)"
		}
		folded(&b, strings.Repeat(" ", 12), fmt.Sprintf("  -%-8s %s%s: %s", engine.Bytes(r.SavesBytes), settings(r.Set), enough, r.Effect))
	}
	b.WriteString("\n")
	folded(&b, "  ", fmt.Sprintf("disk: %d checkpoints of %s and the final model, %s of %s free",
		f.Disk.Checkpoints, engine.Bytes(f.Disk.Checkpoint), engine.Bytes(f.DiskBytes), engine.Bytes(f.FreeDiskBytes)))
	for _, note := range f.Notes {
		folded(&b, "  ", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fits says whether so many bytes are free; "" where that is not known.
func fits(f *engine.Forecast, bytes int64) string {
	switch {
	case f.LimitBytes == 0:
		return ""
	case bytes <= f.LimitBytes:
		return " fits into " + engine.Bytes(f.LimitBytes)
	}
	return " does NOT fit into " + engine.Bytes(f.LimitBytes)
}

// lineWidth is what a line of text may take on the narrowest terminal.
const lineWidth = 79

// folded writes a text in lines of lineWidth at the most, unless a word is
// longer; lines after the first begin with indent.
func folded(b *strings.Builder, indent, text string) {
	lead := len(text) - len(strings.TrimLeft(text, " "))
	line := text[:lead]
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > lineWidth {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	b.WriteString(line + "\n")
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
