package findings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sftui/dataset"
	"sftui/engine"
	"sftui/engine/compute"
	"sftui/recipes"
)

// Input is what the checks look at. Open fills it from a recipe.
type Input struct {
	Recipe   *recipes.Recipe
	Language recipes.Language
	Source   dataset.Source
	Eval     dataset.Source // nil where the recipe names no evaluation data of its own
	// Preparer prepares whole rows: the recipe's preparation without a limit on
	// length, without packing and without shuffling, so that one pass answers
	// for every max_length. Nil when the data cannot be prepared at all.
	Preparer  *dataset.Preparer
	Tokenizer *dataset.Tokenizer
	ModelDir  string
	CacheDir  string                // where the facts of rows are kept; "" keeps nothing
	Workers   int                   // 0 for all cores
	Progress  func(done, total int) // called from several goroutines

	actual  *dataset.Preparer // as the recipe says, limits and packing included
	outline *dataset.Outline  // of the rows that are trained on
	// evalOutline are the evaluation rows, nil without.
	evalOutline *dataset.Outline
	kept        []int // their numbers in Source, nil for all of its rows

	picked   []int // rows of the data set that are checked; nil for all
	total    int   // rows of the whole data set
	problems []Finding
	closers  []func() error
}

// OpenOptions are what Open needs beside the recipe.
type OpenOptions struct {
	Language recipes.Language
	CacheDir string
	Progress func(done, total int)
	MaxRows  int // check at most this many rows, spread evenly; 0 for all
	// ResolveModel returns the folder of a model.
	ResolveModel func(ctx context.Context, nameOrPath, revision string) (dir string, err error)
}

// Open opens data and tokenizer of a recipe. What cannot be opened becomes a
// finding of Check. Close the input afterwards.
func Open(ctx context.Context, r *recipes.Recipe, o OpenOptions) *Input {
	in := &Input{Recipe: r, Language: o.Language, CacheDir: o.CacheDir, Progress: o.Progress}
	in.openModel(ctx, o)
	in.openData(ctx)
	in.openPreparer()
	if in.pick(ctx, o.MaxRows) {
		in.openPreparer()
	}
	return in
}

// Close releases data and tokenizer.
func (in *Input) Close() error {
	var errs []error
	for _, c := range in.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// problem records that a part of the input cannot be used.
func (in *Input) problem(id string, err error, fix Fix) {
	in.problems = append(in.problems, Finding{ID: id, Severity: recipes.SeverityError, Message: err.Error(), Fix: fix})
}

// openModel finds the model's folder and its tokenizer.
func (in *Input) openModel(ctx context.Context, o OpenOptions) {
	r := in.Recipe
	if r.ModelNameOrPath == "" {
		return // the recipe's own finding no-model says so
	}
	dir := r.ModelNameOrPath
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		if o.ResolveModel == nil {
			in.problem("model-unusable", fmt.Errorf("the model %s is not a folder", dir), Fix{})
			return
		}
		if dir, err = o.ResolveModel(ctx, r.ModelNameOrPath, r.ModelRevision); err != nil {
			in.problem("model-unusable", err, Fix{})
			return
		}
	}
	_, err := os.Stat(filepath.Join(dir, "config.json"))
	hasConfig, unusable := err == nil, false
	switch {
	case !hasConfig && !hasWeights(dir): // rows can be checked with a tokenizer alone
		in.problems = append(in.problems, Finding{ID: "model-missing", Severity: recipes.SeverityNote,
			Message: format(in.say("%s has no config.json and no weights: the rows are checked with its tokenizer, but nothing can be trained there.",
				"%s 没有 config.json 和权重：数据行用其中的分词器检查，但无法在此训练。"), dir)})
	case o.ResolveModel != nil:
		unusable = !in.checkModel(ctx, dir, o)
	}
	if hasConfig {
		dir = in.trainedModel(ctx, dir)
	}
	tok, err := engine.OpenTokenizer(dir, r)
	if err != nil {
		if !unusable {
			in.problem("model-unusable", err, Fix{})
		}
		return
	}
	in.ModelDir, in.Tokenizer = dir, tok
	in.closers = append(in.closers, tok.Close)
}

func hasWeights(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	return err == nil && len(found) > 0
}

