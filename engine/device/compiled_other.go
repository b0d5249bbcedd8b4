//go:build !linux || !cgo

package device

import "github.com/gomlx/go-xla/compute/xla"

// loadFrom has been tried on Linux only.
func loadFrom(*xla.Backend, *CompiledStore) bool { return false }
