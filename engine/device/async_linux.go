//go:build linux && cgo

package device

/*
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The parts of PJRT's C interface that matter here. Its structs only ever grow at the end, so these offsets stay.
enum {
	execute_offset = 480,    // of PJRT_LoadedExecutable_Execute in PJRT_Api
	events_offset = 64,      // of device_complete_events in PJRT_LoadedExecutable_Execute_Args
};

typedef void *(*execute_function)(void *args);

static execute_function execute_and_signal;

// execute_only asks for no events, so that its caller has nothing to wait for.
static void *execute_only(void *args) {
	*(void **)((char *)args + events_offset) = NULL;
	return execute_and_signal(args);
}

// without_events returns a copy of an interface whose Execute does not say when the device is done, or NULL.
static void *without_events(void *api) {
	size_t size = *(size_t *)api;
	if (size < execute_offset + sizeof(void *)) {
		return NULL;
	}
	execute_function execute = *(execute_function *)((char *)api + execute_offset);
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
	*(execute_function *)(copy + execute_offset) = execute_only;
	return copy;
}
*/
import "C"

import (
	"reflect"
	"unsafe"

	"github.com/gomlx/go-xla/compute/xla"
)

// dispatchAhead lets programs be queued while others still run. go-xla waits for the device after every program, though
// PJRT orders programs by their buffers itself; a GPU would idle at each of the hundreds of programs of a step, until
// the next has been launched. It says whether it could: a go-xla whose fields have moved goes on waiting.
func dispatchAhead(backend *xla.Backend) bool {
	plugin := reflect.ValueOf(backend).Elem().FieldByName("plugin")
	if !plugin.IsValid() || plugin.Kind() != reflect.Pointer || plugin.IsNil() {
		return false
	}
	api := plugin.Elem().FieldByName("api")
	if !api.IsValid() || api.Kind() != reflect.Pointer || api.IsNil() {
		return false
	}
	changed := C.without_events(api.UnsafePointer())
	if changed == nil {
		return false
	}
	*(*unsafe.Pointer)(unsafe.Pointer(api.UnsafeAddr())) = changed //nolint:gosec // a pointer to the same struct
	return true
}
