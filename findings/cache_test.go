package findings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/recipes"
)

// openRows opens rows for checks, with a cache.
func openRows(t *testing.T, cache string, rows []string, options ...string) *Input {
	t.Helper()
	r := recipes.Default()
	model := makeModel(t, chatTemplate, nil)
	data := write(t, t.TempDir(), "data.jsonl", strings.Join(rows, "\n")+"\n")
	if err := r.Override(append([]string{"model_name_or_path=" + model, "dataset_name=" + data, "bf16=false"}, options...)); err != nil {
		t.Fatal(err)
	}
	in := Open(t.Context(), r, OpenOptions{Language: recipes.English, CacheDir: cache})
	t.Cleanup(func() { _ = in.Close() })
	if in.Preparer == nil {
		t.Fatal(in.problems)
	}
	return in
}

// faultyChats are chats of many lengths, one of which cannot be prepared.
func faultyChats() []string {
	rows := chats(450)
	for i := range rows {
		rows[i] = strings.Replace(rows[i], "it is", strings.Repeat("it is ", 1+i%9), 1)
	}
	rows[33] = `{"messages": [{"role": "user", "content": "say"}, {"role": "assistant", "content": ""}]}`
	rows[40] = `{"messages": "no list"}`
	return rows
}

// TestCheckAfterScan checks data that the workbench, or a run, has scanned
// before: the facts are those of a check without a cache, and nothing is
// tokenized, for the tokenizer is closed.
func TestCheckAfterScan(t *testing.T) {
	rows := faultyChats()
	for _, by := range []string{"workbench", "training", "check"} {
		t.Run(by, func(t *testing.T) {
			cache := t.TempDir()
			in := openRows(t, cache, rows)
			want, err := collect(t.Context(), &Input{Recipe: in.Recipe}, in.Preparer)
			if err != nil {
				t.Fatal(err)
			}
			if want.rows[40].Flags&flagFailed == 0 || want.failures[40] == "" || want.rows[33].Flags&flagEmptyAnswer == 0 || len(want.sample) == 0 {
				t.Fatalf("the faults are not seen: %+v %v", want.rows[33], want.failures)
			}
			scanAs(t, by, in)
			c := newCollector(in.Preparer)
			scan, err := c.scan(t.Context(), in, cache)
			if err != nil {
				t.Fatal(err)
			}
			if scan.Complete() != (by != "training") {
				t.Errorf("everything is known: %v", scan.Complete())
			}
			if err := in.Tokenizer.Close(); err != nil {
				t.Fatal(err)
			}
			if err := scan.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.sumUp()
			got := c.f
			if by == "training" { // the close look at a few rows was never taken
				got.sample, got.roles, got.special, got.ends = want.sample, want.roles, want.special, want.ends
			}
			if !reflect.DeepEqual(got, want) {
				for i := range got.rows {
					if got.rows[i] != want.rows[i] {
						t.Fatalf("row %d: %+v, want %+v; failures %.300v", i, got.rows[i], want.rows[i], fmt.Sprint(got.failures))
					}
				}
				t.Fatalf("failures %v, want %v; sample %v %v, want %v %v", got.failures, want.failures, got.sample, got.ends, want.sample, want.ends)
			}
		})
	}
}

// scanAs goes over the rows as a part of the program does.
func scanAs(t *testing.T, by string, in *Input) {
	t.Helper()
	o := in.Preparer.ScanOptions(in.CacheDir)
	switch by {
	case "check":
		if _, err := collect(t.Context(), in, in.Preparer); err != nil {
			t.Fatal(err)
		}
	case "workbench":
		o.Notes = Notes(in.Preparer)
	case "training":
		o.Straight = true
	}
	scan, err := dataset.NewScan(t.Context(), in.Preparer.Source(), in.Preparer, o)
	if err != nil {
		t.Fatal(err)
	}
	if by == "check" && !scan.Complete() {
		t.Error("the workbench would scan again what the check has prepared")
	}
	if err := scan.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestFactsAreOfThisData changes what the facts depend on, one thing at a time:
// none may be taken from the cache.
func TestFactsAreOfThisData(t *testing.T) {
	cache := t.TempDir()
	rows := chats(300)
	in := openRows(t, cache, rows)
	if _, err := Check(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if !openRows(t, cache, rows).scanned(t.Context()) {
		t.Fatal("the same data is not found again")
	}
	other := slices.Clone(rows)
	other[7] = strings.Replace(other[7], "it is", "it was", 1)
	for name, in := range map[string]*Input{
		"a row":      openRows(t, cache, other),
		"the loss":   openRows(t, cache, rows, "assistant_only_loss=true"),
		"the end":    openRows(t, cache, rows, "eos_token=<|start|>"),
		"a template": openRows(t, cache, rows, "chat_template={% for m in messages %}{{ m.content }}{% endfor %}"),
	} {
		if in.scanned(t.Context()) {
			t.Errorf("%s is another one, and the facts are taken from the cache", name)
		}
	}
	if in := openRows(t, cache, rows, "max_length=32", "packing=true"); !in.scanned(t.Context()) {
		t.Error("another max_length needs another pass over the data")
	}
}

// TestFewRowsUnlessScanned looks at some of the rows until a scan has seen all.
func TestFewRowsUnlessScanned(t *testing.T) {
	in := openRows(t, t.TempDir(), chats(90))
	open := func() *Input {
		few := Open(t.Context(), in.Recipe, OpenOptions{Language: recipes.English, CacheDir: in.CacheDir, MaxRows: 10})
		t.Cleanup(func() { _ = few.Close() })
		return few
	}
	if n := open().Source.Len(); n != 10 {
		t.Errorf("%d rows are checked before the scan", n)
	}
	scanAs(t, "workbench", in)
	if few := open(); few.Source.Len() != 90 || few.picked != nil {
		t.Errorf("%d rows are checked after it", few.Source.Len())
	}
}

// TestNoteIsRead damages notes: the row is looked at again.
func TestNoteIsRead(t *testing.T) {
	in := openRows(t, "", chats(5))
	c := newCollector(in.Preparer)
	e, err := in.Preparer.Row(2)
	note := c.Note(2, e, err)
	other := newCollector(in.Preparer)
	if !other.Noted(2, note) || other.f.rows[2] != c.f.rows[2] || !reflect.DeepEqual(other.looks, c.looks) {
		t.Errorf("%+v, want %+v", other.f.rows[2], c.f.rows[2])
	}
	for cut := range len(note) {
		fresh := newCollector(in.Preparer)
		if fresh.Noted(2, note[:cut]) && !reflect.DeepEqual(fresh.f.rows[2], c.f.rows[2]) {
			t.Errorf("a note of %d bytes is taken for one of %d", cut, len(note))
		}
	}
	if c.NoteKey() != other.NoteKey() || c.NoteKey() == newCollector(openRows(t, "", chats(5), "pad_token=<|start|>").Preparer).NoteKey() {
		t.Error(fmt.Sprint("note keys: ", c.NoteKey()))
	}
}
