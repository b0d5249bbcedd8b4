package compute

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	xlashapes "github.com/gomlx/go-xla/types/shapes"

	"sftui/engine/device"
)

// cuDNN's flash attention as XLA calls it. go-xla has the call too, but repeats keys and values for every query head
// and knows neither several sequences in a row nor windows. TestCuDNNCallIsJAX compares every attribute with what JAX
// 0.11.2 exports for jax.nn.dot_product_attention(implementation="cudnn").

// Targets of the calls.
const (
	cuDNNForward  = "__cudnn$fmhaSoftmax"
	cuDNNBackward = "__cudnn$fmhaSoftmaxBackward"
)

// ragged says more of a call than GoMLX's options can. It travels in their Mask, which is passed to the forward and to
// the backward call alike.
type ragged struct {
	// documents is how many sequences there are for each row, 1 when a row is a sequence.
	documents int
	window    int // how many keys a query sees, itself included; 0 = all before it
	// queryOffsets and keyOffsets [rows, documents+1] int32 are where each sequence begins, in elements; nil when a row
	// is a sequence.
	queryOffsets, keyOffsets compute.Value
	// output [rows, length, heads, dim] and statistics are the forward call's of a pass before, for the backward call; nil
	// where the same program makes both calls.
	output, statistics compute.Value
}

// attentionBuilder is go-xla's builder with our call of cuDNN.
type attentionBuilder struct {
	*xla.Builder
	main     *attentionFunction
	backward []*attentionCall // the calls that the program makes for gradients
}

// Main implements compute.Builder.
func (b *attentionBuilder) Main() compute.Function {
	if b.main == nil {
		b.main = &attentionFunction{b.Builder.Main(), b}
	}
	return b.main
}

type attentionFunction struct {
	compute.Function
	builder *attentionBuilder
}

// attentionCall is one call: query [rows, length, heads, dim], keys and values [rows, length, keyHeads, dim].
type attentionCall struct {
	rows, length, heads, keyHeads, dim int
	dtype                              dtypes.DType
	scale                              float64
	lengths                            compute.Value // [rows·documents] or [rows, documents] int32
	ragged
}

func (f *attentionFunction) call(query, key compute.Value, o *compute.ScaledDotProductAttentionConfig) (*attentionCall, error) {
	q, err := f.builder.OpShape(query)
	if err != nil {
		return nil, err
	}
	k, err := f.builder.OpShape(key)
	if err != nil {
		return nil, err
	}
	r, ok := o.Mask.(*ragged)
	if !ok || q.Rank() != 4 || k.Rank() != 4 || q.DType != dtypes.BFloat16 {
		return nil, fmt.Errorf("flash attention of %s and %s: %w", q, k, compute.ErrNotImplemented)
	}
	return &attentionCall{
		rows: q.Dimensions[0], length: q.Dimensions[1], heads: q.Dimensions[2], keyHeads: k.Dimensions[2], dim: q.Dimensions[3],
		dtype: q.DType, scale: o.Scale, lengths: o.QuerySeqLen, ragged: *r,
	}, nil
}

// FusedScaledDotProductAttention computes attention and the softmax statistics that the backward call wants.
func (f *attentionFunction) FusedScaledDotProductAttention(query, key, value compute.Value, _ compute.AttentionAxesLayout,
	o *compute.ScaledDotProductAttentionConfig,
) (compute.Value, []compute.Value, error) {
	c, err := f.call(query, key, o)
	if err != nil {
		return nil, nil, err
	}
	statistics := shapes.Make(dtypes.Float32, c.rows*c.documents, c.heads, c.length)
	results := []shapes.Shape{c.headsFirst(c.heads), statistics, shapes.Make(dtypes.Uint8, 0)}
	layouts := [][]int{headsFirstLayout(), nil, nil}
	outputs, err := f.custom(cuDNNForward, c.config(false), c.operands(query, key, value), results, layouts)
	if err != nil {
		return nil, nil, err
	}
	output, err := f.Transpose(outputs[0], 0, 2, 1, 3)
	return output, outputs[1:2], err
}

