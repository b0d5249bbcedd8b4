package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// setUp resolves the model, prepares the data, opens the device and builds the
// loop at the point where it begins or goes on.
func (t *training) setUp(ctx context.Context) error {
	r := t.o.Recipe
	dir, err := t.resolveModel(ctx)
	if err != nil {
		return err
	}
	t.model = dir
	marks := fingerprints{}
	if marks.model, err = modelFingerprint(dir); err != nil {
		return err
	}
	if t.tok, err = OpenTokenizer(dir, t.o.Recipe); err != nil {
		return err
	}
	if err := t.readData(ctx, &marks); err != nil {
		return err
	}
	if t.o.Resume && t.resume.checkpoint != "" {
		if err := t.checkResume(marks); err != nil {
			return err
		}
	}
	if t.o.Resume {
		if err := t.openFolder(); err != nil {
			return err
		}
	}
	if err := t.openModel(ctx, dir); err != nil {
		return err
	}
	if t.o.Replay != "" {
		replay, err := openReplay(t.o.Replay, t.opened.Trainer.Info().Vocabulary)
		if err != nil {
			return err
		}
		t.data.train = replay
		marks.data, marks.rows = replayFingerprint(replay.batches), replay.Len()
		if t.o.Resume && t.resume.checkpoint != "" {
			if err := marks.check(t.resume.state.Finger); err != nil {
				return err
			}
		}
	}
	return t.buildLoop(r, marks)
}

// resolveModel finds the model's folder.
func (t *training) resolveModel(ctx context.Context) (string, error) {
	r := t.o.Recipe
	if r.ModelNameOrPath == "" {
		return "", fmt.Errorf("model_name_or_path is not set: give a hub id, a model folder or a GGUF file")
	}
	t.phase(run.Starting, "opening the model")
	return TrainedModel(ctx, r, t.o.Host.ResolveModel)
}

// phase enters a state, or only tells about it while a resume is not accepted.
func (t *training) phase(s run.State, message string) {
	if t.accepted {
		t.out.enter(s, message)
	} else if t.o.OnEvent != nil {
		t.o.OnEvent(run.Event{Kind: run.KindPhase, Time: time.Now(), Phase: string(s), Message: message})
	}
}

// prepareProgress is the time between progress events of the preparation.
const prepareProgress = 200 * time.Millisecond

// readData prepares the rows.
func (t *training) readData(ctx context.Context, marks *fingerprints) error {
	if t.o.Replay != "" {
		t.data = &trainingData{source: t.o.Replay, close: func() error { return nil }}
		return nil
	}
	t.phase(run.Preparing, "reading the data")
	var told time.Time
	report := func(what string, done, total int) {
		if time.Since(told) < prepareProgress && done != total {
			return
		}
		told = time.Now()
		e := run.Event{Kind: run.KindPhase, Phase: string(run.Preparing), Message: what, Done: int64(done), Total: int64(total)}
		if t.accepted {
			t.out.emit(e)
		} else if t.o.OnEvent != nil {
			e.Time = told
			t.o.OnEvent(e)
		}
	}
	var err error
	if t.data, err = prepare(ctx, t.o.Recipe, t.tok, report); err != nil {
		return err
	}
	return t.data.mark(marks)
}

// checkResume refuses to go on when model, data or recipe changed.
func (t *training) checkResume(marks fingerprints) error {
	if t.o.Replay == "" {
		if err := marks.check(t.resume.state.Finger); err != nil {
			return err
		}
	}
	return checkRecipe(t.resume.recipe, t.o.Recipe)
}

// openModel opens the device and loads the model onto it.
func (t *training) openModel(ctx context.Context, dir string) error {
	r := t.o.Recipe
	t.phase(run.Starting, "loading the model")
	var err error
	if t.opened, err = t.o.Host.OpenModel(ctx, deviceKind(r), ComputeConfig(r, dir)); err != nil {
		return err
	}
	t.out.mu.Lock()
	t.out.memory = t.opened.Memory
	t.out.mu.Unlock()
	if t.opened.Warning != "" {
		t.out.log(t.opened.Warning)
	}
	return nil
}

// deviceKind is the device that a recipe asks for.
func deviceKind(r *recipes.Recipe) string {
	switch {
	case r.UseCPU:
		return "cpu"
	case r.Device == "":
		return "auto"
	}
	return r.Device
}

