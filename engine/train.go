// Package engine trains: it turns a recipe into a run. It holds the training
// loop, its schedules and its order of the data, checkpoints and resuming, live
// control, evaluation and forecasts. Tensors are compute's business, rows are
// dataset's, and nothing here knows a user interface: everything that happens
// is an event of engine/run.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/device"
	"sftui/engine/model"
	"sftui/engine/run"
	"sftui/recipes"
)

// Host is what a run needs from the machine it is on.
type Host struct {
	// ResolveModel returns the folder of a hub id, folder or GGUF file.
	ResolveModel func(ctx context.Context, nameOrPath, revision string) (dir string, err error)
	// Plugin returns the folder of the XLA plugin of a kind ("cpu", "cuda", "cuda-compiler").
	Plugin func(ctx context.Context, kind string) (string, error)
	// Compiled is a folder where compiled programs are kept for later processes; "" keeps none.
	Compiled string

	// open stands in for a device and a session in tests of the loop.
	open func(ctx context.Context, kind string, c compute.Config) (*Opened, error)
}

// Opened is a model on a device.
type Opened struct {
	Trainer compute.Trainer
	Memory  func() device.Reading
	Name    string // of the device
	CUDA    bool   // it has memory of its own
	Warning string
	Close   func()
	// Estimate forecasts the memory of training in a shape; nil where the model cannot be described.
	Estimate func(compute.Shape) compute.Memory
	// Alone makes an estimate one for steps of a single micro-batch; nil where Estimate is.
	Alone func(compute.Memory) compute.Memory
}

// OpenModel opens a model folder on a device of a kind.
func (h Host) OpenModel(ctx context.Context, kind string, c compute.Config) (*Opened, error) {
	if h.open != nil {
		return h.open(ctx, kind, c)
	}
	dev, err := device.Open(ctx, kind, h.Plugin)
	if err != nil {
		return nil, err
	}
	dev.KeepCompiled(h.Compiled)
	return openOn(dev, c)
}

// OpenDescribed opens a model folder for a GPU that need not be here, by its
// name: what it compiles tells what it needs, and nothing can be run.
func (h Host) OpenDescribed(ctx context.Context, name string, c compute.Config) (*Opened, error) {
	gpu, err := device.Describe(name)
	if err != nil {
		return nil, err
	}
	dev, err := device.OpenDescribed(ctx, gpu, h.Plugin)
	if err != nil {
		return nil, err
	}
	return openOn(dev, c)
}

// openOn opens a model folder on a device, which it takes over.
func openOn(dev *device.Device, c compute.Config) (*Opened, error) {
	if c.DType == "" {
		c.DType = defaultType(dev.Kind)
	}
	session, err := compute.Open(dev, c)
	if err != nil {
		dev.Close()
		return nil, err
	}
	m, err := model.Open(c.ModelDir)
	if err != nil {
		session.Close()
		dev.Close()
		return nil, err
	}
	on := targetOf(dev)
	return &Opened{Trainer: session, Memory: dev.Memory, Name: dev.Name, CUDA: on.CUDA, Warning: dev.Warning,
		Estimate: func(shape compute.Shape) compute.Memory { return Estimate(m, c, shape, on) },
		Alone:    func(e compute.Memory) compute.Memory { return alone(e, m, c, on.CUDA) }, Close: func() {
			session.Close()
			dev.Close()
		}}, nil
}

// defaultType is what products are computed in where the recipe leaves bf16
// open: bfloat16 as in TRL on a GPU; float32 elsewhere, because processors
// without native bfloat16 are many times slower with it.
func defaultType(deviceKind string) string {
	if deviceKind == device.CUDA {
		return "bfloat16"
	}
	return "float32"
}

// TrainOptions says what to train and where.
type TrainOptions struct {
	Recipe    *recipes.Recipe
	RunDir    string
	Resume    bool     // go on from the newest checkpoint in RunDir
	From      string   // checkpoint folder of another run to start from (a fork)
	Replay    string   // JSON file of micro-batches to train on instead of the data
	Force     bool     // start although the forecast says it cannot fit
	Changes   []Change // options that change at given steps, in order of step
	Arguments []string // command line, for the record
	Host      Host
	Control   *Control        // optional
	OnEvent   func(run.Event) // called for every event; it must return soon and not call Control.Set
}

