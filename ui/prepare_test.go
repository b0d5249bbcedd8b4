package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/recipes"
)

// rowsFile writes rows as JSONL.
func rowsFile(t *testing.T, rows ...string) string {
	t.Helper()
	const path = "testdata/tmp-rows/rows.jsonl" // screens show it
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// fullDataOptions adds the options that the editors of this page write.
func fullDataOptions(r *recipes.Recipe) (dataset.Options, error) {
	o, err := testDataOptions(r)
	o.Formatting, o.Columns, o.LongRows = r.Formatting, r.Columns, r.LongRows
	o.Packing, o.PackingStrategy = r.Packing, r.PackingStrategy
	return o, err
}

// onRows opens the workbench on rows, with loss on every token.
func onRows(t *testing.T, w, h int, edits []string, rows ...string) *driver {
	return newDriver(t, w, h, func(o *Options) {
		o.Data, o.DataOptions = rowsFile(t, rows...), fullDataOptions
		o.Edits = append([]string{"assistant_only_loss=false"}, edits...)
	})
}

// Rows of no known shape are shown with what would make them usable; a
// template made here is tried out while it is typed and opens the data.
func TestFormattingTemplateIsWrittenWithPreview(t *testing.T) {
	for _, size := range sizes {
		d := onRows(t, size[0], size[1], nil, `{"ask": "Why?", "say": "Because."}`, `{"ask": "How?", "say": "So."}`)
		d.press("1").want("needed are", "say which column is what", "Why?").golden("data_stuck")
		d.press("t").want("columns: ask, say", "needed are") // an empty template
		d.typeText("Q: ")
		d.press("tab", "enter").typeText("A: ")
		d.press("tab", "tab").want("A: {{ say }}", "Q: Why?", "A: Because.").golden("data_template")
		d.press("ctrl+s").want("formatting set in the recipe", "2 rows")
		if f := d.a.recipe.r.Formatting; f != "Q: {{ ask }}\nA: {{ say }}" {
			t.Fatalf("the recipe has %q", f)
		}
		d.press("3", "u", "1").want("needed are")
	}
}

// An error in a template is shown where it is typed, and nothing is written.
func TestBrokenTemplateIsExplained(t *testing.T) {
	d := onRows(t, 120, 40, nil, `{"text": "a", "other": "b"}`)
	d.press("1", "t").typeText("{{ nothing }}")
	d.want("✗", "nothing").press("esc").wantNot("ctrl+s")
	if d.a.recipe.r.Formatting != "" {
		t.Error("esc wrote the template")
	}
	d.press("t")
	d.send(tea.PasteMsg{Content: "one\n{{ other }}\n"})
	d.want("one").press("up", "up", "backspace", "end", "delete", "esc")
}

func TestColumnsAreMappedByHand(t *testing.T) {
	for _, size := range sizes {
		d := onRows(t, size[0], size[1], nil, `{"id": 3, "ask": "Why?", "say": "Because."}`)
		d.press("1", "m").want("Which column is what?", "Why?", "needed are")
		d.press("down", "right", "right", "down", "right", "right").want("◂ prompt ▸", "◂ completion ▸", "columns were mapped by hand")
		d.golden("data_columns").press("enter").want("columns set in the recipe", "1 row ·")
		if m := d.a.recipe.r.Columns; fmt.Sprint(m) != "map[completion:say prompt:ask]" {
			t.Fatalf("the recipe has %v", m)
		}
		d.press("m", "backspace", "enter")
		if m := d.a.recipe.r.Columns; len(m) != 0 {
			t.Fatalf("the recipe still has %v", m)
		}
	}
}

func TestLongRowsAreChosen(t *testing.T) {
	d := newDriver(t, 120, 40, func(o *Options) { o.DataOptions = fullDataOptions })
	d.press("1", "c").want("Rows longer than max_length 512", "◂ now").press("down", "enter").want("long_rows set in the recipe")
	if v := d.a.recipe.r.LongRows; v != "drop" {
		t.Fatalf("long_rows is %q", v)
	}
	d.press("n").want("✗ dropped")
	d.press("c", "down", "down", "enter").wantNot("dropped")
	for row := range d.a.data.rows() {
		if m := d.a.data.mark(row); m != " " {
			t.Errorf("row %d is marked %q although long rows are split", row, m)
		}
	}
}

func TestPackedRowsShowTheirBorders(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], func(o *Options) {
			o.DataOptions = fullDataOptions
			o.Edits = []string{"packing=true"}
		})
		d.press("1", "shift+tab", "shift+tab", "shift+tab", "shift+tab").want("packed with", "━━ ▸ row 0").golden("data_packed")
		d.press("j").want("packed with").press("i").press("tab").want("role: ")
	}
	// Where long rows are dropped the scan says which rows share a sequence.
	d := newDriver(t, 160, 40, func(o *Options) {
		o.DataOptions = fullDataOptions
		o.Edits = []string{"packing=true", "long_rows=drop"}
	})
	d.press("1", "shift+tab", "shift+tab", "shift+tab", "shift+tab").want("packed with", "━━ ▸ row 0")
	d.press("n").want("is in no sequence", "leaves such rows out")
	d = newDriver(t, 120, 40, nil)
	d.press("1").wantNot("packed")
}

func TestRowsAreFilteredByColumn(t *testing.T) {
	d := onRows(t, 120, 40, nil, `{"text": "a wiki", "source": "wiki", "score": 3}`, `{"text": "b", "source": "web", "score": 0.5}`, `{"text": "c", "source": "Web", "score": null}`)
	for filter, want := range map[string]string{
		"source=web": "[1 2]", "source!=web": "[0]", "score>1": "[0]", "score<1": "[1]", "score=null": "[2]", "source:wi": "[0]", "wiki": "[0]", "is:cut": "[]", "tokens>0": "[0 1 2]",
	} {
		d.press("1", "/", "ctrl+u").typeText(filter)
		d.press("enter")
		if got := fmt.Sprint(d.a.data.order); got != want {
			t.Errorf("%s finds %s, not %s", filter, got, want)
		}
	}
}

// Data that does not open as it is opens with one key, and closes again with
// one undo.
func TestOneKeyOpensData(t *testing.T) {
	for want, row := range map[string]string{
		"read ask as prompt, read say as completion": `{"ask": "Why?", "say": "Because."}`,
		"read chosen as completion":                  `{"prompt": "Why?", "chosen": "Because.", "rejected": "No."}`,
		"read chosen as messages":                    `{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]}`,
		"read dialog as messages":                    `{"dialog": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}`,
		"read content as text":                       `{"content": "a long text", "n": 3}`,
	} {
		d := onRows(t, 120, 40, nil, row)
		d.press("1").want("f  " + want)
		d.press("f").want("1 row ·", "done: "+want)
		d.press("u").want("f  " + want)
	}
	// Loss on the assistant's turns alone needs turns.
	d := onRows(t, 120, 40, []string{"assistant_only_loss=true"}, `{"prompt": "Why?", "completion": "Because."}`)
	d.press("1").want("f  set assistant_only_loss to false").press("f").want("1 row ·")
	if d.a.recipe.r.AssistantOnlyLoss {
		t.Error("assistant_only_loss is still on")
	}
	d = onRows(t, 120, 40, nil, `{"a": 1, "b": 2}`)
	d.press("1").wantNot(" f  ").press("f").want("Nothing here has a one-key fix")
}
