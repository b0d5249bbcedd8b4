package compute

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/device"
	"sftui/engine/model"
)

// The programs at both ends of the blocks: embedding, head, and what moves rows between them.

// headBytes is how large one chunk of logits may be: chunks large enough for matrix products to run at full speed
// and small enough not to matter beside the weights.
func (s *Session) headBytes() int {
	if s.dev.Kind == device.CUDA {
		return 3 << 29
	}
	return 64 << 20
}

// headChunk is how many trained positions one call of the head takes: [headChunk, vocabulary] is the most that ever
// exists of the logits.
func (s *Session) headChunk() int {
	rows, most := s.headBytes()/(4*s.model.Config.VocabSize), 1024
	if s.dev.Kind == device.CUDA {
		most = 2048 // every chunk reads the head's weight and its gradient once
	}
	chunk := 16
	for chunk*2 <= rows && chunk < most {
		chunk *= 2
	}
	return chunk
}

// embedProgram turns ids [positions] into x [positions, hidden]; noise adds NEFTune's, uniform within its magnitude.
func (s *Session) embedProgram(positions int, noise bool) (*program, error) {
	key := fmt.Sprintf("embed %d %v", positions, noise)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			ids := b.int("ids", positions)
			table := b.float("table", s.embed.shape...)
			x := graph.Gather(table, graph.InsertAxes(ids, -1))
			if s.model.EmbedScale != 1 {
				x = graph.MulScalar(x, s.model.EmbedScale)
			}
			if noise {
				random := b.param("random", graph.RNGStateShape.DType, graph.RNGStateShape.Dimensions...)
				magnitude := b.float("magnitude")
				_, uniform := graph.RandomUniform(random, shapes.Make(dtypes.Float32, x.Shape().Dimensions...))
				x = graph.Add(x, graph.Mul(graph.AddScalar(graph.MulScalar(uniform, 2), -1), magnitude))
			}
			return []*graph.Node{x}
		})
	})
}

// embedBackwardProgram adds dx [positions, hidden] to the rows of the embedding's gradient that ids name.
func (s *Session) embedBackwardProgram(positions int) (*program, error) {
	key := fmt.Sprintf("embed backward %d", positions)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			total := b.float("total", s.embed.shape...)
			b.update(total, 0)
			ids := b.int("ids", positions)
			dx := b.float("dx", positions, s.model.Config.HiddenSize)
			if s.model.EmbedScale != 1 {
				dx = graph.MulScalar(dx, s.model.EmbedScale)
			}
			if pad := s.model.PaddingIndex; pad >= 0 {
				learns := graph.NotEqual(ids, graph.Scalar(b.g, dtypes.Int32, pad))
				dx = graph.Mul(dx, graph.InsertAxes(graph.ConvertDType(learns, dtypes.Float32), -1))
			}
			return []*graph.Node{graph.ScatterSum(total, graph.InsertAxes(ids, -1), dx, false, false)}
		})
	})
}

// pickProgram takes rows at [chunk] of x [positions, hidden].
func (s *Session) pickProgram(positions, chunk int) (*program, error) {
	key := fmt.Sprintf("pick %d %d", positions, chunk)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			x := b.float("x", positions, s.model.Config.HiddenSize)
			at := b.int("at", chunk)
			return []*graph.Node{graph.Gather(x, graph.InsertAxes(at, -1))}
		})
	})
}

// putProgram adds rows dh [chunk, hidden] to dx [positions, hidden] where at [chunk] says.
func (s *Session) putProgram(positions, chunk int) (*program, error) {
	key := fmt.Sprintf("put %d %d", positions, chunk)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			dx := b.float("dx", positions, s.model.Config.HiddenSize)
			b.update(dx, 0)
			at := b.int("at", chunk)
			dh := b.float("dh", chunk, s.model.Config.HiddenSize)
			return []*graph.Node{graph.ScatterSum(dx, graph.InsertAxes(at, -1), dh, false, false)}
		})
	})
}

