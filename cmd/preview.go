package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"sftui/dataset"
	"sftui/engine"
	"sftui/recipes"
	"sftui/setup"
)

// previewCommand shows what a recipe makes of a data set's rows: text, ids and labels.
func previewCommand() command {
	return command{
		name:    "preview",
		usage:   "--data PATH --model DIR [--recipe FILE] [--template FILE] [--formatting TEMPLATE] [--batches N] [--rows N] [--json] [key=value …]",
		summary: "shows what a recipe makes of the rows: text, ids, labels, batches",
		details: previewDetails,
		run:     runPreview,
	}
}

// previewFlags are the arguments of sftui preview.
type previewFlags struct {
	arguments
	batches, rows int
	now           time.Time
}

func runPreview(ctx context.Context, args []string, s streams) int {
	f, err := parsePreview(args)
	if err == nil {
		err = preview(ctx, f, s)
	}
	if err != nil {
		fmt.Fprintf(s.err, "sftui preview: %v\n", err)
		return exitFailure
	}
	return exitDone
}

// parsePreview reads flags and key=value arguments in any order.
func parsePreview(args []string) (previewFlags, error) {
	set := flagSet{values: []string{"data", "model", "recipe", "template", "formatting", "batches", "rows", "now"}, switches: []string{"json"}, options: true}
	a, err := set.parse(args)
	f := previewFlags{arguments: a}
	if err == nil {
		err = a.stray("preview")
	}
	if err != nil {
		return f, err
	}
	for name, number := range map[string]*int{"batches": &f.batches, "rows": &f.rows} {
		if a.values[name] == "" {
			continue
		}
		if *number, err = strconv.Atoi(a.values[name]); err != nil || *number < 1 {
			return f, fmt.Errorf("--%s is %q, but it must be a number of at least 1", name, a.values[name])
		}
	}
	if now := a.values["now"]; now != "" {
		if f.now, err = time.Parse("2006-01-02T15:04:05", now); err != nil {
			return f, fmt.Errorf("--now is %q, but it must be a time such as 2025-01-15T12:00:00", now)
		}
	}
	return f, nil
}

