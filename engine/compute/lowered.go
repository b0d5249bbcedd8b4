package compute

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// Where matrix products are computed in bfloat16, what only they read of a weight is kept in that type beside its value:
// rounded once a step by the optimizer's program instead of at every use in every pass. A weight that is not trained is kept
// in that type alone.

// float32Size is the size of a value in bytes.
const float32Size = 4

// lowers says whether a weight is held in the type of matrix products.
func (s *Session) lowers(w *weight) bool { return s.dtype != dtypes.Float32 && w.multiplied }

// settle makes what a new value is held in.
func (s *Session) settle(w *weight) error {
	if !s.lowers(w) {
		return nil
	}
	if _, err := s.operand(w); err != nil {
		return err
	}
	if w.trainable || w.name == model.EmbedName { // the embedding is looked up too, in float32
		return nil
	}
	free(w.value)
	w.value = nil
	return nil
}

// operand is the buffer that programs with a parameter of weightParam take.
func (s *Session) operand(w *weight) (compute.Buffer, error) {
	if !s.lowers(w) {
		return w.value, nil
	}
	if w.low != nil {
		return w.low, nil
	}
	key := fmt.Sprint("lower ", w.shape)
	program, err := s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			return []*graph.Node{graph.ConvertDType(b.float("value", w.shape...), s.dtype)}
		})
	})
	if err != nil {
		return nil, err
	}
	w.low, err = one(program.run(w.value))
	return w.low, err
}

// weightParam is a weight in a program: float32, whatever it is held in. Where that is the type of products, XLA leaves out
// the way to float32 and back, and the gradient is float32 all the same.
func (s *Session) weightParam(b *builder, name string, w *weight) *graph.Node {
	if !s.lowers(w) {
		return b.float(name, w.shape...)
	}
	return graph.ConvertDType(b.param(name, s.dtype, w.shape...), dtypes.Float32)
}

// replace gives a weight a new value.
func (w *weight) replace(value compute.Buffer) {
	free(w.value, w.low)
	w.value, w.low = value, nil
}

// values copies a weight to the host: from the device, or from the model's folder where the device has it only rounded.
func (s *Session) values(w *weight) ([]float32, error) {
	if w.value != nil {
		return download(w.value, w.elements())
	}
	checkpoint, err := weights.OpenSafetensors(s.cfg.ModelDir)
	if err != nil {
		return nil, err
	}
	defer checkpoint.Close() //nolint:errcheck // opened for reading only
	return checkpoint.Float32(w.source)
}

// adapts says whether a weight gets an adapter, by its name in the checkpoint.
func (c *LoRAConfig) adapts(weight string) bool {
	return c != nil && c.Adapts(strings.TrimSuffix(weight, ".weight"))
}

// weightBytes is what a weight holds on the device beside its gradient and the optimizer's state.
func (s *Session) weightBytes(w *weight) int64 {
	n := int64(0)
	if w.value != nil {
		n += float32Size * int64(w.elements())
	}
	if w.low != nil {
		n += int64(s.dtype.Size()) * int64(w.elements())
	}
	return n
}

// WeightBytes is what a model's weights, and LoRA's adapters beside them, hold while it is trained.
func (c Config) WeightBytes(m *model.Model) int64 {
	var n int64
	for _, p := range m.Params() {
		trained := c.LoRA == nil && !c.Inference || c.LoRA != nil && c.LoRA.Saves(p.Name)
		looksUp := p.Name == model.EmbedName
		low := c.DType == bfloat16 && (p.Linear || looksUp && m.Tied && !c.LoRA.unties())
		if low {
			n += int64(dtypes.BFloat16.Size()) * int64(p.Elements())
		}
		if trained || looksUp || !low {
			n += float32Size * int64(p.Elements())
		}
		if p.Name != model.HeadName && p.Linear && !trained && c.LoRA.adapts(p.Name) {
			n += float32Size * int64(c.LoRA.R*(p.Shape[0]+p.Shape[1]))
		}
	}
	return n
}
