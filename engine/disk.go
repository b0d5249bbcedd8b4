package engine

import (
	"fmt"
	"syscall"

	"sftui/engine/compute"
	"sftui/engine/weights"
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

	spared int64 // bytes of one model that are not needed where its files are bfloat16, as they may be
}

// Total is the most that is on the disk at once. A checkpoint is written
// before the one that it replaces is removed.
func (d diskForecast) Total() int64 {
	return d.Checkpoint*int64(d.Checkpoints) + d.Export
}

// impossible says what of a run cannot be written even alone, "" when
// everything can.
func (d diskForecast) impossible(free uint64) string {
	checkpoint, export := d.Checkpoint-d.spared, d.Export-d.spared
	about := "needs "
	if d.spared > 0 {
		about = "needs at least "
	}
	switch {
	case d.Checkpoints > 0 && checkpoint > 0 && uint64(checkpoint) > free:
		return "the first checkpoint " + about + Bytes(checkpoint)
	case export > 0 && uint64(export) > free:
		return "the final model " + about + Bytes(export)
	}
	return ""
}

// Bytes of one float32.
const float32Bytes = 4

// forecastDisk adds up a run's checkpoints and its final model.
func forecastDisk(r *recipes.Recipe, info compute.Info, c cadence, steps, stepsPerEpoch int) diskForecast {
	width, known := exportWidth(r)
	model := info.Parameters * width
	if r.UsePeft {
		model = info.Trainable * width
	}
	d := diskForecast{Export: model, Checkpoint: model}
	if !known {
		d.spared = model / 2
	}
	if !r.SaveOnlyModel {
		d.Checkpoint += info.Trainable*float32Bytes + info.StateBytes // weights and the optimizer's state
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

// exportWidth is the bytes that each value of an exported model takes. known
// is false where it is as in the model's own files, which may have half, or
// where an adapter, whose pairs are float32, has modules of another type.
func exportWidth(r *recipes.Recipe) (width int64, known bool) {
	size := int64(weights.ElementSize(weights.DTypeOf(r.Dtype)))
	switch {
	case r.UsePeft:
		return float32Bytes, size == float32Bytes || len(r.LoraModulesToSave) == 0
	case size > 0:
		return size, true
	}
	return float32Bytes, false
}
