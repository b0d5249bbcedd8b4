package jinja

import (
	"errors"
	"strings"
	"testing"
)

// TestHostileTemplates renders templates that would run for ever or fill the
// memory: every one stops with an error of its own, at a place.
func TestHostileTemplates(t *testing.T) {
	tests := map[string]struct{ template, kind string }{
		"nested loops":         {`{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}`, kindLimit},
		"doubled text":         {`{% set ns = namespace(s='ab') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`, kindLimit},
		"doubled text with +":  {`{% set ns = namespace(s='ab') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`, kindLimit},
		"doubled list":         {`{% set ns = namespace(l=[1]) %}{% for a in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}`, kindLimit},
		"repeated text":        {`{{ 'abc' * 1000000000 }}`, kindLimit},
		"repeated list":        {`{{ ([1] * 100000000)|length }}`, kindLimit},
		"long output":          {`{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}`, kindLimit},
		"list of itself":       {`{% set ns = namespace(l=[1]) %}{% for a in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}`, kindLimit},
		"equal lists":          {`{% set ns = namespace(l=[1], m=[1]) %}{% for a in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}`, kindLimit},
		"JSON of itself":       {`{% set ns = namespace(l=[1]) %}{% for a in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}`, kindLimit},
		"tuple as key":         {`{% set ns = namespace(l=(1,)) %}{% for a in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}`, kindLimit},
		"namespace in itself":  {`{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}`, kindRecursion},
		"macro without end":    {`{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}`, kindRecursion},
		"loop without end":     {`{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}`, kindRecursion},
		"large power":          {`{{ 10 ** (10 ** 10) }}`, kindLimit},
		"large product":        {`{% set ns = namespace(n=99999999999999999999) %}{% for a in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}`, kindLimit},
		"wide format":          {`{{ '%999999999d' % 1 }}`, kindValue},
		"wide field":           {`{{ '{:999999999}'.format(1) }}`, kindValue},
		"wide center":          {`{{ 'a'.center(999999999) }}`, kindLimit},
		"range":                {`{{ range(1000000000)|list }}`, kindOverflow},
		"batch":                {`{{ [1]|batch(999999999, 0)|list }}`, kindLimit},
		"replace with nothing": {`{% set ns = namespace(s='aaaaaaaa') %}{% for a in range(50) %}{% set ns.s = ns.s.replace('', 'bbbbbbbb') %}{% endfor %}`, kindLimit},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tpl, err := Parse("hostile", tt.template)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tpl.Render(nil, Limits{Fuel: 3_000_000, Output: 8 << 20})
			var got *Error
			if !errors.As(err, &got) || got.Kind != tt.kind || got.Line != 1 {
				t.Errorf("got %d bytes, %v; want a %s", len(out), err, tt.kind)
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	for _, s := range []string{strings.Repeat("(", 100000) + strings.Repeat(")", 100000), strings.Repeat("[", 100000) + strings.Repeat("]", 100000), strings.Repeat("not ", 100000) + "1", strings.Repeat("-", 100000) + "1", strings.Repeat("1 if 1 else ", 100000) + "1"} {
		if _, err := Parse("", "{{ "+s+" }}"); err == nil || !strings.Contains(err.Error(), "nests more than") {
			t.Errorf("%.10s…: %v", s, err)
		}
	}
	if _, err := Parse("", strings.Repeat("{% if 1 %}", 10000)); err == nil || !strings.Contains(err.Error(), "nests more than") {
		t.Errorf("ifs: %v", err)
	}
	if _, err := DecodeJSON([]byte(strings.Repeat("[", 1000000))); err == nil || !strings.Contains(err.Error(), "nests too deep") {
		t.Errorf("JSON: %v", err)
	}
}

// TestLimitsGrowWithTheData renders a row far larger than the default output.
func TestLimitsGrowWithTheData(t *testing.T) {
	m := NewDict(2)
	m.Set("role", "user")
	m.Set("content", strings.Repeat("x", defaultOutput+1))
	tpl, err := Parse("", `{% for m in messages %}{{ '<' + m.content + '>' }}{% endfor %}`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tpl.RenderChat(ChatInput{Messages: []any{m}}, Limits{})
	if err != nil || len(out.Text) != defaultOutput+3 {
		t.Errorf("%d bytes, %v", len(out.Text), err)
	}
}

func TestErrorsNameTheirPlace(t *testing.T) {
	tests := []struct{ template, want string }{
		{"a\n{{ 'é' }}{{ x.y }}", "'x' is undefined (t line 2, column 14: {{ 'é' }}{{ x.y }})"},
		{"{% if a %}\n\n  {% for %}", "Expected an expression, got 'end of statement block' (t line 3, column 10: {% for %})"},
		{"{{ raise_exception('no') }}", "no (t line 1, column 19: {{ raise_exception('no') }})"},
		{"{% macro m(a) %}\n{{ a + 1 }}\n{% endmacro %}\n{{ m('s') }}", "can only concatenate str (not \"int\") to str (t line 2, column 6: {{ a + 1 }})"},
		{"x\n{{ 'abc", "unexpected char \"'\" at 5 (t line 2, column 4: {{ 'abc)"},
	}
	for _, tt := range tests {
		tpl, err := Parse("t", tt.template)
		if err == nil {
			_, err = tpl.Render(nil, Limits{})
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q\n got  %v\n want %s", tt.template, err, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	tests := []struct{ in, out, err string }{
		{in: `{"b":1,"a":[1.0,1e5,1e16,-0.0,0.00001],"b":2}`, out: `{"b": 2, "a": [1.0, 100000.0, 1e+16, -0.0, 1e-05]}`},
		{in: `[NaN, Infinity, -Infinity, 123456789012345678901234567890, true, null]`, out: `[NaN, Infinity, -Infinity, 123456789012345678901234567890, true, null]`},
		{in: `"\ud83d\ude00 \u00e9 \u007f \/ \u2028"`, out: "\"😀 é \x7f / \u2028\""},
		{in: `"\ud800"`, out: "\"\xed\xa0\x80\""},
		{in: `{"a" 1}`, err: "Expecting ':' delimiter: line 1 column 6 (char 5)"},
		{in: "[1,\n 2", err: "Expecting ',' delimiter: line 2 column 3 (char 6)"},
		{in: `[01]`, err: "Expecting ',' delimiter: line 1 column 3 (char 2)"},
		{in: "\"a\nb\"", err: "Invalid control character at: line 1 column 3 (char 2)"},
		{in: `"abc`, err: "Unterminated string starting at: line 1 column 1 (char 0)"},
		{in: `{} x`, err: "Extra data: line 1 column 4 (char 3)"},
		{in: "\"\xff\"", err: "the text is not UTF-8: byte 0xff: line 1 column 2 (char 1)"},
		{in: ``, err: "Expecting value: line 1 column 1 (char 0)"},
	}
	for _, tt := range tests {
		v, err := DecodeJSON([]byte(tt.in))
		switch {
		case tt.err != "":
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got %v, want %s", tt.in, err, tt.err)
			}
		case err != nil:
			t.Errorf("%q: %v", tt.in, err)
		case EncodeJSON(v, JSONOptions{}) != tt.out:
			t.Errorf("%q: got %q, want %q", tt.in, EncodeJSON(v, JSONOptions{}), tt.out)
		}
	}
}
