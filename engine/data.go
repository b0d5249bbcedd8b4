package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/recipes"
)

// DataOptions are a recipe's settings of data preparation, with a chat
// template file read in.
func DataOptions(r *recipes.Recipe) (dataset.Options, error) {
	o := dataset.DefaultOptions()
	o.MaxLength = 0
	if r.MaxLength != nil {
		o.MaxLength = *r.MaxLength
	}
	o.TruncationMode = r.TruncationMode
	o.Packing, o.PackingStrategy, o.PaddingFree = r.Packing, r.PackingStrategy, r.PaddingFree
	o.PadToMultipleOf = r.PadToMultipleOf.Int()
	o.CompletionOnlyLoss, o.AssistantOnlyLoss = r.CompletionOnlyLoss, r.AssistantOnlyLoss
	o.EOSToken, o.PADToken = r.EosToken, r.PadToken
	o.TextField, o.Formatting, o.Columns = r.DatasetTextField, r.Formatting, r.Columns
	o.Shuffle, o.Seed, o.LongRows = r.ShuffleDataset, int64(r.Seed), r.LongRows
	if r.DatasetNumProc != nil {
		o.DatasetNumProc = *r.DatasetNumProc
	}
	if skip, ok := r.DatasetKwargs["skip_prepare_dataset"].(bool); ok {
		o.SkipPrepare = skip
	}
	if len(r.ChatTemplateKwargs) > 0 {
		o.TemplateKwargs = jinja.NewDict(len(r.ChatTemplateKwargs))
		for key, value := range r.ChatTemplateKwargs {
			o.TemplateKwargs.Set(key, value)
		}
	}
	c, err := chatTemplate(r)
	o.ChatTemplate = c.template
	if c.eos != "" {
		o.EOSToken = c.eos
	}
	return o, err
}

// EvalOptions are the settings of data preparation of a recipe's evaluation
// rows, by those of its training rows.
func EvalOptions(o dataset.Options, r *recipes.Recipe) dataset.Options {
	if r.EvalPacking != nil {
		o.Packing = *r.EvalPacking
		// Rows that are cut one by one can be cut to max_length; only beside packing does TRL let padding_free ask that of them.
		o.PaddingFree = o.PaddingFree && (o.Packing || !r.Packing)
	}
	return o
}

// clonedTemplate is a chat template that overrides the model's, "" for none, with the
// end-of-sequence token of the tokenizer that it comes from, "" where it comes alone.
type clonedTemplate struct {
	template, eos string
}

// chatTemplate reads the template that the recipe names. A tokenizer folder
// under chat_template_path gives its end-of-sequence token too, as TRL takes
// it, over eos_token.
func chatTemplate(r *recipes.Recipe) (clonedTemplate, error) {
	if r.ChatTemplate != "" || r.ChatTemplatePath == "" {
		return clonedTemplate{template: r.ChatTemplate}, nil
	}
	info, err := os.Stat(r.ChatTemplatePath)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return clonedTemplate{}, fmt.Errorf("chat_template_path: %s does not exist: name a template file (.jinja) or a folder with a tokenizer", r.ChatTemplatePath)
	case err != nil:
		return clonedTemplate{}, fmt.Errorf("chat_template_path: %w", err)
	}
	if !info.IsDir() {
		text, err := os.ReadFile(r.ChatTemplatePath)
		if err != nil {
			return clonedTemplate{}, fmt.Errorf("chat_template_path: %w", err)
		}
		return clonedTemplate{template: string(text)}, nil
	}
	tok, err := dataset.OpenTokenizer(r.ChatTemplatePath)
	if err != nil {
		return clonedTemplate{}, fmt.Errorf("chat_template_path: %w", err)
	}
	c := clonedTemplate{template: tok.ChatTemplate()}
	c.eos, _ = tok.EOS()
	if err := tok.Close(); err != nil {
		return clonedTemplate{}, err
	}
	if c.template == "" {
		return clonedTemplate{}, fmt.Errorf("chat_template_path: %s has a tokenizer without a chat template", r.ChatTemplatePath)
	}
	return c, nil
}

// trainingData is everything read for a run.
type trainingData struct {
	train, eval feed // eval may be nil
	evalPart    *part
	prepared    dataset.Dataset
	evaluated   dataset.Dataset // prepared evaluation rows, nil without any
	dropped     []dataset.Example
	source      string
	close       func() error
}

