package compute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// pass is one micro-batch on the device.
type pass struct {
	*layout
	ids      compute.Buffer
	attend   []compute.Buffer // segments, and for cuDNN lengths and offsets
	cos, sin []compute.Buffer // by kind of layer
	random   []compute.Buffer // by layer when dropout is on, else one for all
	noise    compute.Buffer   // NEFTune's random state, nil without
	level    compute.Buffer   // NEFTune's magnitude
	found    []found          // by the head, in the order of the targets
}

// begin uploads a layout. Training draws this pass's random numbers from the seed and the pass's number alone, so
// that a resumed run draws the same.
func (s *Session) begin(l *layout, training bool) (*pass, error) {
	p := &pass{layout: l}
	err := s.uploadPass(p, training)
	if err != nil {
		p.free()
		return nil, err
	}
	return p, nil
}

func (s *Session) uploadPass(p *pass, training bool) (err error) {
	n, dim := p.shape.Positions(), s.model.HeadDim
	if p.ids, err = s.uploadInt(p.layout.ids, n); err != nil {
		return err
	}
	if err = s.uploadAttend(p); err != nil {
		return err
	}
	for _, kind := range s.model.Kinds {
		cos, sin := kind.Rope.Tables(p.positions)
		for _, table := range []struct {
			values []float32
			to     *[]compute.Buffer
		}{{cos, &p.cos}, {sin, &p.sin}} {
			b, err := s.uploadFloat(table.values, n, dim)
			if err != nil {
				return err
			}
			*table.to = append(*table.to, b)
		}
	}
	states := 1
	if training && s.dropsOut() {
		states = len(s.layers)
	}
	for i := range states {
		b, err := s.randomState(uint64(i))
		if err != nil {
			return err
		}
		p.random = append(p.random, b)
	}
	if training && s.cfg.NEFTuneAlpha > 0 {
		if p.noise, err = s.randomState(math.MaxUint32); err != nil {
			return err
		}
		magnitude := s.cfg.NEFTuneAlpha / math.Sqrt(float64(p.longest*s.model.Config.HiddenSize))
		p.level, err = s.uploadFloat([]float32{float32(magnitude)})
	}
	return err
}

// uploadAttend uploads what attention needs, in the order of Session.attend.
func (s *Session) uploadAttend(p *pass) error {
	type table struct {
		values []int32
		dims   []int
	}
	tables := []table{{p.segments, []int{p.shape.Rows, p.shape.Length}}}
	if f := p.fused; f != nil {
		tables = append(tables, table{f.lengths, []int{len(f.lengths)}})
		if f.offsets != nil {
			tables = append(tables, table{f.offsets, []int{len(f.offsets)}})
		}
	}
	for _, t := range tables {
		b, err := s.uploadInt(t.values, t.dims...)
		if err != nil {
			return err
		}
		p.attend = append(p.attend, b)
	}
	return nil
}

// randomState is the state of a random generator that depends on the seed, the pass and a stream within it.
func (s *Session) randomState(stream uint64) (compute.Buffer, error) {
	source := rand.NewPCG(uint64(s.cfg.Seed)^s.passes<<20, stream)
	state := make([]uint64, graph.RNGStateShape.Size())
	for i := range state {
		state[i] = source.Uint64()
	}
	return s.upload(state, graph.RNGStateShape.DType, graph.RNGStateShape.Dimensions...)
}

// inputs are the layout's buffers in the order of blockInputs.
func (p *pass) inputs(kind, layer int) []compute.Buffer {
	inputs := append([]compute.Buffer{p.cos[kind], p.sin[kind]}, p.attend...)
	return append(inputs, p.random[layer%len(p.random)])
}

func (p *pass) free() {
	free(p.ids, p.noise, p.level)
	free(p.attend...)
	free(p.cos...)
	free(p.sin...)
	free(p.random...)
	for _, f := range p.found {
		free(f.loss, f.right)
	}
}

// embedIDs runs the embedding.
func (s *Session) embedIDs(p *pass) (compute.Buffer, error) {
	program, err := s.embedProgram(p.shape.Positions(), p.noise != nil)
	if err != nil {
		return nil, err
	}
	inputs := []compute.Buffer{p.ids, s.embed.value}
	if p.noise != nil {
		inputs = append(inputs, p.noise, p.level)
	}
	return one(program.run(inputs...))
}

// one unpacks the output of a program that has a single one.
func one(outputs []compute.Buffer, err error) (compute.Buffer, error) {
	if err != nil {
		return nil, err
	}
	return outputs[0], nil
}

// tape is what the forward pass leaves for the backward pass: every block's input and kept results.
type tape struct {
	inputs []compute.Buffer
	kept   [][]compute.Buffer
}

func (t *tape) free() {
	free(t.inputs...)
	for _, k := range t.kept {
		free(k...)
	}
}

// runLayer runs a program on inputs, a layer's weights and what was kept of its forward pass.
func (s *Session) runLayer(p *program, l *layer, inputs, kept []compute.Buffer) ([]compute.Buffer, error) {
	held, err := s.layerBuffers(l)
	if err != nil {
		return nil, err
	}
	return p.run(slices.Concat(inputs, held, kept)...)
}

