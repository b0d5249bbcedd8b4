package device

import (
	"testing"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
)

// TestDispatchAhead queues programs that consume one another's results, and frees their inputs at once.
func TestDispatchAhead(t *testing.T) {
	d := openCPU(t)
	const n = 256
	g := graph.NewGraph(d.Backend, "step")
	x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, n, n))
	if err := g.Compile(graph.AddScalar(graph.MulScalar(graph.DotGeneral(x, []int{1}, nil, x, []int{0}, nil), 1.0/n), 0.5)); err != nil {
		t.Fatal(err)
	}
	last := func() []float32 {
		values := make([]float32, n*n)
		for i := range values {
			values[i] = float32(i%7) / 7
		}
		buffer, err := d.Backend.BufferFromFlatData(0, values, shapes.Make(dtypes.Float32, n, n))
		if err != nil {
			t.Fatal(err)
		}
		clear(values) // the upload must have taken them
		for step := range 40 {
			outputs, err := g.Executable().Execute([]compute.Buffer{buffer}, []bool{step%2 == 0}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if step%2 == 1 {
				if err := buffer.Finalize(); err != nil {
					t.Fatal(err)
				}
			}
			buffer = outputs[0]
		}
		if err := buffer.ToFlatData(values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	want := last()
	backend := d.Backend.(*xla.Backend)
	api, found := apiField(backend)
	if !found {
		t.Fatal("this go-xla keeps its plugin's interface elsewhere")
	}
	shared := (*unsafe.Pointer)(unsafe.Pointer(api.UnsafeAddr())) // by all devices of this process
	before := *shared
	defer func() { *shared = before }()
	if !dispatchAhead(backend) {
		t.Fatal("this go-xla's programs cannot be queued: its fields have moved")
	}
	if dispatchAhead(backend) {
		t.Error("it was changed twice")
	}
	for i, v := range last() {
		if v != want[i] {
			t.Fatalf("element %d is %g, and %g when every program is waited for", i, v, want[i])
		}
	}
}
