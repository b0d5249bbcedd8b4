package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sftui/engine"
)

// exportCommand is the line of `sftui export` in the table of commands.
func exportCommand() command {
	return command{name: "export", usage: "--run RUN [--step N] [--merge] [--gguf] [--dtype T] [--max-shard-size S] [--device D] OUT",
		summary: "write a run's model as a folder that transformers loads, or as GGUF for Ollama", details: exportDetails, run: runExport}
}

// runExport writes one checkpoint as a model folder.
func runExport(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"run", "step", "dtype", "max-shard-size", "device"}, switches: []string{"merge", "gguf"}}.parse(args)
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
	if o.MaxShardBytes, err = parseSize(a.values["max-shard-size"]); err != nil {
		return fail(s, "export", fmt.Errorf("--max-shard-size %w", err))
	}
	if o.Run, err = findRun(a.values["run"]); err != nil {
		return fail(s, "export", err)
	}
	if err := engine.Export(ctx, o); err != nil {
		return fail(s, "export", err)
	}
	return wrote(json.NewEncoder(s.out).Encode(map[string]string{"model": o.Out}), s)
}

// parseSize reads a size as transformers spells max_shard_size: a number of bytes, or of KB, MB, GB or TB; "" is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, unit := strings.ToUpper(strings.TrimSpace(text)), 1.0
	for i, suffix := range []string{"KB", "MB", "GB", "TB"} {
		if rest, found := strings.CutSuffix(number, suffix); found {
			number, unit = strings.TrimSpace(rest), math.Pow10(3*(i+1))
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if size := n * unit; err == nil && size >= 1 && size < math.MaxInt64 {
		return int64(size), nil
	}
	return 0, fmt.Errorf("must be a size such as 5GB or 500MB, found %q", text)
}

// exportArguments checks what the command needs.
func exportArguments(a arguments) error {
	switch {
	case a.values["run"] == "":
		return errors.New("--run RUN is needed: the run to export from; `sftui runs` lists them")
	case len(a.rest) != 1:
		return errors.New("one folder to write to is needed: sftui export --run RUN OUT")
	case a.switches["gguf"] && a.values["max-shard-size"] != "":
		return errors.New("--max-shard-size is for a folder's weights, and --gguf writes one file: give one of the two")
	}
	switch a.values["dtype"] {
	case "", "float32", "bfloat16", "float16":
		return nil
	}
	return fmt.Errorf("--dtype must be float32, bfloat16 or float16, found %q", a.values["dtype"])
}
