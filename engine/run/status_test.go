package run

import (
	"os"
	"os/exec"
	"testing"
)

// The memory in use is the last that an event told, its peak the highest.
func TestStatusMemory(t *testing.T) {
	var s Status
	for _, e := range []Event{
		{Kind: KindMemory, MemoryBytes: 5, MemoryLimit: 9, MemoryPeak: 7},
		{Kind: KindMemory, MemoryBytes: 8, MemoryLimit: 10},
		{Kind: KindMemory, MemoryBytes: 6, MemoryLimit: 10, MemoryPeak: 7},
		{Kind: KindLog},
	} {
		s.Apply(&e)
	}
	if s.MemoryBytes != 6 || s.MemoryLimit != 10 || s.MemoryPeak != 8 {
		t.Errorf("memory %d of %d, peak %d; want 6 of 10, peak 8", s.MemoryBytes, s.MemoryLimit, s.MemoryPeak)
	}
}

// What is said of a process that ended without a word is what is known of it.
func TestEpitaph(t *testing.T) {
	for want, s := range map[string]Status{
		"its process ended without a word; it had no checkpoint yet":                                              {MemoryPeak: 90, MemoryLimit: 100},
		"its process ended without a word, perhaps for want of memory; resume continues from the last checkpoint": {MemoryPeak: 40, MemoryForecast: 99, MemoryLimit: 100, Checkpoint: "c"},
		"its process ended without a word; resume continues from the last checkpoint":                             {MemoryPeak: 40, Checkpoint: "c"},
		"its process ended without a word, perhaps for want of memory; it had no checkpoint yet":                  {MemoryPeak: 97, MemoryLimit: 100},
	} {
		if got := s.epitaph(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStatusOfTheDead(t *testing.T) {
	r := newRun(t)
	s := Status{State: Training, Step: 3}
	s.Mine()
	if err := r.WriteStatus(s, true); err != nil {
		t.Fatal(err)
	}
	got, err := r.Status()
	if err != nil || !got.Alive || got.State != Training {
		t.Errorf("of this process: %+v (%v)", got, err)
	}
	if _, known := processStart(os.Getpid()); known && s.ProcessStart == 0 {
		t.Error("the status does not say when its process began")
	}
	// The same number with another start time is another process.
	s.ProcessStart++
	if err := r.WriteStatus(s, false); err != nil {
		t.Fatal(err)
	}
	if got, err = r.Status(); err != nil || got.Alive || got.State != Died {
		t.Errorf("of a reused number: %+v (%v)", got, err)
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	s.Mine()
	s.PID = cmd.Process.Pid
	if err := r.WriteStatus(s, false); err != nil {
		t.Fatal(err)
	}
	if got, err = r.Status(); err != nil || got.Alive || got.State != Died {
		t.Errorf("of a dead process: %+v (%v)", got, err)
	}
	s.State = Finished
	if err := r.WriteStatus(s, false); err != nil {
		t.Fatal(err)
	}
	if got, err = r.Status(); err != nil || got.State != Finished {
		t.Errorf("of a finished run: %+v (%v)", got, err)
	}
}
