//go:build !linux || !cgo

package device

// preload does nothing where there is no CUDA plugin.
func preload(string, []string) {}