// ComputeConfig is what a recipe asks of the tensor engine for the model in dir.
// Weights and moments are always float32; bf16 (or a dtype of bfloat16) says
// that products are computed in bfloat16. An empty DType leaves the choice to
// the device.
func ComputeConfig(r *recipes.Recipe, dir string) compute.Config {
	c := compute.Config{
		ModelDir: dir, Attention: r.AttnImplementation, DType: r.Arithmetic(),
		GradientCheckpointing: r.GradientCheckpointing,
		Seed:                  int64(r.Seed), LabelSmoothing: r.LabelSmoothingFactor, DFT: r.LossType == "dft",
		Optimizer: compute.OptimizerConfig{
			Name: r.Optim, Args: r.OptimArgs, Beta1: r.AdamBeta1, Beta2: r.AdamBeta2, Epsilon: r.AdamEpsilon, WeightDecay: r.WeightDecay,
		},
	}
	if r.Tf32 != nil {
		c.TF32 = *r.Tf32
	}
	if r.ActivationCheckpointing != nil {
		c.GradientCheckpointing = *r.ActivationCheckpointing
	}
	if r.MaxLength != nil {
		c.MaxLength = *r.MaxLength
	}
	if r.NeftuneNoiseAlpha != nil {
		c.NEFTuneAlpha = *r.NeftuneNoiseAlpha
	}
	if r.UsePeft {
		c.LoRA = &compute.LoRAConfig{
			R: r.LoraR, Alpha: float64(r.LoraAlpha), Dropout: r.LoraDropout,
			TargetModules: loraTargets(r), ModulesToSave: r.LoraModulesToSave, UseRSLoRA: r.UseRslora,
		}
	}
	return c
}

// loraTargets are the layers that get an adapter. Where the recipe names none
// TRL leaves the choice to PEFT, whose table has the same two projections of
// the attention for llama, mistral, qwen2, qwen3 and gemma3_text: all model
// types that sftui trains.
func loraTargets(r *recipes.Recipe) []string {
	if len(r.LoraTargetModules) == 0 {
		return []string{"q_proj", "v_proj"}
	}
	return r.LoraTargetModules
}

// dataSeed is the seed of the order of the data.
func dataSeed(r *recipes.Recipe) int64 {
	if r.DataSeed != nil {
		return int64(*r.DataSeed)
	}
	return int64(r.Seed)
}

// buildLoop makes the loop for a new run or at a checkpoint.
func (t *training) buildLoop(r *recipes.Recipe, marks fingerprints) error {
	micro := r.PerDeviceTrainBatchSize
	order, err := RecipeOrder(r, t.data.train.Len(), t.data.train.Tokens)
	if t.data.train.Fixed() {
		micro = 1
		order, err = NewOrder(t.data.train.Len(), 0, "sequential", r.DataloaderDropLast)
	}
	if err != nil {
		return err
	}
	l := &loop{
		recipe: r, run: t.folder, out: t.out, control: t.o.Control, trainer: t.opened.Trainer,
		feed: t.data.train, order: order, changes: t.o.Changes, marks: marks, rejoin: t.rejoin, saved: -1, sampled: -1, model: t.model,
	}
	if l.export, err = exportOptions(r, t.tok); err != nil {
		return err
	}
	perEpoch := order.StepsFrom(0, micro, r.GradientAccumulationSteps)
	if perEpoch == 0 {
		return droppedAll(order.n, micro)
	}
	total := r.MaxSteps
	if total <= 0 {
		total = order.TotalSteps(r.NumTrainEpochs, micro, r.GradientAccumulationSteps)
	}
	if total <= 0 {
		return fmt.Errorf("there is nothing to do: num_train_epochs is %v and max_steps is %d", r.NumTrainEpochs, r.MaxSteps)
	}
	l.state = state{
		TotalSteps: total, MicroBatch: micro, Accumulation: r.GradientAccumulationSteps, LearningScale: 1,
		ScheduleStride: 1, ScheduleTotal: total,
	}
	if t.resume.checkpoint != "" {
		if same := marks.data == t.resume.state.Finger.Data; !t.o.Resume && same && r.MaxSteps <= 0 {
			total = t.forkedSteps(order, micro)
		}
		if err := t.restore(l, total); err != nil {
			return err
		}
	}
	l.schedule, err = newSchedule(r.LrSchedulerType, r.LearningRate, warmupSteps(r.WarmupSteps, l.state.ScheduleTotal), l.state.ScheduleTotal, r.LrSchedulerKwargs)
	if err != nil {
		return err
	}
	if l.cadence, err = newCadence(r, l.state.ScheduleTotal); err != nil {
		return err
	}
	l.schedule.restore(l.state.Adaptive)
	if err := t.addEvaluation(l); err != nil {
		return err
	}
	if isAdaptive(r.LrSchedulerType) && (l.eval == nil || r.EvalStrategy == "no") {
		return fmt.Errorf("lr_scheduler_type %s follows the evaluations and there are none: set eval_strategy, or another schedule", r.LrSchedulerType)
	}
	t.loop = l
	t.addTuner(l)
	t.announce(l, perEpoch)
	return t.checkDisk(l, perEpoch)
}