// part is a source with the numbers that its rows have in the data set that
// they were taken from; nil where they are the same.
type part struct {
	dataset.Source
	rows   []int
	locate func(row int) string // where a row of a mixture comes from; nil for other data
}

// mark identifies the prepared rows.
func (d *trainingData) mark(f *fingerprints) error {
	var err error
	f.rows = d.prepared.Len()
	if f.data, err = dataFingerprint(d.prepared); err != nil || d.evaluated == nil {
		return err
	}
	f.eval, err = dataFingerprint(d.evaluated)
	return err
}

// openSources opens the recipe's training source and, where evaluation is
// asked for, the source to evaluate on.
func openSources(ctx context.Context, r *recipes.Recipe, progress func(done, total int64)) (train, eval *part, err error) {
	source, err := OpenTraining(ctx, r, progress)
	if err != nil {
		return nil, nil, err
	}
	var locate func(row int) string
	if r.DatasetMixture != nil {
		locate = source.Location
	}
	switch {
	case r.EvalStrategy == "no" && !r.EvalOnStart:
		return &part{Source: source, locate: locate}, nil, nil
	case r.EvalDatasetName == "" && r.EvalHoldout > 0:
		train, eval, err = holdOut(source, r.EvalHoldout, int64(r.Seed))
		if err == nil {
			train.locate = locate
		}
		return train, eval, err
	}
	test, err := OpenEvaluation(ctx, r)
	if err != nil {
		return nil, nil, errors.Join(err, source.Close())
	}
	return &part{Source: source, locate: locate}, &part{Source: test}, nil
}

// OpenEvaluation opens the data that a recipe evaluates on beside the training
// data: eval_dataset_name, its test split, or where it has none (a file has only
// one) all of it; else what dataset_mixture holds out, or the test split of
// dataset_name.
func OpenEvaluation(ctx context.Context, r *recipes.Recipe) (dataset.Source, error) {
	if r.EvalDatasetName == "" && r.DatasetMixture != nil {
		return openMixtureTest(ctx, r)
	}
	if r.EvalDatasetName == "" {
		test, err := dataset.Open(ctx, r.DatasetName, dataset.OpenOptions{Config: r.DatasetConfig, Split: r.DatasetTestSplit})
		if err != nil {
			err = fmt.Errorf("eval_strategy is %s but there is nothing to evaluate on (%w): set eval_dataset_name, or eval_holdout to hold out a share of the rows", r.EvalStrategy, err)
		}
		return test, err
	}
	if _, err := os.Stat(r.EvalDatasetName); err == nil {
		return dataset.Open(ctx, r.EvalDatasetName, dataset.OpenOptions{})
	}
	test, err := dataset.Open(ctx, r.EvalDatasetName, dataset.OpenOptions{Split: r.DatasetTestSplit})
	if err == nil {
		return test, nil
	}
	if whole, wholeErr := dataset.Open(ctx, r.EvalDatasetName, dataset.OpenOptions{}); wholeErr == nil {
		return whole, nil
	}
	return nil, fmt.Errorf("eval_dataset_name: %w", err)
}

// holdOut splits a source as datasets' train_test_split(test_size, seed) does.
func holdOut(src dataset.Source, size float64, seed int64) (train, test *part, err error) {
	kept, held := HeldOut(src.Len(), size, seed)
	if len(kept) == 0 {
		return nil, nil, errors.Join(fmt.Errorf("eval_holdout %v leaves no row of %d to train on", size, src.Len()), src.Close())
	}
	return &part{Source: dataset.Select(src, kept), rows: kept}, &part{Source: dataset.Select(src, held), rows: held}, nil
}

// HeldOut are the rows of n, in order, that eval_holdout keeps for training and
// those that it holds out: below 1 a share, from 1 on a number.
func HeldOut(n int, size float64, seed int64) (kept, held []int) {
	count := int(size)
	if size < 1 {
		count = int(math.Ceil(size * float64(n)))
	}
	count = min(count, n)
	order := dataset.NumpyPermutation(n, seed)
	return order[count:], order[:count]
}

// renumbered gives prepared rows the numbers that they have in the data set,
// so that an event names rows which a person can look at.
type renumbered struct {
	dataset.Dataset
	rows []int
}

