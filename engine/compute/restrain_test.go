package compute

import (
	"slices"
	"testing"
)

// heap is a process whose memory a test says. A trim leaves what is in use.
type heap struct {
	resident, used int64
	looked         int
	trims          []int64 // bytes held before each
}

func (h *heap) Resident() int64 {
	h.looked++
	return h.resident
}

func (h *heap) Trim() {
	h.trims = append(h.trims, h.resident)
	h.resident = h.used
}

// Holes are given back once there are more of them than HolesShare, and what is in use is not asked for in vain.
func TestHolesAreGivenBack(t *testing.T) {
	h := &heap{}
	s := &Session{process: h}
	for _, now := range [][2]int64{ // held, of which in use
		{1000, 900},  // the first time: nothing is settled yet
		{918, 900},   // a share of 0.02
		{919, 910},   // more
		{928, 910},   // 910 is settled now
		{500, 400},   // a smaller batch
		{1500, 1500}, // a larger one, without holes
		{1530, 1500},
		{1531, 1500},
	} {
		h.resident, h.used = now[0], now[1]
		s.restrain()
	}
	if want := []int64{1000, 919, 1500, 1531}; !slices.Equal(h.trims, want) {
		t.Errorf("memory was given back at %d bytes, want %d", h.trims, want)
	}
}

// A pass looks for holes as it takes memory for a block's results and for its gradients, not when it has freed what the
// next pass takes again.
func TestPassLooksForHoles(t *testing.T) {
	h := &heap{resident: 1, used: 1}
	s := openSession(t, Config{ModelDir: tinyModel(t, nil)})
	s.process = h
	ids := [][]int32{{1, 2, 3, 4}}
	if _, err := s.Micro(Batch{InputIDs: ids, Labels: ids}); err != nil {
		t.Fatal(err)
	}
	// Once after each block, forward and backward, and once after what was given back.
	if want := 2*len(s.layers) + len(h.trims); h.looked != want || len(h.trims) == 0 {
		t.Errorf("the process's memory was looked at %d times and given back %d times, of %d layers", h.looked, len(h.trims), len(s.layers))
	}
}

// Saving and loading copy weights on the Go side: what passes have left is given back before.
func TestSavesBeginWithoutFreedMemory(t *testing.T) {
	dir := t.TempDir()
	s := openSession(t, Config{ModelDir: tinyModel(t, nil)})
	for name, save := range map[string]func() error{
		"export": func() error { return s.Export(dir, ExportOptions{}) },
		"save":   func() error { return s.SaveState(dir) },
		"load":   func() error { return s.LoadState(dir) },
	} {
		if name == "load" {
			if err := s.SaveState(dir); err != nil {
				t.Fatal(err)
			}
		}
		h := &heap{}
		s.process = h
		if err := save(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(h.trims) != 1 {
			t.Errorf("%s: freed memory was given back %d times", name, len(h.trims))
		}
		s.process = s.dev
	}
}
