//go:build linux && cgo

package device

/*
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The parts of PJRT's C interface that matter here. Its structs only ever grow at the end, so these offsets stay.
enum {
	// Of functions in PJRT_Api.
	error_destroy_offset = 40,
	client_compile_offset = 200,
	executable_destroy_offset = 360,
	serialize_offset = 432,
	get_executable_offset = 448,
	deserialize_offset = 488,
};

// What the functions take. size is the struct's own; extension is not used.
struct compile_args { size_t size; void *extension, *client; struct program *program; char *options; size_t options_size; void *executable; };
struct program { size_t size; void *extension; char *code; size_t code_size; char *format; size_t format_size; };
struct get_executable_args { size_t size; void *extension, *loaded, *executable; };
struct serialize_args { size_t size; void *extension, *executable; char *bytes; size_t bytes_size; void *owner; void (*delete_owner)(void *); };
struct deserialize_args { size_t size; void *extension, *client; char *bytes; size_t bytes_size; void *loaded; char *options; size_t options_size; };
struct destroy_args { size_t size; void *extension, *it; };

typedef void *(*pjrt_function)(void *args);

static pjrt_function error_destroy, client_compile, executable_destroy, serialize, get_executable, deserialize;
static uintptr_t compiled_store; // a cgo.Handle

extern char *sftuiFindCompiled(uintptr_t store, char *code, size_t code_size, char *options, size_t options_size, size_t *size);
extern void sftuiKeepCompiled(uintptr_t store, char *code, size_t code_size, char *options, size_t options_size, char *bytes, size_t size);
extern void sftuiDropCompiled(uintptr_t store, char *code, size_t code_size, char *options, size_t options_size);

static void destroy(pjrt_function how, void *it) {
	struct destroy_args args = {sizeof args, NULL, it};
	how(&args);
}

// load_compiled makes an executable of kept bytes; 0 when the plugin does not take them.
static int load_compiled(struct compile_args *args, char *bytes, size_t size) {
	struct deserialize_args load = {sizeof load, NULL, args->client, bytes, size, NULL, NULL, 0};
	void *error = deserialize(&load);
	if (error != NULL) {
		destroy(error_destroy, error);
		return 0;
	}
	args->executable = load.loaded;
	return load.loaded != NULL;
}

// keep_compiled hands an executable's bytes to the store, where the plugin can give them.
static void keep_compiled(struct compile_args *args) {
	struct get_executable_args get = {sizeof get, NULL, args->executable, NULL};
	void *error = get_executable(&get);
	if (error != NULL) {
		destroy(error_destroy, error);
		return;
	}
	struct serialize_args out = {sizeof out, NULL, get.executable, NULL, 0, NULL, NULL};
	error = serialize(&out);
	if (error != NULL) {
		destroy(error_destroy, error);
	} else {
		struct program *p = args->program;
		sftuiKeepCompiled(compiled_store, p->code, p->code_size, args->options, args->options_size, out.bytes, out.bytes_size);
		out.delete_owner(out.owner);
	}
	destroy(executable_destroy, get.executable);
}

// compile_or_load stands in for PJRT_Client_Compile.
static void *compile_or_load(void *untyped) {
	struct compile_args *args = untyped;
	struct program *p = args->program;
	size_t size = 0;
	char *bytes = sftuiFindCompiled(compiled_store, p->code, p->code_size, args->options, args->options_size, &size);
	if (bytes != NULL) {
		int loaded = load_compiled(args, bytes, size);
		free(bytes);
		if (loaded) {
			return NULL;
		}
		sftuiDropCompiled(compiled_store, p->code, p->code_size, args->options, args->options_size);
	}
	void *error = client_compile(args);
	if (error == NULL) {
		keep_compiled(args);
	}
	return error;
}

static pjrt_function function_at(char *api, size_t offset) { return *(pjrt_function *)(api + offset); }

// with_store returns a copy of an interface whose Compile looks into a store first, the interface itself where it does
// so already, or NULL where it cannot.
static void *with_store(char *api, uintptr_t store) {
	size_t size = *(size_t *)api;
	if (size < deserialize_offset + sizeof(void *)) {
		return NULL;
	}
	pjrt_function compile = function_at(api, client_compile_offset);
	if (compile == compile_or_load) {
		compiled_store = store;
		return api;
	}
	if (client_compile != NULL && client_compile != compile) {
		return NULL; // another plugin's
	}
	if (!function_at(api, serialize_offset) || !function_at(api, deserialize_offset) || !function_at(api, get_executable_offset)) {
		return NULL;
	}
	char *copy = malloc(size);
	if (copy == NULL) {
		return NULL;
	}
	memcpy(copy, api, size);
	error_destroy = function_at(api, error_destroy_offset);
	executable_destroy = function_at(api, executable_destroy_offset);
	serialize = function_at(api, serialize_offset);
	get_executable = function_at(api, get_executable_offset);
	deserialize = function_at(api, deserialize_offset);
	client_compile = compile;
	compiled_store = store;
	*(pjrt_function *)(copy + client_compile_offset) = compile_or_load;
	return copy;
}
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"

	"github.com/gomlx/go-xla/compute/xla"
)

// loadFrom makes a backend take compiled programs from a store and keep new ones there. go-xla has no part in it: the
// plugin's own Compile is replaced by one that asks the store first. It says whether it could.
func loadFrom(backend *xla.Backend, store *CompiledStore) bool {
	api, found := apiField(backend)
	if !found {
		return false
	}
	// The handle is never deleted: the plugin, too, stays loaded until the process ends.
	changed := C.with_store((*C.char)(api.UnsafePointer()), C.uintptr_t(cgo.NewHandle(store)))
	if changed == nil {
		return false
	}
	*(*unsafe.Pointer)(unsafe.Pointer(api.UnsafeAddr())) = changed //nolint:gosec // a pointer to the same struct
	return true
}
