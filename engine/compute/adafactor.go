package compute

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Adafactor's settings that TrainingArguments has no options for.
const (
	adafactorEpsilon = 1e-30 // added to the squared gradient
	adafactorClip    = 1.0   // bound of the update's root mean square
	adafactorDecay   = -0.8  // exponent of the running averages
)

// adafactor is transformers' Adafactor as the Trainer sets it: scale_parameter and relative_step off, no first
// moment. A matrix keeps the means of its rows and columns only. Its scalars are lr and beta2 of the step.
func adafactor(*OptimizerConfig) *rule {
	return &rule{
		slots: func(w *weight) []slot {
			if len(w.shape) < 2 {
				return []slot{like("exp_avg_sq")(w)}
			}
			last := len(w.shape) - 1
			row := append([]int(nil), w.shape[:last]...)
			column := append(append([]int(nil), w.shape[:last-1]...), w.shape[last])
			return []slot{{"exp_avg_sq_row", dtypes.Float32, row}, {"exp_avg_sq_col", dtypes.Float32, column}}
		},
		scalars: func(step int, lr float64) []float64 {
			return []float64{lr, 1 - math.Pow(float64(step), adafactorDecay)}
		},
		build: buildAdafactor,
	}
}

func buildAdafactor(m *move) (*graph.Node, []*graph.Node) {
	lr, beta := m.scalar(0), m.scalar(1)
	average := func(old, seen *graph.Node) *graph.Node {
		return graph.Add(graph.Mul(old, beta), graph.Mul(seen, graph.OneMinus(beta)))
	}
	square := graph.AddScalar(graph.Mul(m.grad, m.grad), adafactorEpsilon)
	var slots []*graph.Node
	var change *graph.Node
	if len(m.slots) == 1 {
		slots = []*graph.Node{average(m.slots[0], square)}
		change = graph.Mul(m.grad, graph.Rsqrt(slots[0]))
	} else {
		row, column := average(m.slots[0], graph.ReduceMean(square, -1)), average(m.slots[1], graph.ReduceMean(square, -2))
		slots = []*graph.Node{row, column}
		rowFactor := graph.Rsqrt(graph.Div(row, graph.ReduceAndKeep(row, graph.ReduceMean, -1)))
		change = graph.Mul(graph.Mul(graph.InsertAxes(rowFactor, -1), graph.InsertAxes(graph.Rsqrt(column), -2)), m.grad)
	}
	elements := 1
	for _, d := range m.dims {
		elements *= d
	}
	// Rows first, as for the gradient's norm: one float32 sum over millions of values loses the small ones.
	rms := graph.Sqrt(graph.DivScalar(graph.ReduceAllSum(graph.ReduceSum(graph.Mul(change, change), -1)), float64(elements)))
	change = graph.Div(change, graph.MaxScalar(graph.DivScalar(rms, adafactorClip), 1.0))
	return graph.Sub(m.shrink(m.value), graph.Mul(change, lr)), slots
}
