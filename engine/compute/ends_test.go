package compute

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// TestTargetsLookedUp compares the two ways to a target's logit; they differ only where there is no target.
func TestTargetsLookedUp(t *testing.T) {
	const chunk, vocabulary = 5, 97
	s := &Session{dev: openDevice(t)}
	p, err := compile(s.dev.Backend, "targets", func(b *builder) []*graph.Node {
		logits, targets := b.float("logits", chunk, vocabulary), b.int("targets", chunk)
		column := graph.Iota(b.g, shapes.Make(dtypes.Int32, chunk, vocabulary), 1)
		isTarget := graph.Equal(column, graph.BroadcastToDims(graph.InsertAxes(targets, -1), chunk, vocabulary))
		return []*graph.Node{summedUnder(isTarget, logits), lookedUp(logits, targets)}
	})
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, chunk*vocabulary)
	for i := range values {
		values[i] = rand.Float32()
	}
	targets := []int32{3, 0, vocabulary - 1, -1, 40}
	logits, err := s.uploadFloat(values, chunk, vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := s.uploadInt(targets, chunk)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := p.run(logits, ids)
	if err != nil {
		t.Fatal(err)
	}
	defer free(logits, ids, outputs[0], outputs[1])
	for i, output := range outputs {
		got, err := download(output, chunk)
		if err != nil {
			t.Fatal(err)
		}
		for row, id := range targets {
			if id >= 0 && got[row] != values[row*vocabulary+int(id)] {
				t.Errorf("way %d, row %d: %g, want %g", i, row, got[row], values[row*vocabulary+int(id)])
			}
		}
	}
}
