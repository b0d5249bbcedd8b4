package jinja

import (
	"os"
	"path/filepath"
	"testing"
)

// benchTemplates are templates of our own, of the kinds that models have.
func benchTemplates(tb testing.TB) map[string]*Template {
	tb.Helper()
	out := map[string]*Template{}
	files, err := filepath.Glob("testdata/*.jinja")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no templates in testdata: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		t, err := Parse(filepath.Base(f), string(data))
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(f)] = t
	}
	return out
}

const benchRow = `{"messages": [{"role": "system", "content": "You answer in one short sentence."},
 {"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Because air scatters blue light more than red light."},
 {"role": "user", "content": "And at sunset?"}, {"role": "assistant", "content": "Then the light comes a longer way, and mostly red is left."}]}`

func BenchmarkRenderChat(b *testing.B) {
	v, err := DecodeJSON([]byte(benchRow))
	if err != nil {
		b.Fatal(err)
	}
	messages, _ := v.(*Dict).Get("messages")
	for name, t := range benchTemplates(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := t.RenderChat(ChatInput{Messages: messages}, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	b.SetBytes(int64(len(benchRow)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeJSON([]byte(benchRow)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReference renders all reference chats of all reference templates.
func BenchmarkReference(b *testing.B) {
	templates := templateSources(b)
	type render struct {
		t  *Template
		in ChatInput
	}
	var all []render
	referenceRows(b, func(row *Dict) {
		name, _ := row.Get("template_name")
		all = append(all, render{templates[name.(string)], chatInput(row)})
	})
	n := 0
	for b.Loop() {
		for _, r := range all {
			_, _ = r.t.RenderChat(r.in, Limits{})
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
