package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"sftui/engine/run"
)

func TestStartPage(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], func(o *Options) { o.Plain = false })
		d.want("Fine-tune a language model", "40 rows").golden("start")
		d.press("enter")
		if d.a.page != pageData {
			t.Fatalf("enter opened page %d", d.a.page)
		}
	}
}

// Every page fills every terminal exactly, also while it is being resized.
func TestEveryPageFitsEverySize(t *testing.T) {
	d, _ := liveRun(t, 120, 40, steps(200))
	for _, size := range [][2]int{{60, 16}, {80, 24}, {99, 30}, {100, 30}, {133, 17}, {200, 60}, {300, 80}, {61, 80}, {300, 16}} {
		d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, key := range []string{"1", "2", "3", "4", "5", "6"} {
			d.press(key).wantSize()
			d.press("?").wantSize()
			d.press("esc", ":").wantSize()
			d.press("esc")
		}
		d.press("4", "t").wantSize()
		d.press("esc", "z").wantSize()
		d.press("z")
	}
	for _, size := range [][2]int{{10, 3}, {1, 1}, {59, 40}, {200, 15}} {
		d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		d.wantSize()
	}
}

// The help names every key, and every key in it does something.
func TestHelpHasEveryKey(t *testing.T) {
	d := newDriver(t, 200, 60, nil)
	text := strings.Join(d.a.helpLines(pageStart, 150), "\n")
	seen := map[string]bool{}
	for _, b := range bindings() {
		if b.do == nil || b.help == "" || len(b.Keys()) == 0 {
			t.Errorf("binding %v is not complete", b.Keys())
		}
		if !strings.Contains(text, b.help) {
			t.Errorf("the help lacks %q", b.help)
		}
		for _, k := range b.Keys() {
			condition := "" // the same key may do something else while something is open
			if b.when != nil {
				condition = runtimeName(reflect.ValueOf(b.when).Pointer())
			}
			id := fmt.Sprintf("%d %s %s", b.page, k, condition)
			if seen[id] {
				t.Errorf("key %q is bound twice on page %d", k, b.page)
			}
			seen[id] = true
		}
	}
	d.press("?").want("all keys", "next row").golden("help")
}

// docs/KEYS.md is written from the key table.
func TestKeyDocumentIsCurrent(t *testing.T) {
	const path = "../docs/KEYS.md"
	want := "# Keys\n\nMade from the workbench's key table by `go test ./ui -update`; `?` shows the same.\n\n" + KeyTable()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/KEYS.md is stale; `go test ./ui -update` writes it")
	}
}

func TestPaletteRunsACommandOfAnotherPage(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("3", ":").typeText("histogram").want("show or hide the histogram").press("enter")
	if d.a.page != pageData || d.a.data.strip != stripOff {
		t.Fatalf("page %d, strip %v", d.a.page, d.a.data.strip)
	}
}

func TestMouseOpensPagesAndRows(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	for _, tab := range d.a.tabs() {
		d.send(tea.MouseClickMsg{X: tab.from + 1, Y: 1, Button: tea.MouseLeft})
		if d.a.page != tab.page {
			t.Errorf("a click on %q opened page %d", tab.text, d.a.page)
		}
	}
	d.press("1")
	d.send(tea.MouseClickMsg{X: 5, Y: 2 + 2 + 4, Button: tea.MouseLeft})
	if row := d.a.data.list.Cursor(); row != 4 {
		t.Errorf("a click on the fifth row chose %d", row)
	}
	d.send(tea.MouseWheelMsg{X: 5, Y: 10, Button: tea.MouseWheelDown})
	d.wantSize()
}

func TestRunsPage(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("5").want("No runs in").golden("runs_empty")
		d, _ = liveRun(t, size[0], size[1], steps(200))
		d.press("5").want("20261123-175500-demo", "training").golden("runs")
		d.press("D").want("live")
	}
}

