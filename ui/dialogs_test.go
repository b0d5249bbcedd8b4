package ui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Writing over a file that is another recipe's asks first; esc leaves it as it was.
func TestOverwriteQuestion(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	path := filepath.Join(t.TempDir(), "other.yaml")
	const other = "learning_rate: 0.5\n"
	if err := os.WriteFile(path, []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	d.do(d.a.askWrite(path))
	d.want("Write into a file that exists?").press("esc").wantNot("Write into a file that exists?")
	if got := read(); got != other {
		t.Fatalf("esc wrote %q", got)
	}
	d.do(d.a.askWrite(path))
	d.press("enter").want("written to")
	if got := read(); got == other {
		t.Fatal("enter wrote nothing")
	}
}

// What was opened lately comes back in the next session, newest first, each once.
func TestRecentComesBack(t *testing.T) {
	home := t.TempDir()
	where := func(o *Options) {
		o.RunsRoot, o.LogFile = filepath.Join(home, "runs"), filepath.Join(home, "log")
	}
	first := newDriver(t, 120, 40, where)
	push(&first.a.recent.Data, "older.jsonl")
	push(&first.a.recent.Data, "newer.jsonl")
	push(&first.a.recent.Data, "older.jsonl")
	first.do(first.a.remember())
	next := newDriver(t, 120, 40, where)
	var rest []string
	for _, name := range next.a.recent.Data {
		if name == "older.jsonl" || name == "newer.jsonl" {
			rest = append(rest, name)
		}
	}
	if len(rest) != 2 || rest[0] != "older.jsonl" || rest[1] != "newer.jsonl" {
		t.Errorf("the next session knows %v", next.a.recent.Data)
	}
}

// A text of several lines takes a paste with its lines; ctrl+s keeps it, esc does not.
func TestLongTextDialog(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	for _, c := range []struct{ key, want string }{{"esc", "null"}, {"ctrl+s", "Be brief.\nBe kind."}} {
		in := &textDialog{key: "system_prompt", in: newEditor("")}
		d.a.push(in)
		d.do(d.a.paste("Be brief.\r\nBe kind."))
		d.want("Be brief.", "Be kind.", "take it").press(c.key).wantNot("take it")
		if got, _ := d.a.recipe.r.Get("system_prompt"); got != c.want {
			t.Errorf("after %s the option is %q, want %q", c.key, got, c.want)
		}
	}
}

// The self-test shows each line of its process as it comes, and how it ended;
// closing it ends the process.
func TestSelfTestDialog(t *testing.T) {
	for script, want := range map[string]string{
		"echo '✓ device: cpu'":                             "The model trains on this machine as it should.",
		"echo '✓ device: cpu'; echo '✗ loss: NaN'; exit 1": "Something above is not as it should be.",
	} {
		d := newDriver(t, 120, 40, func(o *Options) {
			o.Doctor = func(ctx context.Context, args []string) *exec.Cmd {
				return exec.CommandContext(ctx, "sh", "-c", script)
			}
		})
		cmd := d.a.testModel()
		for cmd != nil { // the driver holds back what listens
			m, ok := cmd().(checkSaidMsg)
			if !ok {
				t.Fatal("the dialog is not listening")
			}
			cmd = m.apply(d.a)
		}
		d.want("self-test of", "✓ device: cpu", want).press("esc").wantNot("self-test of")
	}
}

// Of a question that is too long for the terminal the keys are there all the same.
func TestLongQuestionKeepsItsKeys(t *testing.T) {
	d := newDriver(t, minWidth, minHeight, nil)
	q := &question{title: "Really?", choices: []choice{{"enter", "start", nil}}}
	for i := range 30 {
		q.lines = append(q.lines, fmt.Sprintf("line %d", i))
	}
	d.a.push(q)
	d.want("line 0", "…", "enter start", "esc back").wantNot("line 29").wantSize()
}
