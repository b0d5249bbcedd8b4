package compute

import (
	"sync"
	"testing"
)

// TestPrepareBesideTraining compiles shapes while another goroutine trains, as the loop does when the batch size changes.
func TestPrepareBesideTraining(t *testing.T) {
	s := openSession(t, Config{ModelDir: tinyModel(t, nil), GradientCheckpointing: true})
	later := unevenBatch(21, 64, 64, 64)
	shape := s.ShapeOf(later)
	if s.Compiled(shape) {
		t.Fatalf("%v is compiled before anything ran", shape)
	}
	var group sync.WaitGroup
	failures := make(chan error, 4)
	for range 2 {
		group.Go(func() { failures <- s.Prepare(shape) })
	}
	b := unevenBatch(22, 20, 9)
	for range 3 {
		m := mustMicro(t, s, b)
		mustStep(t, s, 1e-3, m.Trained)
		_ = s.Stats()
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !s.Compiled(shape) {
		t.Errorf("%v is not compiled after Prepare", shape)
	}
	before := s.Stats().Executables
	m := mustMicro(t, s, later)
	if compiled := s.Stats().Executables - before; compiled != 0 {
		t.Errorf("the prepared shape compiled %d more programs", compiled)
	}
	if stats := s.Stats(); stats.Memory.Weights != 4*s.Info().Parameters || stats.Memory.Total() <= stats.Memory.Weights {
		t.Errorf("implausible memory: %+v", stats.Memory)
	}
	mustStep(t, s, 1e-3, m.Trained)
}