// forkedSteps are the steps of a fork in all, those of its parent among them,
// which may have had other batches, by its recipe or by a live change.
func (t *training) forkedSteps(order *Order, micro int) int {
	parent, r := t.resume.state, t.o.Recipe
	return parent.Step + order.StepsLeft(parent.Position, r.NumTrainEpochs, micro, r.GradientAccumulationSteps)
}

// addTuner opens the loop to live changes.
func (t *training) addTuner(l *loop) {
	p := &peaks{feed: l.feed, order: l.order.clone(), shapeOf: l.trainer.ShapeOf, limit: l.out.limit}
	// A refusal looks through the same epochs for a dozen batch sizes; to sort a large data set by length for each of them
	// would take longer than a client waits.
	p.order.keep = worstEpochs
	if t.opened.Estimate != nil {
		p.estimate = t.opened.estimate
	}
	rows := l.order.clone()
	p.left = func(at Position, micro, accumulation int) int {
		if l.recipe.MaxSteps > 0 {
			return l.recipe.MaxSteps - l.out.snapshot().Step
		}
		return rows.StepsLeft(at, l.recipe.NumTrainEpochs, micro, accumulation)
	}
	l.tuner = &tuner{
		trainer: l.trainer, feed: l.feed, order: l.order.clone(), out: l.out, peaks: p, at: l.state.Position, now: l.sizes(),
	}
	l.control.serve(l.tuner.vet, l.tuner.ask)
}

// restore puts the loop where a checkpoint was.
func (t *training) restore(l *loop, total int) error {
	if err := l.trainer.LoadState(filepath.Join(t.resume.checkpoint, optimizerDir)); err != nil {
		return fmt.Errorf("checkpoint %s: %w", t.resume.checkpoint, err)
	}
	fresh := l.state
	l.state = t.resume.state
	l.state.Moved = l.state.Moved || l.state.Step > l.state.LeftOut // older checkpoints do not say
	if b := l.state.Best; b != nil && l.state.BestSaved == 0 && l.hasCheckpoint(b.Step) {
		l.state.BestSaved = b.Step // older checkpoints do not say
	}
	l.spikes.recent = l.state.Recent
	if t.o.Resume {
		l.saved = l.state.Step
		return nil
	}
	if l.state.Step >= total {
		return fmt.Errorf("there is nothing to do: %s is at step %d and the recipe ends at step %d; raise num_train_epochs or max_steps, or start from an earlier checkpoint", t.resume.checkpoint, l.state.Step, total)
	}
	// A fork takes the weights, the optimizer and the place in the data, and
	// its own recipe for the rest. The schedule goes on at the same step.
	l.state.MicroBatch, l.state.Accumulation, l.state.LearningScale = fresh.MicroBatch, fresh.Accumulation, fresh.LearningScale
	l.state.TotalSteps, l.state.ScheduleTotal, l.state.ScheduleStride = total, total, 1
	l.state.ScheduleAt, l.state.Best, l.state.Adaptive = float64(l.state.Step), nil, nil
	l.state.EvalDue, l.state.Begun, l.state.LeftOut, l.state.BestSaved = nil, false, 0, 0
	if l.state.Position.Offset >= l.order.n {
		l.state.Position = Position{Epoch: l.state.Position.Epoch + 1}
	}
	return nil
}

// addEvaluation adds the evaluation data and the sample prompts.
func (t *training) addEvaluation(l *loop) error {
	m, err := newMetric(t.o.Recipe)
	if err != nil {
		return err
	}
	if t.data.eval != nil {
		order, batch := evalOrder(t.o.Recipe, t.data.eval.Len(), t.data.eval.Tokens), t.o.Recipe.PerDeviceEvalBatchSize
		if order.StepsFrom(0, batch, 1) == 0 {
			return fmt.Errorf("%d evaluation rows are fewer than one batch of per_device_eval_batch_size %d, and dataloader_drop_last drops it: lower per_device_eval_batch_size or set dataloader_drop_last to false", order.n, batch)
		}
		l.eval = &evaluator{feed: t.data.eval, order: order, batch: batch, metric: m}
	}
	if l.eval == nil && t.o.Recipe.EvalStrategy != "no" && t.o.Replay != "" {
		t.out.log("evaluation is left out while given batches are replayed")
	}
	o, err := DataOptions(t.o.Recipe)
	if err != nil {
		return err
	}
	if l.sampler, err = newSampler(t.o.Recipe, t.tok, o, t.data.evalPart); err != nil || l.sampler == nil {
		return err
	}
	l.sampler.stop, err = l.export.Tokens.StopIDs(t.model)
	return err
}

