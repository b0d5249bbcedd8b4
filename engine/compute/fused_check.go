package compute

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// attentionTolerance is how far the kernel may be from XLA's attention in bfloat16, as a part of the largest value.
const attentionTolerance = 0.05

// settleAttention tries the kernel out before anything depends on it. A library that is missing, refuses the call or
// computes something else costs speed, not the run: XLA computes attention then, and the device's warning says why.
func (s *Session) settleAttention() {
	if s.attention == maskedAttention || s.dev.Described() {
		return
	}
	err := s.tryAttention()
	if err == nil {
		return
	}
	reason := firstLine(err)
	if s.attention == raggedAttention {
		s.attention = rowAttention // it may be packed rows alone that are refused
		if s.tryAttention() == nil {
			s.warn("each sequence has a row of its own, which is slower, because flash attention of packed rows could not be used: " + reason)
			return
		}
	}
	s.attention = maskedAttention
	s.warn("attention is computed by XLA (sdpa), which is slower, because flash attention could not be used: " + reason)
}

// warn adds a sentence to the device's warning.
func (s *Session) warn(sentence string) {
	s.dev.Warning = strings.Trim(s.dev.Warning+"; "+sentence, "; ")
}

// firstLine is an error without the stack traces that libraries write below it.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// tryAttention runs the kernel forward and backward on small rows of every kind of layer, and compares.
func (s *Session) tryAttention() error {
	lengths := map[int][]int{1: {128, 70}, 2: {90, 128, 30}}
	if s.attention == rowAttention {
		delete(lengths, 2)
	}
	for documents, lengths := range lengths {
		shape := Shape{Rows: 2, Length: 128, Documents: documents}
		for _, kind := range s.model.Kinds {
			if err := s.compareAttention(kind, shape, lengths); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareAttention fails where the kernel's results or gradients are not XLA's.
func (s *Session) compareAttention(kind model.Kind, shape Shape, lengths []int) error {
	name := fmt.Sprintf("attention of %v, window %d", shape, kind.Window)
	program, err := compile(s.dev.Backend, name, func(b *builder) []*graph.Node { return s.buildComparison(b, kind, shape) })
	if err != nil {
		return err
	}
	defer program.exec.Finalize()
	places := shape.places(lengths)
	segments := make([]int32, shape.Positions())
	for i, p := range places {
		for j := range lengths[i] {
			segments[p.row*shape.Length+p.offset+j] = int32(p.segment)
		}
	}
	p := &pass{layout: &layout{shape: shape, segments: segments, fused: fuse(shape, lengths, places)}}
	defer p.free()
	if err := s.uploadAttend(p); err != nil {
		return err
	}
	difference, err := one(program.run(p.attend...))
	if err != nil {
		return err
	}
	defer free(difference)
	return small(name, difference)
}

// small reads differences of attention's output and of the gradients of q, k and v.
func small(name string, difference compute.Buffer) error {
	values, err := download(difference, 4)
	if err != nil {
		return err
	}
	for i, what := range []string{"output", "gradient of q", "gradient of k", "gradient of v"} {
		if !(values[i] <= attentionTolerance) {
			return fmt.Errorf("%s: its %s differs from XLA's by %.3g of the largest value", name, what, values[i])
		}
	}
	return nil
}

// buildComparison yields [4]: the largest differences, as parts of the largest values, on made-up q, k and v.
func (s *Session) buildComparison(b *builder, kind model.Kind, shape Shape) []*graph.Node {
	c := s.fusedCall(b, shape)
	l := &model.Layer{Model: s.model, Kind: kind, Rows: shape.Rows, Length: shape.Length, DType: s.dtype}
	heads := func(n int, step float64) *graph.Node {
		wave := graph.Iota(b.g, shapes.Make(dtypes.Float32, shape.Positions()*n*s.model.HeadDim), 0)
		return toDType(graph.Reshape(graph.Sin(graph.MulScalar(wave, step)), shape.Positions(), n, s.model.HeadDim), s.dtype)
	}
	queries := s.model.Config.NumAttentionHeads
	q, k, v, da := heads(queries, 0.731), heads(s.model.KVHeads, 1.237), heads(s.model.KVHeads, 2.113), heads(queries, 0.417)
	q = graph.MulScalar(q, s.model.QueryScale)
	filled := graph.InsertAxes(graph.Reshape(graph.GreaterThan(c.segments, graph.ScalarZero(b.g, dtypes.Int32)), shape.Positions()), -1, -1)
	plain := *l
	if shape.Documents > 1 { // a sequence may go on in the next row
		plain.Rows, plain.Length = 1, shape.Positions()
	}
	masked := model.Packed(graph.Reshape(c.segments, plain.Rows, plain.Length))(&plain, q, k, v)
	masked = graph.Where(graph.BroadcastToDims(filled, masked.Shape().Dimensions...), masked, graph.ZerosLike(masked))
	results := func(a *graph.Node) []*graph.Node {
		return append([]*graph.Node{a}, graph.Gradient(along(a, da), q, k, v)...)
	}
	got, want := results(c.attend(l, q, k, v)), results(masked)
	var parts []*graph.Node
	for i := range got {
		g, w := toDType(got[i], dtypes.Float32), toDType(want[i], dtypes.Float32)
		part := graph.Div(graph.ReduceAllMax(graph.Abs(graph.Sub(g, w))), graph.ReduceAllMax(graph.Abs(w)))
		parts = append(parts, graph.Reshape(part, 1))
	}
	return []*graph.Node{graph.Concatenate(parts, 0)}
}