// preview prepares the rows that f names and prints them.
func preview(ctx context.Context, f previewFlags, s streams) error {
	r, err := previewRecipe(f)
	if err != nil {
		return err
	}
	o, err := engine.DataOptions(r)
	if err != nil {
		return err
	}
	o.Now = f.now
	dir := r.ModelNameOrPath
	if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() { // a folder may hold a tokenizer alone
		if dir, err = setup.ResolveModel(ctx, dir, r.ModelRevision, nil); err != nil {
			return err
		}
	}
	tok, err := engine.OpenTokenizer(dir, r)
	if err != nil {
		return err
	}
	defer func() { _ = tok.Close() }()
	src, err := engine.OpenTraining(ctx, r, nil)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	p, err := dataset.NewPreparer(src, tok, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(s.out, 1<<20)
	err = printPreview(ctx, p, f, r.PerDeviceTrainBatchSize, out)
	return errors.Join(err, out.Flush())
}

// previewRecipe is the recipe with the command line's changes.
func previewRecipe(f previewFlags) (*recipes.Recipe, error) {
	r, err := f.recipe()
	if err != nil {
		return nil, err
	}
	from := recipes.Origin{Kind: recipes.OriginCommandLine}
	for flag, key := range map[string]string{"data": "dataset_name", "model": "model_name_or_path", "formatting": "formatting", "template": "chat_template_path"} {
		value, given := f.values[flag]
		if !given {
			continue
		}
		if err := r.Set(key, value, from); err != nil {
			return nil, err
		}
	}
	if f.values["template"] != "" {
		r.ChatTemplate = "" // which would win over the file
	}
	if f.values["data"] != "" {
		r.DatasetMixture = nil // which would win over the name
	}
	if r.DatasetName == "" && r.DatasetMixture == nil {
		return nil, fmt.Errorf("no data is named: give --data, or a --recipe with dataset_name")
	}
	return r, nil
}

// printPreview prints batches, rows as JSON, or rows for a person.
func printPreview(ctx context.Context, p *dataset.Preparer, f previewFlags, batchSize int, out io.Writer) error {
	switch {
	case f.batches > 0:
		return printBatches(ctx, p, f.batches, batchSize, out)
	case f.switches["json"]:
		return printRows(ctx, p, f.rows, out)
	}
	return printReadable(p, f.rows, out)
}

// previewRow is one line of the JSON output.
type previewRow struct {
	Row         int     `json:"row"`
	Text        *string `json:"text"`
	InputIDs    []int32 `json:"input_ids"`
	Labels      []int32 `json:"labels"`
	SeqLengths  []int32 `json:"seq_lengths,omitempty"`
	PositionIDs []int32 `json:"position_ids,omitempty"`
}

// previewDropped is the line of a row that is not trained on.
type previewDropped struct {
	Row     int    `json:"row"`
	Dropped string `json:"dropped"`
}

// previewBatch is one collated batch.
type previewBatch struct {
	InputIDs      [][]int32 `json:"input_ids"`
	Labels        [][]int32 `json:"labels"`
	AttentionMask [][]int32 `json:"attention_mask,omitempty"`
	PositionIDs   [][]int32 `json:"position_ids,omitempty"`
}

// previewEncoder writes JSON lines with characters as they are.
func previewEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// preparedRows gives the rows in the order of training, dropped ones included
// where the order is the data's. Without packing and shuffling it prepares
// only as many as are asked for.
func preparedRows(ctx context.Context, p *dataset.Preparer, each func(dataset.Example) (more bool, err error)) error {
	o := p.Options()
	if !o.Packing && !o.Shuffle && o.LongRows != dataset.LongSplit {
		for i := range p.Source().Len() {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := p.Row(i)
			if err != nil {
				return err
			}
			if more, err := each(e); err != nil || !more {
				return err
			}
		}
		return nil
	}
	data, dropped, err := p.All(ctx, 0, nil)
	if err != nil && !errors.Is(err, dataset.ErrAllDropped) {
		return err
	}
	for _, e := range dropped {
		if more, err := each(e); err != nil || !more {
			return err
		}
	}
	for i := range data.Len() {
		e, err := data.At(i)
		if err != nil {
			return err
		}
		if e.Rows == nil {
			if err := addText(p, &e); err != nil {
				return err
			}
		}
		if more, err := each(e); err != nil || !more {
			return err
		}
	}
	return nil
}

// addText puts the text of a row back, which prepared rows do not keep.
func addText(p *dataset.Preparer, e *dataset.Example) error {
	if p.Shape().Name == dataset.ShapePretokenized {
		return nil
	}
	text, err := p.Text(e.Row)
	e.Text = &text
	return err
}

func printRows(ctx context.Context, p *dataset.Preparer, limit int, out io.Writer) error {
	encoder, printed, kept := previewEncoder(out), 0, 0
	var dropped dataset.Example
	err := preparedRows(ctx, p, func(e dataset.Example) (bool, error) {
		printed++
		more := limit == 0 || printed < limit
		if e.Dropped != "" {
			dropped = e
			return more, encoder.Encode(previewDropped{Row: e.Row, Dropped: e.Dropped})
		}
		kept++
		one := dataset.Collate([]dataset.Example{e}, p.PadID(), withoutRounding(p.Options()))
		return more, encoder.Encode(previewRow{Row: e.Row, Text: e.Text, InputIDs: e.InputIDs, Labels: one.Labels[0],
			SeqLengths: e.SeqLengths, PositionIDs: e.PositionIDs})
	})
	if err == nil && kept == 0 && limit == 0 {
		return dataset.AllDropped(printed, p.Source().Name(), dropped.Dropped)
	}
	return err
}

// withoutRounding are options under which a row alone is not padded.
func withoutRounding(o dataset.Options) dataset.Options {
	o.PadToMultipleOf = 0
	return o
}

func printBatches(ctx context.Context, p *dataset.Preparer, batches, size int, out io.Writer) error {
	encoder, done := previewEncoder(out), 0
	var rows []dataset.Example
	flush := func() error {
		b := dataset.Collate(rows, p.PadID(), p.Options())
		rows, done = nil, done+1
		return encoder.Encode(previewBatch{InputIDs: b.InputIDs, Labels: b.Labels, AttentionMask: b.AttentionMask, PositionIDs: b.PositionIDs})
	}
	err := preparedRows(ctx, p, func(e dataset.Example) (bool, error) {
		if e.Dropped != "" {
			return true, nil
		}
		if rows = append(rows, e); len(rows) < size {
			return true, nil
		}
		err := flush()
		return done < batches, err
	})
	if err == nil && len(rows) > 0 {
		err = flush()
	}
	return err
}
