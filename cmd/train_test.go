package cmd

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sftui/engine/run"
)

func TestTrainEndToEnd(t *testing.T) {
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	status, out, errText := sftui(t, "train", "--recipe", m.recipe, "--run", dir, "eval_strategy=steps", "eval_steps=20", "eval_holdout=0.1")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	var summary struct {
		Run, State, Model string
		Step              int
	}
	if err := json.Unmarshal([]byte(out), &summary); err != nil || summary.State != "finished" || summary.Step != 40 || summary.Run != dir {
		t.Errorf("summary %s (%v)", out, err)
	}
	steps := stepsOf(t, dir)
	if first, last := steps[0], steps[39]; last.Loss >= 0.8*first.Loss || first.LearningRate != 0 {
		t.Errorf("loss %v to %v, first learning rate %v", first.Loss, last.Loss, first.LearningRate)
	}
	if n := strings.Count(errText, "loss"); n < 4 || n > 10 {
		t.Errorf("logging_steps of 10 printed %d lines with a loss:\n%s", n, errText)
	}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(summary.Model, name)); err != nil {
			t.Error(err)
		}
	}
	// What was exported is a model again, and further on than the one before.
	again := filepath.Join(t.TempDir(), "again")
	status, _, errText = sftui(t, "train", "--recipe", m.recipe, "--run", again, "model_name_or_path="+summary.Model, "max_steps=1", "warmup_steps=0")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	if loss := stepsOf(t, again)[0].Loss; loss >= 0.9*steps[0].Loss {
		t.Errorf("the exported model begins with a loss of %v", loss)
	}
	checkExport(t, dir)
}

func checkExport(t *testing.T, dir string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "exported")
	if status, _, errText := sftui(t, "export", "--run", dir, "--dtype", "bfloat16", out); status != exitDone {
		t.Fatalf("export: status %d: %s", status, errText)
	}
	config, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil || !strings.Contains(string(config), "bfloat16") {
		t.Errorf("exported config %s (%v)", config, err)
	}
	shards := filepath.Join(t.TempDir(), "shards")
	if status, _, errText := sftui(t, "export", "--run", dir, "--max-shard-size", "4.5 kb", shards); status != exitDone {
		t.Fatalf("export: status %d: %s", status, errText)
	}
	if found, _ := filepath.Glob(filepath.Join(shards, "model-*-of-*.safetensors")); len(found) < 2 {
		t.Errorf("shards: %q", found)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--run", dir, "--max-shard-size", "nan", out + "s"}, `a size such as 5GB or 500MB, found "nan"`},
		{[]string{"--run", dir, "--max-shard-size", "1GB", "--gguf", out + "g"}, "--gguf writes one file"},
		{[]string{"--run", dir, "--step", "7", out + "7"}, "no checkpoint of step 7; there are those of steps 35, 40"},
		{[]string{"--run", dir, out}, "is not empty"}, {[]string{"--run", dir, "--merge", out + "m"}, "no adapter to merge"},
		{[]string{"--run", filepath.Join(dir, "nothing"), out + "n"}, "there is no run"}, {[]string{out}, "--run RUN is needed"},
	} {
		if status, _, errText := sftui(t, append([]string{"export"}, c.args...)...); status != exitFailure || !strings.Contains(errText, c.want) {
			t.Errorf("export %v: status %d: %s", c.args, status, errText)
		}
	}
}

