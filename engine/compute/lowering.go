package compute

import (
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"

	"sftui/engine/device"
)

// What GoMLX does not offer of XLA, reached through unexported fields of go-xla. Every access checks the field's
// type: a version that moves it costs memory (no updates in place, estimated sizes), never correctness.

// lowering is a backend that remembers the builder of the one graph made on it.
type lowering struct {
	compute.Backend
	builder compute.Builder
}

// Builder implements compute.Backend.
func (l *lowering) Builder(name string) compute.Builder {
	l.builder = l.Backend.Builder(name)
	b, ok := l.builder.(*xla.Builder)
	if !ok {
		return l.builder
	}
	attention := &attentionBuilder{Builder: b}
	if ahead, ok := l.Backend.(*device.Ahead); ok {
		return &aheadBuilder{attention, ahead}
	}
	return attention
}

// inPlace tells XLA which outputs may take over which inputs' buffers. go-xla donates buffers when they are run, but
// XLA reuses only those that the program itself names.
func (l *lowering) inPlace(updates map[int]int) {
	b, ok := l.builder.(*xla.Builder)
	if !ok || len(updates) == 0 {
		return
	}
	main := unexported[xla.Function](reflect.ValueOf(b), "mainFn")
	if main == nil {
		return
	}
	function := unexported[stablehlo.Function](reflect.ValueOf(main), "fn")
	if function == nil {
		return
	}
	for input, output := range updates {
		if input >= len(function.Inputs) {
			continue
		}
		value := function.Inputs[input]
		if value.Attributes == nil {
			value.Attributes = map[string]any{}
		}
		value.Attributes["tf.aliasing_output"] = int32(output)
	}
}

// memoryStats returns XLA's own buffer sizes of an executable.
func memoryStats(exec compute.Executable) (pjrt.ExecutableMemoryUsageStats, bool) {
	if a, ok := exec.(*aheadExecutable); ok {
		return pjrt.ExecutableMemoryUsageStats{
			GeneratedCode: a.needs.Code, Inputs: a.needs.Inputs, Outputs: a.needs.Outputs, Aliases: a.needs.Aliases, Temporary: a.needs.Temporary,
		}, true
	}
	x, ok := exec.(*xla.Executable)
	if !ok {
		return pjrt.ExecutableMemoryUsageStats{}, false
	}
	loaded := unexported[pjrt.LoadedExecutable](reflect.ValueOf(x), "exec")
	if loaded == nil {
		return pjrt.ExecutableMemoryUsageStats{}, false
	}
	return loaded.OnDeviceMemoryUsageStats, true
}

// unexported reads a pointer field of the struct that p points to; nil when there is no such field of that type.
func unexported[T any](p reflect.Value, name string) *T {
	field := p.Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[*T]() || field.IsNil() {
		return nil
	}
	return (*T)(field.UnsafePointer())
}
