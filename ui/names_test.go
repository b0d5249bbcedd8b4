package ui

import "runtime"

// runtimeName is the name of a function by its entry.
func runtimeName(pc uintptr) string { return runtime.FuncForPC(pc).Name() }
