package cmd

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestHelp asks for help in every way that people try; none may start anything or fail.
func TestHelp(t *testing.T) {
	cases := map[string]string{"help": "sftui train", "--help": "sftui doctor", "-h": "sftui open", "--version": "sftui ", "version": "sftui "}
	for _, c := range commands() {
		cases["help "+c.name], cases[c.name+" --help"], cases[c.name+" -h"] = "Usage: sftui "+c.name, "Usage: sftui "+c.name, c.usage
	}
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
