package compute

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// adamW is torch.optim.AdamW. Its scalars are lr over the first bias correction and the root of the second one.
func adamW(c *OptimizerConfig) *rule {
	return &rule{
		slots:   alike("exp_avg", "exp_avg_sq"),
		scalars: c.corrections,
		build: func(m *move) (*graph.Node, []*graph.Node) {
			mean, square := c.moments(m.grad, m.slots[0], m.slots[1])
			return c.adamStep(m, mean, square), []*graph.Node{mean, square}
		},
	}
}

// corrections are the scalars of Adam.
func (c *OptimizerConfig) corrections(step int, lr float64) []float64 {
	return []float64{lr / (1 - math.Pow(c.Beta1, float64(step))), math.Sqrt(1 - math.Pow(c.Beta2, float64(step)))}
}

// moments takes a gradient into Adam's two averages.
func (c *OptimizerConfig) moments(grad, mean, square *graph.Node) (*graph.Node, *graph.Node) {
	mean = graph.Add(mean, graph.MulScalar(graph.Sub(grad, mean), 1-c.Beta1))
	square = graph.Add(graph.MulScalar(square, c.Beta2), graph.MulScalar(graph.Mul(grad, grad), 1-c.Beta2))
	return mean, square
}

// adamStep moves a weight by Adam's averages.
func (c *OptimizerConfig) adamStep(m *move, mean, square *graph.Node) *graph.Node {
	denominator := graph.AddScalar(graph.Div(graph.Sqrt(square), m.scalar(1)), c.Epsilon)
	return graph.Sub(m.shrink(m.value), graph.Mul(m.scalar(0), graph.Div(mean, denominator)))
}

// lion is Lion: the sign of an average of gradients, and one moment instead of two.
func lion(c *OptimizerConfig) *rule {
	return &rule{
		slots:   alike("exp_avg"),
		scalars: func(_ int, lr float64) []float64 { return []float64{lr} },
		build: func(m *move) (*graph.Node, []*graph.Node) {
			value, mean := c.lionStep(m, m.slots[0])
			return value, []*graph.Node{mean}
		},
	}
}

// lionStep moves a weight by the sign of the average, then takes the gradient into it.
func (c *OptimizerConfig) lionStep(m *move, mean *graph.Node) (value, next *graph.Node) {
	direction := graph.Sign(graph.Add(graph.MulScalar(mean, c.Beta1), graph.MulScalar(m.grad, 1-c.Beta1)))
	next = graph.Add(graph.MulScalar(mean, c.Beta2), graph.MulScalar(m.grad, 1-c.Beta2))
	return graph.Sub(m.shrink(m.value), graph.Mul(m.scalar(0), direction)), next
}

// adEMAMix is AdEMAMix without its optional schedules: Adam with a second, slow average of the gradients.
func adEMAMix(c *OptimizerConfig) (*rule, error) {
	beta1, beta2, beta3, alpha, eps := c.Beta1, c.Beta2, 0.9999, 5.0, c.Epsilon
	err := c.args(map[string]any{"beta1": &beta1, "beta2": &beta2, "beta3": &beta3, "alpha": &alpha, "eps": &eps})
	if err != nil {
		return nil, err
	}
	own := *c
	own.Beta1, own.Beta2, own.Epsilon = beta1, beta2, eps
	return &rule{
		slots: alike("exp_avg", "exp_avg_slow", "exp_avg_sq"),
		scalars: func(step int, lr float64) []float64 {
			return append([]float64{lr, 1 - math.Pow(beta1, float64(step))}, own.corrections(step, lr)[1])
		},
		build: func(m *move) (*graph.Node, []*graph.Node) {
			fast, square := own.moments(m.grad, m.slots[0], m.slots[2])
			slow := graph.Add(graph.MulScalar(m.slots[1], beta3), graph.MulScalar(m.grad, 1-beta3))
			mixed := graph.Add(graph.Div(fast, m.scalar(1)), graph.MulScalar(slow, alpha))
			denominator := graph.AddScalar(graph.Div(graph.Sqrt(square), m.scalar(2)), eps)
			value := graph.Sub(m.shrink(m.value), graph.Mul(m.scalar(0), graph.Div(mixed, denominator)))
			return value, []*graph.Node{fast, slow, square}
		},
	}, nil
}
