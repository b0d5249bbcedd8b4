package model

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// QueryBlock is the number of query positions whose scores exist at once in long rows: causal rows then compute
// about half of the scores, and in pieces that stay near the processor.
const QueryBlock = 256

// hidden is the score of a position that must not be seen: exp of it is 0, but unlike -Inf it makes no NaN.
const hidden = -1e30

// Packed returns an Attend for rows that hold several sequences: segments is [rows, length] int32, and a position
// sees those at or before it with its own segment number (filling has 0 and sees only itself and other filling).
func Packed(segments *graph.Node) func(l *Layer, q, k, v *graph.Node) *graph.Node {
	return func(l *Layer, q, k, v *graph.Node) *graph.Node {
		return packedAttention(l, segments, q, k, v)
	}
}

func packedAttention(l *Layer, segments, q, k, v *graph.Node) *graph.Node {
	heads, kv, dim := l.Model.Config.NumAttentionHeads, l.Model.KVHeads, l.Model.HeadDim
	group := heads / kv
	// [rows, kv, group, length, dim] and [rows, kv, length, dim]: query heads that share a key stand together, so that
	// one matrix product serves the group.
	q = graph.TransposeAllAxes(graph.Reshape(q, l.Rows, l.Length, kv, group, dim), 0, 2, 3, 1, 4)
	k = graph.TransposeAllAxes(graph.Reshape(k, l.Rows, l.Length, kv, dim), 0, 2, 1, 3)
	v = graph.TransposeAllAxes(graph.Reshape(v, l.Rows, l.Length, kv, dim), 0, 2, 1, 3)
	var parts []*graph.Node
	for start := 0; start < l.Length; start += QueryBlock {
		end := min(start+QueryBlock, l.Length)
		first := l.firstKey(start)
		part := blockAttention(
			graph.SliceAxis(q, 3, graph.AxisRange(start, end)),
			graph.SliceAxis(k, 2, graph.AxisRange(first, end)),
			graph.SliceAxis(v, 2, graph.AxisRange(first, end)),
			visible(segments, start, end, first, l.Kind.Window))
		parts = append(parts, part)
	}
	a := parts[0]
	if len(parts) > 1 {
		a = graph.Concatenate(parts, 3)
	}
	a = graph.TransposeAllAxes(a, 0, 3, 1, 2, 4)
	return graph.Reshape(cast(a, l.DType), l.Positions(), heads, dim)
}

// firstKey is the first key any query from start on can see, rounded down to a block.
func (l *Layer) firstKey(start int) int {
	if l.Kind.Window == 0 || start < l.Kind.Window {
		return 0
	}
	return (start - l.Kind.Window + 1) / QueryBlock * QueryBlock
}

// visible is the mask [rows, queries, keys] of queries start..end and keys first..end.
func visible(segments *graph.Node, start, end, first, window int) *graph.Node {
	g := segments.Graph()
	queries := graph.InsertAxes(graph.SliceAxis(segments, 1, graph.AxisRange(start, end)), 2)
	keys := graph.InsertAxes(graph.SliceAxis(segments, 1, graph.AxisRange(first, end)), 1)
	plane := shapes.Make(dtypes.Int32, end-start, end-first)
	distance := graph.Sub(
		graph.AddScalar(graph.Iota(g, plane, 0), start),
		graph.AddScalar(graph.Iota(g, plane, 1), first))
	causal := graph.GreaterOrEqual(distance, graph.ScalarZero(g, dtypes.Int32))
	if window > 0 {
		causal = graph.LogicalAnd(causal, graph.LessThan(distance, graph.Scalar(g, dtypes.Int32, window)))
	}
	rows := segments.Shape().Dimensions[0]
	causal = graph.BroadcastToDims(graph.InsertAxes(causal, 0), rows, end-start, end-first)
	return graph.LogicalAnd(graph.Equal(queries, keys), causal)
}

