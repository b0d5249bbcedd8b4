package ui

import (
	"math"
	"path/filepath"
	"testing"

	"sftui/engine/run"
)

// steps are the events of n optimizer steps with a falling loss, one spike and
// one step without a number.
func steps(n int) []run.Event {
	var out []run.Event
	for i := 1; i <= n; i++ {
		loss := 1.8 + 1.2*math.Exp(-float64(i)/60) + 0.05*math.Sin(float64(i)*1.7)
		switch i {
		case 131:
			loss = 6.5
		case 150:
			loss = math.NaN()
		}
		e := run.Event{Kind: run.KindStep, Step: i, Loss: run.Number(loss), GradNorm: run.Number(0.5 + math.Abs(math.Sin(float64(i)))),
			LearningRate: run.Number(1e-4 * float64(400-i) / 400), TrainedTokens: 2400, Seconds: 2, Epoch: float64(i) / 100,
			MicroBatch: 4, Accumulation: 8, MemoryBytes: 4<<30 + uint64(i)<<20, MemoryLimit: 24 << 30,
			Accuracy: run.Number(0.4 + float64(i)/1000), RowIDs: []int{i % 40, 7}, RowLosses: []run.Number{run.Number(loss), 9.5}}
		out = append(out, e)
		if i%100 == 0 {
			out = append(out, run.Event{Kind: run.KindEval, Step: i, Loss: run.Number(loss + 0.1), Best: true},
				run.Event{Kind: run.KindCheckpoint, Step: i, Path: "checkpoint"})
		}
	}
	return append(out, run.Event{Kind: run.KindChange, Step: 180, Changes: map[string]string{"per_device_train_batch_size": "8", "gradient_accumulation_steps": "4"}})
}

// liveRun opens the workbench beside a live run, as after an earlier visit.
func liveRun(t *testing.T, w, h int, events []run.Event) (*driver, *fakeRun) {
	t.Helper()
	var f *fakeRun
	d := newDriver(t, w, h, func(o *Options) {
		f = newFakeRun(t, filepath.Join(o.RunsRoot, "20261123-175500-demo"))
		f.write(events...)
	})
	d.poll()
	return d, f
}

// Opening sftui again finds the live run and shows it.
func TestAttachesToTheLiveRun(t *testing.T) {
	for _, size := range sizes {
		d, _ := liveRun(t, size[0], size[1], steps(200))
		if d.a.page != pageTrain {
			t.Fatalf("opened page %d", d.a.page)
		}
		d.want("training", "step 200 / 400", "loss").golden("train")
		d.press("z").golden("train_zoom")
	}
}

func TestTrainBeforeTheFirstStep(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("4").want("No run yet.").golden("train_empty")
		d, _ = liveRun(t, size[0], size[1], []run.Event{{Kind: run.KindPhase, Phase: "preparing", Done: 120, Total: 480, Message: "tokenizing"}})
		d.want("preparing", "120 / 480", "tokenizing").golden("train_busy")
	}
}

func TestSpikeNaNAndChangesAreMarked(t *testing.T) {
	d, _ := liveRun(t, 120, 40, steps(200))
	d.want("spike", "NaN", "8×4", "◆")
}

// New events arrive in one message, however many there are.
func TestEventsAreTakenInOneBatch(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(10))
	more := steps(200)[10:]
	f.write(more...)
	d.poll()
	if n := d.a.train.on.series[metricLoss].Len(); n != 200 {
		t.Fatalf("%d steps after one poll", n)
	}
}

// From a point of the curve to its rows, and from a row to the Data page.
func TestCrosshairLeadsToTheRows(t *testing.T) {
	d, _ := liveRun(t, 120, 40, steps(200))
	d.press("c", "left", "left")
	if c := d.a.train.cursor; c == nil || *c != 198 {
		t.Fatalf("the crosshair is at %v", c)
	}
	d.press("enter").want("Step 198 trained on these rows", "row 38", "loss 9.5")
	d.press("down", "enter")
	if d.a.page != pageData || d.a.data.row(d.a.data.list.Cursor()) != 7 {
		t.Fatalf("page %d row %d", d.a.page, d.a.data.row(d.a.data.list.Cursor()))
	}
}

