package compute

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// weight is one tensor of the model or of an adapter on the device, with its gradient and the optimizer's state.
type weight struct {
	name      string // full name in the checkpoint
	shape     []int
	trainable bool
	decay     bool
	// multiplied says that matrix products read the weight; source is its name in the model's folder.
	multiplied bool
	source     string
	value      compute.Buffer   // float32; nil where only low is kept
	low        compute.Buffer   // value in the type of matrix products, see operand
	grad       compute.Buffer   // sum over micro-batches; nil = zero
	slots      []compute.Buffer // what the optimizer keeps, see rule.slots; nil = zero
}

func (w *weight) elements() int {
	return model.Param{Shape: w.shape}.Elements()
}

// upload copies values to the device.
func (s *Session) upload(values any, dtype dtypes.DType, dims ...int) (compute.Buffer, error) {
	var b compute.Buffer
	err := guarded("copy to the device", func() (err error) {
		b, err = s.dev.Backend.BufferFromFlatData(0, values, shapes.Make(dtype, dims...))
		return err
	})
	return b, err
}

func (s *Session) uploadFloat(values []float32, dims ...int) (compute.Buffer, error) {
	return s.upload(values, dtypes.Float32, dims...)
}

func (s *Session) uploadInt(values []int32, dims ...int) (compute.Buffer, error) {
	return s.upload(values, dtypes.Int32, dims...)
}

// download copies a float32 buffer of n elements to the host.
func download(b compute.Buffer, n int) ([]float32, error) {
	values := make([]float32, n)
	err := guarded("copy from the device", func() error { return b.ToFlatData(values) })
	return values, err
}

// free releases buffers; nil ones are skipped. A buffer that cannot be released is left to the garbage collector.
func free(buffers ...compute.Buffer) {
	for _, b := range buffers {
		if b != nil {
			_ = guarded("free", b.Finalize)
		}
	}
}

// describe lists the model's weights without reading any.
func (s *Session) describe() {
	for _, p := range s.model.Params() {
		s.add(s.newWeight(p, p.Name))
	}
}

// newWeight is a weight of the model, which the checkpoint calls source.
func (s *Session) newWeight(p model.Param, source string) *weight {
	return &weight{
		name: p.Name, shape: p.Shape, trainable: s.trainsWhole(p.Name), decay: s.decays(p.Name), source: source,
		multiplied: p.Linear || p.Name == model.EmbedName && s.model.Tied,
	}
}

// load reads the model's weights from its folder onto the device; a device that is only described gets none.
func (s *Session) load() error {
	if s.dev.Described() {
		s.describe()
		return nil
	}
	checkpoint, err := weights.OpenSafetensors(s.cfg.ModelDir)
	if err != nil {
		return err
	}
	defer checkpoint.Close() //nolint:errcheck // opened for reading only
	names := checkpoint.Names()
	if err := s.part(checkpoint); err != nil {
		return err
	}
	found, err := sources(checkpoint, s.cfg.ModelDir, s.model, s.declaredTied)
	if err != nil {
		return err
	}
	for i, p := range s.model.Params() {
		w := s.newWeight(p, found[i])
		if w.value, err = s.loadTensor(checkpoint, w.source, p.Shape); err != nil {
			return err
		}
		if err = s.settle(w); err != nil {
			free(w.value, w.low)
			return err
		}
		s.add(w)
	}
	if len(names) > 0 && s.layers == nil {
		return fmt.Errorf("%s has no layers", s.cfg.ModelDir)
	}
	return nil
}

func (s *Session) loadTensor(checkpoint *weights.Checkpoint, name string, shape []int) (compute.Buffer, error) {
	values, err := checkpoint.Float32(name)
	if err != nil {
		return nil, fmt.Errorf("read the weights of %s: %w", s.cfg.ModelDir, err)
	}
	return s.uploadFloat(values, shape...)
}

// decays says whether weight decay applies to a weight.
func (s *Session) decays(name string) bool {
	return s.cfg.Optimizer.DecayAll || model.DecaysWeight(name)
}
