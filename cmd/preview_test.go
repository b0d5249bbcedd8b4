package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// previewOf runs sftui preview on rows with the small tokenizer of package dataset's tests.
func previewOf(t *testing.T, rows string, args ...string) (status int, out, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args = append([]string{"--data", path, "--model", filepath.Join("..", "dataset", "testdata", "prepare")}, args...)
	status = runPreview(context.Background(), args, streams{out: &stdout, err: &stderr})
	return status, stdout.String(), stderr.String()
}

const previewRows = `{"prompt":"a longer prompt ","completion":"b"}
{"prompt":"p ","completion":"the answer"}
{"prompt":"q ","completion":"c"}
`

func TestPreviewRows(t *testing.T) {
	status, out, errs := previewOf(t, previewRows, "--json", "max_length=8")
	if status != exitDone || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), out)
	}
	var dropped previewDropped
	if err := json.Unmarshal([]byte(lines[0]), &dropped); err != nil || dropped.Dropped == "" {
		t.Errorf("the first row is %s, want it dropped", lines[0])
	}
	var row previewRow
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil || row.Row != 1 || row.Text == nil || *row.Text != "p the answer<|im_end|>" || len(row.InputIDs) != len(row.Labels) || row.Labels[0] != -100 {
		t.Errorf("the second row is %s", lines[1])
	}
}

func TestPreviewShuffledRowsKeepTheirText(t *testing.T) {
	_, plain, _ := previewOf(t, previewRows, "--json")
	status, shuffled, errs := previewOf(t, previewRows, "--json", "shuffle_dataset=true", "seed=42")
	if status != exitDone {
		t.Fatal(errs)
	}
	for _, line := range strings.Split(strings.TrimSpace(shuffled), "\n") {
		if !strings.Contains(plain, line) {
			t.Errorf("not a row of the data: %s", line)
		}
	}
	if plain == shuffled {
		t.Error("the order is the data's")
	}
}

func TestPreviewBatches(t *testing.T) {
	status, out, errs := previewOf(t, previewRows, "--batches", "5", "per_device_train_batch_size=2")
	if status != exitDone {
		t.Fatal(errs)
	}
	var sizes []int
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var b previewBatch
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(b.InputIDs), len(b.AttentionMask))
		for i := range b.InputIDs {
			if len(b.InputIDs[i]) != len(b.InputIDs[0]) || len(b.Labels[i]) != len(b.InputIDs[0]) {
				t.Errorf("a ragged batch: %s", line)
			}
		}
	}
	if len(sizes) != 4 || sizes[0] != 2 || sizes[2] != 1 {
		t.Errorf("batches of %v rows and masks, want 2 and 1", sizes)
	}
}

func TestPreviewRefusals(t *testing.T) {
	cases := []struct {
		name, rows, want string
		args             []string
	}{
		{"unknown option", previewRows, "max_lenght", []string{"max_lenght=3"}}, //nolint:misspell // the mistake is the case
		{"stray word", previewRows, `unexpected argument "stray"`, []string{"stray"}},
		{"no number", previewRows, "--batches", []string{"--batches", "x"}},
		{"bad data", `{"prompt":"x"}`, "no completion", []string{"--json"}},
		{"all dropped", `{"prompt":"abc","completion":"z"}`, "no row is left", []string{"--json", "max_length=1"}},
		{"no such template", previewRows, "nope.jinja", []string{"--template", "nope.jinja"}},
	}
	for _, c := range cases {
		status, _, errs := previewOf(t, c.rows, c.args...)
		if status != exitFailure || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, %q; want one line with %q", c.name, status, errs, c.want)
		}
	}
}

func TestPreviewForReading(t *testing.T) {
	status, out, errs := previewOf(t, previewRows, "--rows", "1")
	if status != exitDone || !strings.Contains(out, "prompt + completion") || !strings.Contains(out, "carry loss") {
		t.Errorf("status %d, %s, %s", status, errs, out)
	}
}
