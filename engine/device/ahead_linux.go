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
	destroy_error_offset = 40,
	error_message_offset = 48,
	destroy_executable_offset = 360,
	create_topology_offset = 696,
	compile_offset = 752,
	memory_offset = 808,
};

// What the functions take. size is the struct's own; extension is not used.
struct value { size_t size; void *extension; const char *name; size_t name_size; int type; const char *text; size_t text_size; };
struct topology_args { size_t size; void *extension; const char *name; size_t name_size; struct value *options; size_t options_count; void *topology; };
struct ahead_program { size_t size; void *extension; char *code; size_t code_size; const char *format; size_t format_size; };
struct ahead_args { size_t size; void *extension, *topology; struct ahead_program *program; const char *options; size_t options_size; void *client, *executable; };
struct memory_args { size_t size; void *extension, *executable; int64_t code, inputs, outputs, aliases, temporary, more[10]; };
struct message_args { size_t size; void *extension, *error; const char *text; size_t text_size; };
struct one_args { size_t size; void *extension, *it; };

typedef void *(*ahead_function)(void *args);

static ahead_function ahead_at(char *api, size_t offset) { return *(ahead_function *)(api + offset); }

// message returns what an error says, to be freed, and frees the error.
static char *message(char *api, void *error) {
	struct message_args args = {sizeof args, NULL, error, NULL, 0};
	ahead_at(api, error_message_offset)(&args);
	char *text = malloc(args.text_size + 1);
	if (text != NULL) {
		memcpy(text, args.text, args.text_size);
		text[args.text_size] = 0;
	}
	struct one_args destroyed = {sizeof destroyed, NULL, error};
	ahead_at(api, destroy_error_offset)(&destroyed);
	return text;
}

// can_compile says whether an interface has all that is called here.
static int can_compile(char *api) {
	return *(size_t *)api >= memory_offset + sizeof(void *) && ahead_at(api, create_topology_offset) && ahead_at(api, compile_offset) && ahead_at(api, memory_offset);
}

// create_topology describes one GPU; it returns an error's text or NULL.
static char *create_topology(char *api, const char *target, size_t target_size, void **topology) {
	struct value options[2] = {
		{sizeof(struct value), NULL, "target_config", 13, 0, target, target_size},
		{sizeof(struct value), NULL, "topology", 8, 0, "1x1x1", 5},
	};
	struct topology_args args = {sizeof args, NULL, "described", 9, options, 2, NULL};
	void *error = ahead_at(api, create_topology_offset)(&args);
	if (error != NULL) {
		return message(api, error);
	}
	*topology = args.topology;
	return NULL;
}

// compile_ahead compiles a program and fills in its memory; it returns an error's text or NULL.
static char *compile_ahead(char *api, void *topology, char *code, size_t code_size, struct memory_args *memory) {
	// CompileOptionsProto: executable_build_options with one replica and one partition, and compile_portable_executable.
	static const char options[] = {0x1a, 0x04, 0x20, 0x01, 0x28, 0x01, 0x20, 0x01};
	struct ahead_program program = {sizeof program, NULL, code, code_size, "mlir", 4};
	struct ahead_args args = {sizeof args, NULL, topology, &program, options, sizeof options, NULL, NULL};
	void *error = ahead_at(api, compile_offset)(&args);
	if (error != NULL) {
		return message(api, error);
	}
	memory->size = sizeof *memory;
	memory->executable = args.executable;
	error = ahead_at(api, memory_offset)(memory);
	struct one_args destroyed = {sizeof destroyed, NULL, args.executable};
	ahead_at(api, destroy_executable_offset)(&destroyed);
	return error == NULL ? NULL : message(api, error);
}
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/gomlx/go-xla/compute/xla"
)

// topology is a described GPU as a plugin knows it.
type topology struct {
	api    *C.char
	handle unsafe.Pointer
}

// describeTo makes a GPU known to a backend's plugin.
func describeTo(backend *xla.Backend, gpu Described) (*topology, error) {
	api, found := apiField(backend)
	if !found {
		return nil, errors.New("this version of go-xla keeps the plugin's interface elsewhere")
	}
	t := &topology{api: (*C.char)(api.UnsafePointer())}
	if C.can_compile(t.api) == 0 {
		return nil, errors.New("the plugin cannot compile for a GPU that is not here")
	}
	target := gpu.target()
	text := C.CString(target)
	defer C.free(unsafe.Pointer(text))
	handle := new(unsafe.Pointer)
	if err := failure(C.create_topology(t.api, text, C.size_t(len(target)), handle)); err != nil {
		return nil, err
	}
	t.handle = *handle
	return t, nil
}

func (t *topology) compile(program []byte) (Compiled, error) {
	code := C.CBytes(program)
	defer C.free(code)
	m := new(C.struct_memory_args)
	if err := failure(C.compile_ahead(t.api, t.handle, (*C.char)(code), C.size_t(len(program)), m)); err != nil {
		return Compiled{}, err
	}
	return Compiled{Code: int64(m.code), Inputs: int64(m.inputs), Outputs: int64(m.outputs), Aliases: int64(m.aliases), Temporary: int64(m.temporary)}, nil
}

// failure takes an error's text over; nil for none.
func failure(text *C.char) error {
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	return errors.New(C.GoString(text))
}
