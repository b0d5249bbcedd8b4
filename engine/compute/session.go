// Package compute trains and runs one language model on one device. A Session
// holds the weights, gradients, optimizer moments and executables. Executables
// are regional: one for a block's forward pass and one for its backward pass,
// called once per layer, so that neither compile time nor code size grows with
// depth.
package compute

import (
	"context"
	"errors"

	"sftui/engine/device"
)

// Session is one model on one device. Its methods are not safe for concurrent
// use, except Prepare, Compiled and Stats.
type Session struct{}

var errNotYet = errors.New("the engine is being written")

// Open loads the model folder of c onto the device.
func Open(dev *device.Device, c Config) (*Session, error) { return nil, errNotYet }

// Info describes the model.
func (s *Session) Info() Info { return Info{} }

// Micro runs one micro-batch forward and backward and adds the gradients of its summed loss to the accumulators.
func (s *Session) Micro(b Batch) (Micro, error) { return Micro{}, errNotYet }

// Step divides the accumulated gradients by the number of trained tokens, clips them by their global norm
// (maxGradNorm <= 0: not at all), updates the weights and zeroes the accumulators.
func (s *Session) Step(lr, maxGradNorm float64, trained int64) (Step, error) {
	return Step{}, errNotYet
}

// Discard zeroes the accumulated gradients without a step.
func (s *Session) Discard() {}

// Eval runs one micro-batch forward only.
func (s *Session) Eval(b Batch) (Micro, error) { return Micro{}, errNotYet }

// Logits returns the logits of every position of one sequence.
func (s *Session) Logits(ids []int32) ([][]float32, error) { return nil, errNotYet }

// Generate continues prompt, calling emit with every new id.
func (s *Session) Generate(ctx context.Context, prompt []int32, o GenerateOptions, emit func(id int32)) error {
	return errNotYet
}

// ShapeOf returns the shape that a batch runs in.
func (s *Session) ShapeOf(b Batch) Shape { return Shape{} }

// Prepare compiles a shape ahead of its first use; safe from another goroutine.
func (s *Session) Prepare(shape Shape) error { return errNotYet }

// Compiled says whether a shape's executables are ready.
func (s *Session) Compiled(shape Shape) bool { return false }

// Stats returns counters and memory.
func (s *Session) Stats() Stats { return Stats{} }

// SaveState writes weights, moments and step count to dir, exactly.
func (s *Session) SaveState(dir string) error { return errNotYet }

// LoadState restores what SaveState wrote.
func (s *Session) LoadState(dir string) error { return errNotYet }

// Export writes a folder that transformers (or PEFT) loads.
func (s *Session) Export(dir string, o ExportOptions) error { return errNotYet }

// Close frees device memory.
func (s *Session) Close() {}
