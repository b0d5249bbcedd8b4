package compute

import (
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"sftui/engine/weights"
)

// stateFile holds everything a session needs to go on exactly: trained weights in float32 and the optimizer's tensors.
const stateFile = "optimizer.safetensors"

// SaveState writes trained weights, moments and counters to dir, exactly. Gradients that wait for a step are not
// part of it: save between steps.
func (s *Session) SaveState(dir string) error {
	defer s.spare()()
	metadata := map[string]string{
		"format": "sftui-optimizer", "optimizer": s.cfg.Optimizer.family(),
		"steps": strconv.Itoa(s.steps), "passes": strconv.FormatUint(s.passes, 10),
	}
	if err := weights.WriteSafetensorsFile(filepath.Join(dir, stateFile), s.state(), metadata); err != nil {
		return fmt.Errorf("save the optimizer's state: %w", err)
	}
	return nil
}

// state yields every tensor of the state with a function that reads it from the device.
func (s *Session) state() iter.Seq2[weights.Tensor, func() ([]byte, error)] {
	return func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, w := range s.trained() {
			for _, part := range s.parts(w) {
				if part.buffer == nil {
					continue
				}
				if !yield(part.tensor, part.read) {
					return
				}
			}
		}
	}
}

// statePart is one tensor of the state.
type statePart struct {
	tensor weights.Tensor
	buffer compute.Buffer // nil while it is zero
	slot   int            // of the weight, -1 for its value
}

// parts lists what of a weight belongs to the state.
func (s *Session) parts(w *weight) []statePart {
	out := []statePart{{tensor: weights.Tensor{Name: "value." + w.name, DType: weights.F32, Shape: w.shape}, buffer: w.value, slot: -1}}
	for i, slot := range s.rule.slots(w) {
		part := statePart{tensor: weights.Tensor{Name: slot.name + "." + w.name, DType: weights.F32, Shape: slot.dims}, slot: i}
		if slot.dtype == dtypes.Uint8 {
			part.tensor.DType = weights.U8
		}
		if w.slots != nil {
			part.buffer = w.slots[i]
		}
		out = append(out, part)
	}
	return out
}

// read copies a part from the device.
func (p statePart) read() ([]byte, error) {
	if p.tensor.DType != weights.U8 {
		return encode(p.buffer, p.tensor.Elements(), weights.F32)
	}
	values := make([]uint8, p.tensor.Elements())
	err := guarded("copy from the device", func() error { return p.buffer.ToFlatData(values) })
	return values, err
}

// encode reads a float32 buffer as bytes of a safetensors type.
func encode(b compute.Buffer, elements int, dtype string) ([]byte, error) {
	values, err := download(b, elements)
	if err != nil {
		return nil, err
	}
	return weights.EncodeFloat32(values, dtype)
}

// LoadState restores what SaveState wrote. The session must have been opened on the same model with the same trained
// weights; what differs is named. On an error the session is unchanged.
func (s *Session) LoadState(dir string) error {
	defer s.spare()()
	path := filepath.Join(dir, stateFile)
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		return fmt.Errorf("open the optimizer's state: %w", err)
	}
	defer file.Close() //nolint:errcheck // opened for reading only
	steps, err := strconv.Atoi(file.Metadata()["steps"])
	if err != nil {
		return fmt.Errorf("%s is not an optimizer state of sftui", path)
	}
	passes, err := strconv.ParseUint(file.Metadata()["passes"], 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not an optimizer state of sftui", path)
	}
	if saved := file.Metadata()["optimizer"]; saved != s.cfg.Optimizer.family() {
		return fmt.Errorf("%s was saved by optim %q; this run has %q", path, saved, s.cfg.Optimizer.Name)
	}
	if err := s.checkState(file, path); err != nil {
		return err
	}
	s.Discard()
	for _, w := range s.trained() {
		if w.slots == nil {
			w.slots = make([]compute.Buffer, len(s.rule.slots(w)))
		}
		for _, part := range s.parts(w) {
			into := &w.value
			if part.slot >= 0 {
				into = &w.slots[part.slot]
			}
			if err := s.restore(file, part.tensor, into); err != nil {
				return err
			}
		}
		free(w.low) // of the value before
		w.low = nil
	}
	s.steps, s.passes = steps, passes
	return nil
}

// checkState compares names and shapes before anything is replaced.
func (s *Session) checkState(file *weights.Checkpoint, path string) error {
	known := map[string]bool{}
	for _, w := range s.trained() {
		for i, part := range s.parts(w) {
			want := part.tensor
			known[want.Name] = true
			info, found := file.Info(want.Name)
			if !found && i == 0 {
				return fmt.Errorf("%s lacks %s, which this run trains", path, w.name)
			}
			if found && (!slices.Equal(info.Shape, want.Shape) || info.DType != want.DType) {
				return fmt.Errorf("%s has %s as %s%v; this run has it as %s%v", path, want.Name, info.DType, info.Shape, want.DType, want.Shape)
			}
		}
	}
	for _, name := range file.Names() {
		if !known[name] {
			return fmt.Errorf("%s has %s, which this run does not train", path, name)
		}
	}
	return nil
}

// restore replaces one buffer by the file's tensor, or by nothing where the file has none.
func (s *Session) restore(file *weights.Checkpoint, want weights.Tensor, into *compute.Buffer) error {
	var made compute.Buffer
	if _, found := file.Info(want.Name); found {
		var err error
		if made, err = s.uploadTensor(file, want); err != nil {
			return err
		}
	}
	free(*into)
	*into = made
	return nil
}

// uploadTensor copies a tensor of the state to the device.
func (s *Session) uploadTensor(file *weights.Checkpoint, want weights.Tensor) (compute.Buffer, error) {
	if want.DType == weights.U8 {
		raw, err := file.Raw(want.Name)
		if err != nil {
			return nil, err
		}
		// The file is mapped into memory; the device may keep what it is given.
		return s.upload(slices.Clone(raw), dtypes.Uint8, want.Shape...)
	}
	values, err := file.Float32(want.Name)
	if err != nil {
		return nil, err
	}
	return s.uploadFloat(values, want.Shape...)
}
