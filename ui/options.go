package ui

import (
	"context"
	"os/exec"

	"sftui/dataset"
	"sftui/recipes"
)

// Options are what the command line said and what the workbench gets from the
// packages that are too heavy to be loaded into a screen.
type Options struct {
	Data   string // data set; the recipe's when empty
	Model  string // model name, folder or GGUF file; the recipe's when empty
	Recipe string // recipe file; the embedded default when empty
	Run    string // run folder to attach to
	Lang   string // en or zh
	Device string // what is shown as the device, as in "cpu 2 cores"

	Edits    []string // key=value overrides of the recipe
	RunsRoot string   // where runs live
	CacheDir string   // where the lengths of rows are kept; "" keeps nothing
	LogFile  string   // what native libraries print; the log pane shows it
	Plain    bool     // skip the start page

	// ResolveModel finds the folder of a model and gets it when it is not here.
	ResolveModel func(ctx context.Context, name, revision string, report func(line string)) (dir string, err error)
	// OpenData opens a data set; dataset.Open when nil.
	OpenData func(ctx context.Context, spec string, o dataset.OpenOptions) (dataset.Source, error)
	// Notes looks at the rows while they are scanned, for the findings.
	Notes func(whole *dataset.Preparer) dataset.Noter
	// OpenEvaluation opens what a recipe evaluates on, as a run does; without it
	// eval_dataset_name is opened like any data set.
	OpenEvaluation func(ctx context.Context, r *recipes.Recipe) (dataset.Source, error)
	// DataOptions are a recipe's settings of data preparation, the same that a
	// run uses, so that what is shown is what is trained.
	DataOptions func(r *recipes.Recipe) (dataset.Options, error)
	// Check looks for findings over data, template, recipe, model and device.
	Check func(ctx context.Context, r *recipes.Recipe, lang recipes.Language) ([]Finding, error)
	// Forecast works out what a run of a recipe needs, with some options changed.
	Forecast func(ctx context.Context, recipe []byte, changes map[string]string) (*Forecast, error)
	// Drifts are the reasons for which a run cannot be resumed, none where it can.
	Drifts func(ctx context.Context, runDir string, lang recipes.Language) ([]Finding, error)
	// Chat is the process of `sftui chat` with the given arguments, not started
	// yet; it ends with the context.
	Chat func(ctx context.Context, args []string) *exec.Cmd
	// Doctor is the process of `sftui doctor` with the given arguments, not
	// started yet; it ends with the context.
	Doctor func(ctx context.Context, args []string) *exec.Cmd
	// StartRun starts training in a process of its own that outlives the
	// workbench. The channel gives the process's end.
	StartRun func(runDir string, args []string) (exited <-chan error, err error)
}

// evaluating are the options with which the rows of a recipe's evaluation data
// are opened in the place of its training data.
func (o Options) evaluating(r *recipes.Recipe) Options {
	if open := o.OpenEvaluation; open != nil {
		o.OpenData = func(ctx context.Context, _ string, _ dataset.OpenOptions) (dataset.Source, error) {
			return open(ctx, r)
		}
	}
	return o
}