// A run that is killed again and again, at any moment, goes on to the very
// same numbers as one that was left alone.
func TestKilledRunResumesBitEqual(t *testing.T) {
	m := newTiny(t)
	whole := filepath.Join(t.TempDir(), "whole")
	if status, _, errText := sftui(t, "train", "--recipe", m.recipe, "--run", whole); status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	want := stepsOf(t, whole)
	dir := filepath.Join(t.TempDir(), "killed")
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills := 0
	for {
		args := []string{"train", "--recipe", m.recipe, "--run", dir}
		if _, err := os.Stat(filepath.Join(dir, run.StatusFile)); err == nil {
			args = append(args, "--resume")
		}
		p := start(t, args...)
		if kills < 8 {
			target := random.IntN(len(want))
			waitUntil(t, func() bool { return countSteps(dir) >= target || p.ProcessState != nil })
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			if err := p.Process.Signal(syscall.SIGKILL); err == nil {
				kills++
			}
		}
		p.Wait() //nolint:errcheck // the status says it
		if p.ProcessState.ExitCode() == exitDone {
			break
		}
		if kills >= 8 && p.ProcessState.Exited() && p.ProcessState.ExitCode() != exitDone {
			t.Fatalf("resume after %d kills: %s", kills, p.err.String())
		}
		r, err := run.Open(dir)
		if err != nil {
			continue // killed before anything was written
		}
		if s, err := r.Status(); err != nil || s.Alive {
			t.Fatalf("status after a kill: %+v (%v)", s, err)
		}
	}
	sameCurve(t, stepsOf(t, dir), want)
}

// countSteps counts step events, whatever state the folder is in.
func countSteps(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return 0
	}
	return strings.Count(string(data), `"event":"step"`)
}

// waitUntil polls until ok; what takes two minutes also on a busy machine does not come.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for two minutes")
		}
	}
}

// Ctrl-C stops with a checkpoint of the step reached, and the run goes on from
// it. The run has more steps than it can make before the signal comes.
func TestInterruptSavesAndResumes(t *testing.T) {
	m := newTiny(t)
	endless := []string{"train", "--recipe", m.recipe, "save_strategy=no", "max_steps=100000", "--run"}
	dir := filepath.Join(t.TempDir(), "run")
	p := start(t, append(endless, dir)...)
	waitUntil(t, func() bool { return countSteps(dir) >= 7 })
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.Wait() //nolint:errcheck // the status says it
	if p.ProcessState.ExitCode() != exitWarning || !strings.Contains(p.err.String(), "--resume") {
		t.Fatalf("status %d: %s", p.ProcessState.ExitCode(), p.err.String())
	}
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	made := len(stepsOf(t, dir))
	list, err := r.Checkpoints()
	if err != nil || len(list) != 1 || list[0].Step != made {
		t.Fatalf("checkpoints %v after %d steps (%v)", list, made, err)
	}
	until := func(dir string, n int, args ...string) []run.Event {
		p := start(t, args...)
		waitUntil(t, func() bool { return countSteps(dir) >= n })
		if status, _, errText := sftui(t, "ctl", dir, "stop"); status != exitDone {
			t.Errorf("status %d: %s", status, errText)
		}
		p.Wait() //nolint:errcheck // stopped by command
		return stepsOf(t, dir)[:n]
	}
	// Without a recipe the run's own is used.
	got := until(dir, made+5, "train", "--resume", "--run", dir)
	whole := filepath.Join(t.TempDir(), "whole")
	sameCurve(t, got, until(whole, made+5, append(endless, whole)...))
}

// A terminal that is closed, which tells its processes more than once, ends a run as Ctrl-C does: saved.
func TestClosedTerminalSaves(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("started by nohup, under which a run outlives its terminal")
	}
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	p := start(t, "train", "--recipe", m.recipe, "--run", dir, "save_strategy=no", "max_steps=100000")
	waitUntil(t, func() bool { return countSteps(dir) >= 3 })
	for range 3 {
		p.Process.Signal(syscall.SIGHUP) //nolint:errcheck // it may be over by the third
	}
	p.Wait() //nolint:errcheck // the status says it
	if p.ProcessState.ExitCode() != exitWarning {
		t.Fatalf("status %d: %s", p.ProcessState.ExitCode(), p.err.String())
	}
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := r.Checkpoints(); err != nil || len(list) != 1 || list[0].Step != len(stepsOf(t, dir)) {
		t.Errorf("checkpoints %v after %d steps (%v)", list, len(stepsOf(t, dir)), err)
	}
}