// announce records the start event and what the data lost on its way.
func (t *training) announce(l *loop, perEpoch int) {
	r, info := t.o.Recipe, l.trainer.Info()
	epochs := r.NumTrainEpochs
	if r.MaxSteps > 0 {
		epochs = float64(l.state.TotalSteps) / float64(perEpoch)
	}
	t.out.update(func(s *run.Status) {
		s.MicroBatch, s.Accumulation = l.state.MicroBatch, l.state.Accumulation
		s.LearningScale = l.state.LearningScale
	})
	t.out.emit(run.Event{
		Kind: run.KindStart, Step: l.state.Step, TotalSteps: l.state.TotalSteps, Epochs: epochs, Rows: t.data.train.Len(),
		Model: r.ModelNameOrPath, Data: t.data.source, Device: t.opened.Name, Resumed: t.o.Resume && t.resume.checkpoint != "",
		Parameters: info.Parameters, Trainable: info.Trainable,
		MicroBatch: l.state.MicroBatch, Accumulation: l.state.Accumulation,
	})
	if t.o.Resume && t.resume.checkpoint != "" {
		// The event was written after the checkpoint and cut off with the rest.
		t.out.emit(run.Event{Kind: run.KindCheckpoint, Step: l.state.Step, Path: t.resume.checkpoint})
	}
	for _, why := range t.skipped {
		t.out.warn(run.CodeCheckpoint, l.state.Step, "passed over: "+why, nil)
	}
	if t.o.Recipe.Arithmetic() == "" && info.DType == "float32" {
		t.out.log("bf16 is not set: products are computed in float32 on this CPU; on a GPU they would be in bfloat16, as in TRL")
	}
	t.warnNotHonoured()
	if n := len(t.data.dropped); n > 0 {
		t.out.warn(run.CodeData, 0, fmt.Sprintf("%d of %d rows are left out; the first because: %s", n, n+l.marks.rows, t.data.dropped[0].Dropped), firstRows(t.data.dropped))
	}
}

// warnNotHonoured names the options that were set and cannot be honoured.
func (t *training) warnNotHonoured() {
	for _, f := range recipes.Fields() {
		value, _ := t.o.Recipe.Get(f.Key)
		if f.Status.State == recipes.Unsupported && t.o.Recipe.IsSet(f.Key) && value != f.Default {
			t.out.warn(run.CodeNotHonoured, 0, fmt.Sprintf("%s=%s is not honoured: %s", f.Key, value, f.Status.English), nil)
		}
	}
}

// maxNamedRows bounds the rows that one warning names.
const maxNamedRows = 100

func firstRows(dropped []dataset.Example) []int {
	rows := make([]int, 0, min(len(dropped), maxNamedRows))
	for _, e := range dropped[:cap(rows)] {
		rows = append(rows, e.Row)
	}
	return rows
}

// checkDisk refuses a run of which not even one checkpoint or the final model
// fits on the disk, and warns of one whose checkpoints together do not.
func (t *training) checkDisk(l *loop, perEpoch int) error {
	need := forecastDisk(t.o.Recipe, l.trainer.Info(), l.cadence, l.state.TotalSteps-l.state.Step, perEpoch)
	free, err := freeDisk(t.folder.Dir)
	if err != nil {
		t.out.log(err.Error())
		return nil
	}
	if what := need.impossible(free); what != "" {
		what = fmt.Sprintf("%s, but the disk of %s has %s free: free some space, or give another --run folder", what, t.folder.Dir, Bytes(int64(free)))
		if !t.o.Force {
			return fmt.Errorf("%s; --force starts all the same", what)
		}
		t.out.warn(run.CodeDisk, l.state.Step, what, nil)
		return nil
	}
	if need.Total() > int64(free) {
		t.out.warn(run.CodeDisk, l.state.Step, strings.TrimSpace(fmt.Sprintf(
			"%d checkpoints of %s and the final model need %s, but the disk of %s has %s free: set save_total_limit, or the run will pause when it is full",
			need.Checkpoints, Bytes(need.Checkpoint), Bytes(need.Total()), t.folder.Dir, Bytes(int64(free)))), nil)
	}
	return nil
}
