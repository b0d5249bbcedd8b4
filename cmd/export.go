package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"sftui/engine"
)

// exportCommand is the line of `sftui export` in the table of commands.
func exportCommand() command {
	return command{name: "export", usage: "--run RUN [--step N] [--merge] [--gguf] [--dtype T] [--device D] OUT",
		summary: "write a run's model as a folder that transformers loads, or as GGUF for Ollama", details: exportDetails, run: runExport}
}

// runExport writes one checkpoint as a model folder.
func runExport(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"run", "step", "dtype", "device"}, switches: []string{"merge", "gguf"}}.parse(args)
	if err == nil {
		err = exportArguments(a)
	}
	if err != nil {
		return fail(s, "export", err)
	}
	o := engine.ExportOptions{Out: a.rest[0], Merge: a.switches["merge"], GGUF: a.switches["gguf"], DType: a.values["dtype"], Device: a.values["device"], Host: host(s.err)}
	if text := a.values["step"]; text != "" {
		if o.Step, err = strconv.Atoi(text); err != nil || o.Step < 1 {
			return fail(s, "export", fmt.Errorf("--step must be the step of a checkpoint, found %q", text))
		}
	}
	if o.Run, err = findRun(a.values["run"]); err != nil {
		return fail(s, "export", err)
	}
	if err := engine.Export(ctx, o); err != nil {
		return fail(s, "export", err)
	}
	return wrote(json.NewEncoder(s.out).Encode(map[string]string{"model": o.Out}), s)
}

// exportArguments checks what the command needs.
func exportArguments(a arguments) error {
	switch {
	case a.values["run"] == "":
		return errors.New("--run RUN is needed: the run to export from; `sftui runs` lists them")
	case len(a.rest) != 1:
		return errors.New("one folder to write to is needed: sftui export --run RUN OUT")
	}
	switch a.values["dtype"] {
	case "", "float32", "bfloat16", "float16":
		return nil
	}
	return fmt.Errorf("--dtype must be float32, bfloat16 or float16, found %q", a.values["dtype"])
}
