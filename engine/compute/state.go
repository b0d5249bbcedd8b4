package compute

import (
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gomlx/compute"

	"sftui/engine/weights"
)

// stateFile holds everything a session needs to go on exactly: trained weights and moments in float32.
const stateFile = "optimizer.safetensors"

// SaveState writes trained weights, moments and counters to dir, exactly. Gradients that wait for a step are not
// part of it: save between steps.
func (s *Session) SaveState(dir string) error {
	metadata := map[string]string{
		"format": "sftui-optimizer", "optimizer": s.cfg.Optimizer.Name,
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
			for _, part := range w.parts() {
				if *part.buffer == nil {
					continue
				}
				tensor := weights.Tensor{Name: part.name, DType: weights.F32, Shape: w.shape}
				if !yield(tensor, func() ([]byte, error) { return encode(*part.buffer, w.elements(), weights.F32) }) {
					return
				}
			}
		}
	}
}

type statePart struct {
	name   string
	buffer *compute.Buffer
}

// parts names what of a weight belongs to the state.
func (w *weight) parts() []statePart {
	return []statePart{
		{"value." + w.name, &w.value}, {"exp_avg." + w.name, &w.m}, {"exp_avg_sq." + w.name, &w.v},
	}
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
	if saved := file.Metadata()["optimizer"]; saved != s.cfg.Optimizer.Name {
		return fmt.Errorf("%s was saved by optim %q; this run has %q", path, saved, s.cfg.Optimizer.Name)
	}
	if err := s.checkState(file, path); err != nil {
		return err
	}
	s.Discard()
	for _, w := range s.trained() {
		for _, part := range w.parts() {
			if err := s.restore(file, part, w); err != nil {
				return err
			}
		}
	}
	s.steps, s.passes = steps, passes
	return nil
}

// checkState compares names and shapes before anything is replaced.
func (s *Session) checkState(file *weights.Checkpoint, path string) error {
	known := map[string]bool{}
	for _, w := range s.trained() {
		for i, part := range w.parts() {
			known[part.name] = true
			info, found := file.Info(part.name)
			if !found && i == 0 {
				return fmt.Errorf("%s lacks %s, which this run trains", path, w.name)
			}
			if found && (!slices.Equal(info.Shape, w.shape) || info.DType != weights.F32) {
				return fmt.Errorf("%s has %s as %s%v; this run trains float32%v", path, w.name, info.DType, info.Shape, w.shape)
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

func (s *Session) restore(file *weights.Checkpoint, part statePart, w *weight) error {
	if _, found := file.Info(part.name); !found {
		free(*part.buffer)
		*part.buffer = nil
		return nil
	}
	values, err := file.Float32(part.name)
	if err != nil {
		return err
	}
	b, err := s.uploadFloat(values, w.shape...)
	if err != nil {
		return err
	}
	free(*part.buffer)
	*part.buffer = b
	return nil
}
