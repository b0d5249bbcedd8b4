package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.jinja")
	const template = "{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% endfor %}{{ strftime_now('%d %b %Y') }}"
	if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	const in = `{"messages": [{"role": "user", "content": "é"}], "kwargs": {"eos_token": "</s>"}, "now": "2025-01-15T12:00:00"}

{"messages": [{"role": "user"}], "kwargs": {"eos_token": "</s>"}}
{"messages": [{"role": "user", "content": "ab"}], "continue_final_message": true, "kwargs": {"eos_token": ""}, "now": "2025-01-15T12:00:00"}
nonsense
{"messages": [], "add_generation_prompt": 3}`
	want := []string{
		`{"rendered": "<user>\u00e9</s>15 Jan 2025", "generation_spans": [[6, 11]]}`,
		`{"error": "'dict object' has no attribute 'content' (` + file + ` line 1, column 67: ` + template + `)", "error_type": "UndefinedError", "line": 1, "column": 67}`,
		`{"rendered": "<user>ab", "generation_spans": []}`,
		`{"error": "the line is not JSON: Expecting value: line 1 column 1 (char 0)"}`,
		`{"error": "add_generation_prompt has a value of the wrong type: 3"}`,
	}
	var out, errs bytes.Buffer
	status := runRender(context.Background(), []string{"--template", file}, streams{in: strings.NewReader(in), out: &out, err: &errs})
	if status != exitWarning || errs.Len() > 0 {
		t.Errorf("status %d, %s", status, errs.String())
	}
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), out.String())
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d\n got  %s\n want %s", i+1, got[i], want[i])
		}
	}
	for _, args := range [][]string{{}, {"--template", "missing.jinja"}, {"--nonsense"}, {"x"}} {
		errs.Reset()
		if status := runRender(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errs}); status != exitFailure || errs.Len() == 0 {
			t.Errorf("%v: status %d, %q", args, status, errs.String())
		}
	}
}
