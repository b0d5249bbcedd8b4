package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sftui/engine/run"
)

// texts are all English texts that the workbench shows: the string arguments
// of the functions that translate, and the tables.
func texts(t *testing.T) []string {
	t.Helper()
	translators := map[string]bool{"t": true, "tf": true, "tr": true, "plural": true, "fact": true}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			if !translators[name] {
				return true
			}
			for i, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING && (i == 0 || name == "plural") {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						out = append(out, s)
					}
				}
			}
			return true
		})
	}
	for _, b := range bindings() {
		out = append(out, b.help)
		if b.Help().Desc != "" {
			out = append(out, b.Help().Desc)
		}
	}
	for _, name := range pageNames {
		out = append(out, name)
	}
	out = append(out, stageNames[:]...)
	for _, m := range metricNames {
		out = append(out, m.title)
	}
	for _, s := range []run.State{run.Starting, run.Preparing, run.Compiling, run.Training, run.Evaluating, run.Saving, run.Paused, run.Stopped, run.Finished, run.Failed, run.Died} {
		out = append(out, string(s))
	}
	// What the engine says of its phases.
	return append(out, "opening the model", "loading the model", "reading the data", "reading", "tokenizing", "tokenizing evaluation rows",
		"compiling for the first step", "a batch of a new shape", "paused by command", "writing the final model")
}

var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z%]`)

func TestEveryTextIsTranslated(t *testing.T) {
	for _, english := range texts(t) {
		zh, ok := chineseTexts[english]
		if !ok {
			if strings.TrimRight(english, ": ") != "sftui" { // a name with its punctuation
				t.Errorf("no Chinese for %q", english)
			}
			continue
		}
		if a, b := verb.FindAllString(english, -1), verb.FindAllString(zh, -1); !slices.Equal(a, b) {
			t.Errorf("%q takes %v, its translation %v", english, a, b)
		}
	}
}

// The same pages in Chinese: every column keeps its width.
func TestChinesePages(t *testing.T) {
	for _, size := range sizes {
		d, _ := liveRun(t, size[0], size[1], steps(200))
		d.a.lang = chinese
		d.golden("train_zh")
		d.press("1").want("词元", "训练").golden("data_zh")
		for _, key := range []string{"2", "3", "5", "6", "?"} {
			d.press(key).wantSize()
		}
		d.press("esc", "3").want("模型").wantSize()
	}
}

func TestLanguageIsSwitchedWithAKey(t *testing.T) {
	d := newDriver(t, 100, 30, nil)
	d.press("1", "ctrl+o").want("数据").press("ctrl+o").want("Data")
}