func (d *renumbered) At(i int) (dataset.Example, error) {
	e, err := d.Dataset.At(i)
	if err != nil {
		return e, err
	}
	if len(e.Rows) == 0 {
		e.Row = d.rows[e.Row]
		return e, nil
	}
	rows := make([]int, len(e.Rows))
	for i, r := range e.Rows {
		rows[i] = d.rows[r]
	}
	e.Rows = rows
	return e, nil
}

// prepare reads, renders and tokenizes the training and evaluation rows.
func prepare(ctx context.Context, r *recipes.Recipe, tok *dataset.Tokenizer, report func(what string, done, total int)) (*trainingData, error) {
	options, err := DataOptions(r)
	if err != nil {
		return nil, err
	}
	trainSource, evalSource, err := openSources(ctx, r, func(done, total int64) { report("reading", int(done), int(total)) })
	if err != nil {
		return nil, err
	}
	d := &trainingData{source: trainSource.Name(), evalPart: evalSource, close: func() error { return closeSources(trainSource, evalSource) }}
	d.train, d.prepared, d.dropped, err = prepareOne(ctx, trainSource, tok, options, func(done, total int) { report("tokenizing", done, total) })
	if err == nil && evalSource != nil {
		d.eval, d.evaluated, _, err = prepareOne(ctx, evalSource, tok, EvalOptions(options, r), func(done, total int) { report("tokenizing evaluation rows", done, total) })
		if err != nil {
			err = fmt.Errorf("evaluation data: %w", err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// closeSources closes what openSources opened; eval may be nil.
func closeSources(train, eval *part) error {
	err := train.Close()
	if eval != nil && eval.rows == nil { // a part held out is the same source
		err = errors.Join(err, eval.Close())
	}
	return err
}

// prepareOne prepares one source.
func prepareOne(ctx context.Context, src *part, tok *dataset.Tokenizer, o dataset.Options, progress func(done, total int)) (feed, dataset.Dataset, []dataset.Example, error) {
	p, err := dataset.NewPreparer(src.Source, tok, o)
	if err != nil {
		return nil, nil, nil, err
	}
	rows, dropped, err := p.AllStored(ctx, "", runtime.NumCPU(), progress)
	if err != nil {
		return nil, nil, nil, err
	}
	if src.rows != nil {
		rows = &renumbered{rows, src.rows}
		for i := range dropped {
			dropped[i].Row = src.rows[dropped[i].Row]
		}
	}
	f, err := newExampleFeed(rows, p.PadID(), o)
	if err != nil {
		return nil, nil, nil, err
	}
	f.locate = src.locate
	return f, rows, dropped, nil
}

// AbsolutePaths rewrites the recipe's options that name existing local files
// to absolute paths, so that a run can be resumed from any folder. Where each
// value came from stays as it is.
func AbsolutePaths(r *recipes.Recipe) error {
	if err := absoluteMixture(r); err != nil {
		return err
	}
	for _, key := range []string{"dataset_name", "eval_dataset_name", "model_name_or_path", "chat_template_path"} {
		value, origin := r.Get(key)
		if value == "" || filepath.IsAbs(value) {
			continue
		}
		if !isLocal(value) {
			continue // a hub id
		}
		abs, err := filepath.Abs(value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := r.Set(key, abs, origin); err != nil {
			return err
		}
	}
	return nil
}

// absoluteMixture does the same for the data sets of a mixture.
func absoluteMixture(r *recipes.Recipe) error {
	if r.DatasetMixture == nil {
		return nil
	}
	for i := range r.DatasetMixture.Datasets {
		d := &r.DatasetMixture.Datasets[i]
		if filepath.IsAbs(d.ID) || !isLocal(d.ID) {
			continue
		}
		abs, err := filepath.Abs(d.ID)
		if err != nil {
			return fmt.Errorf("dataset_mixture: %w", err)
		}
		d.ID = abs
	}
	return nil
}

// isLocal reports whether a name is that of a file or folder here, or a pattern
// that some match.
func isLocal(name string) bool {
	if _, err := os.Stat(name); err == nil {
		return true
	}
	matches, err := filepath.Glob(name)
	return err == nil && len(matches) > 0
}
