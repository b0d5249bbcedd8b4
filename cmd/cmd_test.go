package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
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

// TestHelpExplainsFlags: what a usage line names is explained under it, in lines that hardly any terminal breaks.
func TestHelpExplainsFlags(t *testing.T) {
	for _, c := range commands() {
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(c.usage, -1) {
			if !strings.Contains(c.details, flag) {
				t.Errorf("sftui %s --help does not explain %s", c.name, flag)
			}
		}
		for _, line := range strings.Split(c.details, "\n") {
			if n := utf8.RuneCountInString(line); n > 84 {
				t.Errorf("sftui %s --help has a line of %d characters: %s", c.name, n, line)
			}
		}
	}
	for name := range benches() {
		if !strings.Contains(benchDetails, "\n  "+name+" ") && !strings.HasPrefix(benchDetails, "  "+name+" ") {
			t.Errorf("sftui bench --help does not explain %s", name)
		}
	}
}

// TestWhatARunCanBeTold: words that no run understands are refused before one is asked.
func TestWhatARunCanBeTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"state": "finished", "step": 3}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{"dance": `no command "dance"`, "set": "set needs what to set", "pause": "is not live"} {
		var out, problems bytes.Buffer
		status := dispatch(context.Background(), []string{"ctl", dir, words}, streams{out: &out, err: &problems})
		if status != exitFailure || !strings.Contains(problems.String(), want) {
			t.Errorf("ctl %s: status %d, %s", words, status, problems.String())
		}
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
