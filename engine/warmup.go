package engine

import (
	"fmt"
	"strconv"

	"sftui/engine/compute"
	"sftui/engine/run"
)

// Bytes writes a size with a unit of 1,000s: "540 MB".
func Bytes(n int64) string {
	const step = 1000
	value, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for value >= step && unit < len(units)-1 {
		value /= step
		unit++
	}
	digits := 0
	if unit > 0 && value < 10 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[unit]
}

// worstEpochs bounds how many epochs of the order are searched for the
// heaviest micro-batch; later ones are drawn the same way.
const worstEpochs = 8

// worstBatch finds the micro-batch with the most computed positions of the
// epochs to come, at a batch size.
func worstBatch(f feed, o *Order, shapeOf func(compute.Batch) compute.Shape, fromEpoch int, epochs, micro int) (compute.Batch, compute.Shape, error) {
	var byLongest, bySum []int
	longest, sum := -1, -1
	for e := fromEpoch; e < fromEpoch+min(max(1, epochs), worstEpochs); e++ {
		items := o.Epoch(e)
		for i := 0; i < len(items); i += micro {
			part := items[i:min(i+micro, len(items))]
			most, all := 0, 0
			for _, item := range part {
				n := f.Tokens(item)
				most, all = max(most, n), all+n
			}
			if padded := most * len(part); padded > longest {
				longest, byLongest = padded, append([]int(nil), part...)
			}
			if all > sum {
				sum, bySum = all, append([]int(nil), part...)
			}
		}
	}
	var worst compute.Batch
	var shape compute.Shape
	for _, items := range [][]int{byLongest, bySum} {
		b, err := f.Batch(items)
		if err != nil {
			return worst, shape, err
		}
		if s := shapeOf(b); s.Positions() > shape.Positions() {
			worst, shape = b, s
		}
	}
	return worst, shape, nil
}

// warmUp compiles what the first step and the heaviest micro-batch need, and
// compares the memory that this takes with what the device has.
func (l *loop) warmUp(o *Opened, force bool) error {
	l.out.enter(run.Compiling, "compiling for the first step")
	for _, c := range l.changes {
		if _, err := l.tuner.peaks.vet(c); err != nil && !force {
			return fmt.Errorf("step %d: %w", c.Step, err)
		}
	}
	epochs := 1
	if l.recipe.MaxSteps <= 0 {
		epochs = int(l.recipe.NumTrainEpochs) + 1 - l.state.Position.Epoch
	}
	worst, shape, err := worstBatch(l.feed, l.order.clone(), l.trainer.ShapeOf, l.state.Position.Epoch, epochs, l.state.MicroBatch)
	if err != nil {
		return err
	}
	if !l.trainer.Compiled(shape) {
		if err := l.trainer.Prepare(shape); err != nil {
			return fmt.Errorf("the heaviest micro-batch (rows %s) cannot be compiled: %w", rowList(worst), err)
		}
	}
	need := measured(o).Total()
	l.forecast = need
	l.out.update(func(s *run.Status) { s.MemoryForecast = uint64(max(0, need)) })
	limit := l.out.limit()
	if limit == 0 || need <= int64(limit) {
		return nil
	}
	what := fmt.Sprintf("the heaviest micro-batch (rows %s) needs %s of memory and the device has %s: lower %s or max_length, or turn on gradient_checkpointing or use_peft",
		rowList(worst), Bytes(need), Bytes(int64(limit)), keyMicroBatch)
	if force {
		l.out.warn(run.CodeMemory, l.state.Step, what, flatten(worst.Rows))
		return nil
	}
	return fmt.Errorf("%s; --force starts all the same", what)
}

// limit is the memory that the device has, 0 when unknown.
func (r *recorder) limit() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		return 0
	}
	return r.memory().Limit
}

func flatten(rows [][]int) []int {
	var all []int
	for _, r := range rows {
		all = append(all, r...)
	}
	return all
}

// rowList names a batch's rows, at most a few.
func rowList(b compute.Batch) string {
	if text := someRows(flatten(b.Rows)); text != "" {
		return text
	}
	return "given"
}

// someRows names the first few rows.
func someRows(rows []int) string {
	const most = 8
	text := ""
	for i, r := range rows {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(rows)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(r)
	}
	return text
}