// checkModel looks at a folder's config and weights as training will, but for the numbers themselves. A folder that
// cannot be trained may still have the tokenizer that data is prepared with.
func (in *Input) checkModel(ctx context.Context, dir string, o OpenOptions) bool {
	_, err := o.ResolveModel(ctx, dir, "")
	var unused []string
	if err == nil {
		unused, err = compute.CheckModel(dir)
	}
	if err != nil {
		in.problem("model-unusable", err, Fix{})
		return false
	}
	if len(unused) > 0 {
		in.problems = append(in.problems, Finding{ID: "weights-unused", Severity: recipes.SeverityWarning,
			Message: format(in.say("The model has no place for %d of its tensors, %s among them: they are left out, as transformers does, and an export lacks them.",
				"模型中有 %d 个张量（例如 %s）没有对应的位置：与 transformers 一样会被忽略，导出时也不包含它们。"), len(unused), strings.Join(unused[:min(2, len(unused))], ", "))})
	}
	return true
}

// trainedModel is the model as it is trained: with rows for the tokens that a
// chat template brings.
func (in *Input) trainedModel(ctx context.Context, dir string) string {
	here := func(context.Context, string, string) (string, error) { return dir, nil }
	r := in.Recipe
	trained, err := engine.TrainedModel(ctx, r, here)
	if err == nil {
		return trained
	}
	fix := Fix{"chat_template_path", "null"}
	if r.UsePeft {
		whole := r.Clone()
		whole.UsePeft = false
		if resized, wholeErr := engine.TrainedModel(ctx, whole, here); wholeErr == nil {
			dir, fix = resized, Fix{"lora_modules_to_save", "[embed_tokens, lm_head]"}
		}
	}
	in.problem("template-unusable", err, fix)
	return dir
}

// openData opens the training data, and the evaluation data where it is named.
func (in *Input) openData(ctx context.Context) {
	r := in.Recipe
	if r.DatasetName == "" && r.DatasetMixture == nil {
		return // the recipe's own findings say so
	}
	src, err := engine.OpenTraining(ctx, r, nil)
	if err != nil {
		in.problem("data-unusable", err, Fix{})
		return
	}
	in.Source = src
	in.closers = append(in.closers, src.Close)
	if r.EvalStrategy == "no" && !r.EvalOnStart || r.EvalDatasetName == "" && r.EvalHoldout > 0 {
		return
	}
	if _, err := os.Stat(r.DatasetName); r.EvalDatasetName == "" && (err == nil && r.DatasetMixture == nil || r.DatasetMixture != nil && r.DatasetMixture.TestSplitSize == nil) {
		return // the recipe's own finding eval-without-data says so
	}
	eval, err := engine.OpenEvaluation(ctx, r)
	if err != nil {
		in.problem("eval-data-unusable", err, Fix{"eval_strategy", "no"})
		return
	}
	in.Eval = eval
	in.closers = append(in.closers, eval.Close)
}

// pick reduces the data to an even sample of at most n rows, unless a scan has
// looked at all of them already.
func (in *Input) pick(ctx context.Context, n int) (picked bool) {
	if in.Preparer == nil || n <= 0 || in.Source.Len() <= n || in.scanned(ctx) {
		return false
	}
	total := in.Source.Len()
	in.total, in.picked = total, make([]int, n)
	for i := range in.picked {
		in.picked[i] = int(int64(i) * int64(total) / int64(n))
	}
	in.Source = dataset.Select(in.Source, in.picked)
	in.problems = append(in.problems, Finding{ID: "sampled", Severity: recipes.SeverityNote,
		Message: format(in.say("%d of %d rows were checked; `sftui check` looks at all of them.", "检查了 %d 行（共 %d 行）；`sftui check` 会检查全部。"), n, total)})
	return true
}

// number is the row's place in the whole data set.
func (in *Input) number(i int) int {
	if in.picked == nil {
		return i
	}
	return in.picked[i]
}

// say picks the language.
func (in *Input) say(english, chinese string) string {
	if in.Language == recipes.Chinese {
		return chinese
	}
	return english
}

// stopIDs are the tokens that end generation for this model: the recipe's or
// the tokenizer's end token and those of config.json and generation_config.json.
func (in *Input) stopIDs() (ids map[int32]bool, named map[string][]int32) {
	ids, named = map[int32]bool{}, map[string][]int32{}
	add := func(where string, list ...int32) {
		for _, id := range list {
			if id >= 0 {
				ids[id] = true
				named[where] = append(named[where], id)
			}
		}
	}
	own, ownID := in.Tokenizer.EOS()
	if t := in.Preparer.EOS(); t != own || in.Recipe.EosToken != "" {
		if id, ok := in.Tokenizer.TokenID(t); ok {
			add("recipe", id)
		}
	}
	if ownID >= 0 {
		add("tokenizer", ownID)
	}
	for _, file := range []string{"config.json", "generation_config.json"} {
		add(file, dataset.ConfigEnds(filepath.Join(in.ModelDir, file))...)
	}
	return ids, named
}
