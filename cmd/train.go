package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/recipes"
)

// trainCommand is the line of `sftui train` in the table of commands.
func trainCommand() command {
	return command{name: "train", usage: "--recipe FILE [key=value …] [--run DIR] [--replay BATCHES.json] [--resume] [--from CHECKPOINT] [--at STEP:key=value,…] [--device D] [--force]",
		summary: "train a model in the foreground", details: trainDetails, run: runTrain}
}

func trainFlags() flagSet {
	return flagSet{
		values:   []string{"recipe", "run", "replay", "from", "device"},
		lists:    []string{"at"},
		switches: []string{"resume", "force"},
		options:  true,
	}
}

// runTrain trains until the run is over. Ctrl-C, or a terminal that is closed,
// stops after the step and saves; a second Ctrl-C stops at once.
func runTrain(ctx context.Context, args []string, s streams) int {
	o, temporary, err := trainOptions(args, s)
	if err != nil {
		return fail(s, "train", err)
	}
	p := newProgress(s.err, o.Recipe)
	o.OnEvent = p.event
	trainCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := stopOnSignals(ctx, o, p, cancel)
	defer stop()
	fmt.Fprintf(s.err, "run %s\n", o.RunDir)
	if root, err := run.DefaultRoot(); err == nil {
		if err := run.Register(root, o.RunDir); err != nil {
			fmt.Fprintf(s.err, "the run will not be in the list of runs: %v\n", err)
		}
	}
	result, err := engine.Train(trainCtx, o)
	p.close()
	return trainEnd(s, o.RunDir, temporary, result, err)
}

// trainEnd prints how the run ended.
func trainEnd(s streams, dir string, temporary bool, result engine.Result, err error) int {
	if err != nil && temporary && result.Status.Step == 0 {
		// A folder that we named ourselves and in which nothing happened.
		if removeErr := os.RemoveAll(dir); removeErr != nil {
			err = errors.Join(err, removeErr)
		}
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(s.err, "stopped before training began")
		return exitWarning
	}
	if err != nil {
		return fail(s, "train", err)
	}
	summary := map[string]any{"run": dir, "state": result.State, "step": result.Status.Step, "total_steps": result.Status.TotalSteps,
		"loss": result.Status.Loss, "trained_tokens": result.Status.TrainedTokens, "seconds": result.Status.TrainSeconds}
	if result.State == run.Finished {
		summary["model"] = filepath.Join(dir, run.ModelDir)
	}
	if err := json.NewEncoder(s.out).Encode(summary); err != nil {
		return wrote(err, s)
	}
	if result.State == run.Stopped {
		fmt.Fprintf(s.err, "stopped at step %d; go on with: sftui train --resume --run %s\n", result.Status.Step, dir)
		return exitWarning
	}
	return exitDone
}

// fail prints one sentence and returns the exit status of bad input.
func fail(s streams, command string, err error) int {
	fmt.Fprintf(s.err, "sftui %s: %s\n", command, oneLine(err))
	return exitFailure
}

