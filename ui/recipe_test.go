package ui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/recipes"
)

func TestRecipePage(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("3").want("model_name_or_path", "testdata/model", "line 2")
		d.wantSize()
	}
}

// What is typed is checked with every key, and only a valid value is taken.
func TestEditingValidatesWhileTyping(t *testing.T) {
	d := newDriver(t, 140, 40, nil)
	d.do(d.a.recipe.goToKey("learning_rate"))
	d.press("enter", "ctrl+u").typeText("fast").want("✗")
	d.press("enter") // refused: still typing
	if !d.a.recipe.captures() {
		t.Fatal("an invalid value was taken")
	}
	d.press("ctrl+u").typeText("3e-5").want("✓ valid")
	d.press("enter").want("1 edit")
	if v, o := d.a.recipe.r.Get("learning_rate"); o.Kind != recipes.OriginEdit || !strings.Contains(v, "e-05") && v != "3e-5" && v != "0.00003" {
		t.Fatalf("learning_rate is %s from %s", v, o)
	}
	d.press("u").wantNot("1 edit")
}

func TestEnumIsPicked(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.do(d.a.recipe.goToKey("lr_scheduler_type"))
	d.press("enter").want("cosine", "linear")
	d.typeText("constant_with").press("enter")
	if v, _ := d.a.recipe.r.Get("lr_scheduler_type"); v != "constant_with_warmup" {
		t.Fatalf("lr_scheduler_type is %s", v)
	}
}

// use_cache with gradient_checkpointing is the conflict of the test recipe.
func TestConflictIsFixedWithOneKey(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("3")
	n := len(d.a.recipe.conflicts)
	if n == 0 {
		t.Fatal("the test recipe has no conflict")
	}
	d.want("conflict", "set ").press("f")
	if len(d.a.recipe.conflicts) >= n {
		t.Fatalf("%d conflicts after the fix of %d", len(d.a.recipe.conflicts), n)
	}
	d.press("u")
	if len(d.a.recipe.conflicts) != n {
		t.Fatal("undo did not bring the conflict back")
	}
}

// Writing keeps the file's comments and changes only what was edited.
func TestWriteBackKeepsComments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recipe.yaml")
	before, err := os.ReadFile("testdata/recipe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, before, 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, 120, 40, func(o *Options) { o.Recipe = path })
	d.do(d.a.recipe.set("max_steps", "77"))
	d.press("3", "d").want("- max_steps: 40", "+ max_steps: 77").press("esc")
	d.press("w", "enter")
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(before), "max_steps: 40", "max_steps: 77", 1)
	if string(after) != want {
		t.Fatalf("the file is\n%s\nwant\n%s", after, want)
	}
}

func TestSearchOptions(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("3", "/").typeText("warmup").want("warmup_steps").wantNot("dataset_name ")
	d.press("esc", "v").want("only what is set", "max_steps").wantNot("weight_decay")
}

func TestBrokenRecipeSaysWhy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(path, []byte("learning_rat: 1e-4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, 120, 40, func(o *Options) { o.Recipe = path })
	d.press("1").want("learning_rat", "open another recipe")
	d.press("3").want("learning_rat", "learning_rate")
	d.wantSize()
}

// The question before a run says what the forecast and the findings know, and
// where the run goes although the recipe names another folder.
func TestQuestionBeforeARun(t *testing.T) {
	need := uint64(900_000_000)
	d := newDriver(t, 120, 40, func(o *Options) {
		o.StartRun = func(string, []string) (<-chan error, error) { return make(chan error), nil }
		o.Forecast = func(context.Context, []byte, map[string]string) (*Forecast, error) {
			return &Forecast{Total: need, Limit: 1_000_000_000, Steps: 77}, nil
		}
		o.Check = func(context.Context, *recipes.Recipe, recipes.Language) ([]Finding, error) {
			return []Finding{{ID: "one", Severity: recipes.SeverityWarning, Message: "mind"}, {ID: "two", Severity: recipes.SeverityNote, Message: "by the way"}}, nil
		}
	})
	d.press("3", "f")
	set := func(key, value string) {
		t.Helper()
		d.do(d.a.recipe.set(key, value))
		d.send(forecastDueMsg{d.a.recipe.forecast.gen})
		d.send(checkDueMsg{d.a.findings.gen})
	}
	set("output_dir", "out")
	set("max_steps", "-1")
	set("num_train_epochs", "2.5")
	d.press("4", "g").want("Start training?", "2.5 epochs (77 steps)", "Memory forecast: 900 MB of 1.0 GB", "1 warning: page 2", "output_dir counts").press("esc")
	need = 2_000_000_000
	set("eval_holdout", "0.5")
	d.press("g").want("2.0 GB of 1.0 GB does not fit").press("esc")

	// Until the recipe as it is now is forecast, steps are counted without what is held out.
	d.do(d.a.recipe.set("num_train_epochs", "2"))
	d.press("g").want("2 epochs (about 6 steps)").wantNot("Memory forecast", "77 steps")
}
