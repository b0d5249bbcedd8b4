package ui

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
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
	d.press("4") // the tests name a recipe, and the workbench opens on what is named
	d.poll()
	return d, f
}

// Opening sftui again finds the live run and shows it; where data or a recipe is
// named, that is what opens, and the run is found all the same.
func TestAttachesToTheLiveRun(t *testing.T) {
	for _, named := range []bool{false, true} {
		d := newDriver(t, 120, 40, func(o *Options) {
			o.Plain = named
			if named {
				o.Data = "testdata/chats.jsonl"
			} else {
				o.Recipe = ""
			}
			newFakeRun(t, filepath.Join(o.RunsRoot, "20261123-175500-demo")).write(steps(200)...)
		})
		d.poll()
		want := pageTrain
		if named {
			want = pageData
		}
		d.want("attached to the live run", "step 200 / 400")
		if d.a.page != want {
			t.Errorf("with data named %t page %d opened", named, d.a.page)
		}
	}
	for _, size := range sizes {
		d, _ := liveRun(t, size[0], size[1], steps(200))
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

// From a point of the curve to its rows with their masks and losses, and from
// a row to the Data page.
func TestCrosshairLeadsToTheRows(t *testing.T) {
	for _, size := range sizes {
		d, _ := liveRun(t, size[0], size[1], steps(200))
		d.press("c", "left", "left").want("step 198 · loss")
		if c := d.a.train.cursor; c == nil || *c != 198 {
			t.Fatalf("the crosshair is at %v", c)
		}
		// Row 7 has the highest loss, so it comes first, with its tokens.
		d.press("enter").want("the rows of step 198", "9.500", "row 7 ·", "trained", "stage: labels").golden("train_rows")
		d.press("tab").want("stage: truncated").press("down").want("row 38 ·").press("k", "enter")
		if d.a.page != pageData || d.a.data.row(d.a.data.list.Cursor()) != 7 || len(d.a.stack) != 0 {
			t.Fatalf("page %d row %d, %d dialogs", d.a.page, d.a.data.row(d.a.data.list.Cursor()), len(d.a.stack))
		}
	}
}

// A run with another recipe shows its own rows, prepared in its own way, and
// asks before it puts them into Data.
func TestRowsOfARunWithAnotherRecipe(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(20))
	f.st.State = run.Stopped // while a run is live the lengths of rows wait
	f.write()
	d.poll()
	its := d.a.recipe.r.Clone()
	if err := its.Set("max_length", "9", recipes.Origin{Kind: recipes.OriginCommandLine}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.r.Path(run.RecipeFile), its.YAML(), 0o644); err != nil {
		t.Fatal(err)
	}
	d.press("c", "enter").want("cuts here").press("enter").want("Open the run's recipe?").press("enter")
	if d.a.page != pageData || d.a.data.set == nil || d.a.data.set.maxLength != 9 || d.a.data.row(d.a.data.list.Cursor()) != 7 {
		t.Fatalf("page %d, row %d", d.a.page, d.a.data.row(d.a.data.list.Cursor()))
	}
}

// A row that the data does not have any more is said, not shown as another.
func TestRowsThatAreGone(t *testing.T) {
	events := steps(3)
	events[2].RowIDs = []int{4000}
	events[2].RowLosses = events[2].RowLosses[:1]
	d, _ := liveRun(t, 120, 40, events)
	d.press("c", "enter").want("no such row")
}

// Panning leaves the newest step, and coming back to it follows it again.
func TestZoomedRangeFollows(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(100))
	p := d.a.train
	d.press("+").want("last 50 steps")
	more := steps(200)[102:]
	f.write(more[:20]...)
	d.poll()
	if from, to := p.visible(); from < 60 || to < 119 {
		t.Fatalf("after 20 more steps %v to %v are in sight", from, to)
	}
	d.press("left").want("steps ")
	_, held := p.visible()
	f.write(more[20:40]...)
	d.poll()
	if _, to := p.visible(); to != held {
		t.Fatalf("panned away, it went from %v to %v", held, to)
	}
	for range 12 {
		d.press("right")
	}
	d.want("last ").press("f").wantNot("last 5")
}

