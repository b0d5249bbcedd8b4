package cmd

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestHelp asks for help in every way that people try; none may start anything or fail.
func TestHelp(t *testing.T) {
	cases := map[string]string{"help": "sftui train", "--help": "sftui doctor", "-h": "sftui open", "--version": "sftui ", "version": "sftui "}
	for _, c := range commands() {
		cases["help "+c.name], cases[c.name+" --help"], cases[c.name+" -h"] = "Usage: sftui "+c.name, "Usage: sftui "+c.name, c.usage
	}
	cases["chat -h"], cases["ctl -h"], cases["train -h"], cases["check -h"] = `"finish": "stop"`, "gradient_accumulation_steps", "sftui options", exitStatuses
	for args, want := range cases {
		var out, problems bytes.Buffer
		status := dispatch(context.Background(), strings.Fields(args), streams{in: strings.NewReader(""), out: &out, err: &problems})
		if status != exitDone || !strings.Contains(out.String(), want) || problems.Len() > 0 {
			t.Errorf("sftui %s: status %d\n%s%s\nwant %q", args, status, out.String(), problems.String(), want)
		}
	}
	var out, problems bytes.Buffer
	if status := dispatch(context.Background(), []string{"help", "trian"}, streams{out: &out, err: &problems}); status != exitFailure || !strings.Contains(problems.String(), `no command "trian"`) {
		t.Errorf("help for no command: status %d, %s", status, problems.String())
	}
	problems.Reset()
	if status := dispatch(context.Background(), []string{"--dta", "x.jsonl"}, streams{out: &out, err: &problems}); status != exitFailure || !strings.Contains(problems.String(), "--dta") {
		t.Errorf("a flag without a command goes to the workbench, which names the wrong one: status %d, %s", status, problems.String())
	}
}

// TestStrayWords: what a command does not take is named, with where to look; nothing is started.
func TestStrayWords(t *testing.T) {
	for _, name := range []string{"check", "train", "runs", "chat", "forecast", "preview", "logits", "doctor"} {
		var out, problems bytes.Buffer
		status := dispatch(context.Background(), []string{name, "stray"}, streams{in: strings.NewReader(""), out: &out, err: &problems})
		want := fmt.Sprintf("sftui %s: unexpected argument \"stray\"; `sftui help %s` shows what it takes\n", name, name)
		if status != exitFailure || problems.String() != want || out.Len() > 0 {
			t.Errorf("sftui %s stray: status %d, %s%s\nwant %s", name, status, out.String(), problems.String(), want)
		}
	}
	var problems bytes.Buffer
	if status := dispatch(context.Background(), []string{"runs", "--rot", "x"}, streams{err: &problems}); status != exitFailure || problems.String() != "sftui runs: unknown flag --rot; there are --json, --root\n" {
		t.Errorf("status %d, %s", status, problems.String())
	}
}
