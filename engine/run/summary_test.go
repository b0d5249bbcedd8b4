package run

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestStatusOfLongCopies sums up folders with more events than one read takes.
func TestStatusOfLongCopies(t *testing.T) {
	const steps = 2*maxEvents + 1234
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, `{"event": "start", "model": "m", "total_steps": %d}`+"\n", steps)
	for i := 1; i <= steps; i++ {
		loss := float64(i)
		if i == steps/2 {
			loss = 0.5
		}
		fmt.Fprintf(w, `{"event": "step", "step": %d, "loss": %g, "trained_tokens": 3, "seconds": 1}`+"\n", i, loss)
		if i == 10 || i == steps-5 {
			fmt.Fprintf(w, `{"event": "checkpoint", "step": %d, "path": "checkpoint-%d"}`+"\n", i, i)
		}
		if i == 10 {
			fmt.Fprintln(w, `{"event": "eval", "step": 10, "loss": 7, "best": true}`)
		}
	}
	fmt.Fprintln(w, `{"event": "done", "reason": "finished", "path": "model"}`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Status()
	if err != nil {
		t.Fatal(err)
	}
	if s.State != Finished || s.Model != "m" || s.Step != steps || s.TotalSteps != steps || s.Loss != steps || s.BestLoss != 0.5 || s.TrainedTokens != 3*steps ||
		s.Checkpoint != fmt.Sprintf("checkpoint-%d", steps-5) || s.BestEval != 7 || s.Export != "model" {
		t.Errorf("the whole: %+v", s)
	}
	s, err = r.summarize(1000, 4000)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != Finished || s.Model != "m" || s.Step != steps || s.Loss != steps || s.Checkpoint != fmt.Sprintf("checkpoint-%d", steps-5) {
		t.Errorf("beginning and end: %+v", s)
	}
	if s.BestLoss != 0 || s.TrainedTokens != 0 || s.TrainSeconds != 0 || s.BestEval != 0 {
		t.Errorf("what only all events can tell is there: %+v", s)
	}
}