// A change through sftui ctl gives the same curve as one that was scheduled.
func TestCtlChangesALiveRun(t *testing.T) {
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "live")
	p := start(t, "train", "--recipe", m.recipe, "--run", dir, "max_steps=-1", "num_train_epochs=100")
	waitUntil(t, func() bool { return countSteps(dir) >= 3 })
	if status, _, errText := sftui(t, "ctl", dir, "set", "per_device_train_batch_size=4", "gradient_accumulation_steps=1"); status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	waitUntil(t, func() bool { at = appliedAt(t, r); return at > 0 && countSteps(dir) >= at+3 })
	if status, out, _ := sftui(t, "ctl", dir, "status", "--json"); status != exitDone || !strings.Contains(out, `"per_device_train_batch_size":4`) {
		t.Errorf("status %d: %s", status, out)
	}
	if status, _, errText := sftui(t, "ctl", dir, "set", "max_length=3"); status != exitFailure || !strings.Contains(errText, "cannot be changed in a live run") {
		t.Errorf("status %d: %s", status, errText)
	}
	if status, _, errText := sftui(t, "ctl", dir, "stop"); status != exitDone {
		t.Errorf("status %d: %s", status, errText)
	}
	p.Wait() //nolint:errcheck // the status says it
	if p.ProcessState.ExitCode() != exitWarning {
		t.Fatalf("status %d: %s", p.ProcessState.ExitCode(), p.err.String())
	}
	got := stepsOf(t, dir)
	scheduled := filepath.Join(t.TempDir(), "scheduled")
	q := start(t, "train", "--recipe", m.recipe, "--run", scheduled, "max_steps=-1", "num_train_epochs=100",
		"--at", strconv.Itoa(at)+":per_device_train_batch_size=4,gradient_accumulation_steps=1")
	waitUntil(t, func() bool { return countSteps(scheduled) >= len(got) })
	if status, _, errText := sftui(t, "ctl", scheduled, "stop"); status != exitDone {
		t.Errorf("status %d: %s", status, errText)
	}
	q.Wait() //nolint:errcheck // stopped by command
	want := stepsOf(t, scheduled)
	sameCurve(t, got, want[:min(len(got), len(want))])
	if status, _, errText := sftui(t, "ctl", dir, "pause"); status != exitFailure || !strings.Contains(errText, "is not live: it is stopped") {
		t.Errorf("status %d: %s", status, errText)
	}
}

// appliedAt is the step of the first applied change, 0 before it.
func appliedAt(t *testing.T, r *run.Run) int {
	t.Helper()
	events, _, err := r.Events(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == run.KindChange && e.Phase == "applied" {
			return e.Step
		}
	}
	return 0
}

// Given batches need no data set.
func TestReplayWithoutData(t *testing.T) {
	m := newTiny(t)
	batches := filepath.Join(t.TempDir(), "batches.json")
	write(t, batches, `[{"input_ids": [[5,6,7,8],[9,10,0,0]], "labels": [[5,6,7,8],[9,10,-100,-100]], "attention_mask": [[1,1,1,1],[1,1,0,0]]},
		{"input_ids": [[11,12,13]], "labels": [[-100,12,13]], "attention_mask": [[1,1,1]]}]`)
	dir := filepath.Join(t.TempDir(), "run")
	status, _, errText := sftui(t, "train", "--run", dir, "--replay", batches, "--device", "go", "model_name_or_path="+m.model,
		"gradient_accumulation_steps=2", "max_steps=3", "save_strategy=no", "learning_rate=1e-3")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	steps := stepsOf(t, dir)
	if len(steps) != 3 || steps[0].TrainedTokens != 6 || steps[2].Loss >= steps[0].Loss {
		t.Errorf("steps %+v", steps)
	}
}

