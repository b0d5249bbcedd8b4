package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
)

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// hostile is text as a data set may hold it.
const hostile = `</script><script>document.title="broken in"</script><img src=x onerror="document.title='broken in'">`

// writeRun makes a run folder with the events.
func writeRun(t *testing.T, dir, recipe string, events ...run.Event) *Run {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	for name, data := range map[string][]byte{run.MetricsFile: lines.Bytes(), run.RecipeFile: []byte(recipe)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// small is a run of six steps with one of everything; its third loss is NaN.
func small(t *testing.T, name, recipe string) *Run {
	t.Helper()
	events := []run.Event{{Kind: run.KindStart, Time: began, TotalSteps: 6, Model: "tiny", Data: hostile, Parameters: 1234567, Trainable: 1234567}}
	for step := 1; step <= 6; step++ {
		e := run.Event{Kind: run.KindStep, Time: began.Add(time.Duration(step) * time.Second), Step: step, TotalSteps: 6, Loss: run.Number(7 - step),
			GradNorm: 0.5, LearningRate: 1e-3, TrainedTokens: 100, Tokens: 120, Seconds: 0.5, MicroBatch: 2, Accumulation: 3, MemoryBytes: 3 << 30, MemoryPeak: 4 << 30}
		if step == 3 {
			e.Loss = run.Number(math.NaN())
		}
		events = append(events, e)
	}
	events = append(events,
		run.Event{Kind: run.KindWarning, Step: 3, Code: run.CodeNaN, Message: hostile},
		run.Event{Kind: run.KindChange, Step: 4, Phase: "applied", Changes: map[string]string{"per_device_train_batch_size": "1"}},
		run.Event{Kind: run.KindEval, Step: 6, Loss: 2.25, Accuracy: 0.5, Seconds: 1, Best: true},
		run.Event{Kind: run.KindSample, Step: 6, Prompt: "a\nb", Text: hostile, Reference: "日本語 \u2028 '\"`"},
		run.Event{Kind: run.KindCheckpoint, Step: 6, Path: "/somewhere/checkpoint-6", Best: true},
		run.Event{Kind: run.KindDone, Time: began.Add(time.Minute), Step: 6, Reason: "finished"})
	return writeRun(t, filepath.Join(t.TempDir(), name), recipe, events...)
}

func page(t *testing.T, runs ...*Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHTML(&out, runs, began); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var dataBlock = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

func TestHTMLHoldsTheRun(t *testing.T) {
	html := page(t, small(t, "one", "learning_rate: 1.0e-3\nnote: '"+hostile+"'\n"))
	found := dataBlock.FindStringSubmatch(html)
	if found == nil {
		t.Fatal("the page has no data")
	}
	var data struct {
		Runs []struct {
			Name   string
			Curves map[string]struct {
				X []int
				Y []*float64
				W int
			}
			Marks []mark
		}
	}
	if err := json.Unmarshal([]byte(found[1]), &data); err != nil {
		t.Fatal(err)
	}
	loss := data.Runs[0].Curves["loss"]
	if !slices.Equal(loss.X, []int{1, 2, 3, 4, 5, 6}) || loss.Y[2] != nil || *loss.Y[5] != 1 || loss.W != 1 {
		t.Errorf("loss is %+v", loss)
	}
	for name, want := range map[string]float64{"tokens_per_second": 200, "memory": 3, "memory_peak": 4, "eval_loss": 2.25, "grad_norm": 0.5, "learning_rate": 1e-3} {
		c := data.Runs[0].Curves[name]
		if len(c.Y) == 0 || *c.Y[0] != want {
			t.Errorf("%s is %+v, want %v first", name, c, want)
		}
	}
	if _, drawn := data.Runs[0].Curves["accuracy"]; drawn {
		t.Error("an accuracy that was never recorded is drawn")
	}
	var kinds []string
	for _, m := range data.Runs[0].Marks {
		kinds = append(kinds, m.Kind)
	}
	if !slices.Equal(kinds, []string{"nan", "change", "checkpoint"}) {
		t.Errorf("marks are %v", kinds)
	}
	for _, want := range []string{"1\u2009234\u2009567", "per_device_train_batch_size=1", "2.2500 at step 6", "日本語", "/somewhere/checkpoint-6", "learning_rate: 1.0e-3"} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// TestHTMLIsClosed checks that the page loads nothing and lets nothing in.
func TestHTMLIsClosed(t *testing.T) {
	html := page(t, small(t, "a<b>&\"'", "x: '"+hostile+"'\n"))
	if n := strings.Count(html, "<script"); n != 2 {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(html, "<img") || strings.Contains(html, "<b>&") {
		t.Error("text of the run became markup")
	}
	for _, outside := range []string{`(?i)\b(src|href|action|data)\s*=\s*["'][^#]`, `@import`, `url\((?:[^#]|#[^$c])`, `(?i)\bfetch\(|XMLHttpRequest|WebSocket|importScripts`} {
		if found := regexp.MustCompile(outside).FindString(strings.ReplaceAll(html, "url(#${clip})", "")); found != "" {
			t.Errorf("the page reaches outside: %q", found)
		}
	}
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(html)[1]
	digest := sha256.Sum256([]byte(script))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(html)[1]
	policy = strings.NewReplacer("&#39;", "'", "&#43;", "+", "&#34;", `"`).Replace(policy)
	if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"; !strings.Contains(policy, want) || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %s lacks %s", policy, want)
	}
}

// TestHTMLInABrowser opens the page in Chromium, where there is one, and looks for what its script drew.
func TestHTMLInABrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("there is no Chromium")
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(page(t, small(t, "one", "a: 1\n"), small(t, "two", "a: 2\n"))), 0o644); err != nil {
		t.Fatal(err)
	}
	dom, err := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=5000", "--timeout=60000", "--dump-dom", "file://"+path).Output()
	if err != nil {
		t.Skipf("Chromium does not work here: %v", err)
	}
	text := string(dom)
	if charts := strings.Count(text, "<figure"); charts != 7 {
		t.Errorf("%d plots", charts)
	}
	// A line is broken at the loss that is not a number: two pieces of three and two points.
	curves := regexp.MustCompile(`class="curve[^"]*" d="([^"]*)"`).FindAllStringSubmatch(text, -1)
	if len(curves) < 14 || strings.Count(curves[0][1], "M") != 2 || strings.Contains(text, `d="MNaN`) {
		t.Errorf("%d curves; the first is %v", len(curves), curves[:min(1, len(curves))])
	}
	if strings.Contains(text, "broken in</title>") || !strings.Contains(text, `class="flag nan"`) {
		t.Error("text of the run was executed, or its events are not drawn")
	}
}

func TestRecipeDifferences(t *testing.T) {
	runs := []runView{{Name: "a", Recipe: "x: 1\ny: [1, 2]\nz: same\n"}, {Name: "foreign"}, {Name: "b", Recipe: "z: same\nx: 2\ny:\n- 1\n- 2\nw: new\n"}}
	d := recipeDifferences(runs)
	if d == nil || len(d.Runs) != 2 || fmt.Sprint(d.Rows) != "[{x [1 2]} {w [ new]}]" {
		t.Errorf("%+v", d)
	}
	if d := recipeDifferences(runs[:2]); d != nil {
		t.Errorf("one recipe differs from nothing: %+v", d)
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := WriteCSV(&out, []*Run{small(t, "same", ""), small(t, "same", "")}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 15 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	column := func(line int, name string) string { return lines[line][slices.Index(lines[0], name)] }
	if column(1, "run") == column(8, "run") {
		t.Errorf("both runs are called %s", column(1, "run"))
	}
	for _, c := range []struct {
		line         int
		column, want string
	}{{1, "loss", "6"}, {3, "loss", "NaN"}, {1, "learning_rate", "0.001"}, {1, "time", "2026-11-23T12:00:01Z"}, {7, "event", "eval"}, {7, "loss", "2.25"}, {7, "grad_norm", ""}, {7, "memory_bytes", ""}} {
		if got := column(c.line, c.column); got != c.want {
			t.Errorf("line %d, %s: %q, want %q", c.line, c.column, got, c.want)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, path := range []string{"testdata", "testdata/trainer_state.json"} {
		r, err := Open(path)
		if err != nil || !r.Foreign || r.Name != "testdata" {
			t.Errorf("%s: %+v %v", path, r, err)
		}
	}
	foreign, err := Open("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := foreign.Status(); err != nil || s.State != run.Finished || s.Step != 6 || s.BestStep != 6 {
		t.Errorf("status %+v %v", s, err)
	}
	empty := t.TempDir()
	if _, err := Open(empty); err == nil || !strings.Contains(err.Error(), "metrics.jsonl") || !strings.Contains(err.Error(), TrainerStateFile) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Open(filepath.Join(empty, "none")); err == nil {
		t.Error("nothing was opened")
	}
	// Trainer writes its state into checkpoints; the newest counts.
	data, err := os.ReadFile("testdata/trainer_state.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"checkpoint-9": "{}", "checkpoint-10": string(data)} {
		if err := os.Mkdir(filepath.Join(empty, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(empty, name, TrainerStateFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := Open(empty); err != nil || r.Dir != empty {
		t.Errorf("%+v %v", r, err)
	}
}
