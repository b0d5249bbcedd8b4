package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReaderNotes checks that a person is told where datasets, and TRL with it,
// reads a JSON column otherwise than its text says.
func TestReaderNotes(t *testing.T) {
	tok := openTestTokenizer(t)
	for _, c := range []struct{ rows, want string }{
		{`{"messages": [{"role": "user", "content": "42"}]}` + "\n" + `{"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}`, "messages[].content mixes kinds of values"},
		{`{"messages": [{"role": "user", "content": "x", "on": "2024-01-05"}]}` + "\n" + `{"messages": [{"role": "user", "content": "y", "on": "2024-01-05T10:20:30Z"}]}`, "messages[].on holds nothing but dates"},
		{`{"messages": [{"role": "user", "content": "2024-01-05"}, {"role": "assistant", "content": "42"}]}`, ""},
	} {
		path := filepath.Join(t.TempDir(), "data.jsonl")
		if err := os.WriteFile(path, []byte(c.rows), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := NewPreparer(open(t, path), tok, DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(p.Shape().Notes, "\n")
		if c.want == "" && notes != "" || !strings.Contains(notes, c.want) {
			t.Errorf("%s\nnotes %q, want %q", c.rows, notes, c.want)
		}
	}
}