func TestTrainBadInput(t *testing.T) {
	m := newTiny(t)
	broken := filepath.Join(t.TempDir(), "broken.jsonl")
	write(t, broken, "{\"text\": \"w1 w2\"}\n{\"text\": \n")
	columns := filepath.Join(t.TempDir(), "columns.jsonl")
	write(t, columns, "{\"question\": \"w1 w2\"}\n")
	empty := t.TempDir()
	gpt := filepath.Join(t.TempDir(), "gpt")
	if err := os.CopyFS(gpt, os.DirFS(m.model)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(gpt, "config.json"), `{"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}`)
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"no recipe", nil, []string{"give a recipe"}},
		{"recipe file", []string{"--recipe", "/nowhere.yaml"}, []string{"/nowhere.yaml"}},
		{"option", []string{"--recipe", m.recipe, "learning_rat=1"}, []string{"learning_rat", "learning_rate"}},
		{"type", []string{"--recipe", m.recipe, "max_steps=many"}, []string{"max_steps", "many"}},
		{"flag", []string{"--recipe", m.recipe, "--runn", "x"}, []string{"--runn"}},
		{"data file", []string{"--recipe", m.recipe, "dataset_name=./nowhere.jsonl"}, []string{"nowhere.jsonl"}},
		{"JSON", []string{"--recipe", m.recipe, "dataset_name=" + broken}, []string{"line 2"}},
		{"columns", []string{"--recipe", m.recipe, "dataset_name=" + columns}, []string{"question"}},
		{"model", []string{"--recipe", m.recipe, "model_name_or_path=./nowhere"}, []string{"nowhere"}},
		{"tokenizer", []string{"--recipe", m.recipe, "model_name_or_path=" + empty}, []string{empty}},
		{"architecture", []string{"--recipe", m.recipe, "model_name_or_path=" + gpt}, []string{"GPT2LMHeadModel", "LlamaForCausalLM"}},
		{"schedule", []string{"--recipe", m.recipe, "lr_scheduler_type=greedy"}, []string{"greedy"}},
		{"replay", []string{"--recipe", m.recipe, "--replay", "/nowhere.json"}, []string{"/nowhere.json"}},
		{"evaluation", []string{"--recipe", m.recipe, "eval_strategy=steps"}, []string{"eval"}},
		{"resume", []string{"--recipe", m.recipe, "--resume"}, []string{"--resume needs --run"}},
		{"at", []string{"--recipe", m.recipe, "--at", "soon"}, []string{"--at"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"train"}, c.args...)
			if c.name != "resume" && c.name != "no recipe" {
				args = append(args, "--run", filepath.Join(t.TempDir(), "run"))
			}
			status, out, errText := sftui(t, args...)
			lines := strings.Split(strings.TrimSpace(errText), "\n")
			last := lines[len(lines)-1]
			if status != exitFailure || out != "" || !strings.HasPrefix(last, "sftui train: ") {
				t.Errorf("status %d, stdout %q, stderr %q", status, out, errText)
			}
			for _, want := range c.want {
				if !strings.Contains(last, want) {
					t.Errorf("%q does not say %q", last, want)
				}
			}
			if strings.Contains(errText, "goroutine") {
				t.Errorf("a stack is shown: %s", errText)
			}
		})
	}
}

func TestForecastAndRuns(t *testing.T) {
	m := newTiny(t)
	status, out, errText := sftui(t, "forecast", "--recipe", m.recipe, "--json", "per_device_train_batch_size=16")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	var f struct {
		Rows, Steps int
		Worst       struct {
			Rows      []int
			Tokens    int
			Positions int
		}
		TotalBytes int64 `json:"total_bytes"`
		LimitBytes int64 `json:"limit_bytes"`
		Fits       bool
		Remedies   []struct {
			Set map[string]string
		}
	}
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatal(err)
	}
	if f.Rows != 60 || f.Steps != 40 || len(f.Worst.Rows) != 16 || f.Worst.Tokens > f.Worst.Positions || !f.Fits || f.TotalBytes <= 0 || f.LimitBytes <= 0 {
		t.Errorf("forecast %s", out)
	}
	if !slices.ContainsFunc(f.Remedies, func(r struct{ Set map[string]string }) bool { return r.Set["per_device_train_batch_size"] == "8" }) {
		t.Errorf("no remedy halves the batch: %s", out)
	}
	dir := filepath.Join(t.TempDir(), "listed")
	if status, _, errText := sftui(t, "train", "--recipe", m.recipe, "--run", dir, "max_steps=2", "warmup_steps=0"); status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	status, out, _ = sftui(t, "runs", "--root", filepath.Dir(dir), "--json")
	var list []run.Summary
	if err := json.Unmarshal([]byte(out), &list); err != nil || status != exitDone || len(list) != 1 || list[0].Name != "listed" || list[0].State != run.Finished {
		t.Errorf("runs: status %d: %s (%v)", status, out, err)
	}
}