// blockAttention is softmax(q·k)·v for q [rows, kv, group, queries, dim], k and v [rows, kv, keys, dim] and mask
// [rows, queries, keys]; the result has q's shape. Softmax is float32, divided out after the second product, where
// there are fewer numbers to divide.
func blockAttention(q, k, v, mask *graph.Node) *graph.Node {
	d := q.Shape().Dimensions
	rows, kv, group, queries, dim := d[0], d[1], d[2], d[3], d[4]
	keys := k.Shape().Dimensions[2]
	flat := graph.Reshape(q, rows, kv, group*queries, dim)
	scores := graph.Dot(flat, k).WithOutputDType(dtypes.Float32).General([]int{3}, []int{0, 1}, []int{3}, []int{0, 1})
	scores = graph.Reshape(scores, rows, kv, group, queries, keys)
	g := q.Graph()
	mask = graph.BroadcastToDims(graph.InsertAxes(mask, 1, 1), rows, kv, group, queries, keys)
	scores = graph.Where(mask, scores, graph.BroadcastToDims(graph.Scalar(g, dtypes.Float32, hidden), rows, kv, group, queries, keys))
	top := graph.StopGradient(graph.ReduceAndKeep(scores, graph.ReduceMax, -1))
	weights := graph.Exp(graph.Sub(scores, top))
	total := graph.ReduceAndKeep(weights, graph.ReduceSum, -1)
	flat = graph.Reshape(cast(weights, v.DType()), rows, kv, group*queries, keys)
	out := graph.Dot(flat, v).WithOutputDType(dtypes.Float32).General([]int{3}, []int{0, 1}, []int{2}, []int{0, 1})
	out = graph.Reshape(out, rows, kv, group, queries, dim)
	return graph.Mul(out, graph.Reciprocal(total))
}

// Cache is the keys and values of the positions before, for generating one token after another.
type Cache struct {
	K, V  *graph.Node // [capacity, kv_heads, head_dim]; after Attend with the new positions written in
	Start *graph.Node // int32 scalar: the position of the first new token
}

// Attend writes the new keys and values into the cache and attends to everything up to each new position.
func (c *Cache) Attend(l *Layer, q, k, v *graph.Node) *graph.Node {
	heads, kv, dim := l.Model.Config.NumAttentionHeads, l.Model.KVHeads, l.Model.HeadDim
	group, n := heads/kv, l.Positions()
	g := q.Graph()
	zero := graph.ScalarZero(g, dtypes.Int32)
	c.K, c.V = c.written(c.K, k), c.written(c.V, v)
	capacity := c.K.Shape().Dimensions[0]
	// One row of n queries and capacity keys.
	rows := graph.TransposeAllAxes(graph.Reshape(q, 1, n, kv, group, dim), 0, 2, 3, 1, 4)
	keys := graph.InsertAxes(graph.TransposeAllAxes(c.K, 1, 0, 2), 0)
	values := graph.InsertAxes(graph.TransposeAllAxes(c.V, 1, 0, 2), 0)
	plane := shapes.Make(dtypes.Int32, 1, n, capacity)
	distance := graph.Sub(graph.Add(graph.Iota(g, plane, 1), c.Start), graph.Iota(g, plane, 2))
	mask := graph.GreaterOrEqual(distance, zero)
	if l.Kind.Window > 0 {
		mask = graph.LogicalAnd(mask, graph.LessThan(distance, graph.Scalar(g, dtypes.Int32, l.Kind.Window)))
	}
	a := graph.TransposeAllAxes(blockAttention(rows, keys, values, mask), 0, 3, 1, 2, 4)
	return graph.Reshape(cast(a, l.DType), n, heads, dim)
}

// written puts the new positions x [n, kv_heads, head_dim] into a cache. The pure Go backend has no
// DynamicUpdateSlice; there every place takes its new row or keeps its old one.
func (c *Cache) written(cache, x *graph.Node) *graph.Node {
	g := cache.Graph()
	zero := graph.ScalarZero(g, dtypes.Int32)
	if g.Backend().Capabilities().Operations[compute.OpTypeDynamicUpdateSlice] {
		return graph.DynamicUpdateSlice(cache, x, []*graph.Node{c.Start, zero, zero})
	}
	d, n := cache.Shape().Dimensions, x.Shape().Dimensions[0]
	row := graph.Sub(graph.Iota(g, shapes.Make(dtypes.Int32, d[0], 1), 0), c.Start)
	last := graph.Scalar(g, dtypes.Int32, n-1)
	isNew := graph.LogicalAnd(graph.GreaterOrEqual(row, zero), graph.LessOrEqual(row, last))
	fresh := graph.Gather(x, graph.Min(graph.Max(row, zero), last))
	isNew = graph.BroadcastToDims(graph.InsertAxes(isNew, -1), d...)
	return graph.Where(isNew, fresh, cache)
}