// headProgram computes loss, whether argmax is right, and (with gradients) what flows back, for one chunk of
// positions: h [chunk, hidden] before the final norm, target [chunk], -1 where the chunk is filled up.
//
// Outputs: loss [chunk], right [chunk]; with gradients also dh [chunk, hidden], then the norm's gradient when it is
// trained, then total plus the head's gradient when that is trained. The loss of a position is lse - logit[target],
// so its gradient by the logits is softmax - onehot (DFT multiplies both), written out here because GoMLX would keep the logits twice.
func (s *Session) headProgram(chunk int, gradients bool) (*program, error) {
	key := fmt.Sprintf("head %d %v", chunk, gradients)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			return s.buildHead(b, chunk, gradients)
		})
	})
}

func (s *Session) buildHead(b *builder, chunk int, gradients bool) []*graph.Node {
	v := s.model.Config.VocabSize
	h := b.float("h", chunk, s.model.Config.HiddenSize)
	targets := b.int("targets", chunk)
	weight := b.float("norm", s.norm.shape...)
	table := s.weightParam(b, "table", s.head)
	g := b.g
	normed := model.RMSNorm(h, weight, s.model.Config.RMSNormEps, s.model.NormOffset)
	low, lowTable := toDType(normed, s.dtype), toDType(table, s.dtype)
	logits := graph.Dot(low, lowTable).WithOutputDType(dtypes.Float32).General([]int{1}, nil, []int{1}, nil)
	top := graph.ReduceAndKeep(logits, graph.ReduceMax, -1)
	exp := graph.Exp(graph.Sub(logits, top))
	sum := graph.ReduceAndKeep(exp, graph.ReduceSum, -1)
	lse := graph.Add(graph.Log(sum), top)
	column := graph.Iota(g, shapes.Make(dtypes.Int32, chunk, v), 1)
	isTarget := graph.Equal(column, graph.BroadcastToDims(graph.InsertAxes(targets, -1), chunk, v))
	chosen := summedUnder(isTarget, logits)
	if s.dev.Kind == device.CUDA {
		chosen = lookedUp(logits, targets)
	}
	counts := graph.InsertAxes(graph.ConvertDType(graph.GreaterOrEqual(targets, graph.ScalarZero(g, dtypes.Int32)), dtypes.Float32), -1)
	eps, share := s.cfg.LabelSmoothing, counts
	loss := graph.Sub(lse, chosen)
	if s.cfg.DFT {
		// A token's probability is a factor that has no gradient of its own.
		eps, share = 0, graph.Mul(counts, graph.Exp(graph.Neg(graph.Mul(loss, counts))))
	}
	if eps > 0 {
		mean := graph.ReduceAndKeep(logits, graph.ReduceMean, -1)
		loss = graph.Add(graph.MulScalar(loss, 1-eps), graph.MulScalar(graph.Sub(lse, mean), eps))
	}
	loss = graph.Mul(loss, share)
	right := graph.Mul(graph.ConvertDType(graph.GreaterOrEqual(chosen, top), dtypes.Float32), counts)
	outputs := []*graph.Node{graph.Squeeze(loss, -1), graph.Squeeze(right, -1)}
	if !gradients {
		return outputs
	}
	hot := graph.MulScalar(graph.ConvertDType(isTarget, dtypes.Float32), 1-eps)
	dLogits := graph.Sub(graph.Mul(exp, graph.Reciprocal(sum)), hot)
	if eps > 0 {
		dLogits = graph.AddScalar(dLogits, -eps/float64(v))
	}
	dLogits = toDType(graph.Mul(dLogits, share), s.dtype)
	dNormed := graph.Dot(dLogits, lowTable).WithOutputDType(dtypes.Float32).General([]int{1}, nil, []int{0}, nil)
	wrt := []*graph.Node{h}
	if s.norm.trainable {
		wrt = append(wrt, weight)
	}
	outputs = append(outputs, graph.Gradient(along(normed, dNormed), wrt...)...)
	if s.head.trainable {
		outputs = append(outputs, s.headGradient(b, dLogits, low, len(outputs)))
	}
	return outputs
}