// A run can begin with the weights of another, and the difference is said.
func TestForkStartsFromTheCheckpoint(t *testing.T) {
	var args []string
	d := newDriver(t, 120, 40, func(o *Options) {
		f := newFakeRun(t, o.RunsRoot+"/old")
		f.st.State = run.Stopped
		f.write(steps(100)...)
		o.StartRun = func(_ string, a []string) (<-chan error, error) {
			args = a
			return make(chan error), nil
		}
	})
	d.do(d.a.recipe.fix())
	dir := filepath.Join(d.root, "old")
	for _, step := range []string{"50", "100"} {
		if err := os.Mkdir(filepath.Join(dir, "checkpoint-"+step), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.press("5", "F").want("Start a new run from which weights?", "checkpoint-100", "best evaluation").press("down", "enter")
	d.want("Start a new run from this one?", "It goes on from checkpoint-50 of old, with its weights").press("enter")
	if n := len(args); n < 2 || args[n-2] != "--from" || args[n-1] != filepath.Join(dir, "checkpoint-50") {
		t.Fatalf("started with %v", args)
	}
}

// Weights of one model are not started with the recipe of another; editing the
// run's own recipe first leads to a start from its checkpoint.
func TestForkWithEditedOptions(t *testing.T) {
	var args []string
	d := newDriver(t, 120, 40, func(o *Options) {
		f := newFakeRun(t, o.RunsRoot+"/old")
		f.st.State = run.Stopped
		f.write(steps(100)...)
		if err := os.Mkdir(f.r.Path("checkpoint-100"), 0o755); err != nil {
			t.Fatal(err)
		}
		its := "model_name_or_path: ./testdata/model\ndataset_name: testdata/chats.jsonl\nmax_steps: 7\nrun_name: Second try\n"
		if err := os.WriteFile(f.r.Path(run.RecipeFile), []byte(its), 0o644); err != nil {
			t.Fatal(err)
		}
		o.StartRun = func(_ string, a []string) (<-chan error, error) {
			args = a
			return make(chan error), nil
		}
	})
	d.do(d.a.recipe.fix())
	d.press("5", "F").want("edit its options first", "start with its options as they are").wantNot("start with the open recipe").press("e")
	if d.a.page != pageRecipe || d.a.recipe.r.MaxSteps != 7 {
		t.Fatalf("page %d, max_steps %d", d.a.page, d.a.recipe.r.MaxSteps)
	}
	d.press("g").want("It goes on from checkpoint-100 of old", "start from the recipe's model instead").press("enter")
	if n := len(args); n < 2 || args[n-2] != "--from" || args[n-1] != filepath.Join(d.root, "old", "checkpoint-100") {
		t.Fatalf("started with %v", args)
	}
	if name := filepath.Base(args[2]); !strings.HasSuffix(name, "-second-try") {
		t.Fatalf("the run's folder %s lacks the recipe's run_name", name)
	}
}

// The final model of a run is the model of a new one, which starts at step 0; an
// adapter is not offered.
func TestForkFromTheFinalModel(t *testing.T) {
	for _, whole := range []bool{true, false} {
		var args []string
		d := newDriver(t, 120, 40, func(o *Options) {
			f := newFakeRun(t, o.RunsRoot+"/old")
			f.st.State, f.st.Export = run.Finished, f.r.Path("model")
			f.write(steps(100)...)
			for _, name := range []string{"checkpoint-50", "model"} {
				if err := os.Mkdir(f.r.Path(name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if whole {
				if err := os.WriteFile(filepath.Join(f.r.Path("model"), "config.json"), []byte("{}"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(f.r.Path(run.RecipeFile), []byte("model_name_or_path: testdata/old-one\nmax_steps: 7\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			o.StartRun = func(_ string, a []string) (<-chan error, error) {
				args = a
				return make(chan error), nil
			}
		})
		d.press("5", "F")
		if !whole {
			d.wantNot("final model").want("It goes on from checkpoint-50")
			continue
		}
		d.want("final model of step 100").press("down", "enter").want("the final model of old, as step 0 and with a new optimizer").press("s")
		if len(args) < 5 || slices.Contains(args, "--from") {
			t.Fatalf("started with %v", args)
		}
		if name := filepath.Base(args[2]); !strings.HasSuffix(name, "-old-one") {
			t.Errorf("the run's folder %s is not named by its recipe", name)
		}
		r, _, _, _, err := readRecipe(args[4])
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join("tmp-runs", "old", "model"); !strings.HasSuffix(r.ModelNameOrPath, want) || r.MaxSteps != 7 {
			t.Fatalf("the new run trains %s for %d steps, want %s for 7", r.ModelNameOrPath, r.MaxSteps, want)
		}
	}
}

func TestSamplesPage(t *testing.T) {
	events := append(steps(20),
		run.Event{Kind: run.KindSample, Step: 0, Prompt: "How do I list files?", Text: "I am not sure.", Reference: "$ ls"},
		run.Event{Kind: run.KindSample, Step: 20, Prompt: "How do I list files?", Text: "$ ls\nWhat it does: lists files.", Reference: "$ ls"})
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("6").want("No samples yet.").golden("samples_empty")
		d, _ = liveRun(t, size[0], size[1], events)
		d.press("6").want("before training", "after step 20", "reference", "$ ls").golden("samples")
	}
}

// chosenFinding is the finding under the cursor.
func (d *driver) chosenFinding(t *testing.T) Finding {
	t.Helper()
	f, ok := d.a.findings.chosen()
	if !ok {
		t.Fatal("no finding is chosen")
	}
	return f
}

func TestFindingsPage(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("2").want("truncated", "Rows longer than", "dropped", "use_cache").golden("findings")
		for len(d.chosenFinding(t).Rows) == 0 {
			d.press("down")
		}
		f := d.chosenFinding(t)
		d.press("enter")
		if d.a.page != pageData || !slices.Equal(d.a.data.order, f.Rows) {
			t.Errorf("enter on %s lists rows %v on page %d, want %v in the data", f.ID, d.a.data.order, d.a.page, f.Rows)
		}
	}
}

func TestFieldEdits(t *testing.T) {
	f := newField("wörld 世界")
	for _, k := range []string{"home", "X", "end", "backspace", "ctrl+w", "ctrl+a", "delete", "right", "é"} {
		f.press(keyMsg(k))
	}
	if f.String() != "wéörld " {
		t.Errorf("typed %q", f.String())
	}
	th := newTheme(true)
	for w := 2; w < 30; w++ {
		if n := width(newField(strings.Repeat("世", 40)).view(th, w)); n != w {
			t.Errorf("a field of %d cells is %d wide", w, n)
		}
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		count(-1234567): "-1,234,567", count(999): "999", size(5_000_000_000): "5.0 GB", size(1500): "2 kB", percent(1, 1000): "<1%",
		percent(999, 1000): ">99%", percent(0, 0): "–", value(1e-5): "1.00e-5", value(2.5): "2.500", seconds(75): "75 s", seconds(7500): "2 h 05 min", seconds(-1): "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Chinese has no blanks to break at; a mark never begins a line.
func TestWrapChinese(t *testing.T) {
	text := "运行从这个模型的权重开始，并使用它的 tokenizer 与对话模板。hub 名称会下载到缓存一次。"
	for w := 4; w < 60; w++ {
		lines := wrap(text, w)
		for _, l := range lines {
			if width(l) > w || strings.HasPrefix(l, "，") || strings.HasPrefix(l, "。") && w > 6 {
				t.Errorf("width %d: %q", w, l)
			}
		}
		if w > 12 && strings.Join(strings.Fields(strings.Join(lines, "")), "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("width %d lost text: %q", w, lines)
		}
	}
}

// Terminals do not agree on how wide joined emoji are: what is drawn has the
// same width for those that draw them as one and those that do not.
func TestEveryTerminalAgreesOnWidths(t *testing.T) {
	for in, want := range map[string]string{
		"👩‍👩‍👧": "👩‿👩‿👧", "⚠️": "⚠", "a\u200bb\ufeff": "a‸b‸", "梯度 é 한": "梯度 é 한", "x\u200dy": "x‿y",
	} {
		if got := visible(in); got != want {
			t.Errorf("%q is shown as %q, not %q", in, got, want)
		}
	}
	for _, s := range []string{"👩‍👩‍👧 x", "👍🏽!", "🇩🇪🇫🇷", "क्षि", "ｶﾞ", "e\u0301", "👨🏿‍🚀"} {
		if v := visible(s); ansi.StringWidth(v) != ansi.StringWidthWc(v) {
			t.Errorf("%q is %d cells wide or %d", v, ansi.StringWidth(v), ansi.StringWidthWc(v))
		}
	}
}
