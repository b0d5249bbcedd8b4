package compute

// float32Size is the size of a value in bytes.
const float32Size = 4

// slackShare is how much more than it needs the process may hold of freed memory, as a part of the need.
const slackShare = 0.05

// programBytes is what one compiled program takes on a CPU, measured over the programs of a session.
const programBytes = 700 << 10

// footprint remembers what the process held beside the session's buffers when the session was opened: program, plugin,
// tokenizer, data.
func (s *Session) footprint() {
	s.baseBytes = max(0, s.dev.Resident()-s.liveBytes())
}

// restrain gives freed memory back to the system once the process holds more of it than its next pass can use. The
// allocator would keep it: buffers of many shapes leave holes between them that no buffer fits, more with each shape.
func (s *Session) restrain() {
	if s.baseBytes == 0 {
		return
	}
	need := s.baseBytes + s.liveBytes() + s.passBytes() + int64(s.programs.count())*programBytes
	s.dev.TrimAbove(need + int64(slackShare*float64(need)))
}

// liveBytes is what weights, gradients and the optimizer's state take at this moment.
func (s *Session) liveBytes() int64 {
	var total int64
	for _, w := range s.weights() {
		total += s.weightBytes(w)
		if w.grad != nil {
			total += int64(float32Size * w.elements())
		}
		for i, slot := range s.rule.slots(w) {
			if i < len(w.slots) && w.slots[i] != nil {
				total += slot.bytes()
			}
		}
	}
	return total
}

// passBytes is the most that a forward and backward pass takes beside them, in the shapes compiled so far.
func (s *Session) passBytes() int64 {
	m := s.Stats().Memory
	return m.Activations + max(m.Block, m.Head)
}
