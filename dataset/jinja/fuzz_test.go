package jinja

import (
	"bufio"
	"os"
	"testing"
	"unicode/utf8"
)

// snippetSources returns the frozen snippets as seeds.
func snippetSources(f *testing.F) []string {
	f.Helper()
	file, err := os.Open("testdata/snippets.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // opened for reading only
	var out []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		if n%7 != 0 {
			continue
		}
		v, err := DecodeJSON(lines.Bytes())
		if err != nil {
			f.Fatal(err)
		}
		source, _ := v.(*Dict).Get("source")
		out = append(out, source.(string))
	}
	return out
}

// fuzzLimits keep one input of a fuzz target short.
var fuzzLimits = Limits{Fuel: 50_000, Output: 1 << 20}

// FuzzTemplateSource renders any template: it must end, with text or an
// *Error that has a place, and spans must lie inside the text.
func FuzzTemplateSource(f *testing.F) {
	for _, s := range snippetSources(f) {
		f.Add(s)
	}
	data, err := os.ReadFile("testdata/snippet_vars.json")
	if err != nil {
		f.Fatal(err)
	}
	v, err := DecodeJSON(data)
	if err != nil {
		f.Fatal(err)
	}
	vars := v.(*Dict)
	messages, _ := vars.Get("messages")
	f.Fuzz(func(t *testing.T, source string) {
		tpl, err := Parse("fuzz", source)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Line == 0 { //nolint:errorlint // exactly this type
				t.Fatalf("the parse error has no place: %v", err)
			}
			return
		}
		in := ChatInput{Messages: messages, Kwargs: vars}
		out, err := tpl.RenderChat(in, fuzzLimits)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Line == 0 { //nolint:errorlint // exactly this type
				t.Fatalf("the error has no place: %v", err)
			}
			return
		}
		// A generation block that a macro or set block holds back may end past the text, as in transformers.
		for _, s := range out.Spans {
			if s[0] < 0 || s[1] < s[0] || s[0] > runeCount(out.Text) {
				t.Fatalf("span %v of a text of %d", s, runeCount(out.Text))
			}
		}
		_, _ = tpl.AssistantSpans(in, fuzzLimits)
	})
}

// FuzzTemplateData renders any JSON with templates that use it in many ways.
func FuzzTemplateData(f *testing.F) {
	templates := benchTemplates(f)
	all, err := Parse("all", `{% for m in messages %}{{ m }}{{ m|tojson }}{{ m|tojson(indent=2, sort_keys=true) }}{{ m.role ~ m['content'] }}
{%- for k, v in m.items() %}{{ k|upper }}={{ v|string|indent|title|wordwrap(9) }}{{ v is iterable }}{{ v|default('d') }}{{ [v]|sort }}{{ v in messages }}{% endfor %}{{ m|dictsort if m is mapping }}{% endfor %}{{ messages|map('string')|join|length }}{{ tools }}`)
	if err != nil {
		f.Fatal(err)
	}
	templates["all"] = all
	f.Add(benchRow)
	f.Add(`{"messages": [{"role": "user", "content": [{"type": "text", "text": "\ud800é"}]}, {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"a": [1e400, -0.0, 12345678901234567890]}}]}], "tools": [{}]}`)
	f.Add(`{"messages": [{"role": "assistant", "reasoning": "r", "content": null}, {}, {"role": 5, "content": {}}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		v, err := DecodeJSON([]byte(data))
		row, ok := v.(*Dict)
		if err != nil || !ok {
			return
		}
		messages, _ := row.Get("messages")
		tools, _ := row.Get("tools")
		for name, tpl := range templates {
			for _, in := range []ChatInput{{Messages: messages, Tools: tools, Kwargs: row}, {Messages: messages, ContinueFinalMessage: true}} {
				out, err := tpl.RenderChat(in, fuzzLimits)
				if err == nil && utf8.ValidString(data) && !utf8.ValidString(out.Text) && !hasSurrogates(out.Text) {
					t.Fatalf("%s: the text is not UTF-8", name)
				}
			}
			_, _ = tpl.AssistantSpans(ChatInput{Messages: messages, Tools: tools}, fuzzLimits)
		}
	})
}

// hasSurrogates tells whether s holds lone surrogates, which are not UTF-8 but kept.
func hasSurrogates(s string) bool {
	for _, r := range runes(s) {
		if r >= 0xD800 && r <= 0xDFFF {
			return true
		}
	}
	return false
}

// FuzzJSON reads any JSON, writes it and reads it again: the values must be equal.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{benchRow, `[1, -0.0, 1e5, 1E+400, NaN, -Infinity, 123456789012345678901234567890, "\ud83d\ude00 \udc00", {"a": {}, "a": []}]`, ` "\u0000\/" `, `[01]`, `{"a" 1}`, `[1,]`, `tru`} {
		f.Add([]byte(s))
	}
	e := &env{meter: newMeter(Limits{Fuel: 1 << 30}, nil)}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeJSON(data)
		if err != nil {
			return
		}
		for _, o := range []JSONOptions{{}, {EnsureASCII: true}, {Indented: true, Indent: "  "}, {SortKeys: true}} {
			text := EncodeJSON(v, o)
			back, err := DecodeJSON([]byte(text))
			if err != nil {
				t.Fatalf("%q is not read back: %v", text, err)
			}
			if again := EncodeJSON(back, JSONOptions{SortKeys: o.SortKeys}); again != EncodeJSON(v, JSONOptions{SortKeys: o.SortKeys}) {
				t.Fatalf("%q reads back as %q", text, again)
			}
		}
		e.fuel = 1 << 30
		equal(e, v, v)
	})
}
