//go:build linux && cgo

package device

/*
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The parts of PJRT's C interface that matter here. Its structs only ever grow at the end, so these offsets stay.
enum {
	upload_offset = 216,     // of PJRT_Client_BufferFromHostBuffer in PJRT_Api
	execute_offset = 480,    // of PJRT_LoadedExecutable_Execute in PJRT_Api
	events_offset = 64,      // of device_complete_events in PJRT_LoadedExecutable_Execute_Args
	dims_offset = 40,        // of dims in PJRT_Client_BufferFromHostBuffer_Args
	rank_offset = 48,        // of num_dims there
	semantics_offset = 72,   // of host_buffer_semantics there
	during_call = 0,         // PJRT_HostBufferSemantics_kImmutableOnlyDuringCall
	staged_most = 8 << 20,   // elements of an upload that is copied first: what a pass uploads, not the weights
};

typedef void *(*api_function)(void *args);

static api_function execute_and_signal, upload_and_signal;

// execute_only asks for no events, so that its caller has nothing to wait for.
static void *execute_only(void *args) {
	*(void **)((char *)args + events_offset) = NULL;
	return execute_and_signal(args);
}

// upload_copied lets the plugin copy the values before it returns, so that its caller need not wait until the device,
// which has everything queued before to do first, has taken them.
static void *upload_copied(void *args) {
	const int64_t *dims = *(const int64_t **)((char *)args + dims_offset);
	size_t rank = *(size_t *)((char *)args + rank_offset);
	int64_t elements = 1;
	for (size_t i = 0; i < rank && elements <= staged_most; i++) {
		elements *= dims[i];
	}
	if (elements <= staged_most) {
		*(int *)((char *)args + semantics_offset) = during_call;
	}
	return upload_and_signal(args);
}

// without_waits returns a copy of an interface whose calls leave nothing to wait for, or NULL.
static void *without_waits(void *api) {
	size_t size = *(size_t *)api;
	if (size < execute_offset + sizeof(void *)) {
		return NULL;
	}
	api_function execute = *(api_function *)((char *)api + execute_offset);
	api_function upload = *(api_function *)((char *)api + upload_offset);
	if (execute == execute_only) {
		return NULL;
	}
	if (execute_and_signal != NULL && execute_and_signal != execute) {
		return NULL; // another plugin's
	}
	char *copy = malloc(size);
	if (copy == NULL) {
		return NULL;
	}
	memcpy(copy, api, size);
	execute_and_signal = execute;
	upload_and_signal = upload;
	*(api_function *)(copy + execute_offset) = execute_only;
	*(api_function *)(copy + upload_offset) = upload_copied;
	return copy;
}
*/
import "C"

import (
	"unsafe"

	"github.com/gomlx/go-xla/compute/xla"
)

// dispatchAhead lets programs and uploads be queued while others still run. go-xla waits for the device after every one of
// them, though PJRT orders them by their buffers itself; a GPU would idle at each of the hundreds of programs of a step,
// until the next has been launched. It says whether it could: a go-xla whose fields have moved goes on waiting.
func dispatchAhead(backend *xla.Backend) bool {
	api, found := apiField(backend)
	if !found {
		return false
	}
	changed := C.without_waits(api.UnsafePointer())
	if changed == nil {
		return false
	}
	*(*unsafe.Pointer)(unsafe.Pointer(api.UnsafeAddr())) = changed //nolint:gosec // a pointer to the same struct
	return true
}
