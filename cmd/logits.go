package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"sftui/engine/compute"
	"sftui/recipes"
)

// logitsCommand is the line of `sftui logits` in the table of commands.
func logitsCommand() command {
	return command{name: "logits", usage: "--model DIR (--ids 1,2,3 | --ids-file F) [--device D] [--dtype T]",
		summary: "print what a model, or an adapter on its base model, predicts after every token", details: logitsDetails, run: runLogits}
}

// logitsAnswer is what `sftui logits` prints.
type logitsAnswer struct {
	Loss      *float64    `json:"loss"` // mean negative log likelihood of every id but the first, null for one id
	LogSumExp []float64   `json:"logsumexp"`
	Argmax    []int       `json:"argmax"`
	First8    [][]float32 `json:"first8"`
}

func runLogits(ctx context.Context, args []string, s streams) int {
	if err := printLogits(ctx, args, s); err != nil {
		return fail(s, "logits", err)
	}
	return exitDone
}

func printLogits(ctx context.Context, args []string, s streams) error {
	a, err := flagSet{values: []string{"model", "ids", "ids-file", "device", "dtype"}}.parse(args)
	if err == nil {
		err = a.stray("logits")
	}
	if err != nil {
		return err
	}
	ids, err := readIDs(a)
	if err != nil {
		return err
	}
	name := a.values["model"]
	if name == "" {
		name = recipes.Default().ModelNameOrPath
	}
	if name == "" {
		return fmt.Errorf("--model names the model folder and is missing")
	}
	h := host(s.err)
	c, err := chatConfig(ctx, h, name)
	if err != nil {
		return err
	}
	c.DType, c.Inference = a.values["dtype"], true
	opened, err := h.OpenModel(ctx, a.values["device"], c)
	if err != nil {
		return err
	}
	defer opened.Close()
	if opened.Warning != "" {
		fmt.Fprintln(s.err, opened.Warning)
	}
	model, ok := opened.Trainer.(*compute.Session)
	if !ok {
		return fmt.Errorf("this model gives no logits")
	}
	logits, err := model.Logits(ids)
	if err != nil {
		return err
	}
	return json.NewEncoder(s.out).Encode(describeLogits(ids, logits))
}

// readIDs takes ids from --ids or --ids-file, separated by commas or blanks, with or without brackets.
func readIDs(a arguments) ([]int32, error) {
	text := a.values["ids"]
	if path := a.values["ids-file"]; path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the ids: %w", err)
		}
		text = string(data)
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n[]", r) })
	if len(fields) == 0 {
		return nil, fmt.Errorf("no ids: give --ids 1,2,3 or --ids-file F")
	}
	ids := make([]int32, len(fields))
	for i, field := range fields {
		id, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a token id", field)
		}
		ids[i] = int32(id)
	}
	return ids, nil
}

func describeLogits(ids []int32, logits [][]float32) logitsAnswer {
	answer := logitsAnswer{}
	sum := 0.0
	for i, row := range logits {
		lse := compute.LogSumExp(row)
		if i+1 < len(ids) {
			sum += lse - float64(row[ids[i+1]])
		}
		best := 0
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		answer.LogSumExp = append(answer.LogSumExp, lse)
		answer.Argmax = append(answer.Argmax, best)
		answer.First8 = append(answer.First8, row[:min(8, len(row))])
	}
	if loss := sum / float64(len(ids)-1); len(ids) > 1 && !math.IsNaN(loss) {
		answer.Loss = &loss
	}
	return answer
}
