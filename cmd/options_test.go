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

// runCommand runs one command on memory streams.
func runCommand(c command, args ...string) (status int, out, errText string) {
	var o, e bytes.Buffer
	status = c.run(context.Background(), args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return status, o.String(), e.String()
}

func TestOptionsJSON(t *testing.T) {
	status, out, errText := runCommand(optionsCommand(), "--json")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	var got struct {
		Options []struct {
			Name, Status string
			Doc          map[string]struct{ Short, What, When string }
		}
		Renamed []struct{ Name, Replacement string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Options) < 160 || len(got.Renamed) < 20 {
		t.Errorf("%d options, %d renamed", len(got.Options), len(got.Renamed))
	}
	for _, o := range got.Options {
		for _, l := range []string{"en", "zh"} {
			if d := o.Doc[l]; d.Short == "" || d.What == "" || d.When == "" {
				t.Errorf("%s lacks a text in %s", o.Name, l)
			}
		}
	}
}

func TestOptionsByName(t *testing.T) {
	tests := []struct {
		args   []string
		status int
		out    []string
		err    string
	}{
		{[]string{"learning_rate"}, exitDone, []string{"learning_rate", "default 2.0e-05", "LLaMA-Factory"}, ""},
		{[]string{"learning_rate", "--lang", "zh"}, exitDone, []string{"何时修改"}, ""},
		{[]string{"learning_rate", "--json"}, exitDone, []string{`"name": "learning_rate"`, `"honoured"`}, ""},
		{[]string{"torch_dtype"}, exitDone, []string{"old name of dtype"}, ""},
		{[]string{"lerning_rate"}, exitFailure, nil, `did you mean "learning_rate"?`},
		{[]string{"train_batch"}, exitFailure, nil, `did you mean "per_device_train_batch_size"?`},
		{[]string{"zz"}, exitFailure, nil, "`sftui options` lists every option"},
		{[]string{"--lang", "fr"}, exitFailure, nil, "en or zh"},
		{[]string{"--jsno"}, exitFailure, nil, "unknown flag"},
		{nil, exitDone, []string{"Learning rate and schedule", "learning_rate"}, ""},
	}
	for _, tt := range tests {
		status, out, errText := runCommand(optionsCommand(), tt.args...)
		if status != tt.status || !strings.Contains(errText, tt.err) {
			t.Errorf("%v: status %d, %q", tt.args, status, errText)
		}
		for _, s := range tt.out {
			if !strings.Contains(out, s) {
				t.Errorf("%v: output lacks %q:\n%s", tt.args, s, out)
			}
		}
	}
}

func TestRecipeCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.yaml", "seed: 1\nmax_seq_length: 512\n")
	b := write("b.yaml", "seed: 2\nmax_length: 512\n")
	bad := write("bad.yaml", "seeed: 2\nmax_length: [1]\n")
	zero := write("zero.yaml", "distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 3}\nnum_processes: 8\n")
	tests := []struct {
		args     []string
		status   int
		out, err string
	}{
		{[]string{"list"}, exitDone, "cpu-tryout", ""},
		{[]string{"diff", a, b}, exitDone, "seed\n  - 1  (line 1)\n  + 2  (line 1)", ""},
		{[]string{"diff", a, b, "--json"}, exitDone, `"key": "seed"`, ""},
		{[]string{"show", a}, exitDone, "seed: 1  # line 1", "old name of max_length"},
		{[]string{"show", a, "seed=5"}, exitDone, "seed: 5  # command line", ""},
		{[]string{"show", a, "use_cache=true"}, exitDone, "use_cache: true", "[use_cache=false]"},
		{[]string{"show", a, "--raw"}, exitDone, "seed: 1\nmax_seq_length: 512\n", ""},
		{[]string{"show", a, "--json"}, exitDone, `"origin": "line 1"`, ""},
		{[]string{"show", "cpu-tryout"}, exitDone, "SmolLM2-135M", ""},
		{[]string{"show", zero}, exitDone, "ZeRO-3", ""},
		{[]string{"show", zero, "--lang", "zh"}, exitDone, "每张卡", ""},
		{[]string{"show", bad}, exitFailure, "", `unknown key "seeed"; did you mean "seed"?`},
		{[]string{"show", filepath.Join(dir, "none.yaml")}, exitFailure, "", "does not exist"},
		{[]string{"diff", a}, exitFailure, "", "diff A B"},
		{nil, exitFailure, "", "list"},
	}
	for _, tt := range tests {
		status, out, errText := runCommand(recipeCommand(), tt.args...)
		if status != tt.status || !strings.Contains(out, tt.out) || !strings.Contains(errText, tt.err) {
			t.Errorf("%v: status %d\nout %.300q\nerr %q", tt.args, status, out, errText)
		}
	}
}