// Result is how a run ended.
type Result struct {
	State  run.State // Finished or Stopped
	Status run.Status
	Dir    string
}

// Train trains in this process until the run is finished, stopped or failed.
// A failure is both recorded in the run folder and returned.
func Train(ctx context.Context, o TrainOptions) (Result, error) {
	folder, lock, err := openFolder(&o)
	if err != nil {
		return Result{}, err
	}
	t := &training{o: &o, folder: folder, lock: lock}
	defer t.release()
	if err := t.begin(); err != nil {
		return Result{Dir: folder.Dir}, err
	}
	err = t.run(ctx)
	return t.end(err)
}

// training is one call of Train.
type training struct {
	model    string // folder of the weights
	o        *TrainOptions
	folder   *run.Run
	lock     *os.File // of the folder, nil where the file system knows none
	out      *recorder
	server   *run.Server
	resume   resumePoint
	opened   *Opened
	tok      *dataset.Tokenizer
	data     *trainingData
	loop     *loop
	skipped  []string // checkpoints that could not be read, and why
	accepted bool     // a resume passed its checks; from here the folder is ours to write
}

// begin finds the checkpoint, and opens the events and the control socket.
func (t *training) begin() error {
	t.out = &recorder{run: t.folder, onEvent: t.o.OnEvent}
	t.out.status = run.Status{State: run.Starting, Started: time.Now(), Arguments: t.o.Arguments}
	if err := removeUnfinished(t.folder.Dir); err != nil {
		return fmt.Errorf("clear the run folder: %w", err)
	}
	switch {
	case t.o.Resume:
		var skipped []string
		var err error
		if t.resume, skipped, err = findResume(t.folder); err != nil {
			return err
		}
		t.skipped = skipped
	case t.o.From != "":
		var err error
		if t.resume, err = readResume(t.o.From); err != nil {
			return err
		}
		t.out.status.Parent = t.o.From
	}
	if t.o.Recipe == nil {
		return errors.New("there is no recipe to train with")
	}
	if t.o.Resume {
		return nil // the events are opened once the resume is known to be sound
	}
	return t.openFolder()
}

// openFolder takes the run folder over: events, status and control socket.
func (t *training) openFolder() error {
	if t.o.Resume {
		if err := t.takeOver(); err != nil {
			return err
		}
	}
	t.accepted = true
	t.out.status.Mine()
	var err error
	if t.out.events, err = run.NewWriter(t.folder.Path(run.MetricsFile)); err != nil {
		return err
	}
	if err := t.folder.WriteStatus(t.out.status, true); err != nil {
		return err
	}
	if err := run.WriteFileAtomic(t.folder.Path(run.RecipeFile), t.o.Recipe.YAML(), true); err != nil {
		return fmt.Errorf("write the effective recipe: %w", err)
	}
	t.o.Control.attach(t.o.Recipe.LearningRate, t.o.Replay != "", t.out.snapshot, t.out.waits)
	t.server, err = t.folder.Listen(t.o.Control.Handle)
	return err
}

