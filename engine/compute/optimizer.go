package compute

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// groupKey names what a program that works on a group of weights depends on.
func groupKey(what string, group []*weight) string {
	var b strings.Builder
	b.WriteString(what)
	for _, w := range group {
		fmt.Fprintf(&b, " %v%v", w.shape, w.decay)
		if held8bit(w) {
			b.WriteString("q") // what an 8-bit optimizer keeps of it differs
		}
		if w.multiplied {
			b.WriteString("m") // it may be held in the type of products too
		}
	}
	return b.String()
}

// accumulate adds grads to the weights' gradients and takes them over.
func (s *Session) accumulate(group []*weight, grads []compute.Buffer) error {
	if len(group) == 0 || group[0].grad == nil {
		for i, w := range group {
			w.grad = grads[i]
		}
		return nil
	}
	defer free(grads...)
	program, err := s.addProgram(group)
	if err != nil {
		return err
	}
	var inputs []compute.Buffer
	for i, w := range group {
		inputs = append(inputs, w.grad, grads[i])
	}
	sums, err := program.run(inputs...)
	if err != nil {
		return err
	}
	for i, w := range group {
		w.grad = sums[i]
	}
	return nil
}

// addProgram adds a group's gradients to those that are there.
func (s *Session) addProgram(group []*weight) (*program, error) {
	key := groupKey("add", group)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			var sums []*graph.Node
			for i, w := range group {
				total := b.float(fmt.Sprint("total", i), w.shape...)
				b.update(total, i)
				sums = append(sums, graph.Add(total, b.float(fmt.Sprint("grad", i), w.shape...)))
			}
			return sums
		})
	})
}

// squares returns the sums of the squares of a group's gradients [len(group)], on the device.
func (s *Session) squares(group []*weight) (compute.Buffer, error) {
	program, err := s.squaresProgram(group)
	if err != nil {
		return nil, err
	}
	var inputs []compute.Buffer
	for _, w := range group {
		inputs = append(inputs, w.grad)
	}
	return one(program.run(inputs...))
}

// squaresProgram adds up the squares of a group's gradients, each weight's for itself.
func (s *Session) squaresProgram(group []*weight) (*program, error) {
	key := groupKey("squares", group)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			var sums []*graph.Node
			for i, w := range group {
				grad := b.float(fmt.Sprint("grad", i), w.shape...)
				// Rows first: one running float32 sum over millions of values would lose the small ones.
				rows := graph.ReduceSum(graph.Mul(grad, grad), -1)
				sums = append(sums, graph.Reshape(graph.ReduceAllSum(rows), 1))
			}
			return []*graph.Node{graph.Concatenate(sums, 0)}
		})
	})
}

// totalSquares is the sum of the squares of all gradients. All groups' programs are queued, and their results brought
// together, before the first is read: it waits for the device once.
func (s *Session) totalSquares() (total float64, err error) {
	var sums []compute.Buffer
	defer func() { free(sums...) }()
	for _, group := range s.groups {
		for _, w := range group {
			if err := s.zeroGrad(w); err != nil {
				return 0, err
			}
		}
		sum, err := s.squares(group)
		if err != nil {
			return 0, err
		}
		sums = append(sums, sum)
	}
	join, err := s.joinProgram()
	if err != nil {
		return 0, err
	}
	joined, err := one(join.run(sums...))
	if err != nil {
		return 0, err
	}
	defer free(joined)
	values, err := download(joined, len(s.trained()))
	if err != nil {
		return 0, err
	}
	for _, group := range s.groups {
		part := 0.0
		for _, v := range values[:len(group)] {
			part += float64(v)
		}
		total += part
		values = values[len(group):]
	}
	return total, nil
}

// joinProgram puts the results of squares of all groups side by side.
func (s *Session) joinProgram() (*program, error) {
	const key = "join"
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			var parts []*graph.Node
			for i, group := range s.groups {
				parts = append(parts, b.float(fmt.Sprint("sums", i), len(group)))
			}
			return []*graph.Node{graph.Concatenate(parts, 0)}
		})
	})
}

// Step divides the accumulated gradients by the number of trained tokens, clips them by their global norm
// (maxGradNorm <= 0: not at all), updates the weights and zeroes the accumulators. A norm that is not
// finite changes no weight: Step.Skipped says so.
func (s *Session) Step(lr, maxGradNorm float64, trained int64) (Step, error) {
	if trained <= 0 {
		return Step{}, fmt.Errorf("a step needs at least one trained token")
	}
	total, err := s.totalSquares()
	if err != nil {
		return Step{}, err
	}
	s.trimAfterCompiling()
	norm := math.Sqrt(total) / float64(trained)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		s.Discard()
		return Step{GradNorm: norm, Skipped: true}, nil
	}
	scale := 1 / float64(trained)
	if maxGradNorm > 0 {
		scale *= min(1, maxGradNorm/(norm+1e-6)) // torch.nn.utils.clip_grad_norm_
	}
	s.steps++
	numbers := []float32{float32(scale), float32(1 - lr*s.cfg.Optimizer.WeightDecay)}
	for _, v := range s.rule.scalars(s.steps, lr) {
		numbers = append(numbers, float32(v))
	}
	scalars, err := s.uploadFloat(numbers, len(numbers))
	if err != nil {
		return Step{}, err
	}
	defer free(scalars)
	for _, group := range s.groups {
		if err := s.update(group, scalars, len(numbers)); err != nil {
			return Step{}, err
		}
	}
	if n := s.programs.count(); n != s.stepped {
		// The gradients are free now. Where a step compiled, what the compiler left lies between them, and the next
		// step's would not fit into the holes.
		s.stepped = n
		s.dev.Trim()
	}
	return Step{GradNorm: norm}, nil
}

// trimAfterCompiling gives back what the compiler left behind since the last call; before the first step it makes
// room for the moments.
func (s *Session) trimAfterCompiling() {
	if n := s.programs.count(); n != s.trimmed {
		s.trimmed = n
		s.dev.Trim()
	}
}

// heldMemory adds up what buffers hold, and what the largest compiled shape keeps between forward and backward.
func (s *Session) heldMemory(m *Memory, shapes []Shape) {
	const size = 4
	for _, w := range s.weights() {
		m.Weights += s.weightBytes(w)
		if w.trainable {
			m.Gradients += int64(size * w.elements())
			for _, slot := range s.rule.slots(w) {
				m.Moments += slot.bytes()
			}
		}
	}
	if s.dev.Described() { // there are no buffers to count
		m.Weights = s.cfg.WeightBytes(s.model)
	}
	for _, shape := range shapes {
		m.Activations = max(m.Activations, s.activationBytes(shape))
	}
}

// activationBytes is what lives between a shape's forward and backward pass.
func (s *Session) activationBytes(shape Shape) int64 {
	c := s.model.Config
	perPosition := int64(4 * c.HiddenSize)
	if s.keeps() {
		q, kv := c.NumAttentionHeads*s.model.HeadDim, s.model.KVHeads*s.model.HeadDim
		element := int64(s.dtype.Size())
		perPosition += element * int64(2*q+2*kv+2*c.IntermediateSize)
		perPosition += int64(4 * c.HiddenSize)
		perPosition += int64(4 * c.NumAttentionHeads * shape.Documents) // softmax statistics
	}
	return perPosition * int64(len(s.layers)) * int64(shape.Positions())
}
