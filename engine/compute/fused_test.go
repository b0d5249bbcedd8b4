package compute

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// emulated computes what cuDNN would from the very tables it is given, and like it leaves filling undefined: here NaN.
func emulated(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node {
	g := q.Graph()
	n := c.shape.Positions()
	at := graph.Iota(g, shapes.Make(dtypes.Int32, n, 1), 0)
	begin := graph.MulScalar(graph.Iota(g, shapes.Make(dtypes.Int32, 1, c.shape.Rows), 1), c.shape.Length)
	lengths := graph.InsertAxes(c.lengths, 0)
	if c.offsets != nil {
		count := c.shape.Rows * c.shape.Documents
		heads, dim := q.Shape().Dimensions[2], q.Shape().Dimensions[3]
		elements := graph.Reshape(c.elements(q), 1, c.shape.Rows*(c.shape.Documents+1))
		begin = graph.DivScalar(graph.SliceAxis(elements, 1, graph.AxisRange(0, count)), heads*dim)
	}
	inside := graph.LogicalAnd(graph.GreaterOrEqual(at, begin), graph.LessThan(at, graph.Add(begin, lengths)))
	number := graph.Iota(g, shapes.Make(dtypes.Int32, inside.Shape().Dimensions...), 1)
	segments := graph.ReduceSum(graph.Mul(graph.ConvertDType(inside, dtypes.Int32), graph.AddScalar(number, 1)), 1)
	flat := func(x *graph.Node) *graph.Node {
		d := x.Shape().Dimensions
		return graph.Reshape(x, n, d[2], d[3])
	}
	single := *l // a sequence may go on in the next row
	single.Rows, single.Length = 1, n
	a := model.Packed(graph.Reshape(segments, 1, n))(&single, flat(q), flat(k), flat(v))
	a = graph.Reshape(a, q.Shape().Dimensions...)
	if c.keep != nil { // what is kept has no use here, but its place among the parameters
		d := q.Shape().Dimensions
		c.keep(graph.Zeros(g, shapes.Make(dtypes.Float32, c.shape.Rows*c.shape.Documents, d[2], d[1])))
	}
	empty := graph.BroadcastToDims(graph.Reshape(graph.Equal(segments, graph.ScalarZero(g, dtypes.Int32)), c.shape.Rows, c.shape.Length, 1, 1), a.Shape().Dimensions...)
	return graph.Where(empty, graph.BroadcastToDims(graph.Scalar(g, a.DType(), math.NaN()), a.Shape().Dimensions...), a)
}

// TestFusedEqualsMasked gives cuDNN's tables to a stand-in and compares with XLA's attention.
func TestFusedEqualsMasked(t *testing.T) {
	for _, c := range []struct {
		model   string
		how     attention
		lengths []int
		want    Shape
	}{
		{"llama", raggedAttention, []int{40, 70, 9, 33}, Shape{2, 96, 2}},
		{"mistral", raggedAttention, []int{40, 70, 9, 33}, Shape{2, 96, 2}},
		{"llama", raggedAttention, []int{64, 61, 64}, Shape{3, 64, 1}},
		{"llama", rowAttention, []int{64, 50, 64}, Shape{3, 64, 1}},
	} {
		t.Run(c.model+" "+c.want.String(), func(t *testing.T) {
			dir := tinyModel(t, architectures()[c.model])
			b := unevenBatch(11, c.lengths...)
			masked, fused := openSession(t, Config{ModelDir: dir}), openSession(t, Config{ModelDir: dir})
			fused.attention, fused.kernel = c.how, emulated
			if got := fused.ShapeOf(b); got != c.want {
				t.Errorf("%v lie as %#v, want %#v", c.lengths, got, c.want)
			}
			want, got := mustMicro(t, masked, b), mustMicro(t, fused, b)
			relative(t, "loss", got.LossSum, want.LossSum, 1e-6)
			for i := range want.RowLossSum {
				relative(t, "loss of a row", got.RowLossSum[i], want.RowLossSum[i], 1e-5)
			}
			relative(t, "grad norm", mustStep(t, fused, 0, 1).GradNorm, mustStep(t, masked, 0, 1).GradNorm, 1e-5)
		})
	}
}

// TestFusedLayout checks the tables against cuDNN's rules: sequences from the left, empty ones with the end as offset.
func TestFusedLayout(t *testing.T) {
	lengths := []int{100, 20, 60, 5}
	shape := Shape{Rows: 2, Length: 128, Documents: 3}
	f := fuse(shape, lengths, shape.places(lengths))
	if len(f.lengths) != 6 || len(f.offsets) != 8 {
		t.Fatalf("%d lengths and %d offsets", len(f.lengths), len(f.offsets))
	}
	total := int32(0)
	for i, n := range f.lengths {
		total += n
		if i < len(lengths) != (n > 0) {
			t.Errorf("length %d is %d", i, n)
		}
		if f.offsets[i] > f.offsets[i+1] || f.offsets[i]+n > f.offsets[i+1] {
			t.Errorf("sequence %d at %d of length %d reaches into the one at %d", i, f.offsets[i], n, f.offsets[i+1])
		}
	}
	if total != 185 || f.offsets[7] != 256 {
		t.Errorf("%d positions; the last offset is %d", total, f.offsets[7])
	}
}

func TestFusedShape(t *testing.T) {
	for _, c := range []struct {
		name    string
		lengths []int
		how     attention
		want    Shape
	}{
		{"full rows", []int{2048, 2048, 2048, 2048}, raggedAttention, Shape{4, 2048, 1}},
		{"full rows before Hopper", []int{2048, 2048, 2048, 2048}, rowAttention, Shape{4, 2048, 1}},
		{"packed rows", []int{4096, 1000, 1000, 1000, 1000}, raggedAttention, Shape{2, 4096, 3}},
		{"many short ones", []int{50, 50, 50, 50, 50, 50, 50, 50, 50, 50}, raggedAttention, Shape{8, 64, 2}},
		{"rows as long as the longest", []int{900, 300, 700, 200, 800, 500, 400}, raggedAttention, Shape{4, 960, 2}},
		{"many short ones beside a long one", []int{8000, 50, 60, 70, 80, 90}, raggedAttention, Shape{1, 9216, 6}},
		{"uneven before Hopper", []int{4096, 100, 100, 100, 100}, rowAttention, Shape{Rows: 1, Length: 4608}},
	} {
		if got := fusedShape(c.lengths, 4096, c.how); got != c.want {
			t.Errorf("%s: got %#v, want %#v", c.name, got, c.want)
		}
	}
}
