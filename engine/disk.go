package engine

import (
	"fmt"
	"syscall"

	"sftui/engine/compute"
	"sftui/recipes"
)

// freeDisk returns the bytes that a user may still write under dir.
func freeDisk(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// diskForecast is what a run will write, in bytes.
type diskForecast struct {
	Checkpoint  int64 `json:"checkpoint"`  // one
	Checkpoints int   `json:"checkpoints"` // kept at once, at most
	Export      int64 `json:"export"`
}

// Total is the most that is on the disk at once. A checkpoint is written
// before the one that it replaces is removed.
func (d diskForecast) Total() int64 {
	return d.Checkpoint*int64(d.Checkpoints) + d.Export
}

// Bytes of one float32.
const float32Bytes = 4

// forecastDisk adds up a run's checkpoints and its final model.
func forecastDisk(r *recipes.Recipe, info compute.Info, c cadence, steps, stepsPerEpoch int) diskForecast {
	model := info.Parameters * float32Bytes
	if r.UsePeft {
		model = info.Trainable * float32Bytes
	}
	d := diskForecast{Export: model, Checkpoint: model}
	if !r.SaveOnlyModel {
		d.Checkpoint += 3 * info.Trainable * float32Bytes // weights and two moments
	}
	switch {
	case c.saveEvery > 0:
		d.Checkpoints = (steps + c.saveEvery - 1) / c.saveEvery
	case c.saveEpoch:
		d.Checkpoints = (steps + stepsPerEpoch - 1) / max(1, stepsPerEpoch)
	case c.saveBest:
		d.Checkpoints = 1
	}
	if limit := r.SaveTotalLimit; limit != nil && *limit > 0 {
		d.Checkpoints = min(d.Checkpoints, *limit+1)
	}
	return d
}
