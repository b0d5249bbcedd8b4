//go:build !linux || !cgo

package device

func oneArena() {}

// Trim gives freed memory back to the system where that needs asking for.
func (d *Device) Trim() {}