// forward runs all blocks. With a tape it records what the backward pass needs; without one it frees as it goes.
func (s *Session) forward(p *pass, t *tape) (compute.Buffer, error) {
	mode := inferMode
	if t != nil {
		mode = forwardMode
	}
	x, err := s.embedIDs(p)
	if err != nil {
		return nil, err
	}
	for i, l := range s.layers {
		program, err := s.blockProgram(mode, l.variant, p.shape)
		if err != nil {
			free(x)
			return nil, err
		}
		inputs := append([]compute.Buffer{x}, p.inputs(l.kind, i)...)
		outputs, err := s.runLayer(program, l, inputs, nil)
		if t != nil {
			t.inputs = append(t.inputs, x)
		} else {
			free(x)
		}
		if err != nil {
			return nil, err
		}
		x = outputs[0]
		if t != nil {
			t.kept = append(t.kept, outputs[1:])
			s.restrain()
		}
	}
	return x, nil
}

// Micro runs one micro-batch forward and backward and adds the gradients of its summed loss to the accumulators.
func (s *Session) Micro(b Batch) (Micro, error) {
	if s.cfg.Inference {
		return Micro{}, fmt.Errorf("this session was opened for inference only")
	}
	l, err := s.layOut(b)
	if err != nil {
		return Micro{}, err
	}
	s.passes++
	m := l.micro()
	if len(l.targets) == 0 {
		return m, nil
	}
	p, err := s.begin(l, true)
	if err != nil {
		return Micro{}, err
	}
	defer p.free()
	t := &tape{}
	defer t.free()
	x, err := s.forward(p, t)
	if err != nil {
		return Micro{}, err
	}
	dx, err := s.loss(p, x, true)
	free(x)
	if err != nil {
		return Micro{}, err
	}
	s.noteShape(l.shape)
	if err = s.backward(p, t, dx); err == nil {
		err = m.read(p, s.headChunk())
	}
	s.trimAfterCompiling()
	return m, err
}

// Eval runs one micro-batch forward only.
func (s *Session) Eval(b Batch) (Micro, error) {
	l, err := s.layOut(b)
	if err != nil {
		return Micro{}, err
	}
	m := l.micro()
	if len(l.targets) == 0 {
		return m, nil
	}
	p, err := s.begin(l, false)
	if err != nil {
		return Micro{}, err
	}
	defer p.free()
	x, err := s.forward(p, nil)
	if err != nil {
		return Micro{}, err
	}
	defer free(x)
	if _, err = s.loss(p, x, false); err == nil {
		err = m.read(p, s.headChunk())
	}
	return m, err
}

// layOut lays a batch out and checks its ids against the vocabulary: a wrong one would read another row silently.
func (s *Session) layOut(b Batch) (*layout, error) {
	l, err := layOut(b, s.cfg.MaxLength, s.attention)
	if err != nil {
		return nil, err
	}
	v := int32(s.model.Config.VocabSize)
	for _, id := range l.ids {
		if id < 0 || id >= v {
			return nil, fmt.Errorf("token id %d is outside the model's vocabulary of %d: the tokenizer does not belong to this model", id, v)
		}
	}
	for _, t := range l.targets {
		if t.id < 0 || t.id >= v {
			return nil, fmt.Errorf("label %d is outside the model's vocabulary of %d (and not %d)", t.id, v, ignored)
		}
	}
	return l, nil
}

// micro begins the result of a pass.
func (l *layout) micro() Micro {
	return Micro{
		Trained: int64(len(l.targets)), Tokens: l.tokens, Positions: int64(l.shape.Positions()),
		RowLossSum: make([]float64, len(l.sequences)), RowTrained: l.sequences,
	}
}

// backward runs the blocks' backward programs from the last to the first; it takes dx over.
func (s *Session) backward(p *pass, t *tape, dx compute.Buffer) error {
	for i := len(s.layers) - 1; i >= s.lowest; i-- {
		l := s.layers[i]
		program, err := s.blockProgram(backwardMode, l.variant, p.shape)
		if err != nil {
			free(dx)
			return err
		}
		inputs := append([]compute.Buffer{t.inputs[i], dx}, p.inputs(l.kind, i)...)
		outputs, err := s.runLayer(program, l, inputs, t.kept[i])
		free(dx, t.inputs[i])
		free(t.kept[i]...)
		t.inputs[i], t.kept[i] = nil, nil
		if err != nil {
			return err
		}
		dx = outputs[0]
		if err := s.accumulate(l.trained, outputs[1:]); err != nil {
			free(dx)
			return err
		}
		s.restrain()
	}
	defer free(dx)
	if !s.embed.trainable {
		return nil
	}
	program, err := s.embedBackwardProgram(p.shape.Positions())
	if err != nil {
		return err
	}
	if err := s.zeroGrad(s.embed); err != nil {
		return err
	}
	sum, err := one(program.run(s.embed.grad, p.ids, dx))
	if err != nil {
		return err
	}
	s.embed.grad = sum
	return nil
}

// zeroGrad makes sure that a weight has a gradient to add to.
func (s *Session) zeroGrad(w *weight) (err error) {
	if w.grad == nil {
		w.grad, err = s.zeros(w.shape)
	}
	return err
}
