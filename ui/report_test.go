package ui

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/run"
)

// The report is one well-formed file that asks nothing of the network, and
// text of the data cannot become markup in it.
func TestReport(t *testing.T) {
	f := newFakeRun(t, filepath.Join(t.TempDir(), "demo"))
	f.write(append(steps(200), run.Event{Kind: run.KindSample, Step: 100, Prompt: "a <b> & c", Text: "<script>alert(1)</script>"})...)
	if err := os.WriteFile(f.r.Path(run.RecipeFile), []byte("max_steps: 200 # a <why>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := writeReport(f.r, path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{"max_steps: 200 # a &lt;why&gt;", "&lt;script&gt;", "gradient norm", "after step 100", "<path class=\"raw\" d=\"M"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "http://", "https://", "NaN ", "Inf"} {
		if strings.Contains(page, bad) {
			t.Errorf("the report has %q", bad)
		}
	}
	svg := page[strings.Index(page, "<svg"):strings.LastIndex(page, "</svg>")]
	d := xml.NewDecoder(strings.NewReader("<x>" + svg + "</svg></x>"))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