// run sets everything up and trains.
func (t *training) run(ctx context.Context) error {
	if err := t.setUp(ctx); err != nil {
		return err
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Add(1)
	go t.out.watchMemory(stop, &watching)
	defer watching.Wait()
	defer close(stop)
	if err := t.loop.warmUp(t.opened, t.o.Force); err != nil {
		return err
	}
	err := t.loop.train(ctx)
	waits := t.loop.settle()
	if err == nil { // the changes of a run that ended otherwise wait for its resume
		t.loop.unmet(waits)
		err = t.loop.lastRequests(ctx)
	}
	t.loop.tellMemory()
	if err != nil {
		return t.loop.afterFailure(ctx, err)
	}
	return t.loop.finish(ctx)
}

// end records how the run ended.
func (t *training) end(err error) (Result, error) {
	if !t.accepted {
		// A refused resume leaves the folder as it was.
		return Result{Dir: t.folder.Dir}, err
	}
	reason, message := run.Finished, ""
	switch {
	case errors.Is(err, errStopped):
		reason = run.Stopped
	case errors.Is(err, context.Canceled):
		reason, message = run.Stopped, "stopped before training began"
	case err != nil:
		reason, message = run.Failed, err.Error()
	}
	done := run.Event{Kind: run.KindDone, Step: t.out.snapshot().Step, Reason: string(reason), Message: message}
	if reason == run.Finished {
		done.Path = t.folder.Path(run.ModelDir)
	}
	t.out.emit(done)
	status := t.out.snapshot()
	if closeErr := t.out.events.Close(); err == nil {
		err = closeErr
	}
	if reason != run.Failed && (err == nil || errors.Is(err, errStopped)) {
		return Result{State: reason, Status: status, Dir: t.folder.Dir}, nil
	}
	return Result{State: run.Failed, Status: status, Dir: t.folder.Dir}, err
}

// release closes what is open, in the reverse order of opening.
func (t *training) release() {
	if t.opened != nil {
		t.opened.Close()
	}
	for _, c := range []func() error{t.closeServer, t.closeData, t.closeTokenizer, func() error { return closeFile(t.lock) }} {
		if err := c(); err != nil && t.o.OnEvent != nil {
			// The run is over and recorded; nothing of it is lost.
			t.o.OnEvent(run.Event{Kind: run.KindLog, Time: time.Now(), Message: err.Error()})
		}
	}
}

func (t *training) closeServer() error {
	if t.server == nil {
		return nil
	}
	return t.server.Close()
}

func (t *training) closeData() error {
	if t.data == nil {
		return nil
	}
	return t.data.close()
}

func (t *training) closeTokenizer() error {
	if t.tok == nil {
		return nil
	}
	return t.tok.Close()
}

// finish writes the final model: the best checkpoint's where asked for, else
// the one in memory.
func (l *loop) finish(ctx context.Context) error {
	write := func(dir string) error { return l.trainer.Export(dir, l.export) }
	if best := l.state.BestSaved; l.recipe.LoadBestModelAtEnd && best > 0 && best != l.state.Step {
		path := l.checkpointOf(best)
		if err := wholeModel(path); err != nil {
			l.out.warn(run.CodeCheckpoint, l.state.Step, fmt.Sprintf("the best model (step %d) cannot be loaded, so the last one is exported: %v", best, err), nil)
		} else {
			// Its files are copied: with save_only_model there is no state to load the weights back from.
			write = func(dir string) error { return copyModel(path, dir) }
			l.out.log(fmt.Sprintf("loaded the best model, of step %d", best))
		}
	}
	l.out.enter(run.Saving, "writing the final model")
	for {
		err := l.rejoin()
		if err == nil {
			err = writeModel(l.run.Path(run.ModelDir), write)
		}
		if err == nil {
			l.keepOnlyBest()
			return nil
		}
		if !l.hold(ctx, err) {
			return err
		}
	}
}

// wholeModel says what is wrong with the model of a checkpoint.
func wholeModel(checkpoint string) error {
	s, err := readState(checkpoint)
	if err != nil {
		return err
	}
	return s.Files.check(checkpoint, exported)
}

// copyModel copies the model of a checkpoint, without what is there to resume.
func copyModel(checkpoint, dir string) error {
	files, err := os.ReadDir(checkpoint)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() || f.Name() == stateFile || f.Name() == run.RecipeFile {
			continue
		}
		if err := copyFile(filepath.Join(checkpoint, f.Name()), filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // opened for reading only
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// exportTo writes a model folder whole or not at all.
func exportTo(trainer compute.Trainer, path string, o compute.ExportOptions) error {
	return writeModel(path, func(dir string) error { return trainer.Export(dir, o) })
}

// writeModel makes a folder under another name, lets write fill it, and
// renames it, so that it is there whole or not at all.
func writeModel(path string, write func(dir string) error) (err error) {
	temporary := filepath.Join(filepath.Dir(path), unfinishedPrefix+filepath.Base(path))
	if err := os.RemoveAll(temporary); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("export: %w", errors.Join(err, os.RemoveAll(temporary)))
		}
	}()
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return err
	}
	if err := write(temporary); err != nil {
		return err
	}
	return publish(temporary, path)
}

// afterFailure saves what can be saved before a run ends early.
func (l *loop) afterFailure(ctx context.Context, err error) error {
	var bad *notFiniteError
	if errors.As(err, &bad) && l.saved != l.state.Step {
		// The weights are those of the last good step.
		if saveErr := l.save(ctx); saveErr != nil {
			return errors.Join(err, saveErr)
		}
	}
	return err
}
