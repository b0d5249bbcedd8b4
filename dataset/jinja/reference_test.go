package jinja

import (
	"bufio"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// reference returns a file of the reference answers, or skips the test.
func reference(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SFTUI_REFERENCE")
	if dir == "" {
		t.Skip("SFTUI_REFERENCE is not set")
	}
	return filepath.Join(dir, name)
}

// templateSources parses the reference's chat templates.
func templateSources(t testing.TB) map[string]*Template {
	t.Helper()
	data, err := os.ReadFile(reference(t, "template_sources.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := DecodeJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Template{}
	sources := v.(*Dict)
	for _, name := range sources.Keys() {
		source, _ := sources.Get(name)
		tpl, err := Parse(name, source.(string))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = tpl
	}
	return out
}

// chatInput reads the input of a reference render.
func chatInput(row *Dict) ChatInput {
	get := func(k string) any { v, _ := row.Get(k); return v }
	kwargs, _ := get("kwargs").(*Dict)
	return ChatInput{
		Messages: get("messages"), Tools: get("tools"), Kwargs: kwargs,
		AddGenerationPrompt: get("add_generation_prompt") == true, ContinueFinalMessage: get("continue_final_message") == true,
		Now: time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC),
	}
}

// referenceRows calls visit for every reference render.
func referenceRows(t testing.TB, visit func(row *Dict)) {
	t.Helper()
	f, err := os.Open(reference(t, "templates.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		v, err := DecodeJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		visit(v.(*Dict))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestReferenceRenders(t *testing.T) {
	templates := templateSources(t)
	n, bad := 0, 0
	referenceRows(t, func(row *Dict) {
		n++
		name, _ := row.Get("template_name")
		out, err := templates[name.(string)].RenderChat(chatInput(row), Limits{})
		problem := ""
		if want, ok := row.Get("error"); ok {
			kind, _ := row.Get("error_type")
			var got *Error
			switch {
			case !errors.As(err, &got):
				problem = "no error, want " + want.(string)
			case got.Kind != kind || got.Message != want:
				problem = "error " + got.Kind + ": " + got.Message + ", want " + kind.(string) + ": " + want.(string)
			}
		} else {
			want, _ := row.Get("rendered")
			switch {
			case err != nil:
				problem = err.Error()
			case out.Text != want:
				problem = "got  " + repr(out.Text) + "\nwant " + repr(want)
			}
			if spans, ok := row.Get("generation_char_spans"); ok && problem == "" {
				var got []any
				for _, s := range out.Spans {
					got = append(got, []any{int64(s[0]), int64(s[1])})
				}
				if g, w := repr(append([]any{}, got...)), repr(spans); g != w {
					problem = "spans " + g + ", want " + w
				}
			}
		}
		if problem != "" {
			bad++
			if bad <= 10 {
				c, _ := row.Get("case")
				t.Errorf("%v, case %v: %s", name, c, problem)
			}
		}
	})
	if n != 2002 {
		t.Errorf("%d renders in the reference, want 2002", n)
	}
	if bad > 0 {
		t.Errorf("%d of %d renders differ", bad, n)
	}
}
