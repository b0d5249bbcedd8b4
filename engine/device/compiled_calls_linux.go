//go:build linux && cgo

package device

/*
#include <stdint.h>
#include <stdlib.h>
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// What compile_or_load calls; a file with exported functions may not define C ones.

// view is C's memory as a slice, for as long as the call lasts.
func view(p *C.char, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(size))
}

func storeOf(handle C.uintptr_t) *CompiledStore {
	store, _ := cgo.Handle(handle).Value().(*CompiledStore)
	return store
}

//export sftuiFindCompiled
func sftuiFindCompiled(store C.uintptr_t, code *C.char, codeSize C.size_t, options *C.char, optionsSize C.size_t, size *C.size_t) *C.char {
	found := storeOf(store).find(view(code, codeSize), view(options, optionsSize))
	if len(found) == 0 {
		return nil
	}
	*size = C.size_t(len(found))
	return (*C.char)(C.CBytes(found))
}

//export sftuiKeepCompiled
func sftuiKeepCompiled(store C.uintptr_t, code *C.char, codeSize C.size_t, options *C.char, optionsSize C.size_t, bytes *C.char, size C.size_t) {
	storeOf(store).keep(view(code, codeSize), view(options, optionsSize), view(bytes, size))
}

//export sftuiDropCompiled
func sftuiDropCompiled(store C.uintptr_t, code *C.char, codeSize C.size_t, options *C.char, optionsSize C.size_t) {
	storeOf(store).drop(view(code, codeSize), view(options, optionsSize))
}
