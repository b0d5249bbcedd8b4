//go:build linux && cgo

package device

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
*/
import "C"

import (
	"path/filepath"
	"unsafe"
)

// preload opens libraries for good. One that is missing or does not load is left out: the plugin says so when it needs it.
func preload(dir string, names []string) {
	for _, name := range names {
		path := C.CString(filepath.Join(dir, name))
		C.dlopen(path, C.RTLD_LAZY|C.RTLD_LOCAL)
		C.free(unsafe.Pointer(path))
	}
}
