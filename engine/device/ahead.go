package device

import (
	"context"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// Ahead is a backend that builds and compiles programs for a described GPU. It has no device: nothing can be uploaded or run.
type Ahead struct {
	*xla.Backend
	gpu    Described
	target *topology
}

// OpenDescribed opens XLA's compiler for a GPU that need not be here, in the plugin that find returns for CUDACompiler. The device
// says what it compiled needs, and runs nothing.
func OpenDescribed(ctx context.Context, gpu Described, find PluginFinder) (*Device, error) {
	path, err := find(ctx, CUDACompiler)
	if err != nil {
		return nil, fmt.Errorf("find XLA's CUDA plugin: %w", err)
	}
	so, err := pluginFile(path, CUDA)
	if err != nil {
		return nil, err
	}
	prepareCUDA(so)
	plugin, err := pjrt.GetPlugin(so)
	if err != nil {
		return nil, fmt.Errorf("load %s: %s", so, lastReason(err))
	}
	a := &Ahead{Backend: withoutClient(plugin, so), gpu: gpu}
	if a.Backend == nil {
		return nil, fmt.Errorf("compile for the %s: this version of go-xla keeps its plugin elsewhere", gpu.Name)
	}
	if a.target, err = describeTo(a.Backend, gpu); err != nil {
		return nil, fmt.Errorf("describe the %s to %s: %w", gpu.Name, so, err)
	}
	dev := gpu.Device()
	dev.Backend, dev.plugin = a, so
	return dev, nil
}

// withoutClient is a backend that can build programs for a plugin whose client, which takes a GPU, was never made; nil where
// go-xla's fields have moved.
func withoutClient(plugin *pjrt.Plugin, name string) *xla.Backend {
	backend := new(xla.Backend)
	capabilities := xla.Capabilities.Clone()
	for _, op := range []compute.OpType{compute.OpTypeFusedScaledDotProductAttention, compute.OpTypeFusedScaledDotProductAttentionVJP} {
		capabilities.Operations[op] = true
	}
	fields := reflect.ValueOf(backend).Elem()
	if !SetUnexported(fields, "plugin", plugin) || !SetUnexported(fields, "pluginName", name) || !SetUnexported(fields, "capabilities", capabilities) {
		return nil
	}
	return backend
}

// SetUnexported sets an unexported field of an addressable struct; false when there is none of that name and type. What go-xla does not
// offer is reached in this way.
func SetUnexported[T any](fields reflect.Value, name string, value T) bool {
	field := fields.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return false
	}
	*(*T)(unsafe.Pointer(field.UnsafeAddr())) = value //nolint:gosec // the type was compared
	return true
}

// Finalize implements compute.Backend; the plugin stays loaded until the process ends.
func (a *Ahead) Finalize() {}

// Capability is the GPU's compute capability.
func (a *Ahead) Capability() (major, minor int) { return a.gpu.Major, a.gpu.Minor }

// Target is the GPU's name.
func (a *Ahead) Target() string { return a.gpu.Name }

// Compile compiles a StableHLO program and tells what it needs.
func (a *Ahead) Compile(program []byte) (Compiled, error) { return a.target.compile(program) }

// Compiled is what a program compiled for a described GPU needs, in bytes of its memory.
type Compiled struct {
	Code, Inputs, Outputs, Aliases, Temporary int64
}