// summedUnder takes one value of every row of logits [chunk, vocabulary]: on a CPU the sum shares a pass with others.
func summedUnder(isTarget, logits *graph.Node) *graph.Node {
	return graph.ReduceAndKeep(graph.Where(isTarget, logits, graph.ZerosLike(logits)), graph.ReduceSum, -1)
}

// lookedUp takes the same values, row by row: on a GPU the sum would be one more pass over the logits. A target of -1 reads
// the row's first value.
func lookedUp(logits, targets *graph.Node) *graph.Node {
	chunk := targets.Shape().Dimensions[0]
	column := graph.InsertAxes(graph.Max(targets, graph.ScalarZero(logits.Graph(), dtypes.Int32)), -1)
	row := graph.Iota(logits.Graph(), shapes.Make(dtypes.Int32, chunk, 1), 0)
	return graph.InsertAxes(graph.Gather(logits, graph.Concatenate([]*graph.Node{row, column}, -1)), -1)
}

// headGradient is the head's gradient so far plus this chunk's: dLogits transposed times the normed positions.
func (s *Session) headGradient(b *builder, dLogits, normed *graph.Node, output int) *graph.Node {
	total := b.float("total", s.head.shape...)
	b.update(total, output)
	dTable := graph.Dot(dLogits, normed).WithOutputDType(dtypes.Float32).General([]int{0}, nil, []int{0}, nil)
	return graph.Add(total, dTable)
}

// logitsProgram turns h [chunk, hidden] into logits [chunk, vocabulary].
func (s *Session) logitsProgram(chunk int) (*program, error) {
	key := fmt.Sprintf("logits %d", chunk)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			h := b.float("h", chunk, s.model.Config.HiddenSize)
			weight := b.float("norm", s.norm.shape...)
			table := s.weightParam(b, "table", s.head)
			normed := model.RMSNorm(h, weight, s.model.Config.RMSNormEps, s.model.NormOffset)
			low, lowTable := toDType(normed, s.dtype), toDType(table, s.dtype)
			logits := graph.Dot(low, lowTable).WithOutputDType(dtypes.Float32).General([]int{1}, nil, []int{1}, nil)
			return []*graph.Node{logits}
		})
	})
}

func toDType(x *graph.Node, dtype dtypes.DType) *graph.Node {
	if x.DType() == dtype {
		return x
	}
	return graph.ConvertDType(x, dtype)
}

// zeros makes a float32 buffer of zeros on the device.
func (s *Session) zeros(shape []int) (compute.Buffer, error) { return s.zerosOf(dtypes.Float32, shape) }

func (s *Session) zerosOf(dtype dtypes.DType, shape []int) (compute.Buffer, error) {
	program, err := s.zerosProgram(dtype, shape)
	if err != nil {
		return nil, err
	}
	return one(program.run())
}

func (s *Session) zerosProgram(dtype dtypes.DType, shape []int) (*program, error) {
	key := fmt.Sprint("zeros ", dtype, shape)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			return []*graph.Node{graph.Zeros(b.g, shapes.Make(dtype, shape...))}
		})
	})
}

// prepareEnds compiles the programs around the blocks for a shape.
func (s *Session) prepareEnds(shape Shape) error {
	n, chunk := shape.Positions(), s.headChunk()
	steps := []func() (*program, error){
		func() (*program, error) { return s.embedProgram(n, s.cfg.NEFTuneAlpha > 0 && !s.cfg.Inference) },
		func() (*program, error) { return s.pickProgram(n, chunk) },
		func() (*program, error) { return s.headProgram(chunk, !s.cfg.Inference) },
	}
	if !s.cfg.Inference {
		steps = append(steps,
			func() (*program, error) { return s.putProgram(n, chunk) },
			func() (*program, error) { return s.zerosProgram(dtypes.Float32, []int{n, s.model.Config.HiddenSize}) })
		if s.embed.trainable {
			steps = append(steps, func() (*program, error) { return s.embedBackwardProgram(n) })
		}
	}
	for _, step := range steps {
		if _, err := step(); err != nil {
			return err
		}
	}
	return nil
}
