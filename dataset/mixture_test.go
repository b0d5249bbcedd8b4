package dataset

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// closing is a source that counts how often it is closed.
type closing struct {
	Source
	times int
	err   error
}

func (c *closing) Close() error {
	c.times++
	return errors.Join(c.err, c.Source.Close())
}

// Closing a concatenation closes every part, also behind one that cannot be.
func TestConcatenationCloses(t *testing.T) {
	failed := errors.New("still in use")
	parts := []*closing{{Source: jsonRows(t, `{"a": 1}`), err: failed}, {Source: jsonRows(t, `{"b": 2}`, `{"b": 3}`)}}
	c := Concatenate("both", parts[0], parts[1])
	if c.Len() != 3 || !slices.Equal(c.Columns(), []string{"a", "b"}) {
		t.Errorf("%d rows of %v, want 3 of a and b", c.Len(), c.Columns())
	}
	if err := c.Close(); !errors.Is(err, failed) {
		t.Errorf("closing said %v", err)
	}
	for i, p := range parts {
		if p.times != 1 {
			t.Errorf("part %d was closed %d times", i, p.times)
		}
	}
}

// What is said of columns that no format has names dataset_text_field only
// where that was set.
func TestUnknownColumnsNameTheTextField(t *testing.T) {
	row := jsonRows(t, `{"x": "y"}`).rows[0]
	own := DefaultOptions()
	own.TextField = "body"
	for _, c := range []struct {
		options Options
		needed  string
	}{
		{DefaultOptions(), "needed are messages, prompt and completion, or text:"},
		{own, "needed are messages, prompt and completion, or body (dataset_text_field):"},
	} {
		if s := DetectShape(row, c.options); !strings.Contains(s.Problem, c.needed) {
			t.Errorf("%q lacks %q", s.Problem, c.needed)
		}
	}
}
