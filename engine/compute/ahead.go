package compute

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/stablehlo"

	"sftui/engine/device"
)

// aheadBuilder compiles its program for a described GPU.
type aheadBuilder struct {
	*attentionBuilder
	ahead *device.Ahead
}

// Compile implements compute.Builder.
func (b *aheadBuilder) Compile() (compute.Executable, error) {
	program := unexported[stablehlo.Builder](reflect.ValueOf(b.Builder), "builder")
	if program == nil {
		return nil, errors.New("this version of go-xla keeps its programs elsewhere")
	}
	text, err := program.Build()
	if err != nil {
		return nil, err
	}
	needs, err := b.ahead.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("XLA: %w", err)
	}
	needs.Temporary += b.workspace()
	return &aheadExecutable{gpu: b.ahead.Target(), needs: needs}, nil
}

// workspace is what cuDNN takes while the program runs, which the compiler learns from cuDNN where a GPU is there. The
// program's calls follow one another.
func (b *aheadBuilder) workspace() (most int64) {
	var f Fused
	f.Major, f.Minor = b.ahead.Capability()
	for _, c := range b.backward {
		most = max(most, f.Workspace(c.heads, c.keyHeads, c.dim, Shape{Rows: c.rows, Length: c.length, Documents: c.documents}))
	}
	return most
}

// aheadExecutable is a program that only a GPU that is not here could run.
type aheadExecutable struct {
	gpu   string
	needs device.Compiled
}

var _ compute.Executable = (*aheadExecutable)(nil)

func (*aheadExecutable) Finalize() {}

func (*aheadExecutable) Inputs() ([]string, []shapes.Shape) { return nil, nil }

func (*aheadExecutable) Outputs() []shapes.Shape { return nil }

func (e *aheadExecutable) Execute([]compute.Buffer, []bool, compute.DeviceNum) ([]compute.Buffer, error) {
	return nil, fmt.Errorf("the program was compiled for a %s, which is described here, not present", e.gpu)
}
