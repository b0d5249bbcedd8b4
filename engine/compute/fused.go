package compute

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// attention says how a session computes attention, and with it how micro-batches are laid out.
type attention int

const (
	// maskedAttention is computed by XLA; rows hold sequences that a mask keeps apart.
	maskedAttention attention = iota
	// rowAttention is cuDNN's where it takes no packed rows: rows hold one sequence each.
	rowAttention
	// raggedAttention is cuDNN's of packed rows: they hold several sequences, each found by its offset.
	raggedAttention
)

// fusedCall is the attention of one program: its parameters, in the order of layout.attendTables.
type fusedCall struct {
	shape    Shape
	segments *graph.Node // [rows, length] int32, 0 for filling
	lengths  *graph.Node // [rows·documents] int32
	offsets  *graph.Node // [rows·(documents+1)] int32: positions where sequences begin; nil when a row is a sequence
	kernel   kernel
	// keep is called with the softmax statistics, which the backward call wants, and returns them as that program knows
	// them; nil where the backward pass computes attention again.
	keep func(statistics *graph.Node) *graph.Node
	made *ragged // the call that attend made, where keep is set
}

// kernel computes attention of q [rows, length, heads, dim], k and v [rows, length, kv_heads, dim]; its results are
// undefined in filling.
type kernel func(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node

// keptOutput tells the backward call the output [positions, heads·dim] of the forward pass before, as it was kept.
func (c *fusedCall) keptOutput(output *graph.Node, heads int) {
	if c != nil && c.made != nil {
		c.made.output = backendValue(graph.Reshape(output, c.shape.Rows, c.shape.Length, heads, -1))
	}
}

func (s *Session) fusedCall(b *builder, shape Shape) *fusedCall {
	c := &fusedCall{shape: shape, segments: b.int("segments", shape.Rows, shape.Length), kernel: s.kernel}
	c.lengths = b.int("lengths", shape.Rows*shape.Documents)
	if shape.Documents > 1 {
		c.offsets = b.int("offsets", shape.Rows*(shape.Documents+1))
	}
	return c
}

// attend is an Attend of model.Layer.
func (c *fusedCall) attend(l *model.Layer, q, k, v *graph.Node) *graph.Node {
	// The kernel leaves filling as it was, which may be NaN, in results and in gradients: neither may reach a product.
	filled := graph.InsertAxes(graph.GreaterThan(c.segments, graph.ScalarZero(q.Graph(), dtypes.Int32)), -1, -1)
	rows := func(x *graph.Node) *graph.Node {
		heads := x.Shape().Dimensions[1]
		return c.real(filled, graph.Reshape(x, c.shape.Rows, c.shape.Length, heads, l.Model.HeadDim))
	}
	a := c.real(filled, c.kernel(c, l, rows(q), rows(k), rows(v)))
	return graph.Reshape(a, q.Shape().Dimensions...)
}

// real puts zeros into filling.
func (c *fusedCall) real(filled, x *graph.Node) *graph.Node {
	return graph.Where(graph.BroadcastToDims(filled, x.Shape().Dimensions...), x, graph.ZerosLike(x))
}

// cuDNN is the kernel on NVIDIA GPUs.
func cuDNN(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node {
	more := &ragged{documents: c.shape.Documents}
	if w := l.Kind.Window; w > 0 && w < c.shape.Length {
		more.window = w
	}
	lengths := c.lengths
	if c.offsets != nil {
		lengths = graph.Reshape(lengths, c.shape.Rows, c.shape.Documents)
		more.queryOffsets, more.keyOffsets = backendValue(c.elements(q)), backendValue(c.elements(k))
	}
	a, statistics := graph.BackendFusedScaledDotProductAttention(q, k, v, compute.AttentionAxesLayoutBSHD, &compute.ScaledDotProductAttentionConfig{
		QuerySeqLen: backendValue(lengths), KeyValueSeqLen: backendValue(lengths), Scale: 1, Causal: true, Mask: more,
	})
	if c.keep != nil {
		more.statistics = backendValue(c.keep(statistics[0]))
		c.made = more
	}
	return a
}

// elements turns offsets in positions into offsets in elements of x [rows, length, heads, dim].
func (c *fusedCall) elements(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	return graph.Reshape(graph.MulScalar(c.offsets, d[2]*d[3]), c.shape.Rows, c.shape.Documents+1)
}

func backendValue(n *graph.Node) compute.Value { return graph.InternalBackendOutputs(n)[0] }
