package compute

import "runtime/debug"

// HolesShare is how much more than it has in use the process may hold of freed memory where a pass holds the most, as a
// part of the most that it had in use: restrain keeps to it and a forecast counts it.
const HolesShare = 0.02

// restrain gives freed memory back to the system once the process holds more than ever before and HolesShare: what is free
// then has fitted nothing. The allocator would keep it, and buffers of many shapes leave more such holes between them with
// each shape. It is called as a pass takes memory, after each block; what a pass frees and the next one takes again stays.
func (s *Session) restrain() {
	if s.process == nil {
		return
	}
	most := s.settled + int64(HolesShare*float64(s.settled))
	if held := s.process.Resident(); held <= most {
		return
	}
	s.process.Trim()
	s.settled = max(s.settled, s.process.Resident())
}

// process is what holds the memory of a session on a CPU.
type process interface {
	Resident() int64 // bytes, 0 where the system does not tell
	Trim()
}

// spare gives back what passes have left, so that the copies of weights that a save makes come in its place. What it
// returns gives the copies back, which Go would keep for minutes: call it once they are written.
func (s *Session) spare() (done func()) {
	if s.process != nil {
		s.process.Trim()
	}
	return debug.FreeOSMemory
}
