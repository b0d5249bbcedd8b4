package ui

import (
	"strings"
	"testing"

	"sftui/dataset"
)

// TestTruncatedDuringScan: while the scan has looked at the longest rows first,
// the finding speaks of all rows by the scan's estimate, not of those.
func TestTruncatedDuringScan(t *testing.T) {
	a := &app{}
	a.recipe = &recipePage{a: a}
	src, err := dataset.Open(t.Context(), "../dataset/testdata/sources/tc.parquet", dataset.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	set := &dataSet{src: src, maxLength: 1024, lengths: newLengths(1000)}
	for row := range 100 {
		set.lengths.put(row, rowLength{full: 46_400, kept: 1024, trained: 10})
	}
	a.data = &dataPage{a: a, set: set}
	a.findings = &findingsPage{a: a}
	truncated := func() Finding {
		for _, f := range a.findings.fromLengths() {
			if f.ID == "truncated" {
				return f
			}
		}
		return Finding{}
	}
	if f := truncated(); f.FixKey != "" || !strings.Contains(f.Message, "100 of the 100 looked at so far") {
		t.Errorf("without a sample: %q sets %q", f.Message, f.FixValue)
	}
	set.strip = stripInfo{
		progress: dataset.ScanProgress{Stage: dataset.StageLargest, Sampled: 64},
		estimate: dataset.LengthEstimate{Quantiles: []dataset.Quantile{{P: 0.95, Tokens: 900}, {P: 0.99, Tokens: 2000}}},
		cuts:     []dataset.CutReport{{MaxLength: 1024, Rows: 40.4, Tokens: 5000, Share: 0.04}},
	}
	f := truncated()
	if f.Count != 40 || f.FixKey != "max_length" || f.FixValue != "2048" || !strings.Contains(f.Message, "about 40 (4%)") || !strings.Contains(f.Message, "estimate from 100 of") {
		t.Errorf("with a sample: %d rows, %q sets %q", f.Count, f.Message, f.FixValue)
	}
	set.strip.estimate.Exact = true
	if f := truncated(); f.Count != 100 || f.FixValue != "46400" {
		t.Errorf("all known: %d rows, %q", f.Count, f.FixValue)
	}
}