// Each chart has its own scale, and the keys of smoothing draw the loss anew.
func TestScaleAndSmoothing(t *testing.T) {
	d, _ := liveRun(t, 120, 40, steps(200))
	d.press("tab", "tab", "tab", "y")
	p := d.a.train
	if !p.logY[metricNorm] || p.logY[metricLoss] {
		t.Fatalf("log scale of %v, chosen %d", p.logY, p.chosen())
	}
	_, before, _ := p.on.smooth.Last()
	d.press("[", "[", "[", "[", "[").want("without smoothing")
	_, raw, _ := p.on.series[metricLoss].Last()
	if _, now, _ := p.on.smooth.Last(); now != raw || now == before {
		t.Fatalf("smoothed %v, was %v, raw %v", now, before, raw)
	}
	d.press("]", "]", "]")
	if _, now, _ := p.on.smooth.Last(); math.Abs(now-before) > 1e-12 {
		t.Fatalf("smoothed %v after going back, was %v", now, before)
	}
}

// The device's own readings have panes where there are readings, and none else.
func TestDeviceReadings(t *testing.T) {
	d, _ := liveRun(t, 200, 60, steps(20))
	d.wantNot("CPU 1", "GPU", "power", "temperature")
	events := steps(20)
	for i := range events {
		events[i].GPUPercent, events[i].PowerWatts, events[i].TemperatureC, events[i].CPUPercent = 93, 310, 64, 120
	}
	d, _ = liveRun(t, 200, 60, events)
	d.want("GPU 93%", "power 310 W", "temperature 64 °C").wantNot("CPU 120%").golden("train_gpu")
	for i := range events {
		events[i].GPUPercent, events[i].PowerWatts, events[i].TemperatureC = 0, 0, 0
	}
	d, _ = liveRun(t, 200, 60, events)
	d.want("CPU 120%").wantNot("power", "temperature")
	// Where not all fit, tab leads to the rest.
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	d.wantNot("CPU 120%").press("shift+tab").want("CPU 120%")
}

