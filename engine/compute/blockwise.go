package compute

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// Block-wise dynamic quantization, as bitsandbytes keeps optimizer moments: blocks of 256 values share their largest
// magnitude, and each value is one of 256 codes of it. The codes are dense where values are small: seven decades below 1,
// each with twice as many evenly spaced codes as the one below it.

const (
	blockValues = 256
	decades     = 7
	// smallest8bit is the number of values below which a weight's moments stay float32.
	smallest8bit = 4096
)

// codes is one of the two sets of codes: with a sign for averages of gradients, without for averages of squares.
type codes struct{ signed bool }

// cells is how many codes a decade has.
func (c codes) cells(decade int) int {
	if c.signed {
		return 1 << decade
	}
	return 2 << decade
}

// first is the magnitude number of a decade's first code; 0 is the value 0.
func (c codes) first(decade int) int {
	n := 1
	for d := range decade {
		n += c.cells(d)
	}
	return n
}

// value is the magnitude of a decade's k-th code.
func (c codes) value(decade, k int) float64 {
	return math.Pow(10, float64(decade-decades+1)) * (0.1 + 0.9*(float64(k)+0.5)/float64(c.cells(decade)))
}

// top is the magnitude number of the value 1.
func (c codes) top() int { return c.first(decades) }

// encode finds the nearest codes of values [n, blockValues], which are at most 1 in magnitude.
func (c codes) encode(x *graph.Node) *graph.Node {
	magnitude := graph.Abs(x)
	number := graph.ZerosLike(x)
	below := 0.0 // the code under the decade's first
	for d := range decades {
		cells := float64(c.cells(d))
		scaled := graph.MulScalar(graph.AddScalar(graph.MulScalar(magnitude, math.Pow(10, float64(decades-1-d))), -0.1), cells/0.9)
		k := graph.ClipScalar(graph.Floor(scaled), 0, cells-1)
		from := graph.Scalar(x.Graph(), dtypes.Float32, (below+c.value(d, 0))/2)
		number = graph.Where(graph.GreaterOrEqual(magnitude, from), graph.AddScalar(k, float64(c.first(d))), number)
		below = c.value(d, c.cells(d)-1)
	}
	last := graph.Scalar(x.Graph(), dtypes.Float32, (below+1)/2)
	number = graph.Where(graph.GreaterOrEqual(magnitude, last), graph.Scalar(x.Graph(), dtypes.Float32, float64(c.top())), number)
	if c.signed {
		// Codes ascend: the negative ones, 0 in the middle, the positive ones. There is no code for -1.
		zero := float64(c.top() - 1)
		negative := graph.ClipScalar(graph.Sub(graph.Scalar(x.Graph(), dtypes.Float32, zero), number), 0, zero)
		number = graph.Where(graph.LessThan(x, graph.ZerosLike(x)), negative, graph.AddScalar(number, zero))
	}
	return graph.ConvertDType(number, dtypes.Uint8)
}

// decode is the inverse of encode.
func (c codes) decode(code *graph.Node) *graph.Node {
	number := graph.ConvertDType(code, dtypes.Float32)
	sign := graph.OnesLike(number)
	if c.signed {
		number = graph.AddScalar(number, -float64(c.top()-1))
		sign = graph.Sign(number)
		number = graph.Abs(number)
	}
	x := graph.ZerosLike(number)
	for d := range decades {
		step := 0.9 / float64(c.cells(d)) * math.Pow(10, float64(d-decades+1))
		value := graph.AddScalar(graph.MulScalar(graph.AddScalar(number, -float64(c.first(d))), step), c.value(d, 0))
		from := graph.Scalar(number.Graph(), dtypes.Float32, float64(c.first(d)))
		x = graph.Where(graph.GreaterOrEqual(number, from), value, x)
	}
	top := graph.Scalar(number.Graph(), dtypes.Float32, float64(c.top()))
	x = graph.Where(graph.GreaterOrEqual(number, top), graph.OnesLike(x), x)
	return graph.Mul(x, sign)
}

// blocks is how many blocks a weight has.
func blocks(dims []int) int {
	return (model.Param{Shape: dims}.Elements() + blockValues - 1) / blockValues
}

// restore turns a slot of codes [blocks, 256] and one of magnitudes [blocks] into values of the weight's shape.
func (c codes) restore(code, scale *graph.Node, dims []int) *graph.Node {
	x := graph.Mul(c.decode(code), graph.InsertAxes(scale, -1))
	flat := graph.Reshape(x, x.Shape().Size())
	n := model.Param{Shape: dims}.Elements()
	return graph.Reshape(graph.SliceAxis(flat, 0, graph.AxisRange(0, n)), dims...)
}

// store is the inverse of restore.
func (c codes) store(x *graph.Node) (code, scale *graph.Node) {
	n := x.Shape().Size()
	count := blocks([]int{n})
	flat := graph.Reshape(x, n)
	if fill := count*blockValues - n; fill > 0 {
		flat = graph.Pad(flat, graph.ScalarZero(x.Graph(), dtypes.Float32), compute.PadAxis{End: fill})
	}
	rows := graph.Reshape(flat, count, blockValues)
	scale = graph.ReduceMax(graph.Abs(rows), -1)
	divisor := graph.Where(graph.GreaterThan(scale, graph.ZerosLike(scale)), scale, graph.OnesLike(scale))
	return c.encode(graph.Div(rows, graph.InsertAxes(divisor, -1))), scale
}

// held8bit says whether a weight's moments are quantized: small weights and, as transformers asks for, the embedding
// keep float32.
func held8bit(w *weight) bool {
	return w.elements() >= smallest8bit && w.name != model.EmbedName
}

// slots8bit are the slots of moments of the given names.
func slots8bit(names ...string) func(w *weight) []slot {
	full := alike(names...)
	return func(w *weight) []slot {
		if !held8bit(w) {
			return full(w)
		}
		n := blocks(w.shape)
		var out []slot
		for _, name := range names {
			out = append(out, slot{name + "_8bit", dtypes.Uint8, []int{n, blockValues}}, slot{name + "_absmax", dtypes.Float32, []int{n}})
		}
		return out
	}
}

// adamW8bit is AdamW with both moments in 8 bits.
func adamW8bit(c *OptimizerConfig) *rule {
	full := adamW(c)
	signed, unsigned := codes{signed: true}, codes{}
	return &rule{
		slots:   slots8bit("exp_avg", "exp_avg_sq"),
		scalars: full.scalars,
		build: func(m *move) (*graph.Node, []*graph.Node) {
			if len(m.slots) == 2 {
				return full.build(m)
			}
			mean, square := c.moments(m.grad, signed.restore(m.slots[0], m.slots[1], m.dims), unsigned.restore(m.slots[2], m.slots[3], m.dims))
			code1, scale1 := signed.store(mean)
			code2, scale2 := unsigned.store(square)
			return c.adamStep(m, mean, square), []*graph.Node{code1, scale1, code2, scale2}
		},
	}
}

// lion8bit is Lion with its moment in 8 bits.
func lion8bit(c *OptimizerConfig) *rule {
	full := lion(c)
	signed := codes{signed: true}
	return &rule{
		slots:   slots8bit("exp_avg"),
		scalars: full.scalars,
		build: func(m *move) (*graph.Node, []*graph.Node) {
			if len(m.slots) == 1 {
				return full.build(m)
			}
			value, mean := c.lionStep(m, signed.restore(m.slots[0], m.slots[1], m.dims))
			code, scale := signed.store(mean)
			return value, []*graph.Node{code, scale}
		},
	}
}
