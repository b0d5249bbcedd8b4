package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers says which of sftui's packages each may import, by prefix. A package not listed may import none, so that a
// new one has to be given its place.
var layers = map[string][]string{
	"sftui":                 {"sftui/cmd"},
	"sftui/cmd":             {"sftui/ui", "sftui/findings", "sftui/engine", "sftui/dataset", "sftui/recipes", "sftui/setup"},
	"sftui/ui":              {"sftui/ui", "sftui/findings", "sftui/engine", "sftui/dataset", "sftui/recipes"},
	"sftui/ui/chart":        {},
	"sftui/ui/vlist":        {},
	"sftui/findings":        {"sftui/engine", "sftui/dataset", "sftui/recipes"},
	"sftui/engine":          {"sftui/engine", "sftui/dataset", "sftui/recipes"},
	"sftui/engine/selftest": {"sftui/engine/compute", "sftui/dataset"},
	"sftui/engine/compute":  {"sftui/engine/model", "sftui/engine/weights", "sftui/engine/device"},
	"sftui/engine/model":    {"sftui/engine/weights"},
	"sftui/engine/weights":  {},
	"sftui/engine/device":   {},
	"sftui/engine/run":      {},
	"sftui/engine/report":   {"sftui/engine/run"},
	"sftui/dataset":         {"sftui/dataset"},
	"sftui/dataset/jinja":   {},
	"sftui/dataset/sample":  {},
	"sftui/recipes":         {},
	"sftui/setup":           {"sftui/engine/weights"},
	"sftui/scripts/setup":   {"sftui/setup"},
}

// screenLibraries may be imported by ui alone: everything else must work without a terminal.
var screenLibraries = []string{"charm.land/", "github.com/NimbleMarkets/ntcharts"}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func under(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

// TestImportsPointOneWay keeps the layout that CONTRIBUTING.md describes.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := layers[p.ImportPath]
		if !known {
			t.Errorf("%s has no place in the layers of main_test.go", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if under(imported, "sftui") && !slices.ContainsFunc(allowed, func(a string) bool { return under(imported, a) }) {
				t.Errorf("%s imports %s, against the layers of main_test.go", p.ImportPath, imported)
			}
		}
		if under(p.ImportPath, "sftui/ui") {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, library := range screenLibraries {
				if strings.HasPrefix(imported, library) {
					t.Errorf("%s imports %s, which only ui may", p.ImportPath, imported)
				}
			}
		}
	}
}
