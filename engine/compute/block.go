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

// blockMode is what a block's program is for.
type blockMode string

const (
	inferMode    blockMode = "infer"    // forward only
	forwardMode  blockMode = "forward"  // forward, keeping what backwardMode wants
	backwardMode blockMode = "backward" // gradients
)

// keeps says whether blocks keep the results of their matrix products for the backward pass.
func (s *Session) keeps() bool { return !s.cfg.GradientCheckpointing }

// dropsOut says whether training draws dropout masks, so that its forward pass differs from inference.
func (s *Session) dropsOut() bool { return s.cfg.LoRA != nil && s.cfg.LoRA.Dropout > 0 }

func (s *Session) blockKey(mode blockMode, variant int, shape Shape) string {
	return fmt.Sprintf("block %s %d %v", mode, variant, shape)
}

// blockProgram returns the program of one variant of layers in one shape. Its inputs are the block's input, then (in
// backwardMode) the kept results and the output's gradient, then the layout, then the weights.
func (s *Session) blockProgram(mode blockMode, variant int, shape Shape) (*program, error) {
	if mode == forwardMode && !s.keeps() && !s.dropsOut() {
		mode = inferMode // the same graph
	}
	key := s.blockKey(mode, variant, shape)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			if mode == backwardMode {
				return s.buildBackward(b, variant, shape)
			}
			return s.buildForward(b, variant, shape, mode == forwardMode)
		})
	})
}

// blockInputs creates the layout's and the weights' parameters, in the order of layoutBuffers and layerBuffers.
func (s *Session) blockInputs(b *builder, variant int, shape Shape, training bool) (layer *model.Layer, call *fusedCall, trained []*graph.Node) {
	n, dim := shape.Positions(), s.model.HeadDim
	l := &model.Layer{
		Model: s.model, Kind: s.model.Kinds[s.variants[variant].kind], Rows: shape.Rows, Length: shape.Length, DType: s.dtype,
		Cos: b.float("cos", n, dim), Sin: b.float("sin", n, dim),
		Weights: map[string]*graph.Node{}, Adapters: map[string]*model.Adapter{},
	}
	l.Attend, call = s.attend(b, shape)
	random := b.param("random", graph.RNGStateShape.DType, graph.RNGStateShape.Dimensions...)
	sample := s.variants[variant].sample
	for i, p := range s.model.Block {
		l.Weights[p.Name] = s.weightParam(b, p.Name, sample.base[i])
		if sample.base[i].trainable {
			trained = append(trained, l.Weights[p.Name])
		}
	}
	for _, a := range sample.adapters {
		pair := &model.Adapter{
			A: b.float(a.linear+".lora_A", a.a.shape...), B: b.float(a.linear+".lora_B", a.b.shape...),
			Scale: s.cfg.LoRA.scale(),
		}
		if p := s.cfg.LoRA.Dropout; p > 0 && training {
			random, pair.Keep = dropout(random, p, n, a.a.shape[1])
		}
		l.Adapters[a.linear] = pair
		trained = append(trained, pair.A, pair.B)
	}
	return l, call, trained
}

// attend creates the parameters of attention, in the order of uploadAttend; the call is nil where XLA computes it.
func (s *Session) attend(b *builder, shape Shape) (func(l *model.Layer, q, k, v *graph.Node) *graph.Node, *fusedCall) {
	if shape.Documents > 0 {
		call := s.fusedCall(b, shape)
		return call.attend, call
	}
	return model.Packed(b.int("segments", shape.Rows, shape.Length)), nil
}

// dropout draws a mask of 0 (with probability p) and 1/(1-p).
func dropout(random *graph.Node, p float64, dims ...int) (next, mask *graph.Node) {
	g := random.Graph()
	shape := shapes.Make(dtypes.Float32, dims...)
	next, uniform := graph.RandomUniform(random, shape)
	keep := graph.GreaterOrEqual(uniform, graph.Scalar(g, dtypes.Float32, p))
	return next, graph.MulScalar(graph.ConvertDType(keep, dtypes.Float32), 1/(1-p))
}

// buildForward yields the block's output and, when training keeps them, the results of its matrix products by stage.
func (s *Session) buildForward(b *builder, variant int, shape Shape, training bool) []*graph.Node {
	x := b.float("x", shape.Positions(), s.model.Config.HiddenSize)
	l, call, _ := s.blockInputs(b, variant, shape, training)
	var kept []*graph.Node
	if training && s.keeps() {
		keep := func(n *graph.Node) *graph.Node {
			kept = append(kept, n)
			return n
		}
		l.Cut = func(_ int, n *graph.Node) *graph.Node { return keep(n) }
		if call != nil {
			call.keep = keep
		}
	}
	y := s.model.Build(l, x)
	return append([]*graph.Node{y}, kept...)
}

