//go:build !linux || !cgo

package device

import (
	"errors"

	"github.com/gomlx/go-xla/compute/xla"
)

// topology is a described GPU as a plugin knows it; the CUDA plugin exists for Linux alone.
type topology struct{}

func describeTo(*xla.Backend, Described) (*topology, error) {
	return nil, errors.New("XLA's CUDA plugin runs on Linux only")
}

func (*topology) compile([]byte) (Compiled, error) { return Compiled{}, errors.New("no compiler") }
