package recipes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestEveryOptionIsExplained fails when an option lacks a text, in either
// language, or a word on what sftui does with it.
func TestEveryOptionIsExplained(t *testing.T) {
	c, err := readCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]bool{}
	for _, g := range Groups() {
		groups[g.ID] = true
	}
	for _, f := range Fields() {
		t.Run(f.Key, func(t *testing.T) {
			if !groups[f.Group] {
				t.Errorf("group %q is not in Groups", f.Group)
			}
			for _, l := range []Language{English, Chinese} {
				checkDoc(t, l, f.Doc.In(l))
			}
			switch f.Status.State {
			case Honoured:
			case Accepted, Unsupported:
				if f.Status.English == "" || f.Status.Chinese == "" {
					t.Error("not honoured, and no word why")
				}
			default:
				t.Errorf("texts/status.yaml has no state for it")
			}
		})
	}
	known := optionTable().byKey
	for _, m := range []map[string]docText{c.english, c.chinese} {
		for k := range m {
			if known[k] == nil {
				t.Errorf("explained, but no option: %s", k)
			}
		}
	}
	for k := range c.status {
		if known[k] == nil {
			t.Errorf("texts/status.yaml: no option %s", k)
		}
	}
	for k := range c.peers {
		if known[k] == nil {
			t.Errorf("texts/peers.yaml: no option %s", k)
		}
	}
}

// checkDoc holds one explanation to its form.
func checkDoc(t *testing.T, l Language, d Doc) {
	t.Helper()
	if d.Short == "" || d.What == "" || d.When == "" {
		t.Errorf("%s: short, what or when is missing", l)
	}
	if n := utf8.RuneCountInString(d.Short); n > 80 {
		t.Errorf("%s: short has %d characters", l, n)
	}
	if n := sentences(d.What + " " + d.When); n < 2 || n > 6 {
		t.Errorf("%s: %d sentences in what and when, want 2 to 6", l, n)
	}
	for _, e := range []Effect{d.Memory, d.Speed, d.Quality} {
		if !strings.Contains("+ - ± 0", e.Sign) || e.Text == "" {
			t.Errorf("%s: effect %q", l, e)
		}
	}
	han := strings.ContainsFunc(d.What, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if han != (l == Chinese) {
		t.Errorf("%s: written in the other language: %s", l, d.What)
	}
}

// sentences counts the ends of sentences.
func sentences(s string) int {
	n := 0
	r := []rune(s)
	for i, c := range r {
		switch c {
		case '。', '！', '？':
			n++
		case '.', '!', '?':
			if i+1 == len(r) || r[i+1] == ' ' {
				n++
			}
		}
	}
	return n
}

func TestOldNames(t *testing.T) {
	for _, o := range OldNames() {
		if optionTable().byKey[o.Name] != nil {
			t.Errorf("%s is an option of today", o.Name)
		}
		if o.Replacement != "" && optionTable().byKey[o.Replacement] == nil {
			t.Errorf("%s is replaced by %s, which is no option", o.Name, o.Replacement)
		}
		if o.English == "" || o.Chinese == "" {
			t.Errorf("%s lacks a text", o.Name)
		}
	}
}

// TestReferenceOptions compares names, classes and defaults with TRL's own.
func TestReferenceOptions(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "options.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Options []struct {
			Group, Name, Type string
			Default           any
		}
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.Options) != 160 {
		t.Fatalf("%d options in the reference", len(ref.Options))
	}
	fresh := Default()
	for _, want := range ref.Options {
		o := optionTable().byKey[want.Name]
		if o == nil {
			t.Errorf("%s is missing", want.Name)
			continue
		}
		if o.class != want.Group {
			t.Errorf("%s is in %s, want %s", want.Name, o.class, want.Group)
		}
		text, err := json.Marshal(want.Default)
		if err != nil {
			t.Fatal(err)
		}
		v, err := o.decode(mustFlow(t, string(text)))
		if err != nil {
			if string(text) == `""` && want.Name == "debug" {
				continue
			}
			t.Errorf("%s: default %s: %v", want.Name, text, err)
			continue
		}
		if got, ref := o.display(o.field(fresh)), o.display(v); got != ref {
			t.Errorf("%s = %s, want %s", want.Name, got, ref)
		}
	}
}

func TestMarkdownIsCurrent(t *testing.T) {
	for file, l := range map[string]Language{"OPTIONS.md": English, "OPTIONS.zh.md": Chinese} {
		data, err := os.ReadFile(filepath.Join("..", "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != string(Markdown(l)) {
			t.Errorf("docs/%s is stale; run: sftui options --markdown --lang %s > docs/%s", file, l, file)
		}
	}
}
