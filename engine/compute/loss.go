package compute

import (
	"github.com/gomlx/compute"
)

// found is what one chunk of the head found, on the device until everything else of the pass is queued: reading it at once
// would leave the device without work while the rest is launched.
type found struct {
	loss, right compute.Buffer // [chunk]
	targets     []target
}

// loss runs the head over the trained positions, chunk by chunk, and returns the gradient of x when asked for. What it
// finds it leaves in the pass, for read.
func (s *Session) loss(p *pass, x compute.Buffer, gradients bool) (dx compute.Buffer, err error) {
	n, h, chunk := p.shape.Positions(), s.model.Config.HiddenSize, s.headChunk()
	if gradients {
		if dx, err = s.zeros([]int{n, h}); err != nil {
			return nil, err
		}
	}
	for start := 0; start < len(p.targets); start += chunk {
		targets := p.targets[start:min(start+chunk, len(p.targets))]
		next, err := s.lossChunk(p, x, dx, targets, gradients)
		if err != nil {
			free(dx)
			return nil, err
		}
		dx = next
	}
	return dx, nil
}

// lossChunk runs the head over one chunk of trained positions; dx is replaced by dx plus what flows back.
func (s *Session) lossChunk(p *pass, x, dx compute.Buffer, targets []target, gradients bool) (compute.Buffer, error) {
	n, chunk := p.shape.Positions(), s.headChunk()
	at, ids := make([]int32, chunk), make([]int32, chunk)
	for i := range ids {
		ids[i] = -1
	}
	for i, t := range targets {
		at[i], ids[i] = t.at, t.id
	}
	atBuffer, err := s.uploadInt(at, chunk)
	if err != nil {
		return nil, err
	}
	defer free(atBuffer)
	outputs, err := s.runHead(n, x, atBuffer, ids, gradients)
	if err != nil {
		return nil, err
	}
	p.found = append(p.found, found{outputs[0], outputs[1], targets})
	if !gradients {
		return nil, nil
	}
	rest := outputs[2:]
	defer free(rest[0])
	put, err := s.putProgram(n, chunk)
	if err != nil {
		return nil, err
	}
	moved, err := one(put.run(dx, atBuffer, rest[0]))
	if err != nil {
		return nil, err
	}
	rest = rest[1:]
	if s.norm.trainable {
		if err := s.accumulate([]*weight{s.norm}, rest[:1]); err != nil {
			return nil, err
		}
		rest = rest[1:]
	}
	if s.head.trainable {
		s.head.grad = rest[0]
	}
	return moved, nil
}

// runHead runs one chunk's head program.
func (s *Session) runHead(n int, x, at compute.Buffer, ids []int32, gradients bool) ([]compute.Buffer, error) {
	chunk := len(ids)
	pick, err := s.pickProgram(n, chunk)
	if err != nil {
		return nil, err
	}
	head, err := s.headProgram(chunk, gradients)
	if err != nil {
		return nil, err
	}
	targets, err := s.uploadInt(ids, chunk)
	if err != nil {
		return nil, err
	}
	defer free(targets)
	h, err := one(pick.run(x, at))
	if err != nil {
		return nil, err
	}
	defer free(h)
	table, err := s.operand(s.head)
	if err != nil {
		return nil, err
	}
	inputs := []compute.Buffer{h, targets, s.norm.value, table}
	if gradients && s.head.trainable {
		if err := s.zeroGrad(s.head); err != nil {
			return nil, err
		}
		inputs = append(inputs, s.head.grad)
	}
	return head.run(inputs...)
}

// read adds up what the pass's chunks found; it waits for the head, not for what was queued behind it.
func (m *Micro) read(p *pass, chunk int) error {
	for _, f := range p.found {
		losses, err := download(f.loss, chunk)
		if err != nil {
			return err
		}
		rights, err := download(f.right, chunk)
		if err != nil {
			return err
		}
		for i, t := range f.targets {
			m.LossSum += float64(losses[i])
			m.RowLossSum[t.sequence] += float64(losses[i])
			m.Correct += int64(rights[i])
		}
	}
	return nil
}
