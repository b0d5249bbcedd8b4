package compute

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// pull is the gradient with torch's L2 form of weight decay, which SGD, Adagrad and RMSprop have: decay is added to
// the gradient instead of being taken from the weight.
func (c *OptimizerConfig) pull(m *move) *graph.Node {
	if !m.decay {
		return m.grad
	}
	return graph.Add(m.grad, graph.MulScalar(m.value, c.WeightDecay))
}

// sgd is torch.optim.SGD with momentum, dampening and nesterov from optim_args. Its scalars are lr and what the
// gradient counts in the momentum: all at the first step, 1 - dampening later.
func sgd(c *OptimizerConfig) (*rule, error) {
	var momentum, dampening float64
	var nesterov bool
	if err := c.args(map[string]any{"momentum": &momentum, "dampening": &dampening, "nesterov": &nesterov}); err != nil {
		return nil, err
	}
	if nesterov && (momentum <= 0 || dampening != 0) {
		return nil, fmt.Errorf("optim_args: nesterov needs a momentum above 0 and no dampening")
	}
	r := &rule{
		slots: alike(),
		scalars: func(step int, lr float64) []float64 {
			if step == 1 {
				return []float64{lr, 1}
			}
			return []float64{lr, 1 - dampening}
		},
		build: func(m *move) (*graph.Node, []*graph.Node) {
			return graph.Sub(m.value, graph.Mul(m.scalar(0), c.pull(m))), nil
		},
	}
	if momentum != 0 {
		r.slots = alike("momentum_buffer")
		r.build = func(m *move) (*graph.Node, []*graph.Node) {
			grad := c.pull(m)
			buffer := graph.Add(graph.MulScalar(m.slots[0], momentum), graph.Mul(grad, m.scalar(1)))
			change := buffer
			if nesterov {
				change = graph.Add(grad, graph.MulScalar(buffer, momentum))
			}
			return graph.Sub(m.value, graph.Mul(m.scalar(0), change)), []*graph.Node{buffer}
		}
	}
	return r, nil
}

// adagrad is torch.optim.Adagrad with lr_decay and eps from optim_args.
func adagrad(c *OptimizerConfig) (*rule, error) {
	var decay float64
	eps := 1e-10
	if err := c.args(map[string]any{"lr_decay": &decay, "eps": &eps}); err != nil {
		return nil, err
	}
	return &rule{
		slots:   alike("sum"),
		scalars: func(step int, lr float64) []float64 { return []float64{lr / (1 + float64(step-1)*decay)} },
		build: func(m *move) (*graph.Node, []*graph.Node) {
			grad := c.pull(m)
			sum := graph.Add(m.slots[0], graph.Mul(grad, grad))
			change := graph.Div(grad, graph.AddScalar(graph.Sqrt(sum), eps))
			return graph.Sub(m.value, graph.Mul(m.scalar(0), change)), []*graph.Node{sum}
		},
	}, nil
}

// rmsProp is torch.optim.RMSprop with alpha, eps, momentum and centered from optim_args.
func rmsProp(c *OptimizerConfig) (*rule, error) {
	alpha, eps, momentum, centered := 0.99, 1e-8, 0.0, false
	if err := c.args(map[string]any{"alpha": &alpha, "eps": &eps, "momentum": &momentum, "centered": &centered}); err != nil {
		return nil, err
	}
	names := []string{"square_avg"}
	if momentum > 0 {
		names = append(names, "momentum_buffer")
	}
	if centered {
		names = append(names, "grad_avg")
	}
	return &rule{
		slots:   alike(names...),
		scalars: func(_ int, lr float64) []float64 { return []float64{lr} },
		build: func(m *move) (*graph.Node, []*graph.Node) {
			grad := c.pull(m)
			average := func(old, seen *graph.Node) *graph.Node {
				return graph.Add(graph.MulScalar(old, alpha), graph.MulScalar(seen, 1-alpha))
			}
			square := average(m.slots[0], graph.Mul(grad, grad))
			slots, spread := []*graph.Node{square}, square
			var mean *graph.Node
			if centered {
				mean = average(m.slots[len(names)-1], grad)
				spread = graph.Sub(square, graph.Mul(mean, mean))
			}
			change := graph.Div(grad, graph.AddScalar(graph.Sqrt(spread), eps))
			if momentum > 0 {
				change = graph.Add(graph.MulScalar(m.slots[1], momentum), change)
				slots = append(slots, change)
			}
			if centered {
				slots = append(slots, mean)
			}
			return graph.Sub(m.value, graph.Mul(m.scalar(0), change)), slots
		},
	}, nil
}