// FusedScaledDotProductAttentionVJP computes the gradients of query, key and value.
func (f *attentionFunction) FusedScaledDotProductAttentionVJP(query, key, value compute.Value, _ compute.AttentionAxesLayout,
	o *compute.ScaledDotProductAttentionConfig, output compute.Value, states []compute.Value, dOutput compute.Value,
) (dQuery, dKey, dValue compute.Value, err error) {
	c, err := f.call(query, key, o)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(states) != 1 {
		return nil, nil, nil, fmt.Errorf("flash attention left %d statistics, not 1", len(states))
	}
	f.builder.backward = append(f.builder.backward, c)
	keys := c.headsFirst(c.keyHeads)
	statistics := states[0]
	if c.output != nil && c.statistics != nil {
		output, statistics = c.output, c.statistics // the forward call beside has no other use then: XLA leaves it out
	}
	results := []shapes.Shape{c.headsFirst(c.heads), keys, keys, shapes.Make(dtypes.Uint8, 0)}
	layouts := [][]int{headsFirstLayout(), headsFirstLayout(), headsFirstLayout(), nil}
	outputs, err := f.custom(cuDNNBackward, c.config(true), c.operands(query, key, value, statistics, dOutput, output), results, layouts)
	if err != nil {
		return nil, nil, nil, err
	}
	for i, gradient := range []*compute.Value{&dQuery, &dKey, &dValue} {
		if *gradient, err = f.Transpose(outputs[i], 0, 2, 1, 3); err != nil {
			return nil, nil, nil, err
		}
	}
	return dQuery, dKey, dValue, nil
}

// headsFirst is the shape in which cuDNN's results are declared; in memory they lie as the operands do.
func (c *attentionCall) headsFirst(heads int) shapes.Shape {
	return shapes.Make(c.dtype, c.rows, heads, c.length, c.dim)
}

func headsFirstLayout() []int { return []int{3, 1, 2, 0} }

func (c *attentionCall) operands(first ...compute.Value) []compute.Value {
	operands := slices.Concat(first, []compute.Value{c.lengths, c.lengths})
	if c.documents > 1 {
		operands = append(operands, c.queryOffsets, c.keyOffsets)
	}
	return operands
}

