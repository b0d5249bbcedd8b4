package ui

import (
	"errors"
	"runtime"
)

// runtimeName is the name of a function by its entry.
func runtimeName(pc uintptr) string { return runtime.FuncForPC(pc).Name() }

// errStale is an error that must never be shown.
var errStale = errors.New("stale")
