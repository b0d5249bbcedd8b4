package dataset

import (
	"context"
	"path/filepath"
	"testing"
)

// BenchmarkPrepare prepares rows like those of OpenR1-Math-220k on all
// processors: rendering, tokenizing and labels.
func BenchmarkPrepare(b *testing.B) {
	dir := referenceDir(b)
	tok := referenceTokenizer(b)
	src, err := Open(context.Background(), filepath.Join(dir, "data", "openr1-like-2k.parquet"), OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	o := DefaultOptions()
	o.MaxLength = 0
	tokens, rows := 0, 0
	for b.Loop() {
		p, err := NewPreparer(src, tok, o)
		if err != nil {
			b.Fatal(err)
		}
		data, _, err := p.All(context.Background(), 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		rows += data.Len()
		for i := range data.Len() {
			e, err := data.At(i)
			if err != nil {
				b.Fatal(err)
			}
			tokens += len(e.InputIDs)
		}
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