func TestCommandsReachTheRun(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(20))
	d.press("s", "p", "x", "X").want("Stop without saving?")
	d.press("y")
	var verbs []run.Verb
	for _, c := range f.commands() {
		verbs = append(verbs, c.Verb)
	}
	want := []run.Verb{run.Save, run.Pause, run.StopAndSave, run.Stop}
	if len(verbs) != len(want) {
		t.Fatalf("sent %v, want %v", verbs, want)
	}
	for i := range want {
		if verbs[i] != want[i] {
			t.Errorf("sent %v, want %v", verbs, want)
		}
	}
}

// The pane keeps rows per step while the micro-batch changes, and undo goes back.
func TestLiveTuning(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(20))
	d.press("t").want("rows per micro-batch ◂ 4 ▸", "accumulation", "32 rows a step", "≈ 2,400 trained tokens")
	d.golden("train_tune")
	d.press("right").want("rows per micro-batch ◂ 8 ▸", "32 rows a step")
	d.press("c", "right", "enter")
	got := f.commands()
	if len(got) != 1 || got[0].Verb != run.Set || got[0].Values["per_device_train_batch_size"] != "9" || got[0].Values["gradient_accumulation_steps"] != "4" {
		t.Fatalf("sent %v", got)
	}
	d.press("u")
	if got = f.commands(); len(got) != 2 || got[1].Values["per_device_train_batch_size"] != "4" || got[1].Values["gradient_accumulation_steps"] != "8" {
		t.Fatalf("undo sent %v", got)
	}
}

func TestTuningKeepsTheProduct(t *testing.T) {
	p := tunePane{micro: 4, accumulation: 6, scale: 1, constant: true, rows: 24}
	for _, d := range []int{1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1, -1} {
		p.turn(d)
		if p.micro*p.accumulation != 24 {
			t.Fatalf("%d × %d is not 24", p.micro, p.accumulation)
		}
	}
	if p.micro != 1 {
		t.Errorf("the least micro-batch is %d", p.micro)
	}
}

// Leaving does not touch the run.
func TestQuitLeavesTheRunAlone(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(5))
	d.press("q")
	if !d.a.leaving || len(f.commands()) != 0 {
		t.Fatalf("leaving %v, sent %v", d.a.leaving, f.commands())
	}
}

// A run is started with the recipe as edited, in a folder of its own.
func TestStartARun(t *testing.T) {
	var gotDir string
	var gotArgs []string
	d := newDriver(t, 120, 40, func(o *Options) {
		o.StartRun = func(dir string, args []string) (<-chan error, error) {
			gotDir, gotArgs = dir, args
			return make(chan error), nil
		}
	})
	d.press("4", "g").want("Start training?", "4 rows × 2 = 8 rows a step", "40 steps")
	d.golden("train_question")
	if len(d.a.recipe.conflicts) > 0 { // the test recipe has a conflict on purpose
		d.want("fix them first").press("enter")
		if gotDir != "" {
			t.Fatal("a recipe with an error was started")
		}
		d.press("esc", "3", "f", "4", "g")
	}
	d.press("enter")
	if gotDir == "" || len(gotArgs) < 5 || gotArgs[0] != "train" || gotArgs[2] != gotDir {
		t.Fatalf("started %q with %v", gotDir, gotArgs)
	}
	r, _, _, _, err := readRecipe(gotArgs[4])
	if err != nil || r.UseCache && r.GradientCheckpointing || r.MaxSteps != 40 {
		t.Fatalf("the run's recipe: %v %v", r, err)
	}
	d.want("starting")
}

// A process that ends before its first word is reported with what it said.
func TestRunThatCannotBegin(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	r, err := run.Create(filepath.Join(d.root, "x"))
	if err != nil {
		t.Fatal(err)
	}
	d.do(d.a.train.attach(r))
	d.send(runExitedMsg{gen: d.a.train.gen, said: "sftui train: no such data"})
	d.press("4").want("The run failed.", "sftui train: no such data")
	d.golden("train_failed")
}
