package compute

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/device"
)

// TestTF32 looks at the precision that a float32 product asks of CUDA: the highest, as torch's, unless tf32 is on.
func TestTF32(t *testing.T) {
	cpu := openDevice(t)
	backend, ok := cpu.Backend.(*xla.Backend)
	if !ok {
		t.Skip("no XLA here")
	}
	cpu.UseTF32(true)
	if backend.DotGeneralUseTF32 {
		t.Error("tf32 changed what a CPU computes")
	}
	plugin := reflect.ValueOf(unexported[pjrt.Plugin](reflect.ValueOf(backend), "plugin")).Elem()
	was := plugin.FieldByName("name").String()
	if !device.SetUnexported(plugin, "name", "cuda") {
		t.Fatal("this go-xla's plugins have no name")
	}
	defer device.SetUnexported(plugin, "name", was)
	gpu := &device.Device{Backend: backend, Kind: device.CUDA}
	defer gpu.UseTF32(false)
	for _, on := range []bool{false, true} {
		gpu.UseTF32(on)
		text := textOn(t, backend, func(b *builder) []*graph.Node {
			x := b.param("x", dtypes.Float32, 8, 8)
			return []*graph.Node{graph.Dot(x, x).General([]int{1}, nil, []int{1}, nil)}
		})
		if strings.Contains(text, "precision HIGHEST") == on {
			t.Errorf("tf32 %v: the product is %s", on, text)
		}
	}
}
