package compute

import (
	"fmt"
	"sync"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// program is one compiled graph.
type program struct {
	name      string
	exec      compute.Executable
	consumes  []bool  // inputs whose buffers the program takes over
	seconds   float64 // to build and compile
	temporary int64   // bytes XLA allocates while it runs, beside inputs and outputs
	code      int64   // bytes of machine code
	// Bytes of inputs, of outputs, and of those outputs that take an input's place.
	inputs, outputs, aliases int64
}

// builder creates a program's parameters in the order its inputs are given.
type builder struct {
	g       *graph.Graph
	updates map[int]int // parameter to the output that replaces it
}

// update says that an input's buffer is taken over by the program and holds the given output afterwards.
func (b *builder) update(input *graph.Node, output int) {
	if b.updates == nil {
		b.updates = map[int]int{}
	}
	b.updates[int(input.GetParameterHandle())] = output
}

func (b *builder) param(name string, dtype dtypes.DType, dims ...int) *graph.Node {
	return graph.Parameter(b.g, name, shapes.Make(dtype, dims...))
}

func (b *builder) float(name string, dims ...int) *graph.Node {
	return b.param(name, dtypes.Float32, dims...)
}

func (b *builder) int(name string, dims ...int) *graph.Node {
	return b.param(name, dtypes.Int32, dims...)
}

// guarded turns the panics by which GoMLX reports errors into errors. Everything that builds, compiles or runs a
// graph goes through it.
func guarded(what string, f func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("%s: %w", what, r)
		default:
			err = fmt.Errorf("%s: %v", what, r)
		}
	}()
	if err = f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// compile builds and compiles one graph.
func compile(backend compute.Backend, name string, build func(b *builder) []*graph.Node) (*program, error) {
	p := &program{name: name}
	start := time.Now()
	err := guarded("compile "+name, func() error {
		lowering := &lowering{Backend: backend}
		g := graph.NewGraph(lowering, name)
		b := &builder{g: g}
		outputs := build(b)
		p.consumes = make([]bool, g.NumParameters())
		for input := range b.updates {
			p.consumes[input] = true
		}
		lowering.inPlace(b.updates)
		if err := g.Compile(outputs...); err != nil {
			return err
		}
		p.exec = g.Executable()
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.seconds = time.Since(start).Seconds()
	if stats, ok := memoryStats(p.exec); ok {
		p.temporary, p.code = stats.Temporary, stats.GeneratedCode
		p.inputs, p.outputs, p.aliases = stats.Inputs, stats.Outputs, stats.Aliases
	}
	return p, nil
}

// run executes the program. Inputs that it updates are consumed, whether it succeeds or not; the others stay valid.
func (p *program) run(inputs ...compute.Buffer) (outputs []compute.Buffer, err error) {
	err = guarded("run "+p.name, func() error {
		outputs, err = p.exec.Execute(inputs, p.consumes, 0)
		return err
	})
	return outputs, err
}

// programs compiles each program once, however many goroutines ask for it.
type programs struct {
	mu      sync.Mutex
	entries map[string]*programEntry
}

type programEntry struct {
	once sync.Once
	done chan struct{}
	p    *program
	err  error
}

// get returns the program of a key, compiling it on the first call.
func (ps *programs) get(key string, build func() (*program, error)) (*program, error) {
	ps.mu.Lock()
	if ps.entries == nil {
		ps.entries = map[string]*programEntry{}
	}
	e := ps.entries[key]
	if e == nil {
		e = &programEntry{done: make(chan struct{})}
		ps.entries[key] = e
	}
	ps.mu.Unlock()
	e.once.Do(func() {
		e.p, e.err = build()
		close(e.done)
	})
	return e.p, e.err
}

// ready says whether a program is compiled, without waiting for one that is being compiled.
func (ps *programs) ready(key string) bool {
	ps.mu.Lock()
	e := ps.entries[key]
	ps.mu.Unlock()
	if e == nil {
		return false
	}
	select {
	case <-e.done:
		return e.err == nil
	default:
		return false
	}
}

// count is how many programs were asked for.
func (ps *programs) count() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.entries)
}

// each calls f for every compiled program.
func (ps *programs) each(f func(key string, p *program)) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for key, e := range ps.entries {
		select {
		case <-e.done:
			if e.p != nil {
				f(key, e.p)
			}
		default:
		}
	}
}

func (ps *programs) finalize() {
	ps.each(func(_ string, p *program) { p.exec.Finalize() })
}