// A stretch of steps without a number is one mark, however long it is.
func TestManyNaNs(t *testing.T) {
	var events []run.Event
	for i := 1; i <= 500; i++ {
		e := run.Event{Kind: run.KindStep, Step: i, Loss: 2, Seconds: 1, TrainedTokens: 10}
		if i > 100 {
			e.Loss = run.Number(math.Inf(1))
		}
		events = append(events, e)
	}
	d, _ := liveRun(t, 120, 40, events)
	if n := len(d.a.train.on.marks); n != 1 {
		t.Fatalf("%d marks", n)
	}
	d.want("NaN").wantNot("accuracy") // which these steps do not have
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

// The pane keeps rows per step while the micro-batch changes, shows the forecast
// with its headroom before anything is applied, and undo goes back.
func TestLiveTuning(t *testing.T) {
	for _, size := range sizes {
		d, f := liveRun(t, size[0], size[1], steps(20))
		d.press("t").want("rows per micro-batch ◂ 4 ▸", "accumulation   8", "32 rows a step", "≈ 2,400 trained tokens", "memory peak")
		d.press("right").want("rows per micro-batch ◂ 4 → 8 ▸", "accumulation   8 → 4", "32 rows a step", "free", "compiles while steps go on").golden("train_tune")
		d.press("c", "right", "enter")
		got := f.commands()
		if len(got) != 1 || got[0].Verb != run.Set || got[0].Values["per_device_train_batch_size"] != "9" || got[0].Values["gradient_accumulation_steps"] != "4" {
			t.Fatalf("sent %v", got)
		}
		f.write(run.Event{Kind: run.KindChange, Step: 20, Phase: "compiling", Changes: map[string]string{"per_device_train_batch_size": "9", "gradient_accumulation_steps": "4"}})
		d.poll()
		d.want("compiling 9×4")
		f.write(run.Event{Kind: run.KindChange, Step: 21, Phase: "applied", Changes: map[string]string{"per_device_train_batch_size": "9", "gradient_accumulation_steps": "4"}})
		d.poll()
		d.want("applied at step 21").wantNot("● compiling 9×4")
		d.press("u")
		if got = f.commands(); len(got) != 2 || got[1].Values["per_device_train_batch_size"] != "4" || got[1].Values["gradient_accumulation_steps"] != "8" {
			t.Fatalf("undo sent %v", got)
		}
	}
}

// The forecast of the data's own lengths takes the place of the first guess.
func TestTuningShowsTheForecast(t *testing.T) {
	d, _ := liveRun(t, 120, 40, steps(20))
	d.press("t", "right")
	d.send(tunedMsg{micro: 8, out: &Forecast{Total: 30_000_000_000}})
	d.want("memory peak 30.0 GB forecast of 25.8 GB", "does not fit")
	d.press("tab", "tab", "right").want("learning rate × ◂ 1.00 → 1.25 ▸", "becomes")
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

// A run whose folder is deleted while it is watched stays on the screen, and the
// watching ends.
func TestRunFolderDeletedWhileWatched(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(30))
	if err := os.RemoveAll(f.r.Dir); err != nil {
		t.Fatal(err)
	}
	d.poll()
	d.want("has been deleted", "✗ died", "step 30", "loss 2").golden("train_deleted")
	if n := len(d.wait); n != 0 {
		for _, c := range d.wait {
			if strings.Contains(runtimeName(reflect.ValueOf(c).Pointer()), "watch") {
				t.Error("a run that is gone is watched")
			}
		}
	}
	if err := os.MkdirAll(f.r.Dir, 0o755); err != nil { // for the end of the fake run
		t.Fatal(err)
	}
}

// A run whose process was killed says so, and what there is to do.
func TestRunKilledWhileWatched(t *testing.T) {
	for _, size := range sizes {
		d, f := liveRun(t, size[0], size[1], steps(30))
		f.st.PID = 1 << 30 // nobody's
		f.write()
		d.poll()
		d.want("✗ died", "had no checkpoint yet").press("s").want("No run is live").press("5", "r").want("no checkpoint to go on from").golden("runs_died")
	}
}

// A run whose files do not change is asked: on a full disk it cannot write what
// it waits for. When it writes again, that counts.
func TestMuteRunIsAsked(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(20))
	says := f.st
	says.Alive, says.State, says.Message, says.Step = true, run.Paused, "the disk of here is full: free some space and the run goes on by itself", 22
	f.mu.Lock()
	f.says = &says
	f.mu.Unlock()
	d.poll()
	d.wantNot("is full")
	old := f.st
	old.Updated = time.Now().Add(-time.Minute)
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.r.Path(run.StatusFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
	d.poll() // the file is new
	d.poll()
	d.want("paused  step 22", "the disk of here is full")
	f.write(run.Event{Kind: run.KindPhase, Phase: string(run.Training), Step: 22})
	d.poll()
	d.wantNot("is full").want("training")
}

// The step whose loss ended the run can be looked at, though it was not made.
func TestRowsOfTheStepThatEndedTheRun(t *testing.T) {
	d, f := liveRun(t, 120, 40, steps(20))
	f.st.State = run.Failed
	f.write(run.Event{Kind: run.KindWarning, Code: run.CodeNaN, Step: 21, Message: "the loss of step 21 is NaN; look at its rows", RowIDs: []int{7, 3}},
		run.Event{Kind: run.KindDone, Step: 20, Reason: string(run.Failed), Message: "the loss of step 21 is NaN"})
	d.poll()
	d.press("c").want("step 21 · loss NaN", "2 rows").press("enter").want("the rows of step 21").press("esc")
	d.press("left").want("step 20 ·")
}

// A run that was stopped before its first checkpoint cannot be gone on with, and
// it is not said to be.
func TestStoppedWithoutACheckpoint(t *testing.T) {
	for checkpoint, want := range map[string]string{"": "It had no checkpoint yet; g starts it again", "checkpoint-20": "Page 5, r goes on with it"} {
		d, f := liveRun(t, 120, 40, steps(20))
		f.st.State, f.st.Checkpoint = run.Stopped, checkpoint
		f.write(run.Event{Kind: run.KindDone, Step: 20, Reason: string(run.Stopped)})
		d.poll()
		d.want("The run is stopped at step 20.", want)
	}
}