// buildBackward yields the gradient of the block's input and of its trained weights. Without kept results the
// forward pass is computed again inside; with them every stage's forward is dead code where only its result was
// needed, and what remains is elementwise work and the attention scores.
func (s *Session) buildBackward(b *builder, variant int, shape Shape) []*graph.Node {
	n, h := shape.Positions(), s.model.Config.HiddenSize
	x := b.float("x", n, h)
	dy := b.float("dy", n, h)
	l, call, trained := s.blockInputs(b, variant, shape, true)
	wrt := append([]*graph.Node{x}, trained...)
	if !s.keeps() {
		return graph.Gradient(along(s.model.Build(l, x), dy), wrt...)
	}
	var cuts [model.Stages][]cut
	l.Cut = func(stage int, computed *graph.Node) *graph.Node {
		name := fmt.Sprintf("kept %d.%d", stage, len(cuts[stage]))
		leaf := b.param(name, computed.DType(), computed.Shape().Dimensions...)
		cuts[stage] = append(cuts[stage], cut{computed, leaf})
		if stage == model.StageAttended {
			call.keptOutput(leaf, s.model.Config.NumAttentionHeads)
		}
		return leaf
	}
	if call != nil {
		call.keep = func(statistics *graph.Node) *graph.Node {
			return b.param("kept statistics", statistics.DType(), statistics.Shape().Dimensions...)
		}
	}
	y := s.model.Build(l, x)
	return backThrough(along(y, dy), wrt, cuts[:])
}

// cut is a result of the forward pass: as computed, and as the parameter that stands for it.
type cut struct{ computed, leaf *graph.Node }

// backThrough takes the gradient of objective stage by stage, from the last to the block's input.
func backThrough(objective *graph.Node, wrt []*graph.Node, stages [][]cut) []*graph.Node {
	var leaves []*graph.Node
	for _, stage := range stages {
		for _, c := range stage {
			leaves = append(leaves, c.leaf)
		}
	}
	total := graph.Gradient(objective, append(append([]*graph.Node(nil), wrt...), leaves...)...)
	for i := len(stages) - 1; i >= 0; i-- {
		leaves = leaves[:len(leaves)-len(stages[i])]
		if len(stages[i]) == 0 {
			continue
		}
		arrived := total[len(wrt)+len(leaves):]
		var objective *graph.Node
		for j, c := range stages[i] {
			term := along(c.computed, arrived[j])
			if objective == nil {
				objective = term
			} else {
				objective = graph.Add(objective, term)
			}
		}
		more := graph.Gradient(objective, append(append([]*graph.Node(nil), wrt...), leaves...)...)
		for j := range more {
			more[j] = graph.Add(total[j], more[j])
		}
		total = more
	}
	return total
}

// along is Σ y·dy: the gradient of it with respect to y is dy.
func along(y, dy *graph.Node) *graph.Node {
	product := graph.Mul(graph.ConvertDType(y, dtypes.Float32), graph.StopGradient(graph.ConvertDType(dy, dtypes.Float32)))
	return graph.ReduceAllSum(product)
}

// layerBuffers are a layer's weights in the order of its programs.
func (s *Session) layerBuffers(l *layer) ([]compute.Buffer, error) {
	var out []compute.Buffer
	for _, w := range l.base {
		buffer, err := s.operand(w)
		if err != nil {
			return nil, err
		}
		out = append(out, buffer)
	}
	for _, a := range l.adapters {
		out = append(out, a.a.value, a.b.value)
	}
	return out, nil
}

// Prepare compiles the programs of a shape ahead of its first use. It is safe to call while another goroutine trains.
func (s *Session) Prepare(shape Shape) error {
	modes := []blockMode{forwardMode, backwardMode}
	if s.cfg.Inference {
		modes = []blockMode{inferMode}
	}
	for variant := range s.variants {
		for _, mode := range modes {
			if _, err := s.blockProgram(mode, variant, shape); err != nil {
				return err
			}
		}
	}
	if err := s.prepareEnds(shape); err != nil {
		return err
	}
	s.noteShape(shape)
	return nil
}

func (s *Session) noteShape(shape Shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.shapes {
		if known == shape {
			return
		}
	}
	s.shapes = append(s.shapes, shape)
}

// Compiled says whether Prepare has nothing left to do for a shape.
func (s *Session) Compiled(shape Shape) bool {
	mode := backwardMode
	if s.cfg.Inference {
		mode = inferMode
	}
	for variant := range s.variants {
		if !s.programs.ready(s.blockKey(mode, variant, shape)) {
			return false
		}
	}
	return true
}

// ShapeOf returns the shape that a batch runs in; the zero Shape when it has no tokens.
func (s *Session) ShapeOf(b Batch) Shape {
	l, err := layOut(b, s.cfg.MaxLength, s.attention)
	if err != nil {
		return Shape{}
	}
	return l.shape
}

// Stats returns counters and the memory that the compiled programs and live buffers need.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	st := Stats{Shapes: append([]Shape(nil), s.shapes...)}
	s.mu.Unlock()
	s.programs.each(func(key string, p *program) {
		st.Executables++
		st.CompileSeconds += p.seconds
		st.Memory.Code += p.code
		switch {
		case strings.HasPrefix(key, "block"):
			st.Memory.Block = max(st.Memory.Block, p.temporary)
		case strings.HasPrefix(key, "head"):
			st.Memory.Head = max(st.Memory.Head, p.temporary)
		case strings.HasPrefix(key, "update"):
			st.Memory.Optimizer = max(st.Memory.Optimizer, p.temporary)
		}
	})
	s.heldMemory(&st.Memory, st.Shapes)
	return st
}