// custom adds the call to the program.
func (f *attentionFunction) custom(target, config string, operands []compute.Value, results []shapes.Shape, layouts [][]int) ([]compute.Value, error) {
	var values []*stablehlo.Value
	for _, o := range operands {
		value := unexported[stablehlo.Value](reflect.ValueOf(o), "value")
		if value == nil {
			return nil, fmt.Errorf("flash attention needs go-xla's values, not %T: %w", o, compute.ErrNotImplemented)
		}
		values = append(values, value)
	}
	var declared []xlashapes.Shape
	for _, s := range results {
		declared = append(declared, xla.ShapeToXLA(s))
	}
	outputs, err := stablehlo.CustomCallV2(target, config, values, make([][]int, len(values)), declared, layouts)
	if err != nil {
		return nil, err
	}
	var nodes []compute.Value
	for i, output := range outputs {
		node := new(xla.Node)
		fields := reflect.ValueOf(node).Elem()
		if !device.SetUnexported(fields, "value", output) || !device.SetUnexported(fields, "shape", results[i]) || !device.SetUnexported(fields, "builder", f.builder.Builder) {
			return nil, fmt.Errorf("flash attention does not know this version of go-xla: %w", compute.ErrNotImplemented)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// The backend_config of the calls, CudnnfMHABackendConfig of XLA in JSON. Its 64-bit numbers are strings.
type (
	cuDNNConfig struct {
		Queue string        `json:"operation_queue_id"`
		FMHA  cuDNNfMHAConf `json:"cudnn_fmha_backend_config"`
	}
	cuDNNfMHAConf struct {
		Algorithm     cuDNNAlgorithm `json:"algorithm"`
		Scale         float64        `json:"fmha_scale"`
		Scores        cuDNNScores    `json:"intermediate_tensor_shape"`
		Flash         bool           `json:"is_flash_attention"`
		MaskType      string         `json:"mask_type"`
		Dropout       float64        `json:"dropout_rate"`
		Seed          int            `json:"seed"`
		Window        int            `json:"sliding_window_length"`
		Documents     int            `json:"max_seg_per_batch"`
		Paged         bool           `json:"is_paged_attention"`
		Products      *dotNumbers    `json:"bmm1_dot_dimension_numbers,omitempty"`
		Outputs       *dotNumbers    `json:"bmm2_dot_dimension_numbers,omitempty"`
		KeyGradient   *dotNumbers    `json:"bmm1_grad_gemm1_dot_dimension_numbers,omitempty"`
		QueryGradient *dotNumbers    `json:"bmm1_grad_gemm2_dot_dimension_numbers,omitempty"`
		ValueGradient *dotNumbers    `json:"bmm2_grad_gemm1_dot_dimension_numbers,omitempty"`
		ScoreGradient *dotNumbers    `json:"bmm2_grad_gemm2_dot_dimension_numbers,omitempty"`
	}
	cuDNNAlgorithm struct {
		ID        string            `json:"algo_id"`
		MathType  string            `json:"math_type"`
		Knobs     map[string]string `json:"tuning_knobs"`
		Frontend  bool              `json:"is_cudnn_frontend"`
		Workspace string            `json:"workspace_size"`
	}
	cuDNNScores struct {
		ElementType string      `json:"element_type"`
		Dimensions  []string    `json:"dimensions"`
		Tuples      []string    `json:"tuple_shapes"`
		Layout      cuDNNLayout `json:"layout"`
		Dynamic     []bool      `json:"is_dynamic_dimension"`
	}
	cuDNNLayout struct {
		LevelTypes   []string `json:"dim_level_types"`
		Unique       []bool   `json:"dim_unique"`
		Ordered      []bool   `json:"dim_ordered"`
		MinorToMajor []string `json:"minor_to_major"`
		Tiles        []string `json:"tiles"`
		ElementBits  string   `json:"element_size_in_bits"`
		MemorySpace  string   `json:"memory_space"`
		Index        string   `json:"index_primitive_type"`
		Pointer      string   `json:"pointer_primitive_type"`
		Prefix       string   `json:"dynamic_shape_metadata_prefix_bytes"`
	}
	dotNumbers struct {
		Left       []string `json:"lhs_contracting_dimensions"`
		Right      []string `json:"rhs_contracting_dimensions"`
		LeftBatch  []string `json:"lhs_batch_dimensions"`
		RightBatch []string `json:"rhs_batch_dimensions"`
	}
)

// dots are the numbers of a product whose left side is scores [b, n, t, s] or, unlike them, operands [b, t, n, h]; the
// right side always is the latter.
func dots(left, right int, scores bool) *dotNumbers {
	d := &dotNumbers{numbers(left), numbers(right), numbers(0, 2), numbers(0, 2)}
	if scores {
		d.LeftBatch = numbers(0, 1)
	}
	return d
}

func numbers(values ...int) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.Itoa(v)
	}
	return texts
}

func (c *attentionCall) config(backward bool) string {
	const invalid = "PRIMITIVE_TYPE_INVALID"
	f := cuDNNfMHAConf{
		Algorithm: cuDNNAlgorithm{"0", "TENSOR_OP_MATH", map[string]string{"17": "1", "24": "0"}, true, "0"},
		Scale:     c.scale,
		Scores: cuDNNScores{
			ElementType: "BF16", Dimensions: numbers(c.rows, c.heads, c.length, c.length), Tuples: []string{},
			Layout: cuDNNLayout{
				LevelTypes: []string{}, Unique: []bool{}, Ordered: []bool{}, MinorToMajor: numbers(3, 2, 1, 0), Tiles: []string{},
				ElementBits: "0", MemorySpace: "0", Index: invalid, Pointer: invalid, Prefix: "0",
			},
			Dynamic: make([]bool, 4),
		},
		Flash: true, MaskType: "PADDING_CAUSAL", Seed: 42, Window: c.window, Documents: c.documents,
	}
	if backward {
		f.KeyGradient, f.QueryGradient = dots(2, 1, true), dots(3, 1, true)
		f.ValueGradient, f.ScoreGradient = dots(2, 1, true), dots(3, 3, false)
	} else {
		f.Products, f.Outputs = dots(3, 3, false), dots(3, 1, true)
	}
	text, err := json.Marshal(cuDNNConfig{"0", f})
	if err != nil {
		panic(err) // numbers and strings only
	}
	return string(text)
}
