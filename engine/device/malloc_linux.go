//go:build linux && cgo

package device

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
static void trim(void) { malloc_trim(0); }
#else
static void one_arena(void) {}
static void trim(void) {}
#endif
*/
import "C"

// oneArena keeps the C library from giving every thread a heap of its own. XLA allocates and frees buffers of many
// megabytes from several threads, and each heap would hold on to the largest it ever needed. It counts for threads
// that begin afterwards: call it before the plugin is loaded.
func oneArena() { C.one_arena() }

// Trim gives memory that was freed back to the system. Asking for it again, page by page, costs about as much as computing
// a few percent of a step, where it is all that a pass needs.
func (d *Device) Trim() {
	if d.Kind == CPU {
		C.trim()
	}
}
