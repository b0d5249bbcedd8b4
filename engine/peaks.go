package engine

import (
	"fmt"
	"sync"

	"sftui/engine/compute"
)

// peaks forecasts the peak memory of a run at the batch sizes that a live
// change may lead to. Its methods may be called from any goroutine.
type peaks struct {
	feed     feed
	shapeOf  func(compute.Batch) compute.Shape
	estimate func(s compute.Shape, accumulation int) compute.Memory // nil where the model is not known
	limit    func() uint64                                          // what others leave of the device's memory in bytes, 0 when unknown
	left     func(at Position, micro, accumulation int) int         // optimizer steps from a position on

	mu    sync.Mutex
	order *Order
}

// sizes are those of a batch: rows of a micro-batch, and micro-batches of a step.
type sizes struct{ micro, accumulation int }

// with are the sizes that a change leads to.
func (s sizes) with(c Change) sizes {
	if c.MicroBatch > 0 {
		s.micro = c.MicroBatch
	}
	if c.Accumulation > 0 {
		s.accumulation = c.Accumulation
	}
	return s
}

// peak is the heaviest micro-batch of a batch size and the total that it needs.
type peak struct {
	rows  []int
	total int64 // bytes, 0 when it cannot be told
}

// at is the peak of what is left from a position on, with batches of the sizes.
func (p *peaks) at(from Position, s sizes) (peak, error) {
	return p.within(from, s, p.left(from, s.micro, s.accumulation))
}

// within is the peak of so many steps.
func (p *peaks) within(from Position, s sizes, steps int) (peak, error) {
	if p.estimate == nil {
		return peak{}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list, err := candidates(p.feed, p.order, p.shapeOf, ahead{from, steps, s.micro, s.accumulation})
	if err != nil {
		return peak{}, err
	}
	weigh := func(shape compute.Shape) int64 { return p.estimate(shape, s.accumulation).Total() }
	worst := heaviestOf(list, weigh)
	return peak{flatten(worst.batch.Rows), weigh(worst.shape)}, nil
}

// soon is the total for the rest of the epoch alone, which is quick to tell;
// 0 when it cannot be told.
func (p *peaks) soon(from Position, s sizes) int64 {
	p.mu.Lock()
	steps := p.order.StepsFrom(from.Offset, s.micro, s.accumulation)
	p.mu.Unlock()
	found, err := p.within(from, s, steps)
	if err != nil {
		return 0 // the step that reads these rows says what is wrong with them
	}
	return found.total
}

// vet forecasts a change of the sizes in force; the error says why it cannot
// fit. What needs no more than the sizes in force is never refused.
func (p *peaks) vet(c Change, from Position, now sizes) (total int64, err error) {
	if c.MicroBatch == 0 && c.Accumulation == 0 {
		return 0, nil
	}
	then := now.with(c)
	found, err := p.at(from, then)
	if err != nil {
		return 0, err
	}
	limit := int64(p.limit())
	if limit == 0 || found.total <= limit || c.Force {
		return found.total, nil
	}
	if present, err := p.at(from, now); err != nil || found.total <= present.total {
		return found.total, err
	}
	asked, fits := fmt.Sprintf("%s=%d", keyMicroBatch, c.MicroBatch), "at most %d fits"
	if c.MicroBatch == 0 {
		asked, fits = fmt.Sprintf("%s=%d", keyAccumulation, c.Accumulation), "at most "+keyMicroBatch+"=%d fits with it"
	}
	hint := "none fits"
	if most := p.most(from, then, limit); most > 0 {
		hint = fmt.Sprintf(fits, most)
	}
	return found.total, fmt.Errorf("%s needs %s of memory (heaviest micro-batch: rows %s) and the device has %s free: %s; --force applies it all the same",
		asked, Bytes(found.total), SomeRows(found.rows), Bytes(limit), hint)
}

// most is the largest micro-batch below that of the sizes that vet would take;
// 0 for none.
func (p *peaks) most(from Position, s sizes, limit int64) int {
	fits, tooMuch := 0, s.micro
	for tooMuch-fits > 1 {
		s.micro = (fits + tooMuch) / 2
		if found, err := p.at(from, s); err != nil || found.total > limit {
			tooMuch = s.micro
		} else {
			fits = s.micro
		}
	}
	return fits
}
