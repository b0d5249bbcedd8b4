package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Layer is what one block's graph is built from: its weights and the layout of the positions. Rows×Length
// positions are flat in every [positions, features] node, so that matrix products are two-dimensional.
type Layer struct {
	Model  *Model
	Kind   Kind
	Rows   int
	Length int
	DType  dtypes.DType // of matrix products

	Weights map[string]*graph.Node // by name within the block
	Cos     *graph.Node            // [positions, head_dim]
	Sin     *graph.Node            // [positions, head_dim], first half negated
	// Attend computes attention; q is [positions, heads, head_dim], k and v [positions, kv_heads, head_dim], both
	// rotated, in DType; the result is [positions, heads, head_dim].
	Attend func(l *Layer, q, k, v *graph.Node) *graph.Node
	// Cut is called with every result worth keeping for the backward pass and may replace it. A nil Cut keeps all.
	Cut func(stage int, x *graph.Node) *graph.Node
	// Adapters are the LoRA matrices by the linear layer's name.
	Adapters map[string]*Adapter
}

// Adapter is one linear layer's LoRA pair.
type Adapter struct {
	A, B  *graph.Node // [r, in], [out, r]
	Scale float64
	// Keep is dropout's mask divided by the probability to keep, [positions, in]; nil without dropout.
	Keep *graph.Node
}

// Stages of a block, for Cut: results of one stage depend only on those of earlier ones and on the block's input.
const (
	stageProjected = iota // q, k, v
	stageAttended
	stageMiddle // the residual stream after attention
	stageGated  // gate and up of the MLP
	stages
)

// Stages is the number of stages a block may cut at; StageAttended is the one of attention's result.
const (
	Stages        = stages
	StageAttended = stageAttended
)

// Positions returns how many positions flat nodes have.
func (l *Layer) Positions() int { return l.Rows * l.Length }

func (l *Layer) cut(stage int, x *graph.Node) *graph.Node {
	if l.Cut == nil {
		return x
	}
	return l.Cut(stage, x)
}

// Linear multiplies x [positions, in] by the layer's weight [out, in], adds its bias where the model has one and
// its adapter where it is adapted. Inputs are rounded to DType; the result is in DType.
func (l *Layer) Linear(name string, x *graph.Node) *graph.Node {
	y := matmulTransposed(cast(x, l.DType), cast(l.Weights[name+".weight"], l.DType))
	if bias := l.Weights[name+".bias"]; bias != nil {
		y = graph.Add(y, graph.InsertAxes(cast(bias, l.DType), 0))
	}
	adapter := l.Adapters[name]
	if adapter == nil {
		return y
	}
	in := cast(x, dtypes.Float32)
	if adapter.Keep != nil {
		in = graph.Mul(in, adapter.Keep)
	}
	low := matmulTransposed(cast(in, l.DType), cast(adapter.A, l.DType))
	delta := graph.MulScalar(matmulTransposed(low, cast(adapter.B, l.DType)), adapter.Scale)
	return graph.Add(y, delta)
}

// Norm is RMSNorm over the last axis in float32, whatever x is; the result is float32.
func (l *Layer) Norm(name string, x *graph.Node) *graph.Node {
	return RMSNorm(x, l.Weights[name+".weight"], l.Model.Config.RMSNormEps, l.Model.NormOffset)
}

// RMSNorm scales x to a root mean square of one over its last axis and by weight (plus offset), in float32.
func RMSNorm(x, weight *graph.Node, eps, offset float64) *graph.Node {
	x = cast(x, dtypes.Float32)
	mean := graph.ReduceAndKeep(graph.Mul(x, x), graph.ReduceMean, -1)
	// 1/Sqrt, because GoMLX's Rsqrt has no gradient.
	y := graph.Mul(x, graph.Reciprocal(graph.Sqrt(graph.AddScalar(mean, eps))))
	if offset != 0 {
		weight = graph.AddScalar(weight, offset)
	}
	return graph.Mul(y, graph.ExpandLeftToRank(weight, y.Rank()))
}

// heads gives [positions, n·head_dim] its head axis.
func (l *Layer) heads(x *graph.Node) *graph.Node {
	return graph.Reshape(x, x.Shape().Dimensions[0], -1, l.Model.HeadDim)
}

// rotate applies rotary positions to x [positions, heads, head_dim] in float32.
func (l *Layer) rotate(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	x = cast(x, dtypes.Float32)
	halves := graph.Reshape(x, d[0], d[1], 2, d[2]/2)
	swapped := graph.Reshape(graph.Reverse(halves, 2), d...)
	cos, sin := graph.InsertAxes(l.Cos, 1), graph.InsertAxes(l.Sin, 1)
	return graph.Add(graph.Mul(x, cos), graph.Mul(swapped, sin))
}

// attention runs self-attention on the normed input h; qkNorm norms every head of q and k before the rotation.
func (l *Layer) attention(h *graph.Node, qkNorm bool) *graph.Node {
	q := l.heads(l.Linear("self_attn.q_proj", h))
	k := l.heads(l.Linear("self_attn.k_proj", h))
	v := l.heads(l.Linear("self_attn.v_proj", h))
	q, k, v = l.cut(stageProjected, q), l.cut(stageProjected, k), l.cut(stageProjected, v)
	if qkNorm {
		q, k = l.Norm("self_attn.q_norm", q), l.Norm("self_attn.k_norm", k)
	}
	q = graph.MulScalar(l.rotate(q), l.Model.QueryScale)
	k = l.rotate(k)
	a := l.Attend(l, cast(q, l.DType), cast(k, l.DType), v)
	a = l.cut(stageAttended, graph.Reshape(a, a.Shape().Dimensions[0], -1))
	return l.Linear("self_attn.o_proj", a)
}

// gatedMLP is down(act(gate(h)) · up(h)).
func (l *Layer) gatedMLP(h *graph.Node, activation func(x *graph.Node) *graph.Node) *graph.Node {
	gate, up := l.Linear("mlp.gate_proj", h), l.Linear("mlp.up_proj", h)
	gate, up = l.cut(stageGated, gate), l.cut(stageGated, up)
	return l.Linear("mlp.down_proj", graph.Mul(activation(gate), up))
}

func silu(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(x)) }

// geluTanh is GELU's tanh approximation, gelu_pytorch_tanh.
func geluTanh(x *graph.Node) *graph.Node {
	cubed := graph.Mul(graph.Mul(x, x), x)
	inner := graph.MulScalar(graph.Add(x, graph.MulScalar(cubed, 0.044715)), math.Sqrt(2/math.Pi))
	return graph.MulScalar(graph.Mul(x, graph.AddScalar(graph.Tanh(inner), 1)), 0.5)
}

// matmulTransposed is x [m, k] times w [n, k] transposed: [m, n].
func matmulTransposed(x, w *graph.Node) *graph.Node {
	return graph.DotGeneral(x, []int{1}, nil, w, []int{1}, nil)
}

func cast(x *graph.Node, dtype dtypes.DType) *graph.Node {
	if x.DType() == dtype {
		return x
	}
	return graph.ConvertDType(x, dtype)
}
