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
	estimate func(compute.Shape) compute.Memory // nil where the model is not known
	limit    func() uint64                      // what others leave of the device's memory in bytes, 0 when unknown
	epoch    int                                // from which on rows are looked through
	epochs   int

	mu    sync.Mutex
	order *Order
	known map[int]peak // by rows of a micro-batch
}

// peak is the heaviest micro-batch of a batch size and the total that it needs.
type peak struct {
	rows  []int
	total int64 // bytes, 0 when it cannot be told
}

// at is the peak with micro rows a micro-batch.
func (p *peaks) at(micro int) (peak, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.locked(micro, p.epochs)
}

func (p *peaks) locked(micro, epochs int) (peak, error) {
	if p.estimate == nil {
		return peak{}, nil
	}
	if found, ok := p.known[micro]; ok {
		return found, nil
	}
	worst, err := worstBatch(p.feed, p.order, p.shapeOf, p.epoch, epochs, micro)
	if err != nil {
		return peak{}, err
	}
	found := peak{rows: flatten(worst.batch.Rows), total: p.estimate(worst.shape).Total()}
	if epochs == p.epochs {
		if p.known == nil {
			p.known = map[int]peak{}
		}
		p.known[micro] = found
	}
	return found, nil
}

// total is the forecast in bytes for a batch size, 0 when it cannot be told.
func (p *peaks) total(micro int) int64 {
	found, err := p.at(micro)
	if err != nil {
		return 0 // the step that reads these rows says what is wrong with them
	}
	return found.total
}

// vet forecasts a change of the micro-batch; the error says why it cannot fit.
func (p *peaks) vet(c Change) (total int64, err error) {
	if c.MicroBatch == 0 {
		return 0, nil
	}
	found, err := p.at(c.MicroBatch)
	if err != nil {
		return 0, err
	}
	limit := int64(p.limit())
	if limit == 0 || found.total <= limit || c.Force {
		return found.total, nil
	}
	hint := "none fits"
	if most := p.most(c.MicroBatch, limit); most > 0 {
		hint = fmt.Sprintf("at most %d fits", most)
	}
	return found.total, fmt.Errorf("%s=%d needs %s of memory (heaviest micro-batch: rows %s) and the device has %s free: %s; --force applies it all the same",
		keyMicroBatch, c.MicroBatch, Bytes(found.total), SomeRows(found.rows), Bytes(limit), hint)
}

// most is the largest batch size below one that fits, by the rows of one epoch;
// 0 for none.
func (p *peaks) most(below int, limit int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	fits, tooMuch := 0, below
	for tooMuch-fits > 1 {
		micro := (fits + tooMuch) / 2
		found, err := p.locked(micro, 1)
		if err != nil || found.total > limit {
			tooMuch = micro
		} else {
			fits = micro
		}
	}
	return fits
}