// oneLine keeps an error on one line, whatever a library put into it.
func oneLine(err error) string {
	var lines []string
	for _, line := range strings.Split(err.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// trainOptions reads the command line. temporary says that the run folder's
// name is ours.
func trainOptions(args []string, s streams) (o engine.TrainOptions, temporary bool, err error) {
	a, err := trainFlags().parse(args)
	if err == nil {
		err = a.stray("train")
	}
	if err != nil {
		return o, false, err
	}
	if a.values["recipe"] == "" && !a.switches["resume"] && len(a.overrides) == 0 {
		return o, false, errors.New("give a recipe: --recipe FILE, or the name of an embedded one (sftui recipe lists them)")
	}
	o = engine.TrainOptions{
		RunDir: a.values["run"], Replay: a.values["replay"], From: a.values["from"],
		Resume: a.switches["resume"], Force: a.switches["force"], Arguments: args,
		Host: host(s.err), Control: engine.NewControl(func() { killSoon(s.err) }),
	}
	if o.Resume && o.RunDir == "" {
		return o, false, errors.New("--resume needs --run DIR, the run to go on with")
	}
	if o.Recipe, err = trainRecipe(a, o); err != nil {
		return o, false, err
	}
	if o.Changes, err = scheduledChanges(a.lists["at"], o.Recipe.LearningRate); err != nil {
		return o, false, err
	}
	if err := engine.AbsolutePaths(o.Recipe); err != nil {
		return o, false, err
	}
	if err := refuseConflicts(o, s.err); err != nil {
		return o, false, err
	}
	if o.RunDir == "" {
		o.RunDir, temporary, err = chooseRunDir(o.Recipe)
	} else {
		o.RunDir, err = filepath.Abs(o.RunDir)
	}
	if err == nil && o.From == "" && o.Replay == "" && !o.Resume {
		err = resumeFromRecipe(&o)
	}
	return o, temporary, err
}

// trainRecipe is the recipe of the command line, or a resumed run's own.
func trainRecipe(a arguments, o engine.TrainOptions) (*recipes.Recipe, error) {
	if a.values["recipe"] != "" || !o.Resume {
		return a.recipe()
	}
	r, err := recipes.Load(filepath.Join(o.RunDir, run.RecipeFile))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be resumed: %w%s", o.RunDir, err, otherRecipe(o.RunDir))
	}
	return r, a.override(r)
}

// otherRecipe says where a run whose recipe cannot be read has it once more.
func otherRecipe(dir string) string {
	newest, err := newestCheckpoint(dir)
	if err != nil || newest == "" {
		return ""
	}
	return "; its newest checkpoint has it too: --recipe " + filepath.Join(newest, run.RecipeFile)
}

// scheduledChanges reads --at STEP:key=value,key=value.
func scheduledChanges(list []string, learningRate float64) ([]engine.Change, error) {
	var changes []engine.Change
	for _, text := range list {
		step, rest, ok := strings.Cut(text, ":")
		n, err := strconv.Atoi(step)
		if !ok || err != nil || n < 1 {
			return nil, fmt.Errorf("--at wants STEP:key=value,…, found %q", text)
		}
		if len(changes) > 0 && changes[len(changes)-1].Step >= n {
			return nil, fmt.Errorf("--at: give the steps in rising order, found %d after %d", n, changes[len(changes)-1].Step)
		}
		values := map[string]string{}
		for _, pair := range strings.Split(rest, ",") {
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, fmt.Errorf("--at wants STEP:key=value,…, found %q", text)
			}
			values[key] = value
		}
		c, err := engine.ParseChange(values, learningRate)
		if err != nil {
			return nil, fmt.Errorf("--at %s: %w", step, err)
		}
		c.Step = n
		changes = append(changes, c)
	}
	return changes, nil
}

// refuseConflicts prints what the recipe's options say to each other, and
// refuses when that is an error.
func refuseConflicts(o engine.TrainOptions, w io.Writer) error {
	for _, n := range o.Recipe.Notes() {
		fmt.Fprintf(w, "note: %s\n", n.English)
	}
	for _, c := range o.Recipe.Conflicts() {
		if o.Replay != "" && slices.Contains(c.Keys, "dataset_name") {
			continue // the batches are given, so the data does not matter
		}
		if c.Severity == recipes.SeverityError && !o.Force {
			hint := ""
			if c.Fix.Key != "" {
				hint = fmt.Sprintf(" (set %s=%s)", c.Fix.Key, c.Fix.Value)
			}
			return fmt.Errorf("%s%s", c.Message, hint)
		}
		if c.Severity != recipes.SeverityNote {
			fmt.Fprintf(w, "%s: %s\n", c.Severity, c.Message)
		}
	}
	return nil
}

// chooseRunDir is the folder of a run that was not given one: the recipe's
// output_dir, or a new one among the runs.
func chooseRunDir(r *recipes.Recipe) (dir string, temporary bool, err error) {
	root, err := run.DefaultRoot()
	if err != nil {
		return "", false, err
	}
	if r.OutputDir != "" {
		dir, err = filepath.Abs(r.OutputDir)
		return dir, false, err
	}
	name := r.RunName
	if name == "" {
		name = filepath.Base(r.ModelNameOrPath)
	}
	return run.NewDir(root, name, time.Now()), true, nil
}

// stopOnSignals turns Ctrl-C into stop-and-save, and a second one into an end.
func stopOnSignals(ctx context.Context, o engine.TrainOptions, p *progress, cancel context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup leaves it
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE) // a run outlives whoever reads its progress
	done := make(chan struct{})
	var first atomic.Bool
	ask := func() {
		if first.Swap(true) {
			return
		}
		if p.training() {
			p.line("stopping after this step, with a checkpoint; once more stops at once")
			o.Control.Stop(true)
			return
		}
		cancel(context.Canceled)
	}
	go func() {
		count := 0
		for {
			select {
			case <-done:
				return
			case <-ctx.Done(): // the caller's own signal handling, or its end
				ask()
				ctx = context.Background()
			case s := <-signals:
				if s != syscall.SIGHUP { // of which a terminal that is closed sends several
					count++
				}
				if count > 1 {
					p.line("stopped at once")
					os.Exit(exitWarning)
				}
				ask()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
		close(done)
	}
}

// killSoon ends the process once the reply to the kill command had time to leave.
func killSoon(w io.Writer) {
	time.AfterFunc(50*time.Millisecond, func() {
		fmt.Fprintln(w, "killed by command")
		os.Exit(exitWarning)
	})
}
